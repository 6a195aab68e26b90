"""Numbers as people and tools write them: with thousands, decimal commas, units, as times of day or as dates.

A cell that is missing and a cell that says "not a number" are two things: the first is NaN here, the second infinite,
so that a sick loss is neither lost among gaps nor thinned away.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NOT_A_NUMBER = math.inf  # what a measured NaN or infinity is kept as
MISSING = frozenset(
    {"", "none", "null", "n/a", "na", "-", "--", "\u2013", "\u2014", "no log", "undefined", "<na>"}
)
SICK = frozenset({"nan", "inf", "+inf", "-inf", "infinity", "-infinity", "+infinity", "+nan", "-nan"})
MINUTE = 60.0
GIB = 1.073741824  # GB in a GiB
UNITS = {
    **{"": 1.0, "s": 1.0, "sec": 1.0, "secs": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0, "h": 3600.0},
    **{"gb": 1.0, "gib": GIB, "mb": 1e-3, "mib": GIB / 1024, "g": 1.0, "%": 1.0},
    **{"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12},
}  # fmt: skip
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:[,'\u2019\u00a0\u202f ]\d{3})+(?:\.\d+)?")
_EUROPEAN = re.compile(r"[-+]?(?:\d{1,3}(?:[.'\u2019\u00a0\u202f ]\d{3})+|\d+)(?:,\d+)?(?:e[-+]?\d+)?")
_UNIT = re.compile(r"([-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*([a-z%]{1,7})")
_TENSOR = re.compile(r"(?:tensor|array|np\.float\d+|float\d+)\(\s*([-+.\deE]+|nan|inf)\b.*\)")
_CLOCK = re.compile(r"(?:(\d+) days?,? )?(?:(\d+):)?(\d{1,3}):(\d{2}(?:\.\d+)?)")
_SPELT = re.compile(r"(?:(\d+)d ?)?(?:(\d+)h ?)?(?:(\d+)m ?)?(\d+(?:\.\d+)?)s")  # "2m 46s"
_EMPHASIS = "*_`~"  # that Markdown puts around a cell


def column(cells: Sequence[object], *, decimal_comma: bool = False) -> Floats:
    """A column's numbers; NaN where a cell is missing or no number at all, infinite where it says NaN or infinity."""
    values = None if decimal_comma else _plain(cells)
    if values is None:
        return np.array([number(cell, decimal_comma=decimal_comma) for cell in cells], dtype=np.float64)
    for index in np.flatnonzero(~np.isfinite(values)).tolist():
        cell = cells[index]
        values[index] = math.nan if cell is None or cell == "" else NOT_A_NUMBER
    return values


def _plain(cells: Sequence[object]) -> Floats | None:
    """The quick way, for cells that are numbers or empty; None where any is not."""
    try:
        return np.array([math.nan if cell is None or cell == "" else float(cell) for cell in cells])  # type: ignore[arg-type] # what float refuses goes the slow way
    except (ValueError, TypeError, OverflowError):
        return None


def number(cell: object, *, decimal_comma: bool = False) -> float:
    """One cell, as `column` reads it."""
    if isinstance(cell, bool) or cell is None:
        return math.nan
    if isinstance(cell, int | float):
        try:
            return float(cell) if math.isfinite(cell) else NOT_A_NUMBER
        except OverflowError:
            return math.nan
    return _of_text(cell.strip().lower(), decimal_comma) if isinstance(cell, str) else math.nan


def _of_text(text: str, decimal_comma: bool) -> float:
    if text in MISSING or len(text) > 60:
        return math.nan
    if text[0] in _EMPHASIS:
        return _of_text(text.strip(_EMPHASIS), decimal_comma)
    if text in SICK:
        return NOT_A_NUMBER
    if decimal_comma and _EUROPEAN.fullmatch(text):
        text = re.sub(r"[.'\u2019\u00a0\u202f ]", "", text).replace(",", ".")
    elif _THOUSANDS.fullmatch(text):
        text = re.sub(r"[,'\u2019\u00a0\u202f ]", "", text)
    try:
        value = float(text)
    except ValueError:
        return _of_words(text)
    return value if math.isfinite(value) else NOT_A_NUMBER


def _of_words(text: str) -> float:
    if found := _UNIT.fullmatch(text):
        scale = UNITS.get(found[2])
        return math.nan if scale is None else float(found[1].replace(",", "")) * scale
    if found := _CLOCK.fullmatch(text) or _SPELT.fullmatch(text):
        days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if found := _TENSOR.fullmatch(text):
        return _of_text(found[1], decimal_comma=False)
    return math.nan


def is_number(cell: object, *, decimal_comma: bool = False) -> bool:
    """Whether a cell holds a number, a sick one included."""
    return not math.isnan(number(cell, decimal_comma=decimal_comma))


def seconds(cells: Sequence[object], *, decimal_comma: bool = False) -> Floats:
    """A column of times in seconds: numbers, clock readings, or dates as seconds since 1970."""
    values = column(cells, decimal_comma=decimal_comma)
    for index in np.flatnonzero(np.isnan(values)).tolist():
        cell = cells[index]
        if isinstance(cell, str) and len(cell) >= 10:
            values[index] = _date(cell.strip())
    return values


def _date(text: str) -> float:
    text = text.replace("/", "-").replace(",", ".", 1) if re.match(r"\d{4}[-/]", text) else text
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return math.nan
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def since_the_first(times: Floats) -> Floats:
    """Seconds since the first of a column of times; what are dates in seconds, or in fractions of one, are told apart.

    Numbers above a thousand million are seconds since 1970, or milli-, micro- or nanoseconds by their size.
    """
    known = times[np.isfinite(times)]
    if not known.size or float(np.median(known)) < 1e9:
        return times
    scale = 1.0
    while float(np.median(known)) * scale > 1e11:
        scale /= 1000
    since: Floats = (times - known.min()) * scale
    return since


def uses_decimal_comma(rows: Sequence[Sequence[str]], delimiter: str) -> bool:
    """Whether a table's numbers have decimal commas: some can be read no other way, or nothing speaks for points."""
    cells = [cell.strip().lower() for row in rows for cell in row]
    commas = [cell for cell in cells if re.fullmatch(r"[-+]?[\d.]*\d,\d+(?:e[-+]?\d+)?", cell)]
    if any(not _THOUSANDS.fullmatch(cell) or cell.lstrip("+-").startswith("0,") for cell in commas):
        return True
    points = any(re.fullmatch(r"[-+]?\d*\.\d+(?:e[-+]?\d+)?", cell) for cell in cells)
    return bool(commas) and delimiter != "," and not points
