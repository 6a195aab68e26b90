"""What trainers print, a line or a few a step: nanoGPT, llm.c, torchtune, Megatron, DeepSpeed, torchtitan and others.

A line is read as names and numbers; a line that has a loss but no step belongs to the step that was named last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from vapor_core.readers.logs import numbers
from vapor_core.readers.logs.collected import BLOCK, Collected, Collector
from vapor_core.readers.logs.json_logs import Progress, Row, parsed, told_apart
from vapor_core.readers.logs.naming import HELD_OUT, TRAIN, Role, role_of, words_of
from vapor_core.readers.logs.numbers import MINUTE, UNITS

TOTAL = "of steps"  # what stands behind the step in "step 5/100"
MOST_SHAPES = 512  # of lines that are remembered
LONGEST_LINE = 4_000  # characters that are looked at
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# A progress bar. Its count may be stale; it is the step where the same line has a loss and no other step.
_BAR = re.compile(r"\d+%\|[^|]*\|\s*[\d.]+\w*/[\d.?]+\w*(?: \[[\d:? ]+<[\d:? ]+)?")
_BAR_WITH_LOSS = re.compile(r"%\|[^|]*\|\s*(?P<count>\d+)/\d+ \[[^\]]*loss", re.IGNORECASE)
# What a line begins with, or one of its parts, that tells of held-out data.
_OF_HELD_OUT = re.compile(
    r"(?:^|[|\]>] *|- |: )(?:valid(?:ation|ate|ating)?|val|eval(?:uation|uate|uating)?|test(?:ing)?)(?=[ :\[|]|$)",
    re.IGNORECASE,
)
# Words before "steps" that make a number of steps out of a step.
_HOW_MANY = frozenset(
    {
        "total",
        "max",
        "num",
        "number",
        "warmup",
        "save",
        "logging",
        "every",
        "optimization",
        "accumulation",
        "per",
    }
)
_NUMBER = r"[-+]?(?:\d(?:[\d,_]*\d)?(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf)(?:inity)?"
_PAIR = re.compile(
    r"(?<![\w./%-])['\"]?(?P<name>[A-Za-z_][\w/.%-]*(?: [A-Za-z(][\w/.%()-]*){0,6})['\"]?"
    r"(?:\s*[:=]\s*|\s+)['\"(\[]{0,2}(?P<number>"
    + _NUMBER
    + r")(?!\d|[-:]\d)(?:\s*/\s*(?P<total>\d[\d,]*)(?![\d.]))?"
    r"\s?(?P<unit>ms|us|s\b|GiB|MiB|GB|MB|[KMBT](?![\w]))?",
    re.IGNORECASE,
)
_SPLIT = re.compile(r"(?<![\w.])(" + _NUMBER + r")(?![\d.])", re.IGNORECASE)
_RATE = re.compile(r"(?<![\w.])(?P<number>\d[\d,]*\.?\d*)\s*tok(?:en)?s?/s(?:ec)?\b")
_LONE_MS = re.compile(r"\|\s*(?P<number>\d+\.?\d*) ms\s*\|")
_BARE = re.compile(
    r"\s*(\d+) (train|val|eval) (" + _NUMBER + r")\s*", re.IGNORECASE
)  # build-nanogpt's log.txt
_DICTIONARY = re.compile(r"\{.*\}")
_SPELT_CELL = re.compile(r"': '\d+(?:[hm] |/|:\d)")  # "2m 46s", "5/100" or "0:10": no number by itself
_PYTHON = {"'": '"', "nan": "NaN", "inf": "Infinity", "None": "null", "True": "true", "False": "false"}
_PYTHON_WORD = re.compile(r"'|\b(?:nan|inf|None|True|False)\b")
_POSITION = frozenset({"step", "epoch"})
# One letter stands for a name in llm.c's main.log.
_SHORT = {
    "s": "step",
    "tel": "val_loss",
    "trl": "train_loss",
    "dt": "dt",
    "norm": "grad_norm",
    "mem": "memory",
}
_SEEN = ("step", "at iteration", "at step", "iteration", "iter", "epoch")


def is_log(text: str) -> bool:
    """Whether some line of the first ones names a loss with a number."""
    return any(any(_has_loss(name) for name in row) for _, row in _rows(text[:200_000], None))


def read_lines(text: str, wanted: Sequence[str], progress: Progress) -> list[Collected]:
    """The rows of a printed log, and how many steps it was to have where it prints "step 5/100"."""
    collector = Collector(wanted)
    block: list[tuple[int, Row]] = []
    totals: dict[float, int] = {}
    size = max(text.count("\n"), 1)
    for number, row in _rows(text, totals):
        block.append((number, row))
        if len(block) == BLOCK:
            _take(collector, block)
            progress(min(number / size, 1.0))
            block = []
    _take(collector, block)
    found = collector.collected()
    usual = max(totals, key=lambda total: totals[total], default=None)
    found.planned_steps = None if usual is None else int(usual)
    return [found]


def _take(collector: Collector, block: list[tuple[int, Row]]) -> None:
    if block:
        names = dict.fromkeys(name for _, row in block for name in row)
        collector.add(names, lambda name: [row.get(name) for _, row in block], [line for line, _ in block])


def _rows(text: str, totals: dict[float, int] | None) -> Iterator[tuple[int, Row]]:
    """(line, names and numbers) of each line that says something, with the position that was named last."""
    shapes: Shapes = {}
    place: Row = {}
    open_row: Row | None = None
    began = 0
    for number, line in _told(text):
        row = _row(line, totals, shapes)
        if not row:
            continue
        position = {name: cell for name, cell in row.items() if _is_position(name)}
        rest = len(row) > len(position)
        if any(_names_step(name) for name in position):
            if open_row is not None:
                yield began, open_row
            place = dict(position)
            open_row, began = (dict(row), number)
        elif position and not rest:
            if open_row is not None and len(open_row) > len(place):
                yield began, open_row
                open_row = None
            place = dict(position) if not any(map(_names_step, place)) else {**place, **position}
        elif open_row is not None and not row.keys() & (open_row.keys() - position.keys()):
            open_row |= row
        else:
            if open_row is not None:
                yield began, open_row
            open_row, began = {**place, **row}, number
            if not place or position:
                yield began, open_row
                open_row = None
    if open_row is not None:
        yield began, open_row


def _told(text: str) -> Iterator[tuple[int, str]]:
    """(number, text) of each line; one that a progress bar wrote over itself is as many as it told losses."""
    for number, line in enumerate(re.split(r"\r\n|\n", text), start=1):
        *earlier, last = line.split("\r")
        for piece in earlier:
            if "%|" in piece and "loss" in piece.lower():
                yield number, piece
        yield number, last


Shape = tuple[tuple[str, int, float], ...]  # names of a line's numbers: name, which number, times what
Shapes = dict[
    tuple[str, ...], Shape | None
]  # the text between a line's numbers -> its shape, None where it varies


def _row(line: str, totals: dict[float, int] | None, shapes: Shapes) -> Row:
    """The names and numbers of a line; {} where it has none. Most lines have the shape of one that was read."""
    line = _COLOUR.sub("", line[:LONGEST_LINE]) if "\x1b" in line else line[:LONGEST_LINE]
    if "{" in line and (inner := _DICTIONARY.search(line)) and (row := _dictionary(inner[0])):
        return row
    pieces = _SPLIT.split(line)
    key = tuple(pieces[::2])
    if key not in shapes:
        if len(shapes) >= MOST_SHAPES:
            shapes.clear()
        shapes[key] = _shape(line, pieces)
    shape = shapes[key]
    if shape is None:
        return {}
    row = {name: _value(pieces[2 * at + 1], scale) for name, at, scale in shape}
    total = row.pop(TOTAL, None)
    if total is not None and totals is not None:
        planned = numbers.number(total)
        totals[planned] = totals.get(planned, 0) + 1
    return row


def _dictionary(text: str) -> Row:
    """The names and cells of an object in JSON, or in Python's words where some cell is no plain number; {} else."""
    row = parsed(text)
    if row is None and _SPELT_CELL.search(text):
        row = parsed(_PYTHON_WORD.sub(lambda word: _PYTHON[word[0]], text))
    if not isinstance(row, dict):
        return {}
    return told_apart({name: cell for name, cell in row.items() if not isinstance(cell, dict | list)})


