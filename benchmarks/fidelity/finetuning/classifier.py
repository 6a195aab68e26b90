"""A classifier that is trained to tell real logs from Vapor's, scored on sources that it has not seen.

Boosted trees of depth two on the features of `texture`, and a logistic regression on the same; the better of both is
what counts. An AUC of 0.5 is chance, 1 is told at once.
"""

from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from benchmarks.fidelity.finetuning.texture import NAMES, features, real, textured, vapors

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
SEEDS = 5  # draws of Vapor's logs that an AUC is the mean of
TREES, RATE, CUTS, LEAST_LEAF = 60, 0.15, 8, 6
PENALTY, STEPS = 1.0, 40  # of the logistic regression: ridge, and Newton's steps


@dataclass(frozen=True, eq=False, slots=True)
class Sample:
    """Features of logs, whether each is real, and its source."""

    x: Floats  # (logs, features)
    is_real: Bools
    source: NDArray[np.str_]


def sample(seed: int = 0) -> Sample:
    """Every real log, and one of Vapor's of the same configuration."""
    x, y, source = [], [], []
    for log in textured():
        own = crc32(f"{log.run.name} {seed}".encode())
        x += [features(real(log)), features(vapors(log, own))]
        y += [True, False]
        source += [log.run.source] * 2
    return Sample(np.array(x), np.array(y), np.array(source))


def auc(score: Floats, is_real: Bools) -> float:
    """Chance that a real log has a higher score than one of Vapor's; ties count half."""
    ours, theirs = score[~is_real], score[is_real]
    above = (theirs[:, None] > ours[None, :]).mean() + 0.5 * (theirs[:, None] == ours[None, :]).mean()
    return float(above)


def left_out(of: Sample) -> dict[str, float]:
    """AUC of each method over sources left out, scores pooled."""
    scores = {"trees": np.zeros(len(of.x)), "logistic": np.zeros(len(of.x))}
    for source in np.unique(of.source):
        out = of.source == source
        scores["trees"][out] = boosted(of.x[~out], of.is_real[~out], of.x[out])
        scores["logistic"][out] = logistic(of.x[~out], of.is_real[~out], of.x[out])
    return {name: auc(score, of.is_real) for name, score in scores.items()}


def scored() -> dict[str, float]:
    """Mean AUC of each method over SEEDS draws of Vapor's logs; "AUC" is the better method's."""
    drawn = [left_out(sample(seed)) for seed in range(SEEDS)]
    found = {name: float(np.mean([each[name] for each in drawn])) for name in ("trees", "logistic")}
    return found | {"AUC": max(found.values())}


def single(of: Sample) -> dict[str, float]:
    """AUC of each feature alone, whichever way round: what gives Vapor's logs away."""
    found = {}
    for i, name in enumerate(NAMES):
        known = np.isfinite(of.x[:, i])
        if known.sum() > LEAST_LEAF:
            one = auc(of.x[known, i], of.is_real[known])
            found[name] = max(one, 1 - one)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def logistic(x: Floats, is_real: Bools, asked: Floats) -> Floats:
    """Scores of a ridge logistic regression on standardised features and their squares."""
    middle, spread = np.nanmedian(x, axis=0), np.nanstd(x, axis=0) + 1e-9
    design, told = (_design((part - middle) / spread) for part in (x, asked))
    weights, pull = np.zeros(design.shape[1]), PENALTY * len(x) / 10 * np.eye(design.shape[1])
    pull[0, 0] = 1e-6
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-design @ weights))
        bend = (design * (chance * (1 - chance))[:, None]).T @ design + pull
        weights = weights + np.linalg.solve(bend, design.T @ (is_real - chance) - pull @ weights)
    return np.asarray(told @ weights)


def _design(z: Floats) -> Floats:
    z = np.clip(np.nan_to_num(z), -3, 3)
    return np.column_stack([np.ones(len(z)), z, z**2 - 1])


def boosted(x: Floats, is_real: Bools, asked: Floats) -> Floats:
    """Scores of gradient-boosted trees of depth two for the logistic loss; a missing value goes left."""
    x, asked = (np.nan_to_num(part, nan=-1e9) for part in (x, asked))
    below, told_below = _questions(x, asked)
    score, told = np.zeros(len(x)), np.zeros(len(asked))
    for _ in range(TREES):
        chance = 1 / (1 + np.exp(-score))
        slope, bend = is_real - chance, chance * (1 - chance)
        first = _split(below, slope, bend, np.ones(len(x), bool))
        if first is None:
            break
        for side in (True, False):
            here, there = below[first] == side, told_below[first] == side
            second = _split(below, slope, bend, here)
            leaves = [(here, there)]
            if second is not None:
                leaves = [
                    (here & (below[second] == w), there & (told_below[second] == w)) for w in (True, False)
                ]
            for leaf, said in leaves:
                step = RATE * slope[leaf].sum() / (bend[leaf].sum() + 1.0)
                score[leaf] += step
                told[said] += step
    return told


def _questions(x: Floats, asked: Floats) -> tuple[Bools, Bools]:
    """Whether each value lies below each of a feature's cuts, of what is learnt from and of what is asked."""
    cuts = np.quantile(x, np.linspace(0.1, 0.9, CUTS), axis=0)

    def answers(part: Floats) -> Bools:
        return np.concatenate([(part[None, :, i] <= cuts[:, i, None]) for i in range(x.shape[1])])

    return answers(x), answers(asked)


def _split(below: Bools, slope: Floats, bend: Floats, of: Bools) -> int | None:
    """The question whose answer gains most among `of`; None where none leaves leaves enough."""
    low = (below & of).astype(np.float64)
    count, all_slope, all_bend = low.sum(axis=1), slope[of].sum(), bend[of].sum()
    s, b = low @ slope, low @ bend
    gain = s**2 / (b + 1) + (all_slope - s) ** 2 / (all_bend - b + 1)
    gain[(count < LEAST_LEAF) | (of.sum() - count < LEAST_LEAF)] = -1.0
    best = int(gain.argmax())
    return best if gain[best] > 0 else None
