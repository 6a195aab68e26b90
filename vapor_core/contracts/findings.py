"""What is said about a run: a risk before it, a failure at its end, a finding in its metrics."""

from typing import Literal

from pydantic import Field

from vapor_core.contracts.base import Contract

Changes = dict[str, str | int | float | bool]  # fields of a JobConfig and what to set them to


class Risk(Contract):
    """Something that a person should know before paying.

    `changes` cures it ({} where nothing is known to), applied by `config.changed(**changes)`.
    """

    code: Literal[
        "does_not_fit",
        "tight_memory",
        "will_diverge",
        "may_diverge",
        "will_overfit",
        "learning_rate_low",
        "learning_rate_high",
        "batch_too_large",
        "wastes_money",
        "padding_waste",
        "context_too_long",
        "length_not_reached",
        "precision_unsupported",
        "interruptions",
        "data_too_small",
        "slow_hardware",
    ]
    severity: Literal["blocking", "warning", "note"]
    sentence: str
    cure: str = ""
    changes: Changes = Field(default_factory=dict)


class Failure(Contract):
    """Why a job or deployment failed: what happened, why, and the change that cures it."""

    code: Literal["out_of_memory", "diverged", "hardware", "backend", "lost", "invalid_data"]
    what: str
    why: str
    cure: str = ""
    changes: Changes = Field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What, why and cure in one line."""
        return " ".join(part for part in (self.what, self.why, self.cure) if part)


class Finding(Contract):
    """What a detector saw in a series of metrics, simulated or real."""

    code: Literal["nan", "divergence", "spike", "plateau", "overfit", "slow_hardware"]
    severity: Literal["blocking", "warning", "note"]
    sentence: str
    step: int
    cure: str = ""
