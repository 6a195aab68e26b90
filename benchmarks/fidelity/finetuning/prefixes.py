"""The end of a published fine-tune, forecast from its first steps: what `calibrate` makes of a log as it grows."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.fidelity import PUBLISHED, folder
from benchmarks.fidelity.finetuning.runs import Run, curve_of, runs, without
from vapor_core.calibration.fit import calibrate
from vapor_core.contracts.training import Calibration, JobConfig
from vapor_core.physics.loss.curve import loss_curve

PREFIX = 20  # steps that are in
FEWEST_LATER = 5  # points of a log beyond them
LAST = 10  # the end is the mean of the last tenth of a log


@dataclass(frozen=True, eq=False, slots=True)
class Log:
    """A published log: steps counted from 0 and the losses logged there, each a mean since the one before."""

    run: Run
    steps: NDArray[np.int64]
    loss: NDArray[np.float64]
    grad_norm: NDArray[np.float64]

    @property
    def every(self) -> int:
        """Steps between two logged losses."""
        return max(int(np.median(np.diff(self.steps))), 1)

    @property
    def end(self) -> float:
        """Mean of the last tenth."""
        return float(self.loss[-max(len(self.loss) // LAST, 3) :].mean())


@cache
def logs() -> tuple[Log, ...]:
    """The logs of usable runs."""
    outside = folder()
    places = [place / "curves" for place in (outside and outside / "finetune", PUBLISHED) if place]
    found = []
    for run in runs():
        path = next(
            (place / f"{run.name}.csv" for place in places if (place / f"{run.name}.csv").is_file()), None
        )
        if path is None:
            continue
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["loss"]]
        found.append(
            Log(
                run,
                np.array([int(row["step"]) for row in rows]) - 1,
                np.array([float(row["loss"]) for row in rows]),
                np.array([float(row["grad_norm"] or "nan") for row in rows]),
            )
        )
    return tuple(found)


def forecasts(known: bool = True) -> Iterator[tuple[Log, float, float, float]]:
    """Each log, the end that the law tells, that it tells after PREFIX logged steps, and that of standing still there.

    `known`: whether the catalog may tell the data set, or its kind alone.
    """
    for log in logs():
        at = int(np.searchsorted(log.steps, PREFIX * log.every))
        if len(log.steps) - at < FEWEST_LATER:
            continue
        config = log.run.config if known else without(log.run)
        frame = pd.DataFrame({"step": log.steps[:at], "loss": log.loss[:at]})
        own = calibrate([(config, frame)])
        held = float(log.loss[max(at - 5, 0) : at].mean())
        yield log, _end(config, log), _end(config, log, own), held


def _end(config: JobConfig, log: Log, own: Calibration | None = None) -> float:
    asked, curve = curve_of(config)
    if own is not None:
        curve = loss_curve(asked, own)
    last = log.steps[-max(len(log.loss) // LAST, 3) :]
    return float(curve.train(np.minimum(last, asked.total_steps - 1)).mean())
