"""One run's columns laid out by step: which rows count, in which order, and what is said of the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.columns import EVAL_SET, TRAINING_COLUMNS, eval_set_column
from vapor_core.readers.logs import choice as choices
from vapor_core.readers.logs import closing
from vapor_core.readers.logs.choice import Choice
from vapor_core.readers.logs.collected import Collected
from vapor_core.readers.logs.naming import role_of, words_of
from vapor_core.readers.logs.numbers import GIB, Floats, since_the_first
from vapor_core.readers.logs.run_log import Axis, Notes, RunLog, listed
from vapor_core.readers.logs.stepping import by_step

if TYPE_CHECKING:
    import pandas as pd

INSTANTS = frozenset(
    {"timestamp", "datetime", "date"}
)  # in the name of a column that tells when, not how long
MEASURED = ("loss", "grad_norm")  # and held-out losses: where "not a number" is a finding, not a gap
MOST_GB, MOST_MB = 2_000.0, 4e6  # of one accelerator's memory, in any unit that is meant


def assembled(found: Collected, name: str, mapping: Mapping[str, str], file_notes: Notes) -> RunLog | None:
    """The run's log; None where it has no loss of any kind.

    Args:
        found: the run's columns by the file's names.
        name: of the run.
        mapping: what a person has said, Vapor's column -> the file's, "" for none of them.
        file_notes: what was said of the file's lines already.
    """
    notes = Notes()
    notes.first, notes.count = list(file_notes.first), file_notes.count
    choice = choices.choose(found, mapping, notes)
    summary, ending = closing.summary_of(found, choice)
    _by_split(found, choice)
    scored = _scored(choice)
    if not (~np.isnan(scored)).any():
        return None
    _tell_missing(choice)
    source = choices.steps_of(found, mapping, scored)
    _clock(choice, found.numbers.get(source), notes)
    _memory(choice, notes)
    steps, axis = _axis(found, choice, source, ~np.isnan(scored) & ~ending, notes)
    laid = by_step(steps, choice.columns, _ranks(found, choice), axis, notes)
    if laid is None:
        return None
    frame = _trimmed(laid, summary)
    planned = closing.planned_of(found, choice)
    every = np.unique(steps[np.isfinite(steps)]).astype(np.int64)
    done = closing.steps_done(every, planned, found.steps_done) if axis == "step" else None
    _tell_left_out(found, choice, notes)
    return RunLog(
        name=name,
        frame=frame,
        warnings=notes.sentences(),
        summary=summary,
        planned_steps=planned if axis == "step" and planned and done and planned >= done else None,
        steps_done=done,
        axis=axis,
        sources=choice.sources,
        columns={each: samples for each, samples in found.samples.items() if each in found.numeric},
    )


def is_loss(column: str) -> bool:
    """Whether a column is a loss: of training, or on any evaluation set."""
    return column in ("loss", "eval_loss") or column.startswith(EVAL_SET)


def _scored(choice: Choice) -> Floats:
    """A loss of each row, NaN where it has none."""
    rows = next(iter(choice.columns.values()), np.zeros(0)).shape
    scored = np.full(rows, math.nan)
    for column, values in choice.columns.items():
        if is_loss(column):
            scored = np.where(np.isnan(scored), values, scored)
    return scored


def _by_split(found: Collected, choice: Choice) -> None:
    """Losses of rows that a column calls held out belong to that set."""
    split = next((name for name in found.words if (role := role_of(name)) and role.kind == "split"), None)
    if split is None or "loss" not in choice.columns:
        return
    words = found.words[split]
    loss = choice.columns["loss"]
    for word in dict.fromkeys(words.tolist()):
        role = role_of(f"{word} loss")
        if word and not choices.is_trained(word) and role is not None and role.kind == "eval":
            rows = words == word
            column = eval_set_column(role.name) if role.name else "eval_loss"
            if "eval_loss" not in choice.columns:
                column = "eval_loss"
            held = choice.columns.get(column, np.full(len(loss), math.nan))
            choice.take(column, choice.sources["loss"], np.where(rows, loss, held))
            loss = np.where(rows, math.nan, loss)
    choice.columns["loss"] = loss


def _tell_missing(choice: Choice) -> None:
    """What a writer calls NaN is a gap where the same row has another loss; elsewhere it was measured so."""
    losses = {column: values for column, values in choice.columns.items() if is_loss(column)}
    sound = {column: np.isfinite(values) for column, values in losses.items()}
    for column, values in losses.items():
        others = np.any([rows for name, rows in sound.items() if name != column], axis=0)
        choice.columns[column] = np.where(np.isinf(values) & others, math.nan, values)
    for column, values in choice.columns.items():
        if column not in MEASURED and not is_loss(column):
            choice.columns[column] = np.where(np.isinf(values), math.nan, values)


def _clock(choice: Choice, steps: Floats | None, notes: Notes) -> None:
    """Times since the run's first row; where a column has the time that each row took, their sum.

    Between rows that are several `steps` apart nobody knows whose time that is.
    """
    if "elapsed_s" not in choice.columns:
        return
    times = since_the_first(choice.columns["elapsed_s"])
    known = np.flatnonzero(~np.isnan(times))
    if known.size and INSTANTS & set(words_of(choice.sources["elapsed_s"])):  # also times of day
        times = times - times[known[0]]
    falls = np.diff(times[known]) < 0
    source = choice.sources["elapsed_s"]
    if falls.any() and falls.sum() * 20 > len(falls):
        del choice.columns["elapsed_s"], choice.sources["elapsed_s"]
        apart = steps is not None and float(np.nanmedian(np.diff(steps[np.isfinite(steps)]))) > 1
        if "step_time_s" in choice.columns or len(known) < len(times) or apart:
            choice.used.discard(source)
            return
        times = np.cumsum(times)
        notes.add(f"{source} is taken for the time that each row took")
    elif falls.any():  # a resume begins anew
        before = np.concatenate(([0.0], np.cumsum(np.where(falls, times[known][:-1], 0.0))))
        times[known] += before
    choice.take("elapsed_s", source, times)


def _memory(choice: Choice, notes: Notes) -> None:
    """Memory in GB, where neither name nor cell says a unit and the figure cannot be GB."""
    values = choice.columns.get("memory_gb")
    if values is None or not np.isfinite(values).any():
        return
    most = float(np.nanmax(values))
    if most > MOST_GB:
        unit, scale = ("MiB", GIB / 1024) if most < MOST_MB else ("bytes", 1e-9)
        choice.columns["memory_gb"] = values * scale
        notes.add(f"{choice.sources['memory_gb']} is taken for {unit}")


def _ranks(found: Collected, choice: Choice) -> Floats | None:
    named = [(role.rank, name) for name in found.numbers if (role := role_of(name)) and role.kind == "rank"]
    if not named:
        return None
    name = min(named)[1]
    choice.used.add(name)
    return found.numbers[name]


def _axis(
    found: Collected, choice: Choice, name: str, has_loss: NDArray[np.bool_], notes: Notes
) -> tuple[Floats, Axis]:
    """Each row's step, NaN where it has none that can be used; and what the steps are.

    `name` is the file's column of steps, "" where it has none; `has_loss` the rows with a loss that is no closing sum.
    """
    if name:
        choice.sources["step"] = name
        choice.used |= {name} | {
            each for each in found.numbers if (role := role_of(each)) and role.name == "step"
        }
        steps = found.numbers[name]
        usable = np.isfinite(steps) & (steps >= 0) & (steps < 2**53) & (steps == np.floor(steps))
        for at in np.flatnonzero(~usable & has_loss):
            notes.add(f"{found.place} {found.lines[at]:,} has no usable step")
        usable &= ~_stragglers(steps, usable, has_loss, notes)
        known = np.unique(steps[usable & has_loss])
        if _begin_anew(choice, steps, usable & has_loss):
            notes.add("the steps begin anew in each epoch, so the rows are numbered")
            return _numbered(choice, has_loss), "row"
        if len(known) > 1 or has_loss.sum() < 2 or (len(known) == 1 and _one_row(choice)):
            return np.where(usable, steps, math.nan), "step"
        if len(known) == 1:
            notes.add(f"all points are at step {known[0]:,.0f}, so they are numbered in their order")
            return np.where(has_loss, np.cumsum(has_loss), math.nan), "row"
    return _axis_without_steps(choice, has_loss, notes, given=bool(name))


def _stragglers(
    steps: Floats, usable: NDArray[np.bool_], has_loss: NDArray[np.bool_], notes: Notes
) -> NDArray[np.bool_]:
    """Rows without a loss that lie before the first loss and behind one that was logged: they count otherwise."""
    reached = np.maximum.accumulate(np.where(usable & has_loss, steps, -1.0))
    lossy = steps[usable & has_loss]
    behind: NDArray[np.bool_] = (
        usable & ~has_loss & (steps < (lossy.min() if lossy.size else 0)) & (reached > steps)
    )
    if behind.any():
        notes.add(f"{int(behind.sum()):,} rows without a loss count their steps otherwise and are left out")
    return behind


def _one_row(choice: Choice) -> bool:
    """Whether no column has two values: a single step's, spread over several rows."""
    return all((~np.isnan(values)).sum() < 2 for column, values in choice.columns.items() if is_loss(column))


