"""The tracking routes on a real server on loopback, and a client that speaks the protocol in plain words."""

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

import pytest
import uvicorn
from starlette.applications import Starlette

from vapor_api.routes import routes
from vapor_core.journal.sql import open_journal
from vapor_core.sharing.tracking_tokens import TrackingTokens
from vapor_core.workspace.store import Store

WORKSPACE, TOKEN = "mine", "a-token-of-mine"


@dataclass
class Client:
    """Asks one server, by a token."""

    root: str
    token: str = TOKEN

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


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where the journal is; runs are kept beside it."""
    monkeypatch.setenv("VAPOR_RUNS", str(tmp_path / "runs"))
    return str(tmp_path / "work.db")


@pytest.fixture
def store(place):
    """The workspace that runs are logged into, as its page has it."""
    journal = open_journal(place)
    TrackingTokens(journal).make(WORKSPACE, TOKEN, now=time.time())
    yield Store(journal, WORKSPACE)
    journal.close()


@pytest.fixture
def server(store, place):
    """The routes, served; a function that serves them anew."""
    running = []

    def serve():
        journal = open_journal(place)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config = uvicorn.Config(
            Starlette(routes=routes(lambda: journal)), port=port, log_level="error", ws="none", lifespan="off"
        )
        one = uvicorn.Server(config)
        thread = threading.Thread(target=one.run, daemon=True)
        thread.start()
        until = time.monotonic() + 10
        while not one.started and time.monotonic() < until:
            time.sleep(0.01)
        running.append((one, thread, journal))
        return Client(f"http://127.0.0.1:{port}")

    yield serve
    for one, thread, journal in running:
        one.should_exit = True
        thread.join(10)
        journal.close()


@pytest.fixture
def client(server):
    """A client of one server."""
    return server()
