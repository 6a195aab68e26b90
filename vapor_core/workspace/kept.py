"""What a workspace keeps by name: a person's own data and models, calibrations, and the rules that watch its jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vapor_core import catalog
from vapor_core.workspace import actions, watching

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vapor_core.contracts.entries import CatalogModel, Dataset
    from vapor_core.contracts.training import Calibration
    from vapor_core.journal.other_events import RuleFired, RuleKept
    from vapor_core.workspace.live import LiveWorkspace


class Kept:
    """The part of a store that keeps things by name."""

    def __init__(self, live: LiveWorkspace) -> None:
        self._live = live

    def add_dataset(self, dataset: Dataset, *, now: float) -> Dataset:
        """Make a person's own data known under its id."""
        self._live.act(now, lambda _: actions.dataset_added(dataset))
        return dataset

    def add_model(self, model: CatalogModel, *, now: float) -> CatalogModel:
        """Make a model known that the catalog lacks."""
        self._live.act(now, lambda _: actions.model_added(model))
        return model

    def keep_calibration(
        self, name: str, calibration: Calibration, *, now: float, runs: Sequence[str] = ()
    ) -> None:
        """Keep what was fitted to one's own `runs` under a name, in place of an earlier one."""
        self._live.act(now, lambda _: actions.calibration_kept(name, calibration, runs))

    def use_calibration(self, name: str, *, now: float) -> None:
        """Let estimates take the calibration of this name, which is known; "" for the laws alone."""
        self._live.act(now, lambda _: actions.calibration_used(self._live, name))

    def forget_calibration(self, name: str, *, now: float) -> None:
        """Keep a calibration no more."""
        self._live.act(now, lambda _: actions.calibration_forgotten(name))

    def datasets(self) -> tuple[Dataset, ...]:
        """The person's own, then the catalog's."""
        own = self._live.world.datasets
        return (*own.values(), *(each for each in catalog.datasets() if each.id not in own))

    def models(self) -> tuple[CatalogModel, ...]:
        """The person's own, then the catalog's."""
        own = self._live.world.models
        return (*own.values(), *(each for each in catalog.models() if each.id not in own))

    # rules

    def keep_rule(self, rule: RuleKept, *, now: float) -> RuleKept:
        """Watch live jobs for something from now on, in place of an earlier rule of that name.

        Raises:
            InvalidConfig: where it has no name, or lacks the threshold that it needs.
        """
        self._live.act(now, lambda _: watching.kept(rule))
        return rule

    def forget_rule(self, name: str, *, now: float) -> None:
        """Watch no more by the rule of this name."""
        self._live.act(now, lambda _: watching.forgotten(self._live, name))

    def fire(self, fired: RuleFired, *, now: float) -> None:
        """Record that a rule's case came to pass with a job.

        Raises:
            ForbiddenTransition: where that was recorded already.
        """
        self._live.act(now, lambda _: watching.fired(self._live, fired))

    def see(self, job_id: str, *, now: float) -> None:
        """Show no banner any more of what rules have told of a job so far."""
        self._live.act(now, lambda _: watching.seen(self._live, job_id))

    def rules(self) -> tuple[RuleKept, ...]:
        """The rules that watch this workspace's live jobs."""
        return tuple(self._live.world.rules.values())

    def rule_since(self, name: str) -> float:
        """Since when a rule watches, simulated seconds."""
        return self._live.world.rules_since[name]

    def fired(self, job_id: str | None = None) -> tuple[RuleFired, ...]:
        """What rules have told, of a job or of all, oldest first."""
        everything = self._live.world.fired
        return tuple(each for each in everything if job_id is None or each.job_id == job_id)

    def unseen(self, job_id: str) -> tuple[RuleFired, ...]:
        """What rules have told of a job that nobody has said to have seen."""
        told = self.fired(job_id)
        return told[self._live.world.seen.get(job_id, 0) :]
