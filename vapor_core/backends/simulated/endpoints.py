"""A simulated endpoint over its revisions: which model served which ticks, and how it is now.

A new revision of the same architecture is a rolling update: telemetry goes on as it was. Another architecture brings
its own speed and memory from the tick of the change.

What was computed last is remembered and extended, so that all who ask about one instant cause one computation. It is
never more than a shortcut: every value is a function of its tick, whoever asked for what before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from math import floor

import numpy as np

from vapor_core.backends.base import Health
from vapor_core.contracts.columns import SERVING_COLUMNS, TICK_S
from vapor_core.contracts.entries import Accelerator, CatalogModel
from vapor_core.contracts.lifecycle import LifeEvent
from vapor_core.contracts.serving import (
    CHAT_INPUT,
    CHAT_OUTPUT,
    ENGINE_DEFAULTS,
    Demand,
    EngineSettings,
    ServingPrecision,
    Traffic,
)
from vapor_core.simulation.endpoint import (
    MINUTE_TICKS,
    EndpointSpec,
    Floats,
    InferenceSimulator,
)

TOLD_TICKS = 17_280  # a day: how far back replicas that came and went are told
REMEMBERED_TICKS = 1024  # telemetry of the last ones is kept: 120 kB an endpoint


CHAT = (CHAT_INPUT, CHAT_OUTPUT)
_Served = tuple[str | CatalogModel, tuple[float, float]]  # a model, and tokens in and out of a request


@dataclass(frozen=True, slots=True)
class _Part:
    """Ticks that one architecture served, requests of one length."""

    first: int
    stop: int | None  # None for the present one
    simulator: InferenceSimulator
    paid_before_usd: float  # what earlier parts cost, less what its simulator counts before `first`


@dataclass(frozen=True, slots=True)
class _Window:
    """Telemetry of ticks start..stop-1."""

    start: int
    stop: int
    rows: Floats  # shape (columns, ticks), in the order of SERVING_COLUMNS

    @classmethod
    def of(cls, start: int, rows: Floats) -> "_Window":
        """With rows that nobody writes to from now on."""
        rows.flags.writeable = False
        return cls(start, start + rows.shape[1], rows)

    def latest(self, ticks: int) -> "_Window":
        """The last so many, apart from the rest."""
        dropped = max(self.stop - self.start - ticks, 0)
        return _Window.of(self.start + dropped, self.rows[:, dropped:].copy()) if dropped else self

    def leads_to(self, start: int, stop: int) -> bool:
        """Whether these ticks lie in it, or in what follows upon it before long."""
        return self.start <= start and stop - self.stop <= REMEMBERED_TICKS

    def columns(self, start: int, stop: int) -> Mapping[str, Floats]:
        """The part that starts and stops at these ticks, which lie in the window."""
        part = self.rows[:, start - self.start : stop - self.start]
        return dict(zip(SERVING_COLUMNS, part, strict=True))


@dataclass(frozen=True, slots=True)
class _Told:
    """Lines about replicas that came and went in ticks start..stop-1."""

    start: int
    stop: int
    lines: tuple[tuple[int, LifeEvent], ...]  # with the tick


@dataclass(slots=True)
class _Memory:
    """What an endpoint has computed last. Each is replaced whole, so that a reader never sees half of one."""

    window: _Window
    told: _Told
    health: tuple[float, Health] | None = None  # with the instant


@dataclass(frozen=True)
class Endpoint:
    """What an endpoint's telemetry follows from. Times are simulated seconds of the workspace.

    Attributes:
        models: (since, model) of each revision, ascending.
        ranges: (since, replicas_min, replicas_max), ascending.
        demands: (since, demand), ascending; without any, people ask for what the first model bears.
    """

    id: str
    accelerator: str | Accelerator
    precision: ServingPrecision
    traffic: Traffic
    created_s: float
    ended_s: float | None
    models: tuple[tuple[float, str | CatalogModel], ...]
    ranges: tuple[tuple[float, int, int], ...]
    demands: tuple[tuple[float, Demand], ...] = ()
    settings: EngineSettings = ENGINE_DEFAULTS

    def ticks(self, at_s: float) -> int:
        """Whole ticks that have passed at an instant."""
        return self._tick(at_s if self.ended_s is None else min(at_s, self.ended_s))

    @property
    def failed_s(self) -> float | None:
        """When its start fails; None where it does not."""
        first = self._parts[0].simulator
        return None if first.failure is None else self.created_s + first.cold_start_s

    def columns(self, start: int, stop: int) -> Mapping[str, Floats]:
        """Telemetry of ticks start..stop-1, all revisions; arrays that must not be written to."""
        start = max(start, 0)
        stop = max(stop, start)
        window = self._memory.window
        if not window.leads_to(start, stop):
            window = _Window.of(start, self._computed(start, stop))
        elif stop > window.stop:
            rows = np.concatenate((window.rows, self._computed(window.stop, stop)), axis=1)
            window = _Window.of(window.start, rows)
        if window.stop > self._memory.window.stop:
            self._memory.window = window.latest(REMEMBERED_TICKS)
        return window.columns(start, stop)

    def health(self, at_s: float) -> Health:
        """How it is at an instant."""
        known = self._memory.health
        if known is None or known[0] != at_s:
            known = self._memory.health = (at_s, self._health(at_s))
        return known[1]

    def history(self, from_s: float, to_s: float) -> tuple[LifeEvent, ...]:
        """Replicas that came and went after `from_s` and up to `to_s`, and how the start ended."""
        first, last = self.ticks(from_s), self.ticks(to_s)
        first = max(first, last - TOLD_TICKS)
        if last <= first:
            return ()
        told = self._memory.told
        if not told.start <= first <= told.stop:
            told = _Told(first, first, ())
        if last > told.stop:
            start = max(told.start, last - TOLD_TICKS)
            lines = (*told.lines, *self._changes(told.stop, last))
            told = self._memory.told = _Told(start, last, tuple(each for each in lines if each[0] >= start))
        return tuple(line for tick, line in told.lines if first <= tick < last)

    @cached_property
    def _memory(self) -> _Memory:
        return _Memory(_Window.of(0, np.empty((len(SERVING_COLUMNS), 0))), _Told(0, 0, ()))

    @cached_property
    def _parts(self) -> tuple[_Part, ...]:
        """A new one wherever the architecture changed; ascending."""
        segments: dict[int, tuple[int, int]] = {}
        for since, low, high in self.ranges:
            segments[self._tick(since)] = (low, high)
        ranges = tuple((tick, *bounds) for tick, bounds in segments.items())
        seed = int.from_bytes(blake2b(self.id.encode(), digest_size=7).digest(), "little")
        asked = {self._tick(since): demand for since, demand in self.demands}
        demands = tuple(sorted(asked.items(), key=lambda each: each[0]))
        known: dict[_Served, InferenceSimulator] = {}  # a specification is as long as its ranges
        served: list[tuple[int, InferenceSimulator]] = []
        for since, what in self._changes_of_work():
            if what not in known:
                known[what] = _simulator(
                    EndpointSpec(
                        what[0], self.accelerator, self.precision, self.traffic, seed, ranges, demands,
                        self.models[0][1], what[1], self.settings,
                    )
                )  # fmt: skip
            if not served or known[what] is not served[-1][1]:
                served.append((self._tick(since), known[what]))
        ends = [*(first for first, _ in served[1:]), None]
        parts: list[_Part] = []
        paid_usd = 0.0
        for (first, simulator), end in zip(served, ends, strict=True):
            own_usd = simulator.cost_usd(first)
            parts.append(_Part(first, end, simulator, paid_usd - own_usd))
            paid_usd += 0.0 if end is None else simulator.cost_usd(end) - own_usd
        return tuple(parts)

    def _changes_of_work(self) -> list[tuple[float, _Served]]:
        """(since, what a replica does): whenever another model or requests of other lengths came; ascending."""
        moments = sorted({since for since, _ in self.models} | {since for since, _ in self.demands})
        found: list[tuple[float, _Served]] = []
        for at_s in moments:
            models = [model for since, model in self.models if since <= at_s]
            asked = [demand for since, demand in self.demands if since <= at_s]
            lengths = (asked[-1].input_tokens, asked[-1].output_tokens) if asked else CHAT
            if models:
                found.append((at_s, (models[-1], lengths)))
        return found

    def _computed(self, start: int, stop: int) -> Floats:
        """Telemetry of ticks start..stop-1, a row a column, by the simulators of its parts."""
        pieces = [np.empty((len(SERVING_COLUMNS), 0))]
        for part, low, high in self._served(start, stop):
            columns = part.simulator.columns(low, high)
            columns["cost_usd"] += part.paid_before_usd
            pieces.append(np.array([columns[name] for name in SERVING_COLUMNS]))
        return np.concatenate(pieces, axis=1)

    def _health(self, at_s: float) -> Health:
        ticks, born = self.ticks(at_s), self._parts[0].simulator
        if self.failed_s is not None and at_s >= self.failed_s:
            return Health("failed", 0, 0.0, 0.0, born.failure, self.failed_s)
        minute = self.columns(ticks - MINUTE_TICKS, ticks)
        paid_usd = float(minute["cost_usd"][-1]) if ticks else 0.0
        if self.ended_s is not None and at_s >= self.ended_s:
            return Health("stopped", 0, 0.0, paid_usd)
        simulator = [part.simulator for part in self._parts if part.first <= ticks][-1]
        if not ticks or (simulator.failure is not None and simulator is born):
            return Health("starting", 0, 0.0, paid_usd)
        found = simulator.status(minute)
        replicas, rate = int(minute["replicas"][-1]), float(minute["request_rate"][-1])
        return Health(found.status, replicas, rate, paid_usd, simulator.failure, None, found.reasons)

    def _changes(self, first: int, last: int) -> list[tuple[int, LifeEvent]]:
        """A line for every tick of first..last-1 with other replicas than the tick before."""
        ready = self._ready(first - 1, last)
        lines: list[tuple[int, LifeEvent]] = []
        for place in np.flatnonzero(np.diff(ready)).tolist():
            tick, old, new = first + place, int(ready[place]), int(ready[place + 1])
            up = "The first replica is ready." if old == 0 else f"Scaled up from {old} to {new} replicas."
            sentence = up if new > old else f"Scaled down from {old} to {new} replicas."
            kind = "ready" if old == 0 else "scaled"
            at_s = self.created_s + (tick + 1) * TICK_S
            lines.append((tick, LifeEvent(at_s=at_s, kind=kind, sentence=sentence)))
        return lines

    def _ready(self, start: int, stop: int) -> Floats:
        """Replicas that answer in ticks start..stop-1; none in tick -1, before it was created."""
        begin = max(start, 0)
        pieces: list[Floats] = [np.zeros(begin - start)]
        if self._memory.window.leads_to(begin, stop):
            pieces.append(self.columns(begin, stop)["replicas"])
        else:
            pieces += [part.simulator.replicas(low, high) for part, low, high in self._served(begin, stop)]
        return np.concatenate(pieces)

    def _served(self, start: int, stop: int) -> Iterator[tuple[_Part, int, int]]:
        """Which part served which of ticks start..stop-1: (part, first, one past the last)."""
        for part in self._parts:
            low, high = max(start, part.first), stop if part.stop is None else min(stop, part.stop)
            if high > low:
                yield part, low, high

    def _tick(self, at_s: float) -> int:
        return floor(max(at_s - self.created_s, 0.0) / TICK_S + 1e-9)


@lru_cache(maxsize=64)
def _simulator(spec: EndpointSpec) -> InferenceSimulator:
    return InferenceSimulator(spec)