def _value(text: str, scale: float) -> object:
    return text if scale == 1.0 else numbers.number(text) * scale


def _shape(line: str, pieces: list[str]) -> Shape | None:
    """Which of a line's numbers has which name."""
    places: dict[int, int] = {}
    at = 0
    for number, piece in enumerate(pieces):
        if number % 2:
            places[at] = number // 2
        at += len(piece)
    if bare := _BARE.fullmatch(line):
        return (("step", 0, 1.0), (f"{bare[2]}_loss", 1, 1.0))
    bars = list(_BAR.finditer(line)) if "%|" in line else []
    found: dict[str, tuple[int, float]] = {}
    steps_rank = 1_000  # of the step's name in the line: the trainer's own count before a count in the epoch
    marked = _OF_HELD_OUT.search(line.strip())
    held_out = False
    for match in _PAIR.finditer(line):
        place = places.get(match.start("number"))
        if place is None or any(bar.start() <= match.start("number") < bar.end() for bar in bars):
            continue
        held_out = held_out or (marked is not None and marked.start() <= match.start())
        held_out = held_out or (_is_position(_name(match)) and bool(HELD_OUT & set(words_of(match["name"]))))
        name = _name(match, held_out=held_out)
        if HELD_OUT.issuperset(words_of(name)) and any(map(_has_loss, found)):  # "loss train: 2.4, val: 2.5"
            name = "val loss"
        role = role_of(name)
        if role is None or not _names_step(name):
            found.setdefault(name, (place, _scale(match["unit"], name)))
        elif role.rank < steps_rank:
            steps_rank = role.rank
            found["step"] = (place, 1.0)
            found.pop(TOTAL, None)
            counted_anew = words_of(name)[-1] == "batch" and "epoch" in found
            if (
                match["total"]
                and not counted_anew
                and (total := places.get(match.start("total"))) is not None
            ):
                found[TOTAL] = (total, 1.0)
    if bars and "step" not in found and (bar := _BAR_WITH_LOSS.search(line)):
        found["step"] = (places[bar.start("count")], 1.0)
    for name, pattern, scale in (("tokens_per_second", _RATE, 1.0), ("step_time_s", _LONE_MS, 1e-3)):
        if (lone := pattern.search(line)) and (place := places.get(lone.start("number"))) is not None:
            found.setdefault(name, (place, scale))
    return tuple((name, place, scale) for name, (place, scale) in found.items()) or None


