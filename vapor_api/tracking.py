"""MLflow's tracking protocol, answered: any trainer that reports to MLflow shows as a live job of a workspace.

A run's file is written before its job is recorded, and before a client is told that anything is kept. What was told
twice counts once.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock, RLock
from typing import TYPE_CHECKING, TypeVar

from vapor_api.experiments import Experiments
from vapor_api.filters import asked_name, matching, ordered
from vapor_api.jobs_of_runs import JobsOfRuns
from vapor_api.protocol import (
    LONGEST_KEY,
    LONGEST_PARAM,
    LONGEST_TAG,
    MOST_METRICS,
    MOST_PARAMS,
    MOST_RESULTS,
    MOST_TAGS,
    ProtocolError,
    experiment_json,
    listed,
    metric_json,
    number,
    pairs,
    run_info,
    run_json,
    text,
    whole,
)
from vapor_core.backends.followed.tracking import Point, TrackedRun, tracked_run, tracked_runs
from vapor_core.errors import BackendRefused

if TYPE_CHECKING:
    from vapor_api.jobs_of_runs import ConfigOf
    from vapor_core.workspace.store import Store

T = TypeVar("T")
Fields = Mapping[str, object]
STATUSES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
KEEPS = "Vapor keeps metrics, parameters and tags"
KEPT_OPEN = 1_000  # runs whose points are held in memory


class Tracking:
    """One workspace's runs, for clients; safe for many threads.

    Args:
        store: the workspace, whose jobs they become.
        now: the clock, seconds since 1970.
        config_of: what a run's parameters describe.
    """

    def __init__(self, store: Store, now: Callable[[], float], config_of: ConfigOf) -> None:
        self._store, self._now = store, now
        self._experiments = Experiments(
            tracked_run(store.workspace, "x").path.parents[1] / "experiments.jsonl"
        )
        self._runs: OrderedDict[str, TrackedRun] = OrderedDict()
        self._locks: dict[str, RLock] = {}
        self._lock = Lock()
        self._jobs = JobsOfRuns(store, now, config_of)
        for run_id in tracked_runs(store.workspace):  # a server was killed before it recorded the job
            run = self._run(run_id)
            if not run.deleted:
                self._jobs.job_of(run)

    def answer(self, method: str, path: str, fields: Fields) -> dict[str, object]:
        """What a client asks for, by the path behind `mlflow/`.

        Raises:
            ProtocolError: what it is told instead.
        """
        known = ANSWERS.get((method, path))
        if known is None:
            lacks = NOT_KEPT.get(path.split("/", maxsplit=1)[0])
            if lacks is not None:
                raise ProtocolError("NOT_IMPLEMENTED", f"{KEEPS}, and no {lacks}; keep them elsewhere.")
            raise ProtocolError("ENDPOINT_NOT_FOUND", f"No API found for '{method} {path[:100]}'")
        try:
            return known(self, fields)
        except BackendRefused as error:
            raise ProtocolError("RESOURCE_EXHAUSTED", f"{error}.") from None

    # experiments

    def create_experiment(self, fields: Fields) -> dict[str, object]:
        """A new experiment's id."""
        tags = pairs(fields, "tags", MOST_TAGS, LONGEST_TAG)
        made = self._experiments.create(text(fields, "name", 500), tags, self._now_ms())
        return {"experiment_id": made.id}

    def get_experiment(self, fields: Fields) -> dict[str, object]:
        """An experiment by its id."""
        return {"experiment": experiment_json(self._experiments.get(text(fields, "experiment_id")))}

    def get_experiment_by_name(self, fields: Fields) -> dict[str, object]:
        """An experiment by its name."""
        name = text(fields, "experiment_name", 500)
        found = self._experiments.named(name)
        if found is None:
            raise ProtocolError("RESOURCE_DOES_NOT_EXIST", f"Could not find experiment with name '{name}'")
        return {"experiment": experiment_json(found)}

    def search_experiments(self, fields: Fields) -> dict[str, object]:
        """All experiments, or those that are (not) deleted."""
        wanted = str(fields.get("view_type") or "ACTIVE_ONLY")
        found = [
            each
            for each in self._experiments.all()
            if wanted == "ALL" or each.deleted == (wanted == "DELETED_ONLY")
        ]
        name = asked_name(str(fields.get("filter") or ""))
        if name is not None:
            found = [each for each in found if each.name == name]
        page, token = _page(found, fields, 1_000)
        return _with_token({"experiments": [experiment_json(each) for each in page]}, token)

    def update_experiment(self, fields: Fields) -> dict[str, object]:
        """Another name."""
        self._experiments.change(text(fields, "experiment_id"), name=text(fields, "new_name", 500))
        return {}

    def tag_experiment(self, fields: Fields) -> dict[str, object]:
        """A tag."""
        tags = {text(fields, "key", LONGEST_KEY): str(fields.get("value", ""))[:LONGEST_TAG]}
        self._experiments.change(text(fields, "experiment_id"), tags=tags)
        return {}

    def delete_experiment(self, fields: Fields) -> dict[str, object]:
        """It is out of sight."""
        self._experiments.change(text(fields, "experiment_id"), deleted=True)
        return {}

    def restore_experiment(self, fields: Fields) -> dict[str, object]:
        """It is back."""
        self._experiments.change(text(fields, "experiment_id"), deleted=False)
        return {}

    # runs

    def create_run(self, fields: Fields) -> dict[str, object]:
        """A new run, and a live job of it."""
        experiment = self._experiments.get(str(fields.get("experiment_id") or "0"))
        if experiment.deleted:
            raise ProtocolError(
                "INVALID_STATE", f"The experiment {experiment.id} is deleted; restore it first."
            )
        tags = pairs(fields, "tags", MOST_TAGS, LONGEST_TAG)
        run = tracked_run(self._store.workspace, uuid.uuid4().hex)
        name = str(fields.get("run_name") or tags.get("mlflow.runName") or f"run {run.run_id[:8]}")[:200]
        tags["mlflow.runName"] = name
        if fields.get("user_id"):
            tags.setdefault("mlflow.user", str(fields["user_id"])[:200])
        run.create(experiment.id, name, whole(fields, "start_time", self._now_ms()), tags)
        with self._lock:
            self._hold(run)
        self._jobs.job_of(run)
        return {"run": run_json(run)}

    def get_run(self, fields: Fields) -> dict[str, object]:
        """A run with its latest metrics."""
        return {"run": run_json(self._asked(fields))}

    def update_run(self, fields: Fields) -> dict[str, object]:
        """Another status or name."""
        run, status = self._asked(fields), fields.get("status")
        name = str(fields.get("run_name") or "")[:200]
        if status is not None and str(status) not in STATUSES:
            raise ProtocolError(
                "INVALID_PARAMETER_VALUE",
                f"status is one of {', '.join(STATUSES)}, not {str(status)[:40]!r}.",
            )
        end = fields.get("end_time")
        with self._alone(run.run_id):
            run.tell(
                status=None if status is None else str(status),
                end_ms=None if end is None else whole(fields, "end_time", 0),
                name=name or None,
                tags={"mlflow.runName": name} if name else None,
            )
        if status is not None:
            self._jobs.describe(run)
        if name:
            self._jobs.rename(run, name)
        return {"run_info": run_info(run)}

    def delete_run(self, fields: Fields) -> dict[str, object]:
        """It is out of sight, here and there."""
        run = self._asked(fields)
        run.tell(deleted=True)
        self._jobs.delete(run)
        return {}

    def restore_run(self, fields: Fields) -> dict[str, object]:
        """It is back."""
        run = self._asked(fields)
        run.tell(deleted=False)
        self._jobs.restore(run)
        return {}

    def search_runs(self, fields: Fields) -> dict[str, object]:
        """Runs of experiments, filtered and in order."""
        ids = fields.get("experiment_ids") or [fields.get("experiment_id") or "0"]
        wanted = {str(each) for each in ids} if isinstance(ids, list) else set()
        view = str(fields.get("run_view_type") or "ACTIVE_ONLY")
        runs = [self._run(run_id) for run_id in tracked_runs(self._store.workspace)]
        for run in runs:
            run.look()
        runs = [
            run
            for run in runs
            if run.experiment_id in wanted and (view == "ALL" or run.deleted == (view == "DELETED_ONLY"))
        ]
        orders = fields.get("order_by") or []
        found = ordered(
            matching(runs, str(fields.get("filter") or "")),
            [str(each) for each in orders] if isinstance(orders, list) else [],
        )
        page, token = _page(found, fields, 1_000)
        return _with_token({"runs": [run_json(run) for run in page]}, token)

    # what a run tells

    def log_metric(self, fields: Fields) -> dict[str, object]:
        """One value."""
        self._tell(self._asked(fields), points=[self._point(fields)])
        return {}

    def log_param(self, fields: Fields) -> dict[str, object]:
        """One parameter."""
        self._tell(
            self._asked(fields),
            params={text(fields, "key", LONGEST_KEY): str(fields.get("value", ""))[:LONGEST_PARAM]},
        )
        return {}

    def set_tag(self, fields: Fields) -> dict[str, object]:
        """One tag."""
        tags = {text(fields, "key", LONGEST_KEY): str(fields.get("value", ""))[:LONGEST_TAG]}
        self._tell(self._asked(fields), tags=tags)
        return {}

    def delete_tag(self, fields: Fields) -> dict[str, object]:
        """A tag less."""
        run, key = self._asked(fields), text(fields, "key", LONGEST_KEY)
        if key not in run.tags:
            raise ProtocolError(
                "RESOURCE_DOES_NOT_EXIST", f"No tag with name: {key} in run with id {run.run_id}"
            )
        run.tell(untagged=[key])
        return {}

    def log_batch(self, fields: Fields) -> dict[str, object]:
        """Many values, parameters and tags at once: all of them, or none."""
        run = self._asked(fields)
        points = [self._point(each) for each in listed(fields, "metrics", MOST_METRICS)]
        params = pairs(fields, "params", MOST_PARAMS, LONGEST_PARAM)
        tags = pairs(fields, "tags", MOST_TAGS, LONGEST_TAG)
        self._tell(run, points=points, params=params, tags=tags)
        return {}

    def log_nothing(self, fields: Fields) -> dict[str, object]:
        """What is known of data sets and models in a run: taken, and not kept."""
        self._asked(fields)
        return {}

    def metric_history(self, fields: Fields) -> dict[str, object]:
        """All values of a metric, in the order in which they were told."""
        run = self._asked(fields)
        page, token = _page(run.points(text(fields, "metric_key", LONGEST_KEY)), fields, 25_000)
        return _with_token({"metrics": [metric_json(point) for point in page]}, token)

    def _tell(
        self,
        run: TrackedRun,
        points: Iterable[Point] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        with self._alone(run.run_id):
            changed = next(
                (key for key, value in (params or {}).items() if run.params.get(key, value) != value), None
            )
            if changed is not None:
                raise ProtocolError(
                    "INVALID_PARAMETER_VALUE",
                    f"Changing param values is not allowed. Param with key='{changed}' was already logged with "
                    f"value='{run.params[changed][:100]}' for run ID='{run.run_id}'.",
                )
            points = list(points)
            run.tell(points=points, params=params, tags=tags)
        if points:
            self._jobs.describe(run)

    def _point(self, fields: Fields) -> Point:
        return Point(
            text(fields, "key", LONGEST_KEY),
            number(fields, "value"),
            whole(fields, "timestamp", self._now_ms()),
            whole(fields, "step", 0),
        )

    def _asked(self, fields: Fields) -> TrackedRun:
        run_id = fields.get("run_id") or fields.get("run_uuid")
        return self._run(text({"run_id": run_id}, "run_id", 64))

    def _run(self, run_id: str) -> TrackedRun:
        with self._lock:
            run = self._runs.get(run_id)
            if run is None:
                run = tracked_run(self._store.workspace, run_id)
                if not run.exists or run.run_id != run_id:
                    raise ProtocolError("RESOURCE_DOES_NOT_EXIST", f"Run with id={run_id[:64]} not found")
                self._hold(run)
        with self._alone(run_id):
            run.look()
        return run

    def _hold(self, run: TrackedRun) -> None:
        self._runs[run.run_id] = run
        self._locks.setdefault(run.run_id, RLock())
        self._runs.move_to_end(run.run_id)
        while len(self._runs) > KEPT_OPEN:
            self._runs.popitem(last=False)

    def _alone(self, run_id: str) -> RLock:
        return self._locks[run_id]

    def _now_ms(self) -> int:
        return int(self._now() * 1000)


def _page(found: Sequence[T], fields: Fields, usual: int) -> tuple[list[T], str]:
    """Some of what was found, and the token of the next page; "" where there is none."""
    most = min(max(whole(fields, "max_results", usual), 1), MOST_RESULTS)
    try:
        first = int(str(fields.get("page_token") or 0))
    except ValueError:
        raise ProtocolError(
            "INVALID_PARAMETER_VALUE", "Invalid page token; ask for the first page again."
        ) from None
    return list(found[first : first + most]), str(first + most) if first + most < len(found) else ""


def _with_token(answer: dict[str, object], token: str) -> dict[str, object]:
    return {**answer, "next_page_token": token} if token else answer


# What the protocol has and Vapor does not, by the first word of its path.
NOT_KEPT = {
    "artifacts": "artifacts",
    "registered-models": "model registry",
    "model-versions": "model registry",
    "logged-models": "models",
    "traces": "traces",
    "datasets": "data sets",
    "webhooks": "webhooks",
    "prompts": "prompts",
    "scorers": "scorers",
}
ANSWERS: dict[tuple[str, str], Callable[[Tracking, Fields], dict[str, object]]] = {
    ("POST", "experiments/create"): Tracking.create_experiment,
    ("GET", "experiments/get"): Tracking.get_experiment,
    ("GET", "experiments/get-by-name"): Tracking.get_experiment_by_name,
    ("POST", "experiments/search"): Tracking.search_experiments,
    ("GET", "experiments/search"): Tracking.search_experiments,
    ("POST", "experiments/update"): Tracking.update_experiment,
    ("POST", "experiments/set-experiment-tag"): Tracking.tag_experiment,
    ("POST", "experiments/delete"): Tracking.delete_experiment,
    ("POST", "experiments/restore"): Tracking.restore_experiment,
    ("POST", "runs/create"): Tracking.create_run,
    ("GET", "runs/get"): Tracking.get_run,
    ("POST", "runs/update"): Tracking.update_run,
    ("POST", "runs/delete"): Tracking.delete_run,
    ("POST", "runs/restore"): Tracking.restore_run,
    ("POST", "runs/search"): Tracking.search_runs,
    ("POST", "runs/log-metric"): Tracking.log_metric,
    ("POST", "runs/log-parameter"): Tracking.log_param,
    ("POST", "runs/set-tag"): Tracking.set_tag,
    ("POST", "runs/delete-tag"): Tracking.delete_tag,
    ("POST", "runs/log-batch"): Tracking.log_batch,
    ("POST", "runs/log-inputs"): Tracking.log_nothing,
    ("POST", "runs/outputs"): Tracking.log_nothing,
    ("POST", "runs/log-model"): Tracking.log_nothing,
    ("GET", "metrics/get-history"): Tracking.metric_history,
}
