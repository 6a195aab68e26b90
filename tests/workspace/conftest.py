"""Workspaces in telling states: empty, with a finished job, with an endpoint that serves its result."""

import pytest
from small_jobs import SMALL

from vapor_core import Store


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def finished(store):
    """A store whose job-1 is completed, at 10,000 s."""
    store.submit(SMALL, now=0.0)
    store.advance(now=10_000.0)
    return store


@pytest.fixture
def serving(finished):
    """And whose deployment-1 has served it for an hour."""
    finished.deploy("job-1", now=10_000.0)
    finished.advance(now=13_600.0)
    return finished