def _scale(unit: str | None, name: str) -> float:
    unit = (unit or "").strip()
    return MINUTE if unit == "m" and "time" in name.lower() else UNITS.get(unit.lower(), 1.0)


def _name(match: re.Match[str], *, held_out: bool = False) -> str:
    """A number's name as it was printed, without words before it that are no part of it.

    In a line that is `held_out` every figure is, whatever it is called.
    """
    name = _bare_name(match["name"])
    if name.lower() == "time" and match["unit"] in ("ms", "us"):  # nanoGPT's, of one iteration
        return "step_time"
    words = words_of(name)
    if held_out and not _is_position(name) and not {words[0]} & HELD_OUT and not TRAIN & set(words):
        return f"val {name}"
    return name


def _bare_name(raw: str) -> str:
    lowered = raw.lower()
    if lowered in _SHORT:
        return _SHORT[lowered]
    for word in _SEEN:
        if lowered.endswith(" " + word) and any(each in HELD_OUT | {"loss"} for each in words_of(raw)):
            return word.split()[-1]
    last = raw.rsplit(" ", 1)[-1]
    if _HOW_MANY & set(words_of(raw)[:-1]) and _names_step(last):
        return raw
    if role_of(raw) is None and last != raw and "/" not in last and role_of(last) is not None:
        return raw if any(word in HELD_OUT for word in words_of(raw)) and _is_position(last) else last
    return raw


def _is_position(name: str) -> bool:
    role = role_of(name)
    return role is not None and role.kind == "quantity" and role.name in _POSITION


def _names_step(name: str) -> bool:
    role = role_of(name)
    return role is not None and role.name == "step" and role.kind == "quantity"


def _has_loss(name: str) -> bool:
    role: Role | None = role_of(name)
    return role is not None and role.kind in ("loss", "eval", "part")
