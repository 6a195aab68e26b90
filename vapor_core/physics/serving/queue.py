"""A first-come-first-served queue in front of one inference engine with continuous batching.

Deterministic and discrete: the engine runs step after step, admits waiting requests while their keys and
values fit, works prompts off in chunks beside the running sequences, and frees memory when a request ends.
Stretches in which nothing changes are jumped over, so the cost grows with requests, not with tokens.
"""

from collections import deque
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from math import ceil, inf

import numpy as np
from numpy.typing import NDArray

from vapor_core.physics.serving.step import StepLaw

CHUNK_TOKENS = 8192  # new tokens that one step carries at most (vLLM's and TensorRT-LLM's range is 2k-8k)
LEAST_CHUNK = 16.0  # of them that are left for prompts, however many sequences run beside
KEPT_FREE = 0.01  # of the cache, as vLLM's watermark
JUMPED_CHUNKS = 8  # of one prompt, from which its steps are not taken one by one


@dataclass(frozen=True, slots=True)
class Limits:
    """What the engine can hold at once."""

    cache_tokens: float  # keys and values that fit
    sequences: float = 1024  # that an engine runs together
    chunk_tokens: float = CHUNK_TOKENS
    evicts: bool = False  # keeps no room for outputs and sends the last sequence back when it runs short
    mixed: bool = True  # prompts share steps with running sequences; otherwise they go first
    cached_share: float = 0.0  # of a prompt that a shared prefix has worked off already

    def reserved_tokens(self, prompt: float, output: float) -> float:
        """Cache tokens that a request holds room for while it runs."""
        return prompt + (0.0 if self.evicts else output)

    def held_tokens(self, prompt: float, output: float) -> float:
        """And on average: half of the output where none is reserved."""
        return prompt + (0.5 if self.evicts else 1.0) * output

    def grouped(self, size: float) -> "Limits":
        """The limits of groups of `size` requests that do everything together, told in groups."""
        return replace(
            self,
            cache_tokens=self.cache_tokens / size,
            sequences=self.sequences / size,
            chunk_tokens=max(self.chunk_tokens // size, LEAST_CHUNK),
        )


@dataclass(frozen=True, slots=True)
class Served:
    """What became of each request, in order of arrival; milliseconds."""

    ttft_ms: NDArray[np.float64]
    tpot_ms: NDArray[np.float64]  # mean time between its output tokens; NaN for a single token
    latency_ms: NDArray[np.float64]
    mean_batch: float  # sequences decoded together, mean over time

    def after(self, first: int) -> "Served":
        """Without the `first` requests, during which the batch filled."""
        return Served(self.ttft_ms[first:], self.tpot_ms[first:], self.latency_ms[first:], self.mean_batch)


@dataclass(slots=True, eq=False)
class _Request:
    index: int
    prompt: int
    output: int
    arrived_ms: float = 0.0
    done: int = 0  # prompt tokens worked off
    first_ms: float = -1.0  # before its first token
    ended_ms: float = 0.0
    asked: int = 0  # output tokens, however often it was sent back


class _Engine:
    """State of the loop; `decodes` counts steps, so that ends are known without touching every sequence."""

    def __init__(self, law: StepLaw, limits: Limits) -> None:
        self.law, self.limits = law, limits
        self.evicts, self.mixed = limits.evicts, limits.mixed  # asked for at each step
        self.chunk_tokens = float(int(limits.chunk_tokens))
        self.now = 0.0
        self.decodes = 0
        self.cached = 0.0  # tokens that running sequences attend to
        self.reserved = 0.0
        self.running: list[tuple[int, int, _Request]] = []  # a heap: who ends first is first
        self.prefilling: deque[_Request] = deque()
        self.waiting: deque[_Request] = deque()
        self.batch_time = 0.0

    @property
    def busy(self) -> bool:
        """Whether any request is here."""
        return bool(self.waiting or self.prefilling or self.running)

    def advance(self, until_ms: float) -> list[_Request]:
        """Let requests in, run one step or a stretch of equal ones, and give those that ended."""
        if self.evicts and self.cached + len(self.running) > self.limits.cache_tokens:
            self.evict()
        if self.waiting:
            self.admit()
        if not self.prefilling:
            self.decode_stretch(until_ms)
            return self.ended()
        chunks = self.whole_chunks()
        if chunks >= JUMPED_CHUNKS:
            self.prompt_stretch(chunks)
            return self.ended()
        completed = self.mixed_step()
        over = self.ended()
        for request in completed:
            if not self.start(request):
                over.append(request)
        return over

    def admit(self) -> None:
        """Take waiting requests in, in order, while sequence slots and cache allow."""
        limits, waiting = self.limits, self.waiting
        while waiting:
            request = waiting[0]
            size = limits.reserved_tokens(request.prompt, request.output)
            count = len(self.running) + len(self.prefilling)
            if count and (count >= limits.sequences or self.held + size > self.room):
                return
            waiting.popleft()
            self.reserved += size
            request.done = min(int(limits.cached_share * request.prompt), request.prompt - 1)
            self.prefilling.append(request)

    @property
    def held(self) -> float:
        """Tokens of the cache that are taken: with what is reserved, or as they are."""
        if not self.evicts:
            return self.reserved
        return self.cached + sum([request.prompt for request in self.prefilling])

    @property
    def room(self) -> float:
        """Tokens that may be taken; with those that let nobody in when the next step would send somebody back."""
        spare = len(self.running) + KEPT_FREE * self.limits.cache_tokens if self.limits.evicts else 0.0
        return self.limits.cache_tokens - spare

    def evict(self) -> None:
        """Send the sequences that came last back to the queue until a step's tokens fit; they start over."""
        while len(self.running) > 1 and self.cached + len(self.running) > self.limits.cache_tokens:
            last = max(self.running, key=lambda each: each[1])
            self.running.remove(last)
            heapify(self.running)
            request, left = last[2], last[0] - self.decodes
            self.cached -= request.prompt + request.output - left
            request.prompt += request.output - left
            request.output = left
            self.waiting.appendleft(request)

    def mixed_step(self) -> list[_Request]:
        """One step with a chunk of prompts; returns the requests whose prompt it completed."""
        budget, pairs, tokens = self.chunk, 0.0, 0.0
        completed: list[_Request] = []
        prefilling = self.prefilling
        while prefilling and tokens < budget:
            request = prefilling[0]
            done, chunk = request.done, int(budget - tokens) or 1
            left = request.prompt - done
            chunk = min(chunk, left)
            pairs += chunk * (done + chunk / 2)
            tokens += chunk
            request.done = done + chunk
            if chunk < left:
                break
            completed.append(prefilling.popleft())
        if self.mixed:
            self._run(self.law.step_ms(len(self.running), self.cached, tokens, pairs), 1)
        else:
            self._run(self.law.step_ms(0, 0.0, tokens, pairs), 0)
        return completed

    @property
    def chunk(self) -> float:
        """Prompt tokens of a step: what the sequences that decode beside them leave."""
        left = self.chunk_tokens - len(self.running) if self.mixed else self.chunk_tokens
        return left if left > LEAST_CHUNK else LEAST_CHUNK

    def whole_chunks(self) -> int:
        """Steps in which nothing happens but that the first prompt is worked off; who arrives meanwhile waits."""
        request = self.prefilling[0]
        chunks = int((request.prompt - request.done - 1) // self.chunk)
        return min(chunks, self.running[0][0] - self.decodes) if self.running and self.mixed else chunks

    def prompt_stretch(self, chunks: int) -> None:
        """So many steps of a whole chunk each; each attends to what the ones before have left."""
        mixed, request, tokens = self.mixed, self.prefilling[0], self.chunk
        count, cached = (len(self.running), self.cached) if mixed else (0, 0.0)
        first = self.law.step_ms(count, cached, tokens, tokens * (request.done + tokens / 2))
        slope = self.law.cached_ms * count + self.law.pair_ms * tokens**2
        request.done += int(chunks * tokens)
        self._run(chunks * first + slope * chunks * (chunks - 1) / 2, chunks if mixed else 0)

    def decode_stretch(self, until_ms: float) -> None:
        """Decode steps up to the next end of a sequence or the first step boundary at or after `until_ms`."""
        count = len(self.running)
        steps = self.running[0][0] - self.decodes
        if self.evicts and count > 1:
            steps = max(min(steps, int((self.limits.cache_tokens - self.cached) / count)), 1)
        first = self.law.step_ms(count, self.cached, 0.0, 0.0)
        slope = self.law.cached_ms * count
        if until_ms < self.now + steps * first:
            gap = max(until_ms - self.now, 0.0)
            steps = min(steps, ceil(gap / (first + slope * gap / first / 2))) or 1
        self._run(steps * first + slope * steps * (steps - 1) / 2, steps)

    def _run(self, duration_ms: float, steps: int) -> None:
        count = len(self.running)
        self.now += duration_ms
        self.batch_time += duration_ms * count
        self.decodes += steps
        self.cached += steps * count

    def start(self, request: _Request) -> bool:
        """The first token is out; whether more are to come."""
        if request.first_ms < 0:
            request.first_ms = self.now
        if request.output <= 1:
            self.reserved -= self.limits.reserved_tokens(request.prompt, request.output)
            return False
        heappush(self.running, (self.decodes + request.output - 1, request.index, request))
        self.cached += request.prompt + 1
        return True

    def ended(self) -> list[_Request]:
        """Sequences that made their last token, taken out."""
        over: list[_Request] = []
        running, decodes = self.running, self.decodes
        while running and running[0][0] <= decodes:
            request = heappop(running)[2]
            self.cached -= request.prompt + request.output
            self.reserved -= self.limits.reserved_tokens(request.prompt, request.output)
            over.append(request)
        return over


def run_queue(
    law: StepLaw,
    limits: Limits,
    prompts: NDArray[np.int64],
    outputs: NDArray[np.int64],
    *,
    arrivals_ms: NDArray[np.float64] | None = None,
    clients: int = 1,
) -> Served:
    """Serve requests of the given lengths.

    Args:
        law: duration of a step.
        limits: what the engine holds.
        prompts: input tokens of each request.
        outputs: output tokens of each request.
        arrivals_ms: ascending arrival times (open loop); None for a closed loop, in which each of
            `clients` sends its next request when its last one ends.
        clients: of the closed loop.
    """
    engine = _Engine(law, limits)
    requests = [
        _Request(k, prompt, output, asked=output)
        for k, (prompt, output) in enumerate(zip(_whole(prompts), _whole(outputs), strict=True))
    ]
    pending, waiting = deque(requests), engine.waiting
    if arrivals_ms is None:
        for _ in range(min(clients, len(requests))):
            waiting.append(pending.popleft())
    else:
        for request, arrived_ms in zip(requests, arrivals_ms.tolist(), strict=True):
            request.arrived_ms = arrived_ms
    while pending or engine.busy:
        next_ms = inf
        if arrivals_ms is not None and pending:
            if not engine.busy:
                engine.now = max(engine.now, pending[0].arrived_ms)
            while pending and pending[0].arrived_ms <= engine.now:
                waiting.append(pending.popleft())
            next_ms = pending[0].arrived_ms if pending else inf
        for request in engine.advance(next_ms):
            request.ended_ms = engine.now
            if arrivals_ms is None and pending:
                pending[0].arrived_ms = engine.now
                waiting.append(pending.popleft())
    return _served(requests, engine)


def _whole(tokens: NDArray[np.int64]) -> list[int]:
    return [max(count, 1) for count in tokens.astype(np.int64).tolist()]


def _served(requests: list[_Request], engine: _Engine) -> Served:
    table = np.asarray(
        [(r.first_ms - r.arrived_ms, r.ended_ms - r.arrived_ms, r.asked - 1) for r in requests]
    )
    ttft, latency, between = table.T
    with np.errstate(divide="ignore", invalid="ignore"):
        tpot = np.where(between > 0, (latency - ttft) / between, np.nan)
    return Served(ttft, tpot, latency, engine.batch_time / engine.now if engine.now else 0.0)
