"""What tests share: hypothesis without a clock, for machines whose speed varies, and a database of their own."""

import pytest
from hypothesis import HealthCheck, settings

from tests import postgres

settings.register_profile(
    "vapor", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50
)
settings.load_profile("vapor")


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