def _axis_without_steps(
    choice: Choice, has_loss: NDArray[np.bool_], notes: Notes, *, given: bool
) -> tuple[Floats, Axis]:
    epochs = choice.columns.get("epoch")
    if epochs is not None and not given:
        at = epochs[has_loss]
        if (
            np.isfinite(at).all()
            and (at >= 0).all()
            and (at == np.floor(at)).all()
            and _each_once(choice, epochs)
        ):
            notes.add("the file has no steps, so its epochs are the axis")
            choice.sources["step"] = choice.sources["epoch"]
            return np.where(has_loss, epochs, math.nan), "epoch"
    notes.add("the file has no steps, so its rows are numbered")
    return _numbered(choice, has_loss), "row"


def _numbered(choice: Choice, has_loss: NDArray[np.bool_]) -> Floats:
    """The number of each row with a loss of training; those that were held out have the number of the one before."""
    train = ~np.isnan(choice.columns["loss"]) if "loss" in choice.columns else has_loss
    return np.where(has_loss, np.maximum(np.cumsum(train & has_loss), 1), math.nan)


def _begin_anew(choice: Choice, steps: Floats, rows: NDArray[np.bool_]) -> bool:
    """Whether the steps are counted within each epoch: they fall where the next epoch begins, and only there."""
    epochs = choice.columns.get("epoch")
    rows = rows & ~np.isnan(choice.columns.get("loss", steps))
    if epochs is None or not rows.any() or not np.isfinite(epochs[rows]).all():
        return False
    falls, rises = np.diff(steps[rows]) < 0, np.diff(np.floor(epochs[rows]))
    return bool(falls.any() and (rises >= 0).all() and (rises[falls] > 0).all())


