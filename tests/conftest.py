"""What tests share: hypothesis without a clock, for machines whose speed varies, and a database of their own."""

import logging

import pytest
from hypothesis import HealthCheck, settings

from tests import postgres
from vapor_core.readers import edge

settings.register_profile(
    "vapor", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50
)
settings.load_profile("vapor")


class _Unforeseen(logging.Handler):
    """Counts what only the readers' edge caught."""

    def __init__(self) -> None:
        super().__init__()
        self.met: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.met.append(record)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """The edge turns a reader's own faults into sentences too; no test passes over one unless it is about the edge."""
    handler = _Unforeseen()
    edge.LOG.addHandler(handler)
    try:
        done = yield
    finally:
        edge.LOG.removeHandler(handler)
    if handler.met and item.get_closest_marker("edge") is None:
        first = handler.met[0]
        raise AssertionError(f"a reader fell: {first.getMessage()}") from (first.exc_info or (None, None))[1]
    return done


@pytest.fixture(scope="session")
def postgres_server():
    """A PostgreSQL server; a test that stops it starts it again."""
    if postgres.programs() is None:
        pytest.skip(postgres.NONE_HERE)
    with postgres.running_server() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request, tmp_path):
    """What `open_journal` takes: a path or a URL of an empty database, on each kind that Vapor keeps journals in."""
    if request.param == "sqlite":
        return str(tmp_path / "work.db")
    return request.getfixturevalue("postgres_server").database()
