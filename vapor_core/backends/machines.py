"""How a configuration becomes one for the place where it really runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vapor_core.backends import registry

if TYPE_CHECKING:
    from vapor_core.backends.base import MeasuredMachine


def title(backend: str) -> str:
    """What a person does by choosing a backend, in a few words."""
    return registry.abilities(backend).title or backend


def is_real(backend: object) -> bool:
    """Whether a backend of this name does real work."""
    return isinstance(backend, str) and registry.abilities(backend).is_real


def for_machine(values: Mapping[str, object], machine: MeasuredMachine | None) -> dict[str, object]:
    """The values of a configuration on a machine: its own card, and its defaults where nothing was chosen."""
    if machine is None:
        return dict(values)
    return {**machine.defaults, **values, "accelerator": machine.accelerator}
