"""How a configuration becomes one for the place where it really runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from vapor_core.backends import registry
from vapor_core.contracts.entries import Accelerator
from vapor_core.errors import BackendRefused

if TYPE_CHECKING:
    from vapor_core.backends.base import MeasuredMachine, Place, Rental


def title(backend: str) -> str:
    """What a person does by choosing a backend, in a few words."""
    return registry.abilities(backend).title or backend


def is_real(backend: object) -> bool:
    """Whether a backend of this name does real work."""
    return isinstance(backend, str) and registry.abilities(backend).is_real


def places(backends: Iterable[str]) -> tuple[Place, ...]:
    """The machines of those backends that can be asked about themselves."""
    found = [registry.place(backend) for backend in backends]
    return tuple(each for each in found if each is not None)


def place_of(backend: str) -> Place:
    """The machine of a backend.

    Raises:
        BackendRefused: where there is none to ask.
    """
    found = registry.place(backend)
    if found is None:
        raise BackendRefused(f"where {backend} trains cannot be measured; choose a card of the catalog")
    return found


def rental(backend: object) -> Rental | None:
    """The machines that a backend of this name rents; None where it rents none."""
    return registry.rental(backend) if isinstance(backend, str) else None


def is_rented(value: object) -> bool:
    """Whether a value of a configuration is a card of a machine that some backend rents."""
    if not isinstance(value, Accelerator):
        return False
    rentals = [registry.rental(name) for name in registry.REGISTRY]
    return any(each.is_offered(value) for each in rentals if each is not None)


def measured(backend: str) -> MeasuredMachine | None:
    """The machine that a backend trains on, as it was measured last; None where it was not, or cannot be."""
    place = registry.place(backend)
    return None if place is None else place.measured()


def for_machine(values: Mapping[str, object], machine: MeasuredMachine | None) -> dict[str, object]:
    """The values of a configuration on a machine: its own card, and its defaults where nothing was chosen."""
    if machine is None:
        return dict(values)
    return {**machine.defaults, **values, "accelerator": machine.accelerator}
