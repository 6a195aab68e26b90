"""Tell what a rule has found to an address that a person gave: JSON that Slack's incoming webhooks understand too.

An address may name any place, so it is looked up first and only public ones are spoken to, unless the server's owner
allows more; what was looked up is what is connected to, and a redirect is not followed.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import logging
import os
import socket
import ssl
import threading
from collections.abc import Mapping
from queue import Empty, Full, Queue
from urllib.parse import SplitResult, urlsplit

from vapor_core.errors import InvalidConfig

ALLOWED = "VAPOR_WEBHOOKS_PRIVATE"  # "yes" where addresses of this machine and its network may be told
TIMEOUT_S = 5.0
TRIES = 3
PAUSE_S = 1.0  # before it is tried again, and twice that before the next time
MOST_WAITING = 200
LOG = logging.getLogger(__name__)


def checked(url: str) -> SplitResult:
    """An address that may be told, as far as its words say.

    Raises:
        InvalidConfig: it is none, or has a name and password in it.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidConfig({"webhook": "a webhook is an address that begins with https:// or http://"})
    if parts.username is not None or parts.password is not None:
        raise InvalidConfig({"webhook": "a webhook has no name and password in its address"})
    return parts


def told(url: str, message: Mapping[str, object]) -> str:
    """Tell an address once; "" where it took it, else why not, in a sentence that names no secret."""
    try:
        parts = checked(url)
    except InvalidConfig as error:
        return str(error)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        place = _public(host, port)
    except OSError:
        return f"{host} cannot be found"
    if place is None:
        return f"{host} is an address of this machine or its network; {ALLOWED}=yes allows those"
    body = json.dumps(message).encode()
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    try:
        with socket.create_connection(place, timeout=TIMEOUT_S) as plain:
            connected = _secure(plain, host) if parts.scheme == "https" else plain
            connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
            connection.sock = connected
            connection.request(
                "POST", path, body, {"Content-Type": "application/json", "User-Agent": "vapor"}
            )
            status = connection.getresponse().status
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        return f"{host} did not take it ({type(error).__name__})"
    return "" if 200 <= status < 300 else f"{host} answered {status}"


class Messenger:
    """Tells addresses one after the other, in a thread of its own, each a few times; a page never waits for one."""

    def __init__(self) -> None:
        self._waiting: Queue[tuple[str, Mapping[str, object]]] = Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self.troubles: list[str] = []  # what could not be told, the last few

    def send(self, url: str, message: Mapping[str, object]) -> None:
        """Have it told; left out, with a line in the server's log, where too much waits."""
        try:
            self._waiting.put_nowait((url, message))
        except Full:
            LOG.warning("a webhook was left out: %d wait already", MOST_WAITING)
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="webhooks", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            try:
                url, message = self._waiting.get(timeout=TIMEOUT_S)
            except Empty:
                return
            self._tell(url, message)

    def _tell(self, url: str, message: Mapping[str, object]) -> None:
        trouble = ""
        for attempt in range(TRIES):
            trouble = told(url, message)
            if not trouble:
                return
            if attempt + 1 < TRIES:
                threading.Event().wait(PAUSE_S * 2**attempt)
        LOG.warning("a webhook could not be told: %s", trouble)
        self.troubles = [*self.troubles[-9:], trouble]


def message(rule: str, job: Mapping[str, object], sentence: str, step: int) -> dict[str, object]:
    """What is told: `text` for Slack and its like, the parts for programs."""
    return {
        "text": f"{job['name']}: {sentence} (rule {rule}, step {step:,})",
        "rule": rule,
        "job": dict(job),
        "step": step,
        "sentence": sentence,
    }


def _public(host: str, port: int) -> tuple[str, int] | None:
    """Where to connect to; None where that is no public place and the server allows no other."""
    allowed = os.environ.get(ALLOWED, "").strip().lower() == "yes"
    for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if allowed or ipaddress.ip_address(str(place[0]).split("%")[0]).is_global:
            return str(place[0]), port
    return None


def _secure(plain: socket.socket, host: str) -> ssl.SSLSocket:
    return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
