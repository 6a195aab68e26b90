"""A workspace and its journal: what could not be recorded did not happen, and others act on the same file."""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from small_jobs import SMALL

from vapor_core import Store
from vapor_core.errors import (
    ForbiddenTransition,
    JournalError,
    JournalFull,
)
from vapor_core.journal.events import Renamed
from vapor_core.journal.memory import MemoryJournal

ROOT = Path(__file__).parents[2]


class Failing(MemoryJournal):
    """Refuses to write while told so."""

    trouble: JournalError | None = None

    def append(self, workspace, after, at, event):
        if self.trouble:
            raise self.trouble
        return super().append(workspace, after, at, event)


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.submit(SMALL, now=101.0),
        lambda store: store.pause("job-1", now=101.0),
        lambda store: store.stop("job-1", now=101.0),
        lambda store: store.delete("job-1", now=101.0),
        lambda store: store.fork("job-1", step=1, changes={}, now=101.0),
        lambda store: store.set_speed(5.0, now=101.0),
    ],
)
def test_what_could_not_be_recorded_did_not_happen(act):
    journal = Failing()
    store, untouched = Store(journal), Store()
    for each in (store, untouched):
        each.submit(SMALL, now=0.0)
        each.advance(now=100.0)
    journal.trouble = JournalFull("there is no room")
    with pytest.raises(JournalFull):
        act(store)
    for each in (store, untouched):
        each.advance(now=300.0)
    assert store.jobs(include_deleted=True) == untouched.jobs()
    assert store.clock == untouched.clock
    journal.trouble = None
    act(store)
    assert len(journal.read("default")) == 2


def test_two_stores_on_one_file_see_each_other(tmp_path):
    first, second = (Store.open(tmp_path / "work.db") for _ in range(2))
    first.submit(SMALL, now=0.0)
    assert second.submit(SMALL, now=10.0).id == "job-2"
    first.advance(now=100.0)
    second.pause("job-1", now=120.0)
    first.advance(now=200.0)
    second.advance(now=200.0)
    assert first.job("job-1").status == "paused"
    assert first.jobs() == second.jobs()
    with pytest.raises(ForbiddenTransition, match="job-1 is paused"):
        first.pause("job-1", now=210.0)
    first.close()
    second.close()


def test_a_world_that_ran_ahead_of_anothers_action_follows_the_journal(tmp_path):
    ahead, behind = (Store.open(tmp_path / "work.db") for _ in range(2))
    ahead.submit(SMALL, now=0.0)
    ahead.advance(now=300.0)
    points = len(ahead.metrics("job-1").frame())
    behind.pause("job-1", now=100.0)
    behind.advance(now=300.0)
    ahead.advance(now=300.0)
    assert ahead.jobs() == behind.jobs()
    frame = ahead.metrics("job-1").frame()
    assert len(frame) < points
    assert frame.equals(behind.metrics("job-1").frame())
    ahead.close()
    behind.close()


def test_workspaces_of_one_file_are_strangers(tmp_path):
    mine = Store.open(tmp_path / "work.db", workspace="mine")
    yours = Store(mine.journal, workspace="yours")
    mine.submit(SMALL, now=0.0)
    yours.advance(now=5.0)
    assert yours.jobs() == ()
    mine.close()


def test_what_happened_before_it_was_opened_is_no_news(finished):
    again = Store(finished.journal)
    assert again.advance(now=10_000.0) == ()
    assert again.events() == finished.events()


WORLD = """
import sys
from hashlib import sha256
from vapor_core.workspace.store import Store
store = Store.open(sys.argv[1])
store.advance(now=5000.0)
told = repr((store.jobs(), store.summary(), store.clock))
print(sha256(told.encode()).hexdigest())
"""


@pytest.mark.slow
def test_a_large_workspace_opens_to_the_same_world_in_another_process(tmp_path):
    path = tmp_path / "work.db"
    store = Store.open(path)
    for seed in range(500):
        store.submit(SMALL.changed(seed=seed), now=float(seed))
    for number in range(500, 2000):
        renamed = Renamed(id=f"job-{number % 500 + 1}", name=f"name {number}")
        store.journal.append("default", number, 600.0, renamed)
    store.advance(now=5000.0)
    here = sha256(repr((store.jobs(), store.summary(), store.clock)).encode()).hexdigest()
    store.close()
    command = [sys.executable, "-c", WORLD, str(path)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    assert told.stdout.strip() == here


def test_a_store_tells_what_was_set_aside(tmp_path):
    (tmp_path / "work.db").write_bytes(b"words " * 1000)
    store = Store.open(tmp_path / "work.db")
    assert "corrupt" in store.notices[0]
    store.close()
