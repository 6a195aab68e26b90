"""Which learning rate and batch a pretraining run wants, what others cost, and when it diverges.

Fitted to the 1,681 runs of the Step-Law grid (step-law/steplaw @32a8f4cc; arXiv 2503.04715; N 215 M to 1.07 B
without embeddings, D 4 to 100 B tokens, AdamW) by benchmarks/fidelity/fit_loss.py; the form of the optimum is
theirs. Fine-tuning has its own optimum in `fine_tuning`.
"""

from dataclasses import dataclass
from math import exp, log

from vapor_core.physics.plan import Plan

# The middle of the grid, by which the laws below count: parameters without embeddings, tokens, tokens a step, rate.
MIDDLE_N, MIDDLE_D, MIDDLE_BATCH, MIDDLE_RATE = 4e8, 2e10, 5e5, 1e-3
# Optimum: ln lr* = OPT_LR + OPT_LR_N n + OPT_LR_D d, ln B* = OPT_BATCH + OPT_BATCH_D d; n = ln(N / MIDDLE_N),
# d = ln(D / MIDDLE_D), B in tokens. A batch off the optimum moves the best rate by the slopes.
OPT_LR, OPT_LR_N, OPT_LR_D = -6.0174, -0.5222, 0.2832
OPT_BATCH, OPT_BATCH_D = 12.8874, 0.5411
SLOPE_SMALL, SLOPE_LARGE = 0.5431, 0.0943
# Nats per squared log distance from the optimum: rate below and above, batch below and above.
RATE_LOW, RATE_HIGH, BATCH_LOW, BATCH_HIGH = 0.0097, 0.0434, 0.0134, 0.0155
# logit P(divergence) = STEEP (ln lr - ln stable), where stable falls with N and B.
STEEP, STABLE, STABLE_BATCH, STABLE_N, STABLE_D = 9.097, 23.233, 0.531, 3.731, 1.561
SMALLEST_BATCH = 3.5  # log distance of the grid's smallest batch; a smaller one is not known to cost more
GRID_N, GRID_D = (2.1e8, 1.1e9), (4e9, 1e11)
DOUBT = 0.35  # the optimum is not known better than this much of the log distance to the grid
WASTED_BELOW = 3.0  # log distance below which a lower rate is as fewer tokens
FEWEST_TOKENS = 1e4  # of a whole run; the laws are not asked about fewer
FAR_ABOVE = 4.0  # log distance above the best rate beyond which the penalty grows no more: the run diverges
STABLE_RANGE = 5.0  # times more or fewer tokens than the grid's middle to which the stable rate follows them
# What follows is set by hand; the grid's runs all warm up and clip.
FULL_WARMUP, LONGEST_WARMUP = 0.01, 2000.0  # share of the run and steps of a warm-up that is long enough
ONSET_SHARE = 0.2  # of the run, after which a run just past the stable rate leaves its course
NO_WARMUP = 0.5  # stable rate without any warm-up against that with 1 %
NO_CLIPPING = 0.7  # and without clipping of the gradient
SGD = 300.0  # plain SGD's rates against AdamW's


@dataclass(frozen=True, slots=True)
class Stability:
    """A run's learning rate and batch against what it wants. Batches in tokens."""

    optimal_learning_rate: float  # at the run's own batch
    optimal_batch_tokens: float
    stable_learning_rate: float  # half of the runs at this rate diverge
    divergence_probability: float
    penalty: float  # nats above a run at the optimum
    wasted: float  # factor on the tokens: below 1 where the rate is so low that the run learns less from each


def probability(log_odds: float) -> float:
    """Of log odds; those beyond 50 count as sure."""
    return 1 / (1 + exp(-max(min(log_odds, 50.0), -50.0)))


def _outside(value: float, bounds: tuple[float, float]) -> float:
    return max(log(bounds[0] / value), log(value / bounds[1]), 0.0)


def _beyond(distance: float, doubt: float) -> float:
    return max(abs(distance) - doubt, 0.0) * (1 if distance > 0 else -1)


def stability(plan: Plan, parameters: float) -> Stability:
    """Where a pretraining run of so many parameters without embeddings stands."""
    tokens, batch = max(plan.total_tokens, FEWEST_TOKENS), max(plan.tokens_per_step, 1.0)
    scale = SGD if plan.config.optimizer == "sgd" else 1.0
    n, d = log(parameters / MIDDLE_N), log(tokens / MIDDLE_D)
    doubt = DOUBT * (_outside(parameters, GRID_N) + _outside(tokens, GRID_D))
    best_batch = OPT_BATCH + OPT_BATCH_D * d
    y = log(batch) - best_batch
    best_rate = OPT_LR + OPT_LR_N * n + OPT_LR_D * d + SLOPE_SMALL * min(y, 0) + SLOPE_LARGE * max(y, 0)
    u = _beyond(log(plan.config.learning_rate / scale) - best_rate, doubt)
    y = _beyond(y, doubt)
    penalty = RATE_LOW * max(min(u, 0.0), -WASTED_BELOW) ** 2 + RATE_HIGH * min(max(u, 0.0), FAR_ABOVE) ** 2
    penalty += BATCH_LOW * max(min(y, 0.0), -SMALLEST_BATCH) ** 2 + BATCH_HIGH * max(y, 0.0) ** 2
    stable = _stable(plan, n, min(max(d, -log(STABLE_RANGE)), log(STABLE_RANGE)), batch) * scale
    odds = STEEP * log(plan.config.learning_rate / stable)
    return Stability(
        optimal_learning_rate=exp(best_rate) * scale,
        optimal_batch_tokens=exp(best_batch),
        stable_learning_rate=stable,
        divergence_probability=probability(odds),
        penalty=penalty,
        wasted=exp(min(u + WASTED_BELOW, 0.0)),
    )


def _stable(plan: Plan, n: float, d: float, batch: float) -> float:
    rate = (STABLE - STABLE_BATCH * log(batch / MIDDLE_BATCH) - STABLE_N * n + STABLE_D * d) / STEEP
    return MIDDLE_RATE * exp(rate) * caution(plan)


def caution(plan: Plan) -> float:
    """What the lack of warm-up and of clipping leaves of the stable learning rate, 0 to 1."""
    full = min(FULL_WARMUP * plan.total_steps, LONGEST_WARMUP)
    warm = min(plan.warmup_steps / max(full, 1.0), 1.0)
    left: float = NO_WARMUP ** (1 - warm)
    return left if plan.config.max_grad_norm > 0 else left * NO_CLIPPING


def onset(plan: Plan, stable: float) -> int:
    """Step at which a diverging run leaves its course: once past the stable rate, the sooner the further past."""
    rate, total = plan.config.learning_rate, plan.total_steps
    over = max(rate / stable, 1.0)
    crossing = plan.warmup_steps / over
    return int(min(crossing + ONSET_SHARE * total / over**2, total - 1))
