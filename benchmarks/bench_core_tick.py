"""Processor time of one tick in the core: of an endpoint's page and of Monitor, without Streamlit and the browser."""

from collections.abc import Callable
from time import process_time

import numpy as np
from numpy.typing import NDArray

from benchmarks.rows import Row
from vapor_core import JobConfig, Store
from vapor_core.advice.detectors import findings
from vapor_core.contracts.serving import Traffic

TICKS = 300
WARM = 5  # ticks that are not counted
CONFIG = JobConfig(
    model="HuggingFaceTB/SmolLM2-135M", dataset="mhenrichsen/alpaca_2k_test", max_steps=50, seed=3
)
LONG = CONFIG.changed(max_steps=100_000)
TRAFFIC: tuple[Traffic, ...] = ("steady", "daily", "spike", "ramp")
MINUTE_S, DAY_S = 60.0, 86_400.0
STEPS_S = (5.0, 60.0)  # simulated seconds a tick
LIMIT_MS = 6.0
DEPTH, DEPTH_LIMIT = 30, 1.2  # forks of forks, and their tick against that of a run of its own
SMOOTHING = 0.9
SMALL = [
    "step",
    "tokens",
    "epoch",
    "elapsed_s",
    "learning_rate",
    "grad_norm",
    "tokens_per_second",
    "memory_gb",
]


def rows() -> list[Row]:
    """Both pages."""
    return [endpoint_row("a day", DAY_S), endpoint_row("a minute", MINUTE_S), monitor_row()]


def endpoint_row(age: str, age_s: float) -> Row:
    """Every traffic, before and after a redeploy, in short and long ticks."""
    took = {
        (traffic, redeployed, step_s): endpoint_ms(age_s, traffic, redeployed, step_s)
        for traffic in TRAFFIC
        for redeployed in (False, True)
        for step_s in STEPS_S
    }
    medians = {case: float(np.median(each)) for case, each in took.items()}
    worst = max(medians, key=lambda case: medians[case])
    p95 = float(np.percentile(np.concatenate(list(took.values())), 95))
    return Row(
        f"one tick of an endpoint's page in the core, processor time, {age} old",
        "",
        f"median {np.median(list(medians.values())):.2f} ms over {len(took)} cases, p95 {p95:.2f} ms; the slowest case "
        f"{medians[worst]:.2f} ms ({worst[0]}{', redeployed' if worst[1] else ''}, {worst[2]:.0f} s a tick)",
        f"{medians[worst]:.2f} ms",
        f"at most {LIMIT_MS:.0f} ms",
        medians[worst] <= LIMIT_MS,
        "17.8 ms before an endpoint remembered its last computation: its columns were computed 11 times in 21 passes.",
    )


def endpoint_ms(age_s: float, traffic: Traffic, redeployed: bool, step_s: float) -> NDArray[np.float64]:
    """What each tick took, ms."""
    store = Store()
    served, next_one = (
        store.submit(each, now=0.0).id for each in (CONFIG, CONFIG.changed(model="openai-community/gpt2"))
    )
    store.advance(now=3600.0)
    key = store.deploy(served, accelerator="nvidia-l4", replicas=(1, 6), traffic=traffic, now=3600.0).id
    if redeployed:
        store.advance(now=3600.0 + age_s / 2)
        store.redeploy(key, next_one, now=3600.0 + age_s / 2)

    def look() -> None:
        deployment = store.deployment(key)
        store.health(key)
        store.metrics(key).frame(max_points=1000)
        for revision in deployment.revisions:
            store.job(revision.job_id)
        store.events(key)

    return ticks_ms(store, 3600.0 + age_s, step_s, look)


def monitor_row() -> Row:
    """A run of its own against a fork at the end of a long line of forks."""
    own, fork = monitor_ms(0), monitor_ms(DEPTH)
    ratio = float(np.median(fork) / np.median(own))
    return Row(
        f"one tick of Monitor in the core, processor time, a fork {DEPTH} deep",
        "a job that is no fork",
        f"median {np.median(fork):.2f} ms against {np.median(own):.2f} ms",
        f"{ratio:.2f} x",
        f"at most {DEPTH_LIMIT} x",
        ratio <= DEPTH_LIMIT,
        "A tick used to build the run's curve nine times, and those of all its forebears with it.",
    )


def monitor_ms(depth: int) -> NDArray[np.float64]:
    """What each tick of Monitor took, ms; the forebears have ended."""
    store = Store()
    job, now = store.submit(LONG, now=0.0), 1000.0
    store.advance(now=now)
    for number in range(depth):
        changes = {"learning_rate": 1e-4 * (2 + number)}
        store.rename(job.id, "forebear", now=now)
        fork = store.fork(job.id, step=store.job(job.id).step, changes=changes, now=now)
        store.stop(job.id, now=now)
        job, now = fork, now + 100.0
        store.advance(now=now)

    def look() -> None:
        store.job(job.id)
        series = store.metrics(job.id)
        findings(series.frame(max_points=1000, smoothing=SMOOTHING))
        series.frame(300, SMOOTHING, SMALL)
        store.events(job.id)

    return ticks_ms(store, now, 1.0, look)


def ticks_ms(store: Store, now: float, step_s: float, look: Callable[[], None]) -> NDArray[np.float64]:
    """Processor time of ticks of `step_s` simulated seconds, ms: what the frame of a page reads, and its own part."""
    took = []
    for number in range(TICKS + WARM):
        began = process_time()
        store.advance(now=now + number * step_s)
        _ = [(each.id, each.status) for each in (*store.jobs(), *store.deployments())]
        look()
        _ = any(each.live for each in (*store.jobs(), *store.deployments()))
        took.append((process_time() - began) * 1e3)
    return np.asarray(took[WARM:])
