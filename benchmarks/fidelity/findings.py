"""Findings scored: real and simulated logs that are healthy are left in peace, sick ones are told, near the right step.

What is sick was decided by reading: the four blow-ups by their source, and the one log whose eval loss turns up for
good. A simulated run is healthy where its law neither diverges nor overfits, and it is a setting that people choose.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

import vapor_core as vapor
from benchmarks.fidelity import Row, Target, folder
from vapor_core.advice.detectors import findings
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import VaporError
from vapor_core.rehearsal import rehearse

HEALTHY, SICK, STEP = (
    "healthy logs left in peace",
    "sick logs told",
    "step of a finding, as a share of the run",
)
TARGETS = (Target(HEALTHY, correct=0.98), Target(SICK, correct=0.95), Target(STEP, p90=0.05))
REAL, SIMULATED = "published logs", "simulated runs"
# Sick by what their source says of them, and by their eval loss. A fifth blow-up is named so, but its loss stalls
# near where it began and never leaves that level; nothing in it says that it ever learnt.
SICK_LOGS = {
    "diverged_blowup_4_alibi_bf16": ("divergence", 2_600),
    "diverged_blowup_4_alibi_bf16_nods": ("divergence", 3_400),
    "diverged_blowup_4_alibi_nods": ("divergence", 1_400),
    "phi_2__own_journal_entries__lora": ("overfit", 150),
}
UNDECIDED = ("diverged_blowup_4_adam_alibi",)
FEWEST_STEPS, MOST_STEPS = 60, 20_000
RUNS = 1_000
MODELS = ("HuggingFaceTB/SmolLM2-135M", "HuggingFaceTB/SmolLM2-1.7B", "Qwen/Qwen3-4B", "Qwen/Qwen3-8B")
SETS = ("yahma/alpaca-cleaned", "databricks/databricks-dolly-15k")
METHODS = ("lora", "qlora", "full")


def rows() -> list[Row]:
    """Every log that findings are held against."""
    return [*_real(), *_simulated()]


def _real() -> Iterator[Row]:
    outside = folder()
    if outside is None:
        return
    for path in sorted([*outside.glob("curves/*.csv"), *outside.glob("finetune/curves/*.csv")]):
        if path.stem not in UNDECIDED:
            yield from _told(path.stem, REAL, _log(path), SICK_LOGS.get(path.stem))


def _log(path: Path) -> pd.DataFrame:
    frame = pd.read_csv(path).rename(columns={"train_loss": "loss", "val_loss": "eval_loss"})
    return frame.dropna(subset=["step"])


def _told(name: str, source: str, frame: pd.DataFrame, expected: tuple[str, int] | None) -> Iterator[Row]:
    """Whether a log is told as it should be and, of a sick one, how far from the right step."""
    alarms = [found for found in findings(frame) if found.severity != "note"]
    if expected is None:
        yield Row(HEALTHY, name, float(not alarms), 1.0, source)
        return
    code, step = expected
    told = next((found for found in alarms if found.code == code), None)
    yield Row(SICK, name, float(told is not None), 1.0, source)
    if told is not None:
        length = float(frame["step"].max() - frame["step"].min())
        yield Row(STEP, name, 1.0 + abs(told.step - step) / length, 1.0, source)


def _simulated() -> Iterator[Row]:
    for place, config in enumerate(_configs()):
        expected = _sickness(config)
        frame = vapor.simulate(config)
        name = f"{config.model} {config.method} {place}"
        yield from _told(name, SIMULATED, frame, expected)


@lru_cache(maxsize=1)
def _configs() -> tuple[JobConfig, ...]:
    """Runs as people set them up, drawn by a fixed seed; every fifth one with what makes runs sick."""
    dice = np.random.default_rng(7)
    found: list[JobConfig] = []
    while len(found) < RUNS:
        method = str(dice.choice(METHODS))
        usual = 2e-5 if method == "full" else 2e-4
        config = JobConfig(
            model=str(dice.choice(MODELS)), dataset=str(dice.choice(SETS)), method=method,
            learning_rate=usual * float(np.exp(dice.normal(0.0, 0.5))), epochs=float(dice.choice((1, 2, 3))),
            micro_batch_size=int(dice.choice((2, 4, 8))), gradient_accumulation_steps=int(dice.choice((1, 4, 8))),
            schedule=str(dice.choice(("cosine", "linear", "constant"))), sequence_length=1024,
            accelerator="nvidia-h100-80gb", hardware_faults=False, seed=len(found),
        )  # fmt: skip
        config = _made_sick(config, dice) if len(found) % 5 == 4 else config
        if _usable(config, sick=len(found) % 5 == 4):
            found.append(config)
    return tuple(found)


def _made_sick(config: JobConfig, dice: np.random.Generator) -> JobConfig:
    """A rate at which it blows up, or so many passes that the eval loss turns up."""
    if dice.random() < 0.5:
        return config.changed(learning_rate=config.learning_rate * float(dice.uniform(100, 300)))
    return config.changed(epochs=float(dice.integers(12, 30)))


def _usable(config: JobConfig, *, sick: bool) -> bool:
    """Whether it is clearly the one or the other, runs at all, and is long enough to say anything."""
    try:
        steps = rehearse(config).plan.total_steps
    except VaporError:
        return False
    return (
        FEWEST_STEPS <= steps <= MOST_STEPS
        and (_sickness(config) is not None) == sick
        and not _unclear(config)
    )


def _sickness(config: JobConfig) -> tuple[str, int] | None:
    """By its law: the finding that should be told, and at which step."""
    curve = rehearse(config).curve
    if curve.diverges and curve.diverges_at is not None:
        return "divergence", curve.diverges_at
    if curve.overfits:
        return "overfit", curve.best_eval_step
    return None


def _unclear(config: JobConfig) -> bool:
    """A coin's toss of a divergence, and one that ends before anything is to be seen of it."""
    curve = rehearse(config).curve
    steps = rehearse(config).plan.total_steps
    likely = curve.divergence_probability
    late = curve.diverges_at is not None and curve.diverges_at > 0.9 * steps
    return 0.02 < likely < 0.98 or late
