"""The same work by trackio, MLflow and TensorBoard, each by its best public call; prints one line of JSON.

Runs in an environment of its own, without Vapor; what is not installed is left out.
"""

import contextlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, time

import numpy as np

STEPS = 20_000
NAMES = ("loss", "grad_norm", "tokens_per_second", "learning_rate")
VALUES = np.random.default_rng(0).standard_normal((STEPS, len(NAMES)))


def timed_s(action: Callable[[], object]) -> float:
    began = perf_counter()
    action()
    return perf_counter() - began


def figures(ingest: Callable[[], object], view: Callable[[], object]) -> dict[str, float]:
    ingest_s = timed_s(ingest)
    return {
        "ingest_values_per_s": VALUES.size / ingest_s,
        "view_s": min(timed_s(view) for _ in range(5)),
    }


def trackio(folder: Path) -> dict[str, float]:
    os.environ["TRACKIO_DIR"] = str(folder)
    from trackio.sqlite_storage import SQLiteStorage  # noqa: PLC0415 - measured only where installed

    rows = [dict(zip(NAMES, row, strict=True)) for row in VALUES.tolist()]
    return figures(
        lambda: SQLiteStorage.bulk_log("bench", "run", rows, steps=list(range(STEPS))),
        lambda: SQLiteStorage.get_logs("bench", "run", max_points=1000),
    )


def mlflow(folder: Path) -> dict[str, float]:
    from mlflow.entities import Metric  # noqa: PLC0415 - measured only where installed
    from mlflow.tracking import MlflowClient  # noqa: PLC0415

    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    run = client.create_run(client.create_experiment("bench", artifact_location=str(folder))).info.run_id
    metrics = [
        Metric(name, value, int(time() * 1000), step)
        for step, row in enumerate(VALUES.tolist())
        for name, value in zip(NAMES, row, strict=True)
    ]

    def ingest() -> None:
        for first in range(0, len(metrics), 1000):  # the most that it takes at once
            client.log_batch(run, metrics[first : first + 1000])

    return figures(ingest, lambda: [client.get_metric_history(run, name) for name in NAMES])


def tensorboard(folder: Path) -> dict[str, float]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: PLC0415
    from tensorboard.compat.proto.event_pb2 import Event  # noqa: PLC0415
    from tensorboard.compat.proto.summary_pb2 import Summary  # noqa: PLC0415
    from tensorboard.summary.writer.event_file_writer import EventFileWriter  # noqa: PLC0415

    def ingest() -> None:
        writer = EventFileWriter(str(folder))
        for step, row in enumerate(VALUES.tolist()):
            values = [Summary.Value(tag=n, simple_value=v) for n, v in zip(NAMES, row, strict=True)]
            writer.add_event(Event(step=step, wall_time=time(), summary=Summary(value=values)))
        writer.close()

    def view() -> None:
        events = EventAccumulator(str(folder), size_guidance={"scalars": 1000})
        events.Reload()
        for name in NAMES:
            events.Scalars(name)

    return figures(ingest, view)


def main() -> None:
    found = {}
    asked = sys.argv[1:] or ["trackio", "mlflow", "tensorboard"]
    for name, peer in (("trackio", trackio), ("mlflow", mlflow), ("tensorboard", tensorboard)):
        if name not in asked:
            continue
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            try:
                found[name] = peer(Path(folder))
            except ImportError as error:
                print(f"{name} left out: {error}", file=sys.stderr)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
