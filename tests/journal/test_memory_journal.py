"""The journal in memory is safe for threads, as the one on disk is."""

import threading

import pytest

from vapor_core.errors import JournalError
from vapor_core.journal import memory as module
from vapor_core.journal.journal import JournalConflict
from vapor_core.journal.memory import MemoryJournal
from vapor_core.journal.other_events import SpeedSet
from vapor_core.journal.sql import open_journal
from vapor_core.workspace.store import Store


def test_two_threads_that_know_the_same_last_entry_never_both_write_the_next(monkeypatch):
    journal, both = MemoryJournal(), threading.Barrier(2)
    encode, conflicts = module.encode, []

    def together(event):
        both.wait(timeout=10)
        return encode(event)

    def act(speed):
        try:
            journal.append("default", 0, 1.0, SpeedSet(speed=speed))
        except JournalConflict:
            conflicts.append(speed)

    monkeypatch.setattr(module, "encode", together)
    threads = [threading.Thread(target=act, args=(speed,)) for speed in (1.0, 2.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(journal.read("default")) == 1 and len(conflicts) == 1


def test_a_workspace_in_memory_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = Store.open(":memory:")
    store.set_speed(2.0, now=0.0)
    assert not list(tmp_path.iterdir())
    with pytest.raises(JournalError, match="no file"):
        open_journal(":memory:")
    assert not list(tmp_path.iterdir())
