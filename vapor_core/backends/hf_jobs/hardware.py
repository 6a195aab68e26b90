"""Machines that the Hub rents out, as it lists them: the card of the catalog that each has, and its price an hour."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from vapor_core import catalog
from vapor_core.backends.hf_jobs.api import JobsApi, JobsFault, endpoint
from vapor_core.backends.local.machine import catalog_card

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vapor_core.contracts.entries import Accelerator

PREFIX = "hf-jobs/"  # of an accelerator's id; the machine's name at the Hub follows
FRESH_S = 600.0  # how long a list stands
CPU = "cpu"  # the catalog's processor, and how many virtual cores its rates are of
CPU_CORES = 22
MINUTES = {"minute": 60.0, "hour": 1.0, "second": 3600.0}  # of a unit in an hour


@dataclass(frozen=True, slots=True)
class Flavor:
    """A machine to rent.

    Attributes:
        name: what the Hub calls it.
        accelerator: one of its cards at its share of the price, as a configuration takes it.
        count: how many it has.
        price_per_hour: of the whole machine, US dollars.
        told: it in a few words.
    """

    name: str
    accelerator: Accelerator
    count: int
    price_per_hour: float
    told: str


@dataclass(slots=True)
class _Listed:
    at: float = 0.0
    address: str = ""
    flavors: tuple[Flavor, ...] = ()


_LISTED, _LOCK = _Listed(), Lock()


def flavors() -> tuple[Flavor, ...]:
    """The machines, cheapest first, those that the catalog has no card for left out; asked anew every ten minutes.

    Raises:
        JobsFault: where the Hub does not tell them; what it told before is not shown as if it held.
    """
    address = endpoint()
    with _LOCK:
        if _LISTED.address == address and time.monotonic() - _LISTED.at < FRESH_S and _LISTED.flavors:
            return _LISTED.flavors
    found = [flavor for each in JobsApi().hardware() if (flavor := flavor_of(each)) is not None]
    if not found:
        raise JobsFault("unreadable", "the Hub lists no machine that Vapor knows; try again later")
    listed = tuple(sorted(found, key=lambda flavor: (flavor.price_per_hour, flavor.name)))
    with _LOCK:
        _LISTED.at, _LISTED.address, _LISTED.flavors = time.monotonic(), address, listed
    return listed


def listed() -> tuple[Flavor, ...]:
    """What the Hub told last, however long ago; nothing before."""
    with _LOCK:
        return _LISTED.flavors


def forget() -> None:
    """Ask anew next time."""
    with _LOCK:
        _LISTED.address = ""


def flavor_name(accelerator: Accelerator) -> str | None:
    """Which machine an accelerator is part of; None where it is none of the Hub's."""
    found = accelerator.id.removeprefix(PREFIX)
    return found if found != accelerator.id and re.fullmatch(r"[\w.-]{1,80}", found) else None


def is_processor(accelerator: Accelerator) -> bool:
    """Whether a machine of the Hub's has no card."""
    return accelerator.source == catalog.accelerator(CPU).source


def flavor_of(told: Mapping[str, object]) -> Flavor | None:
    """A machine as the Hub lists it; None where a figure is missing or the catalog has no such card."""
    try:
        name, pretty = str(told["name"]), str(told.get("prettyName") or told["name"])
        price = float(str(told["unitCostUSD"])) * MINUTES[str(told["unitLabel"])]
        accelerator = told.get("accelerator")
        if not re.fullmatch(r"[\w.-]{1,80}", name) or not 0 <= price < 1e4:
            return None
        if isinstance(accelerator, dict):
            count = int(str(accelerator["quantity"]))
            card = catalog_card(str(accelerator["model"]), _gigabytes(accelerator["vram"]) / count)
        else:
            count, card = 1, _processor(str(told["cpu"]), _gigabytes(told["ram"]))
    except (KeyError, ValueError, TypeError, ZeroDivisionError):
        return None
    if card is None or not 1 <= count <= 64:
        return None
    own = card.changed(
        id=f"{PREFIX}{name}",
        name=f"{card.display_name} ({name})",
        price_per_hour=price / count,
        price_source="Hugging Face Jobs",
        price_date="",
        cards_per_node=count,
        capacity=count,
    )
    return Flavor(name, own, count, price, f"{pretty}, {told.get('cpu')}, {told.get('ram')}"[:120])


def _processor(cores: str, memory_gb: float) -> Accelerator:
    """A machine without a card: the catalog's processor by its cores."""
    share = _leading(cores) / CPU_CORES
    base = catalog.accelerator(CPU)
    return base.changed(
        memory_gb=memory_gb,
        bandwidth_gb_s=base.bandwidth_gb_s * min(share, 1.0),
        fp32_tflops=base.fp32_tflops * share,
        bf16_tflops=(base.bf16_tflops or 0.0) * share or None,
    )


def _gigabytes(told: object) -> float:
    """Of "16 GB"."""
    return _leading(str(told)) * (1000.0 if "TB" in str(told) else 1.0)


def _leading(told: str) -> float:
    found = re.match(r"\s*(\d{1,6}(\.\d{1,3})?)", told, re.ASCII)
    if found is None:
        raise ValueError(told)
    return float(found[1])
