"""A thousand short runs in trackio's or MLflow's store, for their own pages to show; run by the peers' Python."""

import os
import sys
from pathlib import Path

RUNS = 1000
STEPS = 5


def trackio(folder: Path) -> None:
    os.environ["TRACKIO_DIR"] = str(folder)
    from trackio.sqlite_storage import SQLiteStorage  # noqa: PLC0415 - measured only where installed

    for number in range(RUNS):
        rows = [{"loss": 4.0 - 0.1 * step} for step in range(STEPS)]
        SQLiteStorage.bulk_log("bench", f"finished {number}", rows, steps=list(range(STEPS)))


def mlflow(folder: Path) -> None:
    from mlflow.tracking import MlflowClient  # noqa: PLC0415 - measured only where installed

    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.create_experiment("bench", artifact_location=str(folder))
    for number in range(RUNS):
        run = client.create_run(experiment, run_name=f"finished {number}").info.run_id
        client.log_metric(run, "loss", 4.0 - number / RUNS, step=STEPS)
        client.set_terminated(run)


if __name__ == "__main__":
    {"trackio": trackio, "mlflow": mlflow}[sys.argv[1]](Path(sys.argv[2]))
