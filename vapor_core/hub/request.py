"""One question to the Hub, bounded in time and length, whose every fault is a HubUnavailable.

It goes once, through huggingface_hub's own session and headers. HfApi's methods for the same addresses are not
called: they wait through retries and Retry-After for minutes and read an answer of any length.
"""

import json
import queue
import re
import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

from huggingface_hub.errors import OfflineModeIsEnabled

# huggingface_hub documents both as its exports, but does not declare them to type checkers.
from huggingface_hub.utils import build_hf_headers, get_session  # type: ignore[attr-defined]

from vapor_core.errors import HubUnavailable

LONGEST_ANSWER = 4_000_000  # bytes
REST_S = 30.0  # without another question after a fault
LONGEST_REST_S = 300.0  # the most, whatever Retry-After asks for
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
        token: sent as a bearer header; "" sends none, not even one that this machine has saved.
        timeout_s: limit of connecting and of each read.
    """

    def __init__(self, endpoint: str, token: str, timeout_s: float) -> None:
        self._endpoint = endpoint
        self._headers = build_hf_headers(token=token or False, library_name="vapor")
        self._timeout_s = timeout_s
        self.given_up = threading.Event()

    def json(self, path: str, params: Mapping[str, str | list[str]] | None = None) -> object:
        """The parsed answer to GET `path`.

        Raises:
            Missing: 401, 403 or 404 for this path.
            Gated: the model asks for an agreement.
            HubFault: anything else that is not an answer.
        """
        body = bytearray()
        with get_session().stream(
            "GET", self._endpoint + path, params=params, headers=self._headers, timeout=self._timeout_s
        ) as response:
            _raise_for(response.status_code, response.headers)
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > LONGEST_ANSWER or self.given_up.is_set():
                    raise HubFault("The Hub's answer is too long")
        try:
            answer: object = json.loads(body)
        except (ValueError, RecursionError):
            raise HubFault(UNREADABLE) from None
        return answer


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