def _each_once(choice: Choice, epochs: Floats) -> bool:
    """Whether no loss has two values in an epoch."""
    return all(
        len(np.unique(at)) == len(at)
        for column, values in choice.columns.items()
        if is_loss(column)
        for at in [epochs[~np.isnan(values)]]
    )


def _trimmed(frame: pd.DataFrame, summary: dict[str, float]) -> pd.DataFrame:
    """Without closing rows that have no loss and no gradient any more; their clock goes to the summary."""
    telling = [column for column in frame if is_loss(str(column)) or column in ("grad_norm", "learning_rate")]
    last = int(np.flatnonzero(frame[telling].notna().any(axis=1).to_numpy())[-1])
    if "elapsed_s" in frame and last + 1 < len(frame):
        clock = frame["elapsed_s"].dropna()
        if len(clock):
            summary.setdefault("runtime_s", float(clock.max()))
    frame = frame.iloc[: last + 1]
    kept = [column for column in frame if column == "step" or frame[column].notna().any()]
    order = {name: at for at, name in enumerate(TRAINING_COLUMNS)}
    kept.sort(key=lambda column: order.get(str(column), len(order)))
    return frame[kept].reset_index(drop=True)


def _tell_left_out(found: Collected, choice: Choice, notes: Notes) -> None:
    if choice.per_device:
        notes.add(f"{choice.per_device} is the rate of one accelerator")
    idle = [
        name
        for name in found.samples
        if name in found.numeric
        and name not in choice.used
        and not name.upper().endswith(("__MIN", "__MAX"))
        and not (name in found.numbers and np.isnan(found.numbers[name]).all())
        and not ((role := role_of(name)) and role.kind in ("run", "rank", "split", "planned", "summary"))
    ]
    if idle:
        notes.add(f"not drawn: {listed(idle)}")
