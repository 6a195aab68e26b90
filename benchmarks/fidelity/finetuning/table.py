"""Fine-tuning losses for `make fidelity`: fitted, with a data set's other runs, with data sets and sources left out.

What a run is told by its data set's other runs is what a person gets who tunes on a data set of the catalog; with the
data set left out, what a person gets of an own file of which kind, language and lengths are known.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from benchmarks.fidelity import Row, Target
from benchmarks.fidelity.finetuning.bases import base
from benchmarks.fidelity.finetuning.classifier import scored
from benchmarks.fidelity.finetuning.fit import Fit, Floats, Point, fitted, learnt_points, left_out, points
from benchmarks.fidelity.finetuning.prefixes import PREFIX, forecasts
from benchmarks.fidelity.finetuning.runs import predicted, runs
from benchmarks.fidelity.finetuning.sets import TEXTS, base_levels, base_losses, by_entry, drawn
from benchmarks.fidelity.finetuning.texture import textured
from vapor_core import catalog
from vapor_core.contracts.training import PREFERENCE_METHODS
from vapor_core.physics.loss import texts

LOSSES = ("first loss", "last training loss", "held-out loss")
GIVEN = "given its data set's other runs"
SETS, SOURCES, FITTED = "data sets left out", "sources left out", "by kind, fitted"
LARGE = (
    "unslothai/notebooks",
    "Lightning-AI/litgpt",
    "huggingface/peft",
    "EleutherAI/gpt-neo",
    "tomaarsen/attention_sinks",
)
END = f"fine-tuning, end from its first {PREFIX} logged steps"
END_BLIND = f"{END}, data set left out"
TEXT = "base model on a named text, given its other models"
PAIRS = "preference tuning, losses"
TOLD_APART = "fine-tuning, AUC of telling real logs from drawn ones, against 0.5"
COVERED = "fine-tuning, measured lies in the 80 % range"


def kind(loss: str, how: str) -> str:
    """The name of a kind in the table."""
    return f"fine-tuning, {loss}, {how}"


TARGETS = (
    *(Target(kind(loss, GIVEN), median=0.10) for loss in LOSSES),
    *(
        Target(kind(loss, how), median=most)
        for how in (SETS, SOURCES)
        for loss, most in zip(LOSSES, (0.30, 0.30, 0.25), strict=True)
    ),
    Target(END, median=0.10),
    Target(END_BLIND, median=0.10),
    Target(TEXT, median=0.10),
    *(Target(f"{COVERED}, {how}", correct=0.72) for how in (GIVEN, SETS, SOURCES)),
    Target(TOLD_APART, factor=1.3),
)


def rows() -> Iterator[Row]:
    """Every figure of the kinds above; sources of few runs share a name."""
    for row in _all():
        known = row.source in LARGE or row.kind == TOLD_APART
        few = (
            "model cards and pages" if "index id" in row.source or " " in row.source else "other repositories"
        )
        yield row if known else replace(row, source=few)


def _all() -> Iterator[Row]:
    groups = (points(0), points(1), points(2))
    shared = fitted(points(0)), fitted(learnt_points()), fitted(learnt_points())
    for i, loss in enumerate(LOSSES):
        of, fit = groups[i], shared[i]
        yield from _rows(kind(loss, FITTED), of, np.array([fit.off(point) for point in of]), True)
        yield from _given(kind(loss, GIVEN), of, fit, texts.SPREAD_KNOWN[i])
        yield from _out(loss, of, i)
    for name, known in ((END, True), (END_BLIND, False)):
        for log, _, own, _ in forecasts(known):
            yield Row(name, log.run.name, own, log.end, log.run.source, public=log.run.public)
    yield from _texts()
    yield from _preferences()
    if textured():
        yield Row(TOLD_APART, "the better of two classifiers", scored()["AUC"], 0.5, "all logs")


def _rows(name: str, of: list[Point], off: Floats, fit: bool = False) -> Iterator[Row]:
    """Points whose ln measured - ln predicted is `off`."""
    for point, each in zip(of, off, strict=True):
        run = point.run
        measured = _measured(point)
        yield Row(
            name, run.name, measured * float(np.exp(-each)), measured, run.source, fit, public=run.public
        )


def _measured(point: Point) -> float:
    run = point.run
    return (run.first, run.final, run.held_out)[point.which] or 0.0


def _covered(how: str, of: list[Point], off: Floats, width: float) -> Iterator[Row]:
    for point, each in zip(of, off, strict=True):
        inside = float(abs(each) <= width)
        yield Row(f"{COVERED}, {how}", point.run.name, inside, 1.0, point.run.source, public=point.run.public)


def _given(name: str, of: list[Point], fit: Fit, width: float) -> Iterator[Row]:
    """Each run on a catalog data set by the other runs on it."""
    for group in by_entry(of).values():
        own = [fit.off(point) for point in group]
        if len(group) > 1:
            off = np.array([each - drawn(own[:i] + own[i + 1 :]) for i, each in enumerate(own)])
            yield from _rows(name, group, off)
            yield from _covered(GIVEN, group, off, width)


def _out(loss: str, of: list[Point], i: int) -> Iterator[Row]:
    """Each run with its data set, and with its source, left out of the fit of first or learnt loss."""
    training = points(0) if i == 0 else learnt_points()
    names = {point.run.name for point in of}
    for how, group in ((SETS, "data_set"), (SOURCES, "source")):
        merged = [*of, *(point for point in training if point.run.name not in names)]
        off = left_out(merged, group)[: len(of)]
        yield from _rows(kind(loss, how), of, off)
        yield from _covered(how, of, off, texts.SPREAD_KIND[i])


def _texts() -> Iterator[Row]:
    """A base model's published loss on a text, by the other models' on it."""
    levels: dict[str, list[float]] = {}
    for name, level, _ in base_levels():
        levels.setdefault(name, []).append(level)
    at = dict.fromkeys(levels, 0)
    for row in base_losses():
        model, sets = base(row["base_model"]), TEXTS.get(row["text"])
        if model is None or sets is None or not row["unit"].startswith("perplexity per token"):
            continue
        if "tuned" in row["notes"]:
            continue
        name, i = sets[0], at[sets[0]]
        at[name] += 1
        rest = levels[name][:i] + levels[name][i + 1 :]
        if rest:
            told = catalog.dataset(name).changed(first_loss=float(np.median(rest)), learnt_loss=1.0)
            guess = texts.level(model, told).first
            yield Row(
                TEXT, f"{row['base_model']} on {row['text']}", guess, float(row["nats_per_unit"]), _repo(row)
            )


def _repo(row: dict[str, str]) -> str:
    return row["source"].split(" ", 1)[0]


def _preferences() -> Iterator[Row]:
    """Losses of DPO, KTO and ORPO runs, most of whose settings are not fully published."""
    for run in runs():
        if run.config.method in PREFERENCE_METHODS:
            for told, measured in zip(predicted(run), (run.first, run.final, run.held_out), strict=True):
                if measured:
                    yield Row(PAIRS, run.name, told, measured, run.source, True, public=run.public)
