"""Folders with a file a metric, as MLflow's store and DVCLive keep them: `<run>/metrics/<metric>`."""

from __future__ import annotations

import math
import re

from vapor_core.readers.logs import points as laying
from vapor_core.readers.logs.collected import Collected
from vapor_core.readers.logs.numbers import number
from vapor_core.readers.logs.points import Points
from vapor_core.readers.logs.run_log import Notes

_PLACE = re.compile(r"(?:(?P<run>.*)/)?metrics/(?P<tag>[^/].*)")
_RUN_FOLDERS = frozenset({"dvclive", "plots"})  # of the path above, which name no run


def metrics_of(files: list[tuple[str, bytes]]) -> tuple[dict[str, Points], list[tuple[str, bytes]]]:
    """(run -> its points, the files that are no metric) of an archive's files by their paths."""
    runs: dict[str, Points] = {}
    others: list[tuple[str, bytes]] = []
    for path, content in files:
        place = _PLACE.fullmatch(path.replace("\\", "/"))
        rows = _rows(content) if place is not None else None
        if place is None or rows is None:
            others.append((path, content))
            continue
        above = [part for part in (place["run"] or "").split("/") if part not in _RUN_FOLDERS]
        points = runs.setdefault(above[-1] if above else "", Points())
        for time, value, step in rows:
            points.add(place["tag"].removesuffix(".tsv").removesuffix(".csv"), step, value, time)
    return runs, [(path, content) for path, content in others if not (runs and path.endswith("meta.yaml"))]


def laid_out(runs: dict[str, Points], notes: Notes) -> list[Collected]:
    """Each run of such folders."""
    return laying.laid_out(runs, notes, next(iter(runs))) if runs else []


def _rows(content: bytes) -> list[tuple[float, float, float]] | None:
    """(time, value, step) of each line of a metric's file; None where it is none."""
    try:
        lines = [line.split() for line in content.decode("utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError:
        return None
    header = [] if not lines or not math.isnan(number(lines[0][0])) else lines.pop(0)
    if not lines or any(len(line) != len(lines[0]) for line in lines) or len(lines[0]) not in (2, 3):
        return None
    if header:  # DVCLive: step and value, with or without a time before them
        if "step" not in header or len(header) != len(lines[0]):
            return None
        at = header.index("step")
        value = next(each for each in reversed(range(len(header))) if each != at)
        clock = header.index("timestamp") if "timestamp" in header else None
        return [
            (number(line[clock]) if clock is not None else math.nan, number(line[value]), number(line[at]))
            for line in lines
        ]
    if len(lines[0]) == 2:  # MLflow before steps
        return [(number(line[0]), number(line[1]), float(at)) for at, line in enumerate(lines)]
    return [(number(line[0]), number(line[1]), number(line[2])) for line in lines]
