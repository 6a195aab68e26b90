"""What a training run reports, for whoever starts to read here: `simulate` with noise, `forecast` without.

Stateless: a configuration and a range go in, columns come out; nothing is kept and nothing depends on what was
asked before. How the columns come about is `simulation.training`'s, endpoints are `simulation.endpoint`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vapor_core.contracts.columns import TRAINING_COLUMNS
from vapor_core.contracts.training import Calibration, JobConfig
from vapor_core.errors import InvalidConfig
from vapor_core.simulation.endpoint import EndpointSpec, InferenceSimulator
from vapor_core.simulation.training import Columns, Incident, TrainingSimulator

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "TRAINING_COLUMNS",
    "Columns",
    "EndpointSpec",
    "Incident",
    "InferenceSimulator",
    "TrainingSimulator",
    "forecast",
    "simulate",
]


def simulate(
    config: JobConfig, start: int = 0, stop: int | None = None, calibration: Calibration | None = None
) -> pd.DataFrame:
    """One row a step of a run, steps start..stop-1; the same values whatever else was asked.

    It answers "what would happen": it goes on to the end even where the job would have failed, be it for want of
    memory or by divergence (`TrainingSimulator.fails_at` says so).

    Args:
        config: the run, seed included.
        start: first step, from 0.
        stop: one past the last step; None is the end of the run.
        calibration: constants fitted to a person's own runs.

    Returns:
        Columns as in `TRAINING_COLUMNS`; `eval_loss` is NaN where not evaluated.

    Raises:
        InvalidConfig: where start and stop are no range of the run.
        NotInCatalog: where an id is unknown.
    """
    import pandas as pd  # noqa: PLC0415 - loads for longer than the core

    run = TrainingSimulator(config, calibration)
    first, last = _range(start, stop, run.total_steps)
    return pd.DataFrame(run.columns(first, last), copy=False)


def forecast(
    config: JobConfig, start: int = 0, stop: int | None = None, calibration: Calibration | None = None
) -> pd.DataFrame:
    """What `simulate` would show on average: no noise, spikes or faults, plus `loss_low` and `loss_high`.

    The band holds the middle 80 % of what published runs measured against the law. Arguments, range and errors
    as for `simulate`.
    """
    import pandas as pd  # noqa: PLC0415 - loads for longer than the core

    run = TrainingSimulator(config, calibration)
    first, last = _range(start, stop, run.total_steps)
    return pd.DataFrame(run.expected_columns(first, last), copy=False)


def _range(start: int, stop: int | None, total: int) -> tuple[int, int]:
    end = total if stop is None else stop
    problems = {
        field: told for field, at in (("start", start), ("stop", end)) if (told := _problem(field, at, total))
    }
    if not problems and start > end:
        problems["start"] = f"start should not be after stop; {start:,} is after {end:,}"
    if problems:
        raise InvalidConfig(problems)
    return int(start), int(end)


def _problem(field: str, value: object, total: int) -> str:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        return f"{field} should be a whole number of steps, not {value!r}"
    if not 0 <= value <= total:
        return f"{field} should be between 0 and the run's {total:,} steps, not {value:,}"
    return ""
