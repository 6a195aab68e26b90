"""Where a configuration runs: what its cards hold, which of them work on a step, and the most that they can serve."""

from dataclasses import dataclass, replace
from math import log

import numpy as np
from numpy.typing import NDArray

from vapor_core import catalog
from vapor_core.contracts.serving import ServingConfig
from vapor_core.physics.serving.engines import Settings
from vapor_core.physics.serving.memory import ServingMemory, serving_memory
from vapor_core.physics.serving.queue import Limits
from vapor_core.physics.serving.step import StepConstants, StepLaw, step_law

# Standard deviation over mean of people's lengths (ShareGPT's outputs in the published open-loop runs)
LENGTH_SPREAD = 0.5
# Where each scattered sequence begins, so that lengths do not go together
PROMPT_SHIFT, OUTPUT_SHIFT = 0.1, 0.7
GOLDEN_RATIO = 0.6180339887498949  # its multiples, modulo 1, spread evenly however many they are
ACCEPTED_SHARE = 0.7  # of drafted tokens, each given the ones before (EAGLE and Medusa report 0.6 to 0.8)
LONGEST = 4.0  # times the mean length, that few sequences are longer than


@dataclass(frozen=True, slots=True)
class Setup:
    """A configuration's laws: what the three kinds of load have in common."""

    config: ServingConfig
    law: StepLaw
    cards: int  # that work on a step
    limits: Limits
    drift: float  # of lengths that are asked to be equal
    emitted: float  # tokens of a sequence that a step puts out: more than one with accepted drafts
    most: float  # requests a second at saturation

    @property
    def room(self) -> float:
        """Sequences that it lets in at once."""
        held = self.limits.held_tokens(self.config.input_tokens, self.config.output_tokens)
        return min(self.limits.sequences, self.limits.cache_tokens / held)

    def lengths(self, mean: float, count: int, shift: float) -> NDArray[np.int64]:
        """As asked but for the engine's drift, or as people's requests vary: a fixed part and an exponential one."""
        at = scattered(count, shift)
        if self.config.fixed_lengths:
            lengths = mean * (1 + self.drift * (2 * at - 1))
        else:
            lengths = mean * (1 - LENGTH_SPREAD - LENGTH_SPREAD * np.log(1 - at))
        return np.asarray(np.maximum(np.rint(lengths), 1), dtype=np.int64)

    def requests(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Prompt tokens and decoding steps of so many requests."""
        steps = max((self.config.output_tokens - 1) / self.emitted + 1, 1.0)
        return (
            self.lengths(self.config.input_tokens, count, PROMPT_SHIFT),
            self.lengths(steps, count, OUTPUT_SHIFT),
        )


def placed(config: ServingConfig, constants: StepConstants) -> tuple[ServingMemory, tuple[Setup, ...]]:
    """What its cards hold, and the set-ups that may be quickest under the load, best first; none where it does not fit.

    Over a slow link a group can take longer than fewer of its cards; then those work on the steps, where they hold the
    model, and all hold the cache. What fewer of the cards would do alone is among the set-ups, so that more cards never
    serve less: where a larger cache lets more in at once, a queue can lose by it.
    """
    memory = _held(config, config.tensor_parallel)
    length = config.input_tokens + config.output_tokens
    needed = max(length, config.max_model_len or 0)
    if memory.kv_capacity_tokens < needed or length > (config.max_model_len or length):
        return memory, ()
    settings = Settings.of(config)
    asked = (config.input_tokens, config.output_tokens, _emitted(config.speculative_tokens))
    holding = {cards: _held(config, cards).kv_capacity_tokens for cards in _divisors(config.tensor_parallel)}
    limits = {
        cards: _limits(config, settings, tokens) for cards, tokens in holding.items() if tokens >= needed
    }
    groups = [
        (_law(config, cards, settings, constants), cards, limits[together])
        for together in limits
        for cards in limits
        if together % cards == 0
    ]
    most = max(saturated_rate(law, held, *asked) for law, _, held in groups)
    setups = [
        Setup(config, law, cards, held, settings.traits.drift, asked[2], most)
        for law, cards, held in groups
        if held is limits[config.tensor_parallel] or _may_run_short(held, config)
    ]
    return memory, tuple(sorted(setups, key=lambda each: _answer_ms(each.law, each.limits, config, asked)))


def _held(config: ServingConfig, cards: int) -> ServingMemory:
    return serving_memory(
        catalog.model(config.model),
        catalog.accelerator(config.accelerator),
        cards,
        config.precision,
        settings=Settings.of(config),
        context_tokens=config.input_tokens + config.output_tokens,
    )


def _law(config: ServingConfig, cards: int, settings: Settings, constants: StepConstants) -> StepLaw:
    return step_law(
        catalog.model(config.model),
        catalog.accelerator(config.accelerator),
        cards,
        config.precision,
        settings=settings,
        context_tokens=config.input_tokens + config.output_tokens,
        constants=constants,
    )


def _may_run_short(limits: Limits, config: ServingConfig) -> bool:
    """Whether a cache may bind the load; where it does not, a larger one changes nothing."""
    asked = config.concurrency or config.static_batch or limits.sequences
    longest = config.input_tokens + config.output_tokens
    return limits.cache_tokens < LONGEST * min(asked, limits.sequences) * longest


def _limits(config: ServingConfig, settings: Settings, cache_tokens: float) -> Limits:
    card = catalog.accelerator(config.accelerator)
    return Limits(
        cache_tokens,
        settings.sequences(card, config.concurrency or config.static_batch or 1.0),
        settings.chunk_tokens(card, config.input_tokens),
        settings.traits.evicts,
        settings.mixed,
        config.prefix_hit_rate,
    )


def _answer_ms(
    law: StepLaw, limits: Limits, config: ServingConfig, asked: tuple[float, float, float]
) -> float:
    """About how long a request takes under the load: decoding beside the others, or waiting for its turn."""
    steps = max((asked[1] - 1) / asked[2] + 1, 1.0)
    if config.request_rate is None:
        clients = config.concurrency or config.static_batch or 1.0
        held = limits.cache_tokens / limits.held_tokens(*asked[:2])
        batch = max(min(clients, limits.sequences, held), 1.0)
        busy = replace(limits, mixed=limits.mixed and config.static_batch is None)
        return 1e3 * clients / _cycle_rate(law, busy, (asked[0], asked[1], steps), batch)
    most = saturated_rate(law, limits, *asked)
    alone = steps * law.decode_ms(1.0, asked[0])
    return alone / max(1.0 - config.request_rate / most, 1e-9) if config.request_rate < most else 1e15 / most


def _divisors(cards: int) -> list[int]:
    """Sizes of groups that may work on a step, the largest first."""
    return [count for count in range(cards, 0, -1) if cards % count == 0]


def saturated_rate(
    law: StepLaw, limits: Limits, input_tokens: float, output_tokens: float, emitted: float = 1.0
) -> float:
    """Requests per second when the queue never runs empty.

    The batch is what the cache holds; fewer where prompts come in too slowly (while a sequence makes its output, the
    steps carry at most a chunk of new prompts each) or where fewer are quicker, as where more outgrow a captured graph.
    """
    steps = max((output_tokens - 1) / emitted + 1, 1.0)
    held = max(limits.cache_tokens / limits.held_tokens(input_tokens, output_tokens), 1.0)
    most = max(min(limits.sequences, held), 1.0)
    lengths = (input_tokens, output_tokens, steps)
    fresh = max(input_tokens * (1 - limits.cached_share), 1e-9)
    filling = (law.verified, fresh, law.verified + fresh / steps)  # tokens of a sequence that steps may hold
    tried = (most, *_up_to(most), *(law.graph_tokens / tokens for tokens in filling))
    return max(_cycle_rate(law, limits, lengths, max(min(batch, most), 1.0)) for batch in tried)


def _up_to(most: float) -> list[float]:
    """Batches that are tried: the same whatever the largest, so that a larger one never makes the best one worse."""
    return [TRIED_STEP**k for k in range(int(log(most) / log(TRIED_STEP)) + 1)]


TRIED_STEP = 1.19  # between two batches that are tried: four to an octave


def _cycle_rate(law: StepLaw, limits: Limits, lengths: tuple[float, float, float], batch: float) -> float:
    """Requests per second of `batch` sequences that are replaced as they end."""
    input_tokens, output_tokens, steps = lengths
    fresh = input_tokens * (1 - limits.cached_share)
    pairs = input_tokens**2 * (1 - limits.cached_share**2) / 2
    context = input_tokens + output_tokens / 2
    if limits.mixed:
        batch = max(min(batch, limits.chunk_tokens * steps / max(fresh, 1e-9)), 1.0)
        step = law.step_ms(batch, batch * context, batch * fresh / steps, batch * pairs / steps)
        return 1e3 * batch / (steps * step)
    rounds = max(batch * fresh / limits.chunk_tokens, 1e-9)
    prefill = max(rounds, 1.0) * law.step_ms(0.0, 0.0, batch * fresh / max(rounds, 1.0), 0.0)
    prefill += law.pair_ms * batch * pairs
    return 1e3 * batch / (prefill + steps * law.decode_ms(batch, batch * context))


def _emitted(drafts: int) -> float:
    """Tokens that a step puts out when each draft is taken with ACCEPTED_SHARE, up to the first that is not."""
    return float((1 - ACCEPTED_SHARE ** (drafts + 1)) / (1 - ACCEPTED_SHARE))


def scattered(count: int, shift: float) -> NDArray[np.float64]:
    """Evenly spread values in (0, 1) in a scattered order: multiples of the golden ratio."""
    return np.asarray((np.arange(count) * GOLDEN_RATIO + shift) % 1.0)
