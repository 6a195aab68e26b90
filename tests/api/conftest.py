"""The tracking routes on a real server on loopback, and a client that speaks the protocol in plain words."""

import json
import socket
import threading
import time
import urllib.error
import urllib.request
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette

from vapor_api.routes import routes
from vapor_core.journal.sql import open_journal
from vapor_core.sharing.tracking_tokens import TrackingTokens
from vapor_core.workspace.store import Store


@dataclass
class Client:
    """Asks one server, by a token."""

    root: str
    token: str | None

    def ask(self, method, path, fields=None, *, prefix="api/2.0/mlflow/", headers=None):
        """(status, answer)."""
        body = None if method == "GET" else json.dumps(fields or {}).encode()
        query = f"?{fields}" if method == "GET" and fields else ""
        address = f"{self.root}/track/{self.token}/{prefix}{path}{query}"
        if self.token is None:
            address = f"{self.root}/{prefix}{path}{query}"
        request = urllib.request.Request(address, body, headers or {}, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def post(self, path, **fields):
        status, answer = self.ask("POST", path, fields)
        assert status == 200, answer
        return answer

    def get(self, path, query=""):
        status, answer = self.ask("GET", path, query)
        assert status == 200, answer
        return answer

    def run(self, **fields):
        """A new run's id."""
        return self.post("runs/create", experiment_id="0", start_time=int(time.time() * 1000), **fields)[
            "run"
        ]["info"]["run_id"]


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """Where the journal of all these tests is; runs are kept beside it."""
    folder = tmp_path_factory.mktemp("tracking")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAPOR_RUNS", str(folder / "runs"))
        yield str(folder / "work.db")


@pytest.fixture(autouse=True)
def runs(place, monkeypatch):
    """Another test may have named another folder meanwhile."""
    monkeypatch.setenv("VAPOR_RUNS", str(Path(place).parent / "runs"))


@contextmanager
def serving(place):
    """The routes on a server of their own; its address."""
    journal = open_journal(place)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    app = Starlette(routes=routes(lambda: journal))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 10
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)
    journal.close()


@pytest.fixture(scope="session")
def root(place):
    """One server for all tests."""
    with serving(place) as address:
        yield address


@pytest.fixture
def store(place):
    """The workspace that a test's runs are logged into, as its page has it."""
    journal, workspace = open_journal(place), f"mine-{uuid.uuid4().hex}"
    TrackingTokens(journal).make(workspace, f"token-{workspace}", now=time.time())
    yield Store(journal, workspace)
    journal.close()


@pytest.fixture
def client(root, store):
    """A client of that workspace."""
    return Client(root, f"token-{store.workspace}")


@pytest.fixture
def another_server(place, store):
    """A client of the same workspace at a server that is started anew."""
    with serving(place) as address:
        yield Client(address, f"token-{store.workspace}")
