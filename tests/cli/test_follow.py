"""`vapor follow`: a run's rows in a terminal."""

import json

from typer.testing import CliRunner

from vapor_cli import follow
from vapor_cli.main import app


def log(path, steps, planned=None):
    rows = [{"step": step, "loss": 3 - step / 10, "max_steps": planned} for step in steps]
    with path.open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def test_it_prints_what_is_there_and_ends(tmp_path):
    log(tmp_path / "log.jsonl", (1, 2, 3))
    said = CliRunner().invoke(app, ["follow", str(tmp_path), "--once"])
    assert said.exit_code == 0
    assert [line.split() for line in said.stdout.splitlines()] == [
        ["step", "loss"],
        ["1", "2.9000"],
        ["2", "2.8000"],
        ["3", "2.7000"],
    ]


def test_it_follows_until_the_run_has_ended(tmp_path, monkeypatch):
    path = tmp_path / "log.jsonl"
    log(path, (1,), planned=3)
    monkeypatch.setattr(follow.time, "sleep", lambda _: log(path, (2, 3), planned=3))
    said = CliRunner().invoke(app, ["follow", str(path), "--json"])
    assert said.exit_code == 0
    assert [json.loads(line)["step"] for line in said.stdout.splitlines()] == [1, 2, 3]


def test_a_run_that_failed_is_an_exit_code(tmp_path):
    lines = [
        {"event": "start", "attempt": 1, "at": 5.0, "step": 0, "total_steps": 3},
        {"event": "end", "attempt": 1, "at": 6.0, "reason": "failed", "message": "RuntimeError: no memory"},
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = CliRunner().invoke(app, ["follow", str(tmp_path)])
    assert (said.exit_code, said.stdout.strip()) == (1, "failed after 0 steps")


def test_what_is_no_log_is_one_line(tmp_path):
    for place in (tmp_path / "gone", tmp_path):
        said = CliRunner().invoke(app, ["follow", str(place)])
        assert said.exit_code == 2
        assert len(said.stderr.splitlines()) == 1
