"""One question to the Hub, bounded in time and length, whose every fault is a HubUnavailable.

It goes once, through huggingface_hub's own session and headers. HfApi's methods for the same addresses are not
called: they wait through retries and Retry-After for minutes and read an answer of any length.
"""

import json
import queue
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVar
from urllib.parse import SplitResult, urljoin, urlsplit

from huggingface_hub.errors import OfflineModeIsEnabled

# huggingface_hub documents both as its exports, but does not declare them to type checkers.
from huggingface_hub.utils import build_hf_headers, get_session  # type: ignore[attr-defined]
from pydantic import SecretStr

from vapor_core.errors import HubUnavailable

LONGEST_ANSWER = 4_000_000  # bytes
REST_S = 30.0  # without another question after a fault
LONGEST_REST_S = 300.0  # the most, whatever Retry-After asks for
MOST_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
HTTPS_PORT = 443
# The Hub and those from which it serves files: huggingface.co/docs/hub, cdn-lfs.hf.co and cas-bridge.xethub.hf.co
FILE_HOSTS = ("huggingface.co", "hf.co")
UNREADABLE = "The Hub's answer cannot be read"

T = TypeVar("T")


class HubFault(HubUnavailable):
    """No usable answer. `rest_s`: how long to leave the Hub alone."""

    def __init__(self, message: str, rest_s: float = REST_S) -> None:
        self.rest_s = rest_s
        super().__init__(message)


class Missing(HubUnavailable):
    """The Hub has no such model or file, or does not show it."""


class Gated(HubUnavailable):
    """The Hub asks for an agreement first."""


class Question:
    """One question to the Hub; once its asker has stopped waiting, `given_up` tells the asking thread to stop reading.

    Args:
        endpoint: the Hub's address, without a slash at its end.
        token: a person's own, sent as a bearer header with everything; "" sends none, not even one that this machine
            has saved.
        timeout_s: limit of connecting and of each read.
        for_gated: the server's token, sent only where `gated` is asked for.
    """

    def __init__(self, endpoint: str, token: str, timeout_s: float, for_gated: str = "") -> None:
        self._endpoint = endpoint
        self._token, self._for_gated = SecretStr(token), SecretStr(for_gated)
        self._timeout_s = timeout_s
        self.given_up = threading.Event()

    @property
    def has_more(self) -> bool:
        """Whether the server has a token that may show what is gated, and the person has none."""
        return bool(self._for_gated.get_secret_value()) and not self._token.get_secret_value()

    def json(
        self, path: str, params: Mapping[str, str | list[str]] | None = None, *, gated: bool = False
    ) -> object:
        """The parsed answer to GET `path`.

        Args:
            path: at the endpoint.
            params: of the query.
            gated: send the server's token, where the person has none; for what is known to be no private repository.

        Raises:
            Missing: 401, 403 or 404 for this path.
            Gated: the model asks for an agreement.
            HubFault: anything else that is not an answer.
        """
        url, query = self._endpoint + path, params
        token = self._token.get_secret_value() or (self._for_gated.get_secret_value() if gated else "")
        for _ in range(MOST_REDIRECTS + 1):
            body = bytearray()
            with get_session().stream(
                "GET",
                url,
                params=query,
                headers=build_hf_headers(token=token or False, library_name="vapor"),
                timeout=self._timeout_s,
                follow_redirects=False,
            ) as response:
                location = response.headers.get("Location", "")
                if response.status_code in REDIRECTS and location:
                    url, query = _target(url, location, self._endpoint), None
                    token = token if same_origin(url, self._endpoint) else ""
                    continue
                _raise_for(response.status_code, response.headers)
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > LONGEST_ANSWER or self.given_up.is_set():
                        raise HubFault("The Hub's answer is too long")
            return _parsed(body)
        raise HubFault("The Hub points from one address to the next")


def _target(url: str, location: str, endpoint: str) -> str:
    """Where a redirect leads, if it is followed."""
    with suppress(ValueError):
        target = urljoin(url, location)
        if followed(target, endpoint):
            return target
    raise HubFault("The Hub points to an address that is not its own")


def _parsed(body: bytearray) -> object:
    try:
        answer: object = json.loads(body)
    except (ValueError, RecursionError):
        raise HubFault(UNREADABLE) from None
    return answer


def same_origin(url: str, endpoint: str) -> bool:
    """Whether an address is of the endpoint's own scheme, host and port."""
    asked, own = urlsplit(url), urlsplit(endpoint)
    return (asked.scheme, asked.hostname, _port(asked)) == (own.scheme, own.hostname, _port(own))


def followed(url: str, endpoint: str) -> bool:
    """Whether a redirect is followed: to the endpoint itself, or over TLS to the hosts that serve the Hub's files.

    Nothing else is: an answer may name any address, of this machine and its network too.
    """
    try:
        asked = urlsplit(url)
        host, port = asked.hostname or "", _port(asked)
    except ValueError:
        return False
    if asked.username is not None or asked.password is not None:
        return False
    if same_origin(url, endpoint):
        return True
    served = any(host == name or host.endswith(f".{name}") for name in FILE_HOSTS)
    return asked.scheme == "https" and port == HTTPS_PORT and served


def _port(parts: SplitResult) -> int | None:
    return parts.port or {"https": HTTPS_PORT, "http": 80}.get(parts.scheme)


def _raise_for(status: int, headers: Mapping[str, str]) -> None:
    if status < 400:
        return
    if headers.get("X-Error-Code") == "GatedRepo":
        raise Gated("the Hub asks for an agreement first")
    if status == 401 and "credentials" in headers.get("X-Error-Message", ""):
        raise HubFault("The Hub refuses the token")
    if status in (401, 403, 404):
        raise Missing("the Hub does not show it")
    if status == 429:
        asked = headers.get("Retry-After", "")
        rest = float(asked) if re.fullmatch(r"\d{1,6}", asked, re.ASCII) else REST_S
        raise HubFault("The Hub is limiting requests", min(max(rest, 1.0), LONGEST_REST_S))
    if status >= 500:
        raise HubFault(f"The Hub has a fault of its own ({status})")
    raise HubFault(f"The Hub refuses the question ({status})")


def within(question: Question, limit_s: float, ask: Callable[[Question], T]) -> T:
    """What `ask` returns, or HubFault when that takes longer than `limit_s` in all.

    It runs in a thread of its own, which ends by itself: its reads are limited and it looks at `given_up`.
    """
    outcome: queue.SimpleQueue[T | HubUnavailable] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put(ask(question))
        except HubUnavailable as fault:
            outcome.put(fault)
        except OfflineModeIsEnabled:
            outcome.put(HubFault("The Hub is switched off"))
        except Exception:  # noqa: BLE001 - a message may hold a header; whatever failed, the catalog answers
            outcome.put(HubFault("The Hub cannot be reached"))

    threading.Thread(target=run, name="hub", daemon=True).start()
    try:
        result = outcome.get(timeout=limit_s)
    except queue.Empty:
        question.given_up.set()
        raise HubFault(f"The Hub did not answer within {limit_s:g} s") from None
    if isinstance(result, HubUnavailable):
        raise result
    return result
