"""The table of what Vapor went through keeps what other commands wrote, and has the last word of each."""

from collections import Counter

from benchmarks import kill_training
from benchmarks.endurance import Ordeal, record
from vapor_core import JobConfig, Store
from vapor_core.backends.local import jobs


def lines(document):
    return [line for line in document.read_text().splitlines() if "<!--" in line]


def test_a_command_writes_its_own_rows_and_leaves_the_others(tmp_path):
    document = tmp_path / "endurance.md"
    rot = Ordeal("rot", "A byte is flipped", "make rot", "3 silent", "0 silent", False)
    kill = Ordeal("kill", "Killed", "make kill", "0 losses", "0 losses", True)
    record(rot, document=document)
    record(kill, document=document)
    assert [line.split(" | ")[0] for line in lines(document)] == ["| Killed", "| A byte is flipped"]
    again = Ordeal("rot", "A byte is flipped", "make rot", "0 silent | none", "0 silent", True)
    record(again, document=document)
    assert len(lines(document)) == 2
    assert "missed" not in document.read_text()
    assert "0 silent / none" in lines(document)[1]


def test_two_attempts_that_ran_at_once_are_seen(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"attempt": 1, "event": "start"}\n{"attempt": 1}\n\n{"attempt": 2}\n{"att')
    assert not kill_training._overlaps(path)
    path.write_text('{"attempt": 1}\n{"attempt": 2}\n{"attempt": 1}\n')
    assert kill_training._overlaps(path)


def test_an_acknowledged_action_that_is_not_there_and_a_step_that_is_missing_are_seen(tmp_path, monkeypatch):
    monkeypatch.setenv("VAPOR_RUNS", str(tmp_path))
    monkeypatch.setenv("VAPOR_BACKENDS", "local")
    monkeypatch.setattr(jobs, "NEEDED", ())
    monkeypatch.setattr(jobs.LocalJobs, "_supervise", lambda self, run: None)
    store = Store()
    job = store.submit(JobConfig(model="gpt2", max_steps=5, backend="local"), now=1.0)
    metrics = tmp_path / store.workspace / job.id / "metrics.jsonl"
    metrics.write_text('{"attempt": 1, "event": "log", "step": 1, "loss": 1.0, "elapsed_s": 1.0}\n')
    store.advance(now=2.0)
    found = kill_training.Found()
    kill_training._compare(store, Counter({f"submit {job.id}": 1, f"pause {job.id}": 1}), found)
    assert found.lost == [f"pause {job.id}"]
    assert found.gaps == [f"{job.id} has 1 of {kill_training.STEPS} steps"]
    assert not found.twice
