"""What a run was rehearsed to be before it really ran, kept with its submission, and how it came out against that."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from vapor_core.contracts.base import Contract

MOST_BAND = 200  # points of the loss that was rehearsed
Amount = Annotated[float, Field(ge=0, le=1e18)]
FigureName = Literal[
    "step_time_s",
    "tokens_per_second",
    "memory_gb",
    "startup_s",
    "duration_s",
    "cost_usd",
    "loss",
    "eval_loss",
]
TITLES: dict[FigureName, str] = {
    "step_time_s": "Step",
    "tokens_per_second": "Tokens a second",
    "memory_gb": "Memory at the peak",
    "startup_s": "Start-up",
    "duration_s": "Time in all",
    "cost_usd": "Cost",
    "loss": "Train loss at the end",
    "eval_loss": "Eval loss at the end",
}  # on a screen


class Figure(Contract):
    """One figure with the range that is meant to hold 80 % of what is measured."""

    value: Amount
    low: Amount
    high: Amount


class Expectation(Contract):
    """What a run was rehearsed to be. Seconds, GB of 1e9 bytes, US dollars, nats per token.

    `duration_s` is that of the whole process, `startup_s` of it until the first step: libraries, weights, data;
    `memory_gb` is the peak that is allocated, per accelerator, or that the process holds on a processor; `loss` and
    `eval_loss` are those of the end. `at`, `train`, `train_low`, `train_high`: some steps, ascending, and the rehearsed
    train loss with its band there.
    """

    step_time_s: Figure
    tokens_per_second: Figure
    memory_gb: Figure
    startup_s: Figure | None = None
    duration_s: Figure
    cost_usd: Figure
    loss: Figure
    eval_loss: Figure
    calibrated: bool = False  # by runs of the person's own
    at: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(max_length=MOST_BAND)] = ()
    train: Annotated[tuple[Amount, ...], Field(max_length=MOST_BAND)] = ()
    train_low: Annotated[tuple[Amount, ...], Field(max_length=MOST_BAND)] = ()
    train_high: Annotated[tuple[Amount, ...], Field(max_length=MOST_BAND)] = ()

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        lengths = {len(self.at), len(self.train), len(self.train_low), len(self.train_high)}
        if len(lengths) > 1:
            raise ValueError("at, train, train_low and train_high have as many values each")
        if list(self.at) != sorted(set(self.at)):
            raise ValueError("at has its steps in ascending order")
        return self

    def figure(self, name: FigureName) -> Figure | None:
        """One of the figures by its name; None where it was not rehearsed."""
        found: Figure | None = getattr(self, name)
        return found


class Outcome(Contract):
    """One figure, rehearsed and measured; `measured` is None until it is."""

    name: FigureName
    expected: Figure
    measured: float | None = None
    final: bool = False  # whether it changes no more

    @property
    def ratio(self) -> float | None:
        """Measured over expected; None where there is none."""
        if self.measured is None or not self.expected.value:
            return None
        return self.measured / self.expected.value

    @property
    def holds(self) -> bool | None:
        """Whether it lies in the range; None until it is measured."""
        if self.measured is None:
            return None
        return self.expected.low <= self.measured <= self.expected.high
