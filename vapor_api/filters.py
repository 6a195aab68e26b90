"""The filter and the order of a search for runs, as MLflow's clients write them: metrics.loss < 2 and tags.a = 'b'."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from vapor_api.protocol import ProtocolError

if TYPE_CHECKING:
    from vapor_core.backends.followed.tracking import TrackedRun

_CLAUSE = re.compile(
    r"\s*(?:(?P<kind>metrics?|params?|parameters?|tags?|attributes?|attr|run)\.)?"
    r"(?P<key>`[^`]+`|\"[^\"]+\"|[\w./-]+)\s*(?P<compare>!=|>=|<=|=|>|<|\bNOT\s+IN\b|\bI?LIKE\b|\bIN\b)\s*"
    r"(?P<value>'[^']*'|\"[^\"]*\"|\([^)]*\)|[-+.\w]+)\s*",
    re.IGNORECASE,
)
_AND = re.compile(r"\s*and\b", re.IGNORECASE)
_ORDER = re.compile(
    r"\s*(?:(?P<kind>\w+)\.)?(?P<key>`[^`]+`|\"[^\"]+\"|[\w./-]+)\s*(?P<way>asc|desc)?\s*", re.IGNORECASE
)
Value = float | str | None
COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def matching(runs: Iterable[TrackedRun], wanted: str) -> list[TrackedRun]:
    """Runs that a filter lets through.

    Raises:
        ProtocolError: where it cannot be understood; says from where on.
    """
    clauses, at = [], 0
    wanted = wanted.strip()
    while at < len(wanted):
        found = _CLAUSE.match(wanted, at)
        if found is None:
            raise ProtocolError(
                "INVALID_PARAMETER_VALUE",
                f"Invalid filter from {wanted[at : at + 60]!r} on; write for example metrics.loss < 2 and "
                "params.lr = '0.1'.",
            )
        clauses.append(
            (found["kind"] or "attribute", _bare(found["key"]), found["compare"].upper(), found["value"])
        )
        at = found.end()
        joined = _AND.match(wanted, at)
        if at < len(wanted) and joined is None:
            raise ProtocolError(
                "INVALID_PARAMETER_VALUE",
                f"Invalid filter from {wanted[at : at + 60]!r} on; join clauses by and.",
            )
        at = joined.end() if joined else at
    return [run for run in runs if all(_holds(_value(run, kind, key), *rest) for kind, key, *rest in clauses)]


def ordered(runs: Iterable[TrackedRun], orders: Iterable[str]) -> list[TrackedRun]:
    """Runs in the order that is asked for, the newest first where they are alike."""
    found = sorted(runs, key=lambda run: (-run.start_ms, run.run_id))
    for order in reversed(list(orders)):
        parsed = _ORDER.fullmatch(order)
        if parsed is None:
            raise ProtocolError("INVALID_PARAMETER_VALUE", f"Invalid order_by clause {order[:60]!r}.")
        kind, key = parsed["kind"] or "attribute", _bare(parsed["key"])
        known = [(run, _value(run, kind, key)) for run in found]
        there = [(run, value) for run, value in known if value is not None]
        there.sort(
            key=lambda pair: (isinstance(pair[1], str), pair[1]),
            reverse=(parsed["way"] or "asc").lower() == "desc",
        )
        found = [run for run, _ in there] + [run for run, value in known if value is None]
    return found


def asked_name(wanted: str) -> str | None:
    """The name in a filter `name = 'x'`; None where it filters by something else, or nothing."""
    before, between, after = wanted.partition("=")
    if before.strip().lower() in ("name", "attribute.name", "attributes.name") and between:
        return after.strip().strip("'\"")
    return None


def _value(run: TrackedRun, kind: str, key: str) -> Value:
    kind = kind.lower()
    if kind.startswith("metric"):
        points = [point for point in run.latest() if point.key == key]
        return points[0].value if points else None
    if kind.startswith("param"):
        return run.params.get(key)
    if kind.startswith("tag"):
        return run.tags.get(key)
    known: dict[str, Value] = {
        "run_id": run.run_id,
        "run_name": run.name,
        "status": run.status,
        "start_time": float(run.start_ms),
        "end_time": None if run.end_ms is None else float(run.end_ms),
        "user_id": run.tags.get("mlflow.user", ""),
        "experiment_id": run.experiment_id,
    }
    names = {"run name": "run_name", "created": "start_time", "name": "run_name"}
    key = names.get(key.lower(), key)
    if key not in known:
        raise ProtocolError(
            "INVALID_PARAMETER_VALUE", f"No attribute {key[:60]!r}; known: {', '.join(known)}."
        )
    return known[key]


def _holds(value: Value, compare: str, wanted: str) -> bool:
    if value is None:
        return False
    if compare in ("IN", "NOT IN"):
        among = {_bare(each.strip()) for each in wanted.strip("()").split(",")}
        return (str(value) in among) == (compare == "IN")
    asked = _bare(wanted)
    if compare in ("LIKE", "ILIKE"):
        pattern = asked.replace("%", "*").replace("_", "?")
        text = str(value)
        return (
            fnmatch.fnmatchcase(text, pattern)
            if compare == "LIKE"
            else fnmatch.fnmatch(text.lower(), pattern.lower())
        )
    if isinstance(value, float):
        try:
            return COMPARE[compare](value, float(asked))
        except ValueError:
            raise ProtocolError(
                "INVALID_PARAMETER_VALUE", f"{asked[:40]!r} is no number to compare with."
            ) from None
    if compare not in ("=", "!="):
        raise ProtocolError(
            "INVALID_PARAMETER_VALUE", f"Words are compared by = != LIKE ILIKE IN, not by {compare}."
        )
    return (value == asked) == (compare == "=")


def _bare(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"`" else text
