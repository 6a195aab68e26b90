"""The constants of a fine-tune's loss, fitted to published runs, and the errors on data sets left out.

Of the runs in finetune_losses.csv, litgpt's and PEFT's tables: what a kind of data costs at first and once learnt, how
lengths and language move that, and what an instruction-tuned base has ahead. Constants of single data sets are `sets`'
work; the rest of `physics.loss.fine_tuning` and `.memorisation` rests on a log or two each, named there.

    python -m benchmarks.fidelity.finetuning.fit
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.fidelity.finetuning.runs import Run, predicted, runs, without
from vapor_core.contracts.entries import CatalogModel, Dataset
from vapor_core.physics.loss import texts

Floats = NDArray[np.float64]
KIND_PULL, SHARED_PULL = 0.5, 1.0  # weight, in runs, of a kind's offset and of shared exponents being none
ROBUST, ROUNDS = 0.5, 40  # residuals, as logarithms, from which a run counts less; and rounds of the fit
ONE_PASS = (
    1.6  # epochs, up to which a last training loss tells what was learnt and not what is known by heart
)
PREFERENCE = "preference"
UNKNOWN = ("own", PREFERENCE)  # kinds that say nothing of their text
LIKE = {"pretraining": "text"}  # and a kind of which no tuning was published


@dataclass(frozen=True, eq=False, slots=True)
class Point:
    """One measured loss, as the logarithm of the reference model's on that data; `x` is what is known of the data."""

    run: Run
    off: float  # ln measured - ln predicted where only kind, language and lengths are known, by the law as it stands
    level: float  # what the law's constants give the reference model, to which `off` is to be added
    x: Floats
    which: int  # 0 first, 1 last training, 2 held-out


@dataclass(frozen=True, eq=False, slots=True)
class Fit:
    """Kinds' own logarithms, then of all data, length, language and an instruction-tuned base."""

    values: Floats

    def off(self, point: Point) -> float:
        """Ln measured - ln predicted under this fit."""
        return float(point.level + point.off - point.x @ self.values)


def points(which: int) -> list[Point]:
    """The measured first (0), last training (1) or held-out (2) losses."""
    found = []
    for run in runs():
        measured = (run.first, run.final, run.held_out)[which]
        late = which == 1 and run.config.epochs > ONE_PASS and not run.config.max_steps
        late = late or (which == 1 and passes(run) > ONE_PASS)
        if measured is None or late or run.kind == PREFERENCE:
            continue
        told = predicted(run, without(run))[which]
        x = features(run)
        found.append(Point(run, float(np.log(measured / told)), float(x @ stands(which)), x, which))
    return found


def learnt_points() -> list[Point]:
    """Held-out losses, and last training losses where none was published: what both say was learnt."""
    return [*points(2), *(point for point in points(1) if point.run.held_out is None)]


def stands(which: int) -> Floats:
    """The constants of `texts` in the order of `features`."""
    i = min(which, 1)
    kind = [np.log(levels[i]) for levels in texts.KIND.values()]
    return np.array([*kind, 0.0, texts.LENGTH[i], texts.FOREIGN[i], texts.INSTRUCTED[i]])


def passes(run: Run) -> float:
    """Passes over the data."""
    from benchmarks.fidelity.finetuning.runs import curve_of  # noqa: PLC0415

    return curve_of(run.config)[0].epochs


def features(run: Run) -> Floats:
    """One column a kind, then all data, length, language and an instruction-tuned base."""
    data, model = run.config.dataset, run.config.model
    assert isinstance(data, Dataset)
    assert isinstance(model, CatalogModel)
    length = np.log(np.clip(data.mean_tokens, *texts.LENGTHS) / texts.TYPICAL_TOKENS)
    knows = texts.knows_instructions(model)
    kind = [float(run.kind == name) for name in texts.KIND]
    return np.array([*kind, 1.0, length, float(texts.is_foreign(data)), float(knows)])


def fitted(of: list[Point]) -> Fit:
    """Robust ridge regression; each data set counts as the root of its runs."""
    x, y = np.stack([point.x for point in of]), np.array([point.level + point.off for point in of])
    names = [point.run.data_set for point in of]
    counts = np.array([names.count(name) for name in names])
    pull = np.diag([KIND_PULL] * len(texts.KIND) + [1e-6, *[SHARED_PULL] * 3])
    values = np.zeros(x.shape[1])
    for _ in range(ROUNDS):
        weight = counts**-0.5 / np.maximum(np.abs(y - x @ values), ROBUST) * ROBUST
        values = np.linalg.solve(x.T @ (weight[:, None] * x) + pull, x.T @ (weight * y))
    return Fit(values)


def left_out(of: list[Point], group: str = "data_set") -> Floats:
    """Ln measured - ln predicted with each data set (or source) left out of the fit."""
    keys = np.array([getattr(point.run, group) for point in of])
    off = np.zeros(len(of))
    for key in dict.fromkeys(keys):
        out = keys == key
        fit = fitted([point for point, gone in zip(of, out, strict=True) if not gone])
        for i in np.flatnonzero(out):
            off[i] = fit.off(of[i])
    return off


def told(which: str, off: Floats) -> None:
    """Print errors."""
    size = 100 * np.abs(np.expm1(-off))
    wide = np.quantile(np.abs(off), 0.8)
    print(
        f"{which}: n {len(off)}, median {np.median(size):.1f} %, p90 {np.quantile(size, 0.9):.0f} %", end=""
    )
    print(f", 80 % within x{np.exp(wide):.2f}")


def kind_level(name: str, values: Floats, of: list[Point]) -> float:
    """A kind's loss of the reference model, nats a token; of a kind that is not known that of the middle data set."""
    known = {kind: values[i] + values[len(texts.KIND)] for i, kind in enumerate(texts.KIND)}
    if name in UNKNOWN:
        seen = {point.run.data_set: known[point.run.kind] for point in of}
        return float(np.exp(np.median(list(seen.values()))))
    return float(np.exp(known[LIKE.get(name, name)]))


def main() -> None:
    """Print the constants and the errors."""
    first, final, held = points(0), points(1), points(2)
    learnt = learnt_points()
    for name, group in (("first", first), ("learnt", learnt), ("final", final), ("held out", held)):
        told(f"{name}, as it stands", np.array([point.off for point in group]))
        told(f"{name}, data sets left out", left_out(group))
        told(f"{name}, sources left out", left_out(group, "source"))
    begun, ended = fitted(first).values, fitted(learnt).values
    count = len(texts.KIND)
    for name in texts.KIND:
        pair = [f"{kind_level(name, fit, group):.2f}" for fit, group in ((begun, first), (ended, learnt))]
        print(f'    "{name}": ({pair[0]}, {pair[1]}),')
    for k, name in enumerate(("LENGTH", "FOREIGN", "INSTRUCTED"), start=count + 1):
        print(name, "=", (round(float(begun[k]), 2), round(float(ended[k]), 2)))


if __name__ == "__main__":
    main()
