"""Where real work is done, as it was measured, and how a configuration becomes one for that place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vapor_core.backends import registry

if TYPE_CHECKING:
    from vapor_core.backends.base import MeasuredMachine


def measured(backend: str) -> MeasuredMachine | None:
    """The machine that a backend trains on, as it was measured last; None where it was not, or cannot be."""
    return registry.measured(backend)


def measure(backend: str) -> MeasuredMachine:
    """Measure it anew; some twenty seconds.

    Raises:
        BackendRefused: where it cannot be measured; says what would help.
    """
    return registry.measure(backend)


def price(backend: str, dollars_per_hour: float) -> None:
    """Say what an hour of its machine costs.

    Raises:
        BackendRefused: where that cannot be said.
    """
    registry.price(backend, dollars_per_hour)


def title(backend: str) -> str:
    """What a person does by choosing it, in a few words."""
    return registry.abilities(backend).title or backend


def is_real(backend: object) -> bool:
    """Whether a backend of this name does real work."""
    return isinstance(backend, str) and registry.abilities(backend).is_real


def for_machine(values: Mapping[str, object], machine: MeasuredMachine | None) -> dict[str, object]:
    """The values of a configuration on a machine: its own card, and its defaults where nothing was chosen."""
    if machine is None:
        return dict(values)
    return {**machine.defaults, **values, "accelerator": machine.accelerator}
