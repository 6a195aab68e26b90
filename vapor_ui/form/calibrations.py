"""What a workspace has learned from a person's own runs: measured runs, the calibration fitted to them, and its use.

Kept in `store.choices`; nothing is drawn here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vapor_core.calibration.fit import calibrate

if TYPE_CHECKING:
    import pandas as pd

    from vapor_core.contracts.training import Calibration, JobConfig
    from vapor_core.workspace.store import Store

CHOICE = "calibration"
MOST_RUNS = 12


@dataclass(frozen=True, eq=False, slots=True)
class MeasuredRun:
    """A log that a person gave, and which configuration it was."""

    name: str
    config: JobConfig
    frame: pd.DataFrame


@dataclass(frozen=True, eq=False, slots=True)
class Fit:
    """Runs with what was fitted to them; `used` says whether estimates take it."""

    runs: tuple[MeasuredRun, ...]
    calibration: Calibration
    used: bool = True


def fit(store: Store) -> Fit | None:
    """What this workspace has, if it has any."""
    held = store.choices.get(CHOICE)
    return held if isinstance(held, Fit) else None


def current(store: Store) -> Calibration | None:
    """The calibration that estimates of this workspace use."""
    held = fit(store)
    return held.calibration if held is not None and held.used else None


def add(store: Store, run: MeasuredRun) -> None:
    """Fit anew with one more run; a run of the same name is replaced.

    Raises:
        InvalidConfig: where the runs give nothing to fit; what was there stays.
    """
    held = fit(store)
    others = tuple(each for each in (held.runs if held else ()) if each.name != run.name)
    _keep(store, (*others, run)[-MOST_RUNS:], used=True)


def forget(store: Store, name: str) -> None:
    """Forget a run, and fit the others anew."""
    held = fit(store)
    if held is None:
        return
    rest = tuple(each for each in held.runs if each.name != name)
    if rest:
        _keep(store, rest, used=held.used)
    else:
        del store.choices[CHOICE]


def use(store: Store, yes: bool) -> None:
    """Let estimates take the calibration, or the laws alone."""
    held = fit(store)
    if held is not None:
        store.choices[CHOICE] = replace(held, used=yes)


def _keep(store: Store, runs: tuple[MeasuredRun, ...], *, used: bool) -> None:
    fitted = calibrate([(run.config, run.frame) for run in runs])
    store.choices[CHOICE] = Fit(runs, fitted, used)
