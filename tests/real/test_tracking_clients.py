"""The clients that trainers really use: MLflow's own, and transformers' callback, with the address alone."""

import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from browser.app import free_port, wait_for

from vapor_core.backends.followed.tracking import tracked_run
from vapor_core.journal.sql import open_journal
from vapor_core.sharing.tracking_tokens import TrackingTokens
from vapor_core.workspace.store import Store

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(find_spec("mlflow") is None, reason="mlflow's client is not installed"),
]
ROOT = Path(__file__).parents[2]
CLIENT = """
import mlflow
mlflow.set_experiment("mine")
with mlflow.start_run(run_name="by mlflow") as run:
    mlflow.log_params({"lr": 0.1, "max_steps": 30})
    for step in range(30):
        mlflow.log_metrics({"loss": 3 - step / 20, "learning_rate": 1e-4}, step=step)
    mlflow.log_metric("eval_loss", float("nan"), step=29)
    mlflow.set_tag("team", "a")
client = mlflow.MlflowClient()
assert len(client.get_metric_history(run.info.run_id, "loss")) == 30
(found,) = client.search_runs([run.info.experiment_id], "metrics.loss < 2 and params.lr = '0.1'")
assert found.info.run_name == "by mlflow" and found.info.status == "FINISHED"
print(run.info.run_id)
"""
TRAINER = """
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments
import datasets
model = LlamaForCausalLM(LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                                     num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=64))
rows = [{"input_ids": list(range(at, at + 16)), "labels": list(range(at, at + 16))} for at in range(40)]
data = datasets.Dataset.from_list(rows)
arguments = TrainingArguments(output_dir="out", per_device_train_batch_size=4, num_train_epochs=3, logging_steps=5,
                              eval_strategy="steps", eval_steps=10, save_strategy="no", use_cpu=True,
                              report_to="mlflow", run_name="by transformers", learning_rate=1e-3)
Trainer(model=model, args=arguments, train_dataset=data, eval_dataset=data.select(range(8))).train()
"""


@pytest.fixture
def address(unpacked_once, tmp_path):
    """`vapor serve`, and the address of one workspace."""
    place, port = tmp_path / "work.db", free_port()
    journal = open_journal(place)
    TrackingTokens(journal).make("mine", "token", now=time.time())
    env = {**os.environ, "VAPOR_DATABASE_URL": str(place), "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    command = [
        sys.executable,
        "-c",
        "from vapor_cli.main import app; app()",
        "serve",
        "--port",
        str(port),
        "--headless",
    ]
    with (tmp_path / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT)  # noqa: S603
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
        yield f"http://127.0.0.1:{port}/track/token", Store(journal, "mine"), tmp_path / "server.log"
    finally:
        server.terminate()
        server.wait(10)
        journal.close()


def run(script, address, folder):
    env = {**os.environ, "MLFLOW_TRACKING_URI": address, "OMP_WAIT_POLICY": "passive", "HOME": str(folder)}
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_mlflows_own_client_logs_searches_and_reads_back(address, tmp_path):
    uri, store, log = address
    run_id = run(CLIENT, uri, tmp_path).strip().splitlines()[-1]
    store.advance(now=time.time())
    (job,) = store.jobs()
    assert (job.name, job.status, job.step) == ("by mlflow", "completed", 30)
    frame = store.metrics(job.id).frame()
    assert frame["loss"].tolist()[-1] == pytest.approx(1.55)
    kept = tracked_run("mine", run_id)
    kept.look()
    assert len(kept.points("loss")) == 30
    assert "Traceback" not in log.read_text()


def test_a_trainer_of_transformers_needs_the_address_and_nothing_else(address, tmp_path):
    uri, store, log = address
    run(TRAINER, uri, tmp_path)
    store.advance(now=time.time())
    (job,) = store.jobs()
    assert (job.name, job.status, job.step, job.total_steps) == ("by transformers", "completed", 30, 30)
    frame = store.metrics(job.id).frame()
    assert frame["step"].tolist() == [5, 10, 15, 20, 25, 30]
    assert frame["eval_loss"].notna().sum() == 3
    assert frame["loss"].iloc[-1] < frame["loss"].iloc[0]
    assert (job.config.method, job.config.learning_rate, job.config.micro_batch_size) == ("full", 1e-3, 4)
    assert "Traceback" not in log.read_text()
