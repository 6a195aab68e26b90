"""Coming back to what went on meanwhile: hours away at full speed with an endpoint, and a very long run."""

from time import process_time

from benchmarks.rows import Row
from vapor_core import JobConfig, Store
from vapor_core.backends.simulated import endpoints

MODEL = "HuggingFaceTB/SmolLM2-135M"
CONFIG = JobConfig(model=MODEL, method="pretrain", accelerator="nvidia-h100-80gb", sequence_length=512)
SPEED = 3600.0  # the fastest that a page offers, simulated seconds a second
AWAY_H = (8, 1, 24, 168)
AWAY_LIMIT_S = 0.3
LONGEST_RUN = 10**8  # steps
CHART_LIMIT_S = 1.0
POINTS, SMOOTHING, SMALL = 1000, 0.9, 120  # what Monitor asks a series for
COLUMNS = ["step", "elapsed_s", "learning_rate", "grad_norm", "tokens_per_second", "memory_gb"]


def away_s(hours: int) -> float:
    """Processor seconds until the endpoint's page can be drawn again after so many hours."""
    endpoints._simulator.cache_clear()  # what an earlier row has computed
    store = Store()
    job = store.submit(CONFIG.changed(max_steps=100), now=0.0)
    store.skip(1e6, now=0.0)
    store.advance(now=0.0)
    endpoint = store.deploy(job.id, replicas=(1, 4), traffic="daily", now=0.0)
    store.set_speed(SPEED, now=0.0)
    store.advance(now=60.0)
    store.metrics(endpoint.id).frame(200)
    began = process_time()
    store.advance(now=60.0 + hours * 3600.0)
    store.metrics(endpoint.id).frame(200)
    _ = store.summary(), store.events(endpoint.id), store.health(endpoint.id)
    return process_time() - began


def chart_s(checkpoint_every: int | None) -> float:
    """Processor seconds until Monitor's charts of the longest run can be drawn for the first time."""
    store = Store()
    job = store.submit(CONFIG.changed(max_steps=LONGEST_RUN, checkpoint_every=checkpoint_every), now=0.0)
    store.skip(1e9, now=0.0)
    began = process_time()
    store.advance(now=1.0)
    assert store.job(job.id).step == LONGEST_RUN, store.job(job.id)
    series = store.metrics(job.id)
    series.frame(POINTS, SMOOTHING)
    series.frame(SMALL, SMOOTHING, COLUMNS)
    store.events(job.id)
    return process_time() - began


def rows() -> list[Row]:
    """Two rows, in processor time."""
    away_s(1)  # what is imported and read once
    away = {hours: away_s(hours) for hours in AWAY_H}
    plain, with_checkpoints = chart_s(None), chart_s(1)
    return [
        Row(
            f"{min(AWAY_H)} to {max(AWAY_H)} hours away at {SPEED:.0f} x with an endpoint, until its page can be drawn",
            "",
            ", ".join(f"{hours} h: {took:.2f} s" for hours, took in away.items()) + " of processor time",
            f"{max(away.values()):.2f} s",
            f"{AWAY_LIMIT_S} s, whatever the time away",
            max(away.values()) <= AWAY_LIMIT_S,
        ),
        Row(
            f"first charts of a run of {LONGEST_RUN:.0e} steps".replace("e+0", "e"),
            "",
            f"{plain:.2f} s; with a checkpoint at each step {with_checkpoints:.2f} s of processor time",
            f"{max(plain, with_checkpoints):.2f} s",
            f"{CHART_LIMIT_S:g} s",
            max(plain, with_checkpoints) <= CHART_LIMIT_S,
        ),
    ]
