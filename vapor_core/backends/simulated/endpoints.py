"""A simulated endpoint over its revisions: which model served which ticks, and how it is now.

A new revision of the same architecture is a rolling update: telemetry goes on as it was. Another architecture brings
its own speed and memory from the tick of the change.
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from math import floor

import numpy as np

from vapor_core.backends.base import Columns, Health
from vapor_core.contracts.entries import Accelerator, CatalogModel
from vapor_core.contracts.lifecycle import LifeEvent
from vapor_core.contracts.serving import ServingPrecision, Traffic
from vapor_core.simulation.endpoint import TICK_S, EndpointSpec, InferenceSimulator

TOLD_TICKS = 17_280  # a day: how far back replicas that came and went are told


@dataclass(frozen=True)
class Endpoint:
    """What an endpoint's telemetry follows from. Times are simulated seconds of the workspace.

    Attributes:
        models: (since, model) of each revision, ascending.
        ranges: (since, replicas_min, replicas_max), ascending.
    """

    id: str
    accelerator: str | Accelerator
    precision: ServingPrecision
    traffic: Traffic
    created_s: float
    ended_s: float | None
    models: tuple[tuple[float, str | CatalogModel], ...]
    ranges: tuple[tuple[float, int, int], ...]

    def ticks(self, at_s: float) -> int:
        """Whole ticks that have passed at an instant."""
        return self._tick(at_s if self.ended_s is None else min(at_s, self.ended_s))

    @property
    def parts(self) -> tuple[tuple[int, InferenceSimulator], ...]:
        """(first tick, simulator), a new one wherever the model changed."""
        segments: dict[int, tuple[int, int]] = {}
        for since, low, high in self.ranges:
            segments[self._tick(since)] = (low, high)
        ranges = tuple((tick, *bounds) for tick, bounds in segments.items())
        seed = int.from_bytes(blake2b(self.id.encode(), digest_size=7).digest(), "little")
        parts: list[tuple[int, InferenceSimulator]] = []
        for since, model in self.models:
            spec = EndpointSpec(model, self.accelerator, self.precision, self.traffic, seed, ranges)
            if not parts or spec != parts[-1][1].spec:
                parts.append((self._tick(since), _simulator(spec)))
        return tuple(parts)

    def columns(self, start: int, stop: int) -> Columns:
        """Telemetry of ticks start..stop-1, all revisions."""
        parts = self.parts
        ends = [first for first, _ in parts[1:]] + [max(stop, parts[-1][0])]
        pieces: list[Columns] = []
        paid = 0.0
        for (first, simulator), end in zip(parts, ends, strict=True):
            own_paid = _cost(simulator, first)
            low, high = max(start, first), min(stop, end)
            if high > low or (start >= stop and not pieces):
                rows = dict(simulator.columns(low, max(high, low)))
                rows["cost_usd"] = rows["cost_usd"] + (paid - own_paid)
                pieces.append(rows)
            paid += _cost(simulator, end) - own_paid if end < stop else 0.0
        if len(pieces) == 1:
            return pieces[0]
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}

    def health(self, at_s: float) -> Health:
        """How it is at an instant."""
        ticks, simulator = self.ticks(at_s), self._at(self.ticks(at_s))
        failed_s = self.created_s + simulator.cold_start_s
        if self.parts[0][1].failure is not None and at_s >= failed_s:
            return Health("failed", 0, 0.0, 0.0, self.parts[0][1].failure, failed_s)
        row = self.columns(ticks - 1, ticks) if ticks else None
        paid = float(row["cost_usd"][-1]) if row else 0.0
        if self.ended_s is not None and at_s >= self.ended_s:
            return Health("stopped", 0, 0.0, paid)
        if row is None or (simulator.failure is not None and simulator is self.parts[0][1]):
            return Health("starting", 0, 0.0, paid)
        found = simulator.status(ticks - 1)
        replicas, rate = int(row["replicas"][-1]), float(row["request_rate"][-1])
        return Health(found.status, replicas, rate, paid, simulator.failure, None, found.reasons)

    def history(self, from_s: float, to_s: float) -> tuple[LifeEvent, ...]:
        """Replicas that came and went after `from_s` and up to `to_s`, and how the start ended."""
        first, last = self.ticks(from_s), self.ticks(to_s)
        first = max(first, last - TOLD_TICKS)
        if last <= first:
            return ()
        before = max(first - 1, 0)
        ready = np.asarray(self.columns(before, last)["replicas"])
        if not first:
            ready = np.concatenate(([0.0], ready))
            before = -1
        lines = []
        for place in (np.flatnonzero(np.diff(ready)) + 1).tolist():
            old, new = int(ready[place - 1]), int(ready[place])
            at_s = self.created_s + (before + place + 1) * TICK_S
            up = "The first replica is ready." if old == 0 else f"Scaled up from {old} to {new} replicas."
            sentence = up if new > old else f"Scaled down from {old} to {new} replicas."
            kind = "ready" if old == 0 else "scaled"
            lines.append(LifeEvent(at_s=at_s, kind=kind, sentence=sentence))
        return tuple(lines)

    def _tick(self, at_s: float) -> int:
        return floor(max(at_s - self.created_s, 0.0) / TICK_S + 1e-9)

    def _at(self, tick: int) -> InferenceSimulator:
        return [simulator for first, simulator in self.parts if first <= tick][-1]


@lru_cache(maxsize=64)
def _simulator(spec: EndpointSpec) -> InferenceSimulator:
    return InferenceSimulator(spec)


def _cost(simulator: InferenceSimulator, ticks: int) -> float:
    return float(simulator.columns(ticks - 1, ticks)["cost_usd"][0]) if ticks else 0.0
