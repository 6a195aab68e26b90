"""Points of real runs come back as they were, on every kind of database."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vapor_core.errors import JournalError
from vapor_core.journal.journal import JournalConflict
from vapor_core.journal.memory import MemoryJournal
from vapor_core.journal.metric_blocks import MOST_VALUES, MetricBlock, joined, packed, unpacked
from vapor_core.journal.sql import open_journal


def steps(start, stop, value=0.5):
    return {"step": np.arange(start, stop, dtype=float), "loss": np.full(stop - start, value)}


@pytest.fixture
def journal(database):
    opened = open_journal(database)
    yield opened
    opened.close()


@given(st.lists(st.floats(width=64), min_size=1, max_size=50))
def test_every_float_comes_back_bit_by_bit(values):
    array = np.array(values)
    again = unpacked(*packed({"loss": array}), "here")["loss"]
    assert again.tobytes() == array.tobytes()


def test_points_come_back_as_they_were(journal):
    first = steps(0, 100) | {"loss": np.where(np.arange(100) % 7, np.pi, np.nan)}
    assert journal.append_metrics("default", "job-1", 0, first) == 1
    assert journal.append_metrics("default", "job-1", 1, steps(100, 150)) == 2
    blocks = journal.metric_blocks("default", "job-1")
    assert [block.number for block in blocks] == [1, 2]
    assert list(blocks[0].columns) == ["step", "loss"]
    assert blocks[0].columns["loss"].tobytes() == first["loss"].tobytes()
    assert journal.metric_blocks("default", "job-1", after=1)[0].number == 2
    assert journal.metric_blocks("default", "job-2") == journal.metric_blocks("mine", "job-1") == ()


def test_two_who_keep_the_same_points_keep_them_once(journal):
    journal.append_metrics("default", "job-1", 0, steps(0, 10))
    with pytest.raises(JournalConflict):
        journal.append_metrics("default", "job-1", 0, steps(0, 10))
    assert len(joined(journal.metric_blocks("default", "job-1"))["step"]) == 10


def test_memory_keeps_points_as_a_database_does():
    journal = MemoryJournal()
    journal.append_metrics("default", "job-1", 0, steps(0, 10))
    with pytest.raises(JournalConflict):
        journal.append_metrics("default", "job-1", 0, steps(0, 10))
    assert journal.metric_blocks("default", "job-1")[0].columns["step"].tolist() == list(range(10))


def test_a_resumed_run_replaces_what_it_did_again():
    blocks = [
        MetricBlock(1, steps(0, 10, 1.0)),
        MetricBlock(2, steps(10, 20, 2.0)),
        MetricBlock(3, steps(5, 12, 3.0)),
    ]
    again = joined(blocks)
    assert again["step"].tolist() == list(range(12))
    assert again["loss"].tolist() == [1.0] * 5 + [3.0] * 7


def test_a_column_that_came_later_is_missing_before():
    later = steps(3, 5) | {"eval_loss": np.array([1.0, 2.0])}
    again = joined([MetricBlock(1, steps(0, 3)), MetricBlock(2, later)])
    assert np.isnan(again["eval_loss"][:3]).all() and again["eval_loss"][3:].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"step": np.zeros(2), "loss": np.zeros(3)},
        {"step": np.zeros((2, 2))},
        {"step": np.zeros(MOST_VALUES + 1)},
    ],
    ids=["none", "uneven", "square", "large"],
)
def test_what_is_no_block_is_refused(columns):
    with pytest.raises(JournalError):
        packed(columns)


def test_a_damaged_block_is_named():
    rows, names, body = packed(steps(0, 3))
    with pytest.raises(JournalError, match="block 7 is damaged"):
        unpacked(rows, names, body[:-1], "block 7")
