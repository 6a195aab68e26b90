"""Jobs wait for their machine in a line that can be changed; and a person's own data go with a run."""

import json
import os
import time
from pathlib import Path

import pytest

from tests.backends.local.running import config, opened, run_of, until, until_true
from vapor_core import Store
from vapor_core.backends.local import own_data
from vapor_core.backends.local.place import LocalPlace
from vapor_core.contracts.entries import Dataset
from vapor_core.errors import BackendRefused

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("machine")]


def test_one_job_at_a_time_and_the_others_in_line(machine):
    store = opened(machine)
    first, second = (store.submit(config(60), now=time.time()) for _ in range(2))
    until(store, first.id, "running", step=5)
    assert store.job(second.id).status == "queued"
    until(store, first.id, "completed")
    until(store, second.id, "completed")
    began = [event.wall_s for event in store.events(second.id) if event.kind == "started"]
    assert began[0] >= max(event.wall_s for event in store.events(first.id))


def test_who_waits_knows_how_many_run_before_and_may_go_first(machine):
    store = opened(machine)
    first, second, third = (store.submit(config(30), now=time.time()) for _ in range(3))
    until(store, first.id, "running", step=2)
    until_true(lambda: LocalPlace().ahead(store.workspace, third.id) == 1)
    assert LocalPlace().ahead(store.workspace, second.id) == 0
    assert LocalPlace().ahead(store.workspace, first.id) is None
    LocalPlace().run_next(store.workspace, third.id)
    LocalPlace().run_next(store.workspace, first.id)  # which runs already
    assert LocalPlace().ahead(store.workspace, second.id) == 1
    until(store, third.id, "running", "completed")
    assert store.job(second.id).status == "queued"
    until(store, second.id, "completed")


def test_a_job_that_is_stopped_in_line_never_runs(machine):
    store = opened(machine)
    first, second = (store.submit(config(200), now=time.time()) for _ in range(2))
    until(store, first.id, "running", step=1)
    store.stop(second.id, now=time.time())
    until(store, second.id, "stopped")
    store.stop(first.id, now=time.time())
    until(store, first.id, "stopped")
    assert run_of(store, second.id).attempt() is None


OWN = Dataset(id="own/notes", name="notes", kind="own", tokens=10_000, examples=2)


def test_a_persons_own_file_is_trained_on_from_the_runs_own_copy(machine):
    store = opened(machine)
    own = config(5, dataset=OWN)
    with pytest.raises(BackendRefused, match="upload it again"):
        store.submit(own, now=time.time())
    LocalPlace().keep_data(store.workspace, OWN, [{"text": "one"}, {"text": "zwei \ud800"}])
    job = store.submit(own, now=time.time())
    until(store, job.id, "completed")
    run = run_of(store, job.id)
    given = json.loads((run.path / "spec.json").read_text())["data"]
    assert given["source"] == "file"
    rows = [json.loads(line)["text"] for line in Path(given["name"]).read_text().splitlines()]
    assert rows[0] == "one"
    assert Path(given["name"]).parent == run.path
    with pytest.raises(BackendRefused):
        store.submit(
            own.changed(dataset=OWN.changed(tokens=20_000)), now=time.time()
        )  # another file of that name
    other = Store.open(machine / "work.db", "another")
    with pytest.raises(BackendRefused):  # and nobody else's workspace has it
        other.submit(own, now=time.time())


def test_kept_data_are_bounded_and_the_oldest_give_way(machine, monkeypatch):
    monkeypatch.setattr(own_data, "MOST_BYTES", 2500)
    made = [OWN.changed(tokens=1000 + number) for number in range(4)]
    for number, each in enumerate(made):
        own_data.keep("w", each, [{"text": "x" * 985}])
        os.utime(own_data.kept("w", each), (number, number))
    assert [own_data.kept("w", each) is not None for each in made] == [False, False, True, True]
