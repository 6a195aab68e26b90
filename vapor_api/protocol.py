"""MLflow's tracking protocol as values: its errors, its limits, and how runs and experiments are written in JSON.

Of the protocol's REST form, version 2.0 (its documentation names the fields). What Vapor has none of, artifacts, a
model registry, traces, has the protocol's own error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite, isnan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vapor_core.backends.followed.tracking import Point, TrackedRun

STATUS = {
    "RESOURCE_DOES_NOT_EXIST": 404,
    "ENDPOINT_NOT_FOUND": 404,
    "RESOURCE_ALREADY_EXISTS": 400,
    "INVALID_PARAMETER_VALUE": 400,
    "INVALID_STATE": 400,
    "BAD_REQUEST": 400,
    "UNAUTHENTICATED": 401,
    "REQUEST_LIMIT_EXCEEDED": 429,
    "RESOURCE_EXHAUSTED": 400,  # a client that is told 429 tries again for minutes
    "NOT_IMPLEMENTED": 501,
    "TEMPORARILY_UNAVAILABLE": 503,
}
LONGEST_KEY, LONGEST_PARAM, LONGEST_TAG = 250, 6_000, 8_000  # letters, as the protocol bounds them
MOST_METRICS, MOST_PARAMS, MOST_TAGS = 1_000, 100, 100  # in a batch
MOST_RESULTS = 50_000  # of a search


@dataclass(slots=True)
class Experiment:
    """A name that runs are sorted under."""

    id: str
    name: str
    created_ms: int = 0
    deleted: bool = False
    tags: dict[str, str] = field(default_factory=dict)


class ProtocolError(Exception):
    """What a client is told: a code of the protocol and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message

    @property
    def status(self) -> int:
        """Of HTTP."""
        return STATUS[self.code]


def text(fields: Mapping[str, object], name: str, longest: int = LONGEST_TAG) -> str:
    """A field that a request needs."""
    value = fields.get(name)
    if value is None or value == "":
        raise ProtocolError("INVALID_PARAMETER_VALUE", f"Missing value for required parameter '{name}'.")
    found = str(value)
    if len(found) > longest:
        raise ProtocolError(
            "INVALID_PARAMETER_VALUE", f"'{name}' has {len(found):,} letters; at most {longest:,} are kept."
        )
    return found


def whole(fields: Mapping[str, object], name: str, default: int) -> int:
    """A field that is a whole number."""
    value = fields.get(name)
    if value is None:
        return default
    try:
        return int(str(value))
    except ValueError:
        raise ProtocolError(
            "INVALID_PARAMETER_VALUE", f"'{name}' should be a whole number, not {str(value)[:40]!r}."
        ) from None


def number(fields: Mapping[str, object], name: str) -> float:
    """A field that is a number; one that is no number comes as a word."""
    value = fields.get(name)
    try:
        return float(str(value))
    except ValueError:
        raise ProtocolError(
            "INVALID_PARAMETER_VALUE", f"'{name}' should be a number, not {str(value)[:40]!r}."
        ) from None


def listed(fields: Mapping[str, object], name: str, most: int) -> list[Mapping[str, object]]:
    """A field that is a list of objects, of at most so many."""
    value = fields.get(name) or []
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise ProtocolError("INVALID_PARAMETER_VALUE", f"'{name}' should be a list of objects.")
    if len(value) > most:
        raise ProtocolError(
            "INVALID_PARAMETER_VALUE", f"'{name}' has {len(value):,} entries; at most {most:,}."
        )
    return value


def pairs(fields: Mapping[str, object], name: str, most: int, longest: int) -> dict[str, str]:
    """A field that is a list of keys with values."""
    found: dict[str, str] = {}
    for each in listed(fields, name, most):
        found[text(each, "key", LONGEST_KEY)] = str(each.get("value", ""))[:longest]
    return found


def run_json(run: TrackedRun) -> dict[str, object]:
    """A run as the protocol writes it."""
    return {
        "info": run_info(run),
        "data": {
            "metrics": [metric_json(point) for point in run.latest()],
            "params": [{"key": key, "value": value} for key, value in run.params.items()],
            "tags": [{"key": key, "value": value} for key, value in run.tags.items()],
        },
        "inputs": {"dataset_inputs": []},
    }


def run_info(run: TrackedRun) -> dict[str, object]:
    """What a run is called and how it stands."""
    found: dict[str, object] = {
        "run_id": run.run_id,
        "run_uuid": run.run_id,
        "run_name": run.name,
        "experiment_id": run.experiment_id,
        "user_id": run.tags.get("mlflow.user", ""),
        "status": run.status,
        "start_time": run.start_ms,
        "artifact_uri": f"mlflow-artifacts:/{run.experiment_id}/{run.run_id}/artifacts",
        "lifecycle_stage": "deleted" if run.deleted else "active",
    }
    return found if run.end_ms is None else {**found, "end_time": run.end_ms}


def metric_json(point: Point) -> dict[str, object]:
    """A metric's value; one that is no number is a word, since JSON has no sign for it."""
    value = point.value
    told = value if isfinite(value) else "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return {"key": point.key, "value": told, "timestamp": point.at_ms, "step": point.step}


def experiment_json(experiment: Experiment) -> dict[str, object]:
    """An experiment as the protocol writes it."""
    return {
        "experiment_id": experiment.id,
        "name": experiment.name,
        "artifact_location": f"mlflow-artifacts:/{experiment.id}",
        "lifecycle_stage": "deleted" if experiment.deleted else "active",
        "creation_time": experiment.created_ms,
        "last_update_time": experiment.created_ms,
        "tags": [{"key": key, "value": value} for key, value in experiment.tags.items()],
    }
