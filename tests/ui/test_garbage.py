"""What is set aside from the collector must not stay when it dies."""

import gc
import weakref

import pytest
import streamlit as st

from vapor_ui.shell import garbage


class Node:
    """Part of a ring, which only the collector can free."""

    def __init__(self):
        self.ring = self


@pytest.fixture(autouse=True)
def session(monkeypatch):
    monkeypatch.setattr(st, "session_state", {})
    yield
    gc.unfreeze()


def looked_at(thing):
    return any(each is thing for each in gc.get_objects())


@pytest.mark.slow
def test_a_page_is_settled_once_a_session():
    garbage.settle("Home.py")
    node = Node()
    garbage.settle("Home.py")
    assert looked_at(node)
    garbage.settle("pages/2_Monitor.py")
    assert not looked_at(node)


@pytest.mark.slow
def test_what_died_in_a_ring_is_freed_before_long():
    node = Node()
    garbage.settle("Home.py")
    seen = weakref.ref(node)
    del node
    gc.collect()
    assert seen() is not None
    for number in range(garbage.WHOLE):
        garbage.settle(f"page {number}")
    assert seen() is None
