"""What the choices of a form amount to: the configuration, its estimate, and one sentence a field that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vapor_core.advice.estimate import estimate
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import InvalidConfig
from vapor_ui.form.choices import TRAIN, Values

if TYPE_CHECKING:
    from vapor_core.contracts.estimates import Estimate
    from vapor_core.contracts.training import Calibration

DEFAULT_MODEL = "HuggingFaceTB/SmolLM2-360M"


@dataclass(frozen=True, slots=True)
class Form:
    """The choices as they stand.

    `shown` gives each field a value to show, defaults in place of wrong ones; `config` and `estimate` are None
    while `problems` (field -> sentence, "" for what concerns several) has any. `choices` is where the values are
    kept, and what the widgets' keys begin with.
    """

    values: Values
    shown: JobConfig
    config: JobConfig | None
    estimate: Estimate | None
    problems: Mapping[str, str]
    choices: str = TRAIN

    @property
    def other_problems(self) -> tuple[str, ...]:
        """Sentences that belong beside no field."""
        return tuple(
            sentence for name, sentence in self.problems.items() if not name or not hasattr(self.shown, name)
        )


def form(
    values: Values,
    calibration: Calibration | None = None,
    start: JobConfig | None = None,
    choices: str = TRAIN,
) -> Form:
    """Validate the choices and estimate what they take; `start` is what holds where nothing was chosen."""
    start = start or JobConfig(model=DEFAULT_MODEL)
    try:
        config = start.changed(**values)
        return Form(values, config, config, estimate(config, calibration), {}, choices)
    except InvalidConfig as refused:
        shown = _without(start, values, refused.problems)
        return Form(values, shown, None, None, refused.problems, choices)


def _without(start: JobConfig, values: Values, problems: Mapping[str, str]) -> JobConfig:
    try:
        return start.changed(**{name: value for name, value in values.items() if name not in problems})
    except InvalidConfig:
        return start
