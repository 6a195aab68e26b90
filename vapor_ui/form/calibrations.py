"""What a workspace has learned from a person's own runs: calibrations by name, kept in its journal, and which is used.

The runs that a visit has fitted stay with it, so that another can be added; nothing is drawn here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vapor_core.calibration.fit import calibrate
from vapor_core.workspace.store import Store
from vapor_ui.shell import session

if TYPE_CHECKING:
    import pandas as pd

    from vapor_core.contracts.training import Calibration, JobConfig

CHOICE = "calibration"
MOST_RUNS = 12
LONGEST_NAME = 200


@dataclass(frozen=True, eq=False, slots=True)
class MeasuredRun:
    """A log that a person gave, and which configuration it was."""

    name: str
    config: JobConfig
    frame: pd.DataFrame


@dataclass(frozen=True, eq=False, slots=True)
class Fit:
    """Runs with what was fitted to them, and the name under which that is kept."""

    runs: tuple[MeasuredRun, ...]
    calibration: Calibration
    name: str


def fit(store: Store) -> Fit | None:
    """What this visit has fitted, as long as it is kept."""
    held = store.choices.get(CHOICE)
    return held if isinstance(held, Fit) and held.name in store.world.calibrations else None


def current(store: Store) -> Calibration | None:
    """The calibration that estimates of this workspace use."""
    return store.world.calibration


def is_used(store: Store, name: str) -> bool:
    """Whether estimates take the calibration of this name."""
    return store.world.calibration_used == name


def add(store: Store, run: MeasuredRun) -> None:
    """Fit anew with one more run, keep the outcome and use it; a run of the same name is replaced.

    Raises:
        VaporError: where the runs give nothing to fit, or the visitor may not; what was there stays.
    """
    held = fit(store)
    others = tuple(each for each in (held.runs if held else ()) if each.name != run.name)
    _keep(store, (*others, run)[-MOST_RUNS:], held.name if held else run.name)
    use(store.choices[CHOICE], yes=True)


def forget(store: Store, name: str) -> None:
    """Forget a run, and fit the others anew."""
    held = fit(store)
    if held is None:
        return
    rest = tuple(each for each in held.runs if each.name != name)
    if rest:
        _keep(store, rest, held.name)
    else:
        drop(store, held.name)


def use(held: object, *, yes: bool) -> None:
    """Let estimates take what was fitted, or the laws alone."""
    if isinstance(held, Fit):
        session.do(Store.use_calibration, held.name if yes else "")


def drop(store: Store, name: str) -> None:
    """Keep a calibration no more."""
    session.do(Store.forget_calibration, name)
    held = store.choices.get(CHOICE)
    if isinstance(held, Fit) and held.name == name:
        del store.choices[CHOICE]


def _keep(store: Store, runs: tuple[MeasuredRun, ...], name: str) -> None:
    fitted = calibrate([(run.config, run.frame) for run in runs])
    called = " ".join(name.split())[:LONGEST_NAME] or "a run"
    told = [" ".join(run.name.split())[:LONGEST_NAME] or "a run" for run in runs]
    session.do(Store.keep_calibration, called, fitted, runs=told)
    store.choices[CHOICE] = Fit(runs, fitted, called)
