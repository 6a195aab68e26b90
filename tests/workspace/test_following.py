"""Runs that others do, in a workspace: shown as they go, kept by the journal, and never acted upon."""

import json
import time

import pytest

from vapor_core import catalog
from vapor_core.backends.followed.tracking import Point, tracked_run
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import ForbiddenTransition, InvalidConfig, InvalidUpload
from vapor_core.workspace.store import Store

NOW = time.time()


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The server's folder of runs, and where tracked ones are kept."""
    monkeypatch.setenv("VAPOR_FOLLOW", str(tmp_path / "runs"))
    monkeypatch.setenv("VAPOR_RUNS", str(tmp_path / "kept"))
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


def write(root, steps, name="log.jsonl", planned=None):
    rows = [{"step": step, "loss": 3 - step / 100, "max_steps": planned} for step in steps]
    with (root / name).open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def mtime(root, name="log.jsonl"):
    return (root / name).stat().st_mtime


def test_a_followed_run_grows_as_its_log_does(root):
    write(root, range(10, 60, 10))
    store = Store()
    job = store.follow("log.jsonl", now=mtime(root))
    assert (job.status, job.step, job.name) == ("running", 50, "log.jsonl")
    assert len(store.metrics(job.id)) == 5
    write(root, [60])
    store.advance(now=mtime(root) + 1)
    assert store.job(job.id).step == 60
    assert store.metrics(job.id).frame()["loss"].tolist()[-1] == pytest.approx(2.4)


def test_a_late_evaluation_changes_the_row_that_was_shown_already(root):
    write(root, [10, 20])
    store = Store()
    job = store.follow("log.jsonl", now=mtime(root))
    assert store.metrics(job.id).frame()["eval_loss"].isna().all()
    with (root / "log.jsonl").open("a") as file:
        file.write(json.dumps({"step": 10, "eval_loss": 2.5}) + "\n")
    store.advance(now=mtime(root) + 1)
    frame = store.metrics(job.id).frame()
    assert frame["step"].tolist() == [10, 20]
    assert frame["eval_loss"].tolist()[0] == 2.5


def test_a_restarted_server_follows_on_without_a_gap(root, tmp_path):
    write(root, [10, 20])
    place = tmp_path / "work.db"
    first = Store.open(place)
    job = first.follow("log.jsonl", now=mtime(root))
    first.close()
    write(root, [30])
    again = Store.open(place)
    again.advance(now=mtime(root) + 1)
    assert again.metrics(job.id).frame()["step"].tolist() == [10, 20, 30]
    again.close()


def test_silence_is_told_and_ends_with_the_next_word(root):
    write(root, [10, 20])
    store = Store()
    job = store.follow("log.jsonl", now=mtime(root))
    store.advance(now=mtime(root) + 3600)
    lost = store.job(job.id)
    assert lost.status == "lost"
    assert "Nothing was heard of this run for 60 minutes" in lost.failure.sentence
    write(root, [30])
    store.advance(now=mtime(root) + 3601)
    # the file's own time is what counts, and that is of now
    assert Store(store.journal).job(job.id).step == 30


def test_a_run_is_completed_at_the_steps_that_it_was_to_take(root):
    write(root, [10, 20], planned=30)
    store = Store()
    job = store.follow("log.jsonl", now=mtime(root))
    assert (job.status, job.total_steps) == ("running", 30)
    write(root, [30], planned=30)
    store.advance(now=mtime(root) + 1)
    assert store.job(job.id).status == "completed"


def test_nothing_is_done_to_a_followed_run(root):
    write(root, [10])
    store = Store()
    job = store.follow("log.jsonl", now=mtime(root))
    for act in (store.pause, store.stop):
        with pytest.raises(ForbiddenTransition):
            act(job.id, now=mtime(root))
    with pytest.raises(ForbiddenTransition, match=r"follows log\.jsonl already"):
        store.follow("log.jsonl", now=mtime(root))
    store.delete(job.id, now=mtime(root))
    assert not store.jobs()
    store.restore(job.id, now=mtime(root))
    assert store.job(job.id).status == "running"


def test_a_place_that_is_gone_leaves_the_workspace_whole(root):
    write(root, [10])
    store = Store()
    job = store.follow("log.jsonl", now=mtime(root))
    (root / "log.jsonl").unlink()
    again = Store(store.journal)
    assert again.job(job.id).status == "lost"
    assert "here is no log.jsonl" in again.job(job.id).failure.sentence
    with pytest.raises(InvalidUpload):
        store.follow("gone", now=NOW)


def test_what_a_followed_run_costs_and_took_is_not_made_up(root):
    write(root, [10])
    store = Store()
    job = store.follow("log.jsonl", now=mtime(root))
    able = store.abilities(job.id)
    assert not able.has_cost and not able.has_config and not able.can_clone
    assert job.cost_usd == 0
    assert store.summary().tokens == 0


def test_a_run_whose_parameters_are_understood_has_a_configuration(root):
    run = tracked_run("default", "a" * 32)
    run.create("0", "mine", int(NOW * 1000), {})
    store = Store()
    job = store.track(run.run_id, "mine", now=NOW)
    assert job.status == "running"
    config = JobConfig(model=catalog.model("gpt2"), learning_rate=3e-4)
    assert store.describe(job.id, config, now=NOW).config.learning_rate == 3e-4
    assert store.abilities(job.id).has_config and store.abilities(job.id).can_clone
    simulated = store.submit(config, now=NOW)
    with pytest.raises(InvalidConfig, match="no run that is followed"):
        store.describe(simulated.id, config, now=NOW)


def points(steps, key="loss"):
    return [Point(key, 3 - step / 100, int(NOW * 1000) + step * 1000, step) for step in steps]


def test_points_that_are_told_twice_count_once(root):
    run = tracked_run("default", "b" * 32)
    run.create("0", "mine", int(NOW * 1000), {})
    run.tell(points=points(range(5)))
    run.tell(points=points(range(3, 8)))
    again = tracked_run("default", "b" * 32)
    again.look()
    assert [point.step for point in again.points("loss")] == list(range(8))
    assert run.path.read_text().count('"loss"') == 8


def test_two_processes_that_log_to_one_run_lose_nothing(root):
    one, two = tracked_run("default", "c" * 32), tracked_run("default", "c" * 32)
    one.create("0", "mine", int(NOW * 1000), {})
    for step in range(0, 20, 2):
        one.tell(points=points([step]))
        two.tell(points=points([step, step + 1]))
    one.look()
    assert sorted(point.step for point in one.points("loss")) == list(range(20))


def test_a_torn_line_of_a_killed_server_is_no_loss_of_what_follows(root):
    run = tracked_run("default", "d" * 32)
    run.create("0", "mine", int(NOW * 1000), {})
    run.tell(points=points([1]))
    with run.path.open("ab") as file:
        file.write(b'{"points": [["loss", 2.')
    after = tracked_run("default", "d" * 32)
    after.tell(points=points([2]))
    last = tracked_run("default", "d" * 32)
    last.look()
    assert [point.step for point in last.points("loss")] == [1, 2]
