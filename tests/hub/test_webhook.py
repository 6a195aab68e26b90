"""Webhooks go where they are sent and nowhere else, and a page never waits for one."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from vapor_core.errors import InvalidConfig
from vapor_core.hub import webhook


@contextmanager
def listening(status=200, location="", wait_s=0.0):
    """A server on loopback that answers so, and what it was told."""
    heard = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.path, dict(self.headers), json.loads(body)))
            time.sleep(wait_s)
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", heard
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def private_allowed(monkeypatch):
    monkeypatch.setenv("VAPOR_WEBHOOKS_PRIVATE", "yes")


MESSAGE = webhook.message(
    "Spike", {"id": "job-1", "name": "mine", "status": "running", "step": 7}, "Up by 3.", 7
)


def test_it_is_json_that_slack_understands_too(private_allowed):
    with listening() as (root, heard):
        assert webhook.told(f"{root}/services/T1?x=1", MESSAGE) == ""
    ((path, headers, told),) = heard
    assert path == "/services/T1?x=1"
    assert headers["Content-Type"] == "application/json"
    assert told["text"] == "mine: Up by 3. (rule Spike, step 7)"
    assert (told["rule"], told["job"]["id"], told["step"]) == ("Spike", "job-1", 7)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "http://127.0.0.1:9/",
            "http://localhost:9/",
            "http://[::1]:9/",
            "http://0.0.0.0:9/",
            "http://10.0.0.1/",
        ),
        *(
            "http://192.168.1.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://[::ffff:127.0.0.1]:9/",
            "http://2130706433/",
        ),
    ],
)
def test_addresses_of_this_machine_and_its_network_are_not_told(address, monkeypatch):
    monkeypatch.delenv("VAPOR_WEBHOOKS_PRIVATE", raising=False)
    assert "VAPOR_WEBHOOKS_PRIVATE=yes allows those" in webhook.told(address, MESSAGE)


def test_a_name_that_leads_here_is_seen_by_where_it_leads(monkeypatch):
    monkeypatch.delenv("VAPOR_WEBHOOKS_PRIVATE", raising=False)
    found = [(2, 1, 6, "", ("127.0.0.1", 80))]
    monkeypatch.setattr(webhook.socket, "getaddrinfo", lambda *_, **__: found)
    assert "of this machine or its network" in webhook.told("http://innocent.example/", MESSAGE)


def test_a_redirect_is_not_followed(private_allowed):
    with listening() as (inner, heard), listening(302, inner) as (root, _):
        assert webhook.told(root, MESSAGE).endswith("answered 302")
    assert not heard


@pytest.mark.parametrize(
    "address", ["ftp://a.example/", "https:///x", "https://u:p@a.example/", "x", "http://a:b/"]
)
def test_what_is_no_address_is_refused_when_the_rule_is_made(address):
    with pytest.raises(InvalidConfig):
        webhook.checked(address)
    assert webhook.told(address, MESSAGE)


def test_one_that_answers_badly_is_tried_again_and_the_page_waits_for_none(
    private_allowed, monkeypatch, caplog
):
    monkeypatch.setattr(webhook, "PAUSE_S", 0.01)
    with listening(500, wait_s=0.05) as (root, heard):
        messenger, began = webhook.Messenger(), time.monotonic()
        messenger.send(f"{root}/secret-path", MESSAGE)
        assert time.monotonic() - began < 0.05
        until = time.monotonic() + 10
        while not messenger.troubles and time.monotonic() < until:
            time.sleep(0.01)
    assert len(heard) == webhook.TRIES
    assert messenger.troubles == ["127.0.0.1 answered 500"]
    assert "secret-path" not in caplog.text


def test_nobody_there_is_a_sentence(private_allowed):
    assert "did not take it" in webhook.told("http://127.0.0.1:1/", MESSAGE)
