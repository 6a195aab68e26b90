"""The Hub's Jobs API, question by question, bounded in time and length; every fault is one sentence.

It is asked through huggingface_hub's own session and headers. The methods of HfApi for the same addresses are not
called: they wait through retries for minutes, put a script into a bucket, and differ from version to version, while
the addresses are the same from 1.0 on. A token goes to the Hub's own address alone; redirects are not followed.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from vapor_core.errors import BackendRefused

if TYPE_CHECKING:
    from vapor_core.backends.hf_jobs.access import Access

TIMEOUT_S = 8.0  # of a question in all
CONNECT_S = 4.0
SILENCE_S = 45.0  # of a stream of logs; the Hub says that it is there every 30 s
LONGEST_ANSWER = 8_000_000  # bytes
LONGEST_LINE = 1_000_000
Kind = Literal[
    "token", "forbidden", "payment", "missing", "busy", "hub", "unreadable", "unreachable", "refused"
]
STAGES = ("SCHEDULING", "RUNNING", "COMPLETED", "CANCELED", "ERROR", "DELETED")
ENDS = frozenset({"COMPLETED", "CANCELED", "ERROR", "DELETED"})


class JobsFault(BackendRefused):
    """No usable answer: one sentence that says what is true and what would work."""

    def __init__(self, kind: Kind, sentence: str, rest_s: float = 0.0) -> None:
        self.kind, self.rest_s = kind, rest_s
        super().__init__(sentence)

    @property
    def passes(self) -> bool:
        """Whether the same question may be answered later."""
        return self.kind in ("busy", "hub", "unreadable", "unreachable")


@dataclass(frozen=True, slots=True)
class HubJob:
    """A job as the Hub tells it."""

    id: str
    stage: str
    message: str
    created: str
    labels: Mapping[str, str]


class JobsApi:
    """Asks the Hub with one token, or with none for what everybody may see."""

    def __init__(self, access: Access | None = None, *, timeout_s: float = TIMEOUT_S) -> None:
        self._secret = access.secret if access else ""
        self._timeout_s = timeout_s

    def __repr__(self) -> str:
        return f"JobsApi({endpoint()!r}, token={'set' if self._secret else 'none'})"

    def name(self) -> str:
        """Who the token belongs to: the account that jobs run in and are paid by."""
        found = self._ask("GET", "/api/whoami-v2")
        name = found.get("name") if isinstance(found, dict) else None
        if not isinstance(name, str) or not re.fullmatch(r"[\w.-]{1,100}", name):
            raise _unreadable()
        return name

    def hardware(self) -> list[dict[str, Any]]:
        """What machines there are, with their prices."""
        found = self._ask("GET", "/api/jobs/hardware")
        if not isinstance(found, list):
            raise _unreadable()
        return [each for each in found if isinstance(each, dict)]

    def start(self, account: str, job: Mapping[str, object]) -> HubJob:
        """Start a job."""
        return _job(self._ask("POST", f"/api/jobs/{account}", body=job))

    def job(self, account: str, job_id: str) -> HubJob:
        """A job as it is now."""
        return _job(self._ask("GET", f"/api/jobs/{account}/{job_id}"))

    def labelled(self, account: str, name: str, value: str) -> list[HubJob]:
        """Jobs of an account that bear a label, oldest first."""
        found = self._ask("GET", f"/api/jobs/{account}", params={"label": f"{name}={value}"})
        if not isinstance(found, list):
            raise _unreadable()
        jobs = [_job(each) for each in found]
        return sorted(
            (each for each in jobs if each.labels.get(name) == value),
            key=lambda each: (each.created, each.id),
        )

    def cancel(self, account: str, job_id: str) -> None:
        """End a job; one that has ended stays as it is."""
        self._ask("POST", f"/api/jobs/{account}/{job_id}/cancel", reads=False)

    def log_lines(self, account: str, job_id: str, silence_s: float = SILENCE_S) -> Iterator[str | None]:
        """What a job prints, from its first line on, as it comes; None where nothing came but a sign of life.

        Ends where the Hub ends it, which may be before the job does.

        Raises:
            JobsFault: where it is cut, or silent for longer than `silence_s`.
        """
        timeout = (
            CONNECT_S,
            silence_s,
            CONNECT_S,
            CONNECT_S,
        )  # connecting, reading, writing, waiting for a connection
        with self._answer("GET", f"/api/jobs/{account}/{job_id}/logs", timeout=timeout) as response:
            kept = b""
            with _told_in_words(self._secret):
                for chunk in response.iter_bytes():
                    *lines, kept = (kept + chunk).split(b"\n")
                    kept = kept[:LONGEST_LINE]
                    for line in lines:
                        yield _printed(line.decode("utf-8", "replace").rstrip("\r"))

    def _ask(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, object] | None = None,
        params: Mapping[str, str] | None = None,
        reads: bool = True,
    ) -> object:
        ends = time.monotonic() + self._timeout_s
        with self._answer(
            method, path, body=body, params=params, timeout=min(CONNECT_S, self._timeout_s)
        ) as response:
            found = bytearray()
            with _told_in_words(self._secret):
                for chunk in response.iter_bytes():
                    found += chunk
                    if len(found) > LONGEST_ANSWER or time.monotonic() > ends:
                        raise JobsFault(
                            "unreadable", "the Hub's answer is too long or too slow; try again in a minute"
                        )
        if not reads:
            return None
        try:
            answer: object = json.loads(found)
        except (ValueError, RecursionError):
            raise _unreadable() from None
        return answer

    def _answer(self, method: str, path: str, **more: Any) -> _Answer:  # noqa: ANN401 - httpx's own arguments
        return _Answer(self._secret, method, endpoint() + path, more)


class _Answer:
    """An answer that is being read: closed whatever happens, and a fault where it is none."""

    def __init__(self, secret: str, method: str, url: str, more: dict[str, Any]) -> None:
        self._secret, self._method, self._url, self._more = secret, method, url, more
        self._open: Any = None

    def __enter__(self) -> Any:  # noqa: ANN401 - httpx's response
        from huggingface_hub.utils import build_hf_headers, get_session  # type: ignore[attr-defined]  # noqa: PLC0415

        body = self._more.pop("body", None)
        if body is not None:
            self._more["json"] = body
        with _told_in_words(self._secret):
            self._open = get_session().stream(
                self._method,
                self._url,
                headers=build_hf_headers(token=self._secret or False, library_name="vapor"),
                follow_redirects=False,
                **self._more,
            )
            response = self._open.__enter__()
        if response.status_code >= 300:
            said = ""
            with suppress(Exception):
                said = _said(response.read()[:10_000], self._secret)
            self.__exit__(None, None, None)
            raise fault_of(response.status_code, said, response.headers.get("Retry-After", ""))
        return response

    def __exit__(self, *of: object) -> None:
        with suppress(Exception):
            self._open.__exit__(*of)


class _told_in_words:  # noqa: N801 - reads as what it does
    """Makes a fault of whatever the network raises; its own words may hold a header, so they are not passed on."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if kind is None or not issubclass(kind, Exception) or issubclass(kind, JobsFault):
            return
        if kind.__name__ == "OfflineModeIsEnabled":
            raise JobsFault(
                "refused", "the Hub is switched off on this server (HF_HUB_OFFLINE); start it without that"
            ) from None
        if not kind.__module__.startswith("http") and not issubclass(kind, OSError):
            return  # httpx or httpx2, whichever huggingface_hub asks with
        late = "Timeout" in kind.__name__
        what = "did not answer in time" if late else "cannot be reached"
        raise JobsFault("unreachable", f"the Hub {what}; Vapor asks again by itself") from None


def endpoint() -> str:
    """The Hub's address."""
    from huggingface_hub import constants  # noqa: PLC0415 - takes a while to load

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


FAULTS: dict[int, tuple[Kind, str]] = {
    401: ("token", "the Hub refuses the token; give one that is valid and may write jobs"),
    402: ("payment", "the account has no credit for this; add some in its billing settings at the Hub."),
    403: (
        "forbidden",
        "the token may not do this; give it the right to run jobs, or the account a plan with Jobs.",
    ),
    404: ("missing", "the Hub has no such job; it was deleted, or belongs to another account"),
    429: ("busy", "the Hub is limiting requests; Vapor asks again by itself"),
}


def fault_of(status: int, said: str = "", retry_after: str = "") -> JobsFault:
    """What a status that is no answer means."""
    words = f" It says: {said}" if said else ""
    rest = float(retry_after) if re.fullmatch(r"\d{1,6}", retry_after, re.ASCII) else 30.0
    if status in FAULTS:
        kind, sentence = FAULTS[status]
        more = words if kind in ("payment", "forbidden") else ""
        return JobsFault(kind, f"{sentence}{more}", min(max(rest, 1.0), 300.0) if kind == "busy" else 0.0)
    if status >= 500:
        return JobsFault("hub", f"the Hub has a fault of its own ({status}); Vapor asks again by itself")
    if status < 400:
        return JobsFault(
            "unreadable", "the Hub points to another address, which Vapor does not follow with a token"
        )
    return JobsFault("refused", f"the Hub refuses this ({status}); change what it names.{words}")


def _unreadable() -> JobsFault:
    return JobsFault("unreadable", "the Hub's answer cannot be read; Vapor asks again by itself")


def _said(body: bytes, secret: str) -> str:
    """What the Hub says in its own words, on one line, without the token."""
    found = json.loads(body)
    words = str(found.get("error") or found.get("message") or "") if isinstance(found, dict) else ""
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
    return (plain.replace(secret, "(the token)") if secret else plain)[:200]


def _job(found: object) -> HubJob:
    status = found.get("status") if isinstance(found, dict) else None
    job_id = found.get("id") if isinstance(found, dict) else None
    stage = status.get("stage") if isinstance(status, dict) else None
    if not isinstance(found, dict) or not isinstance(status, dict) or stage not in STAGES:
        raise _unreadable()
    if not isinstance(job_id, str) or not re.fullmatch(r"[\w-]{1,100}", job_id):
        raise _unreadable()
    labels = found.get("labels")
    return HubJob(
        job_id,
        str(stage),
        str(status.get("message") or "")[:300],
        str(found.get("createdAt") or ""),
        {str(key): str(value) for key, value in labels.items()} if isinstance(labels, dict) else {},
    )


def _printed(line: str) -> str | None:
    """A line that a job printed, of a line of server-sent events; None for all others."""
    if not line.startswith("data:"):
        return None
    try:
        event = json.loads(line[len("data:") :])
    except (ValueError, RecursionError):
        return None
    printed = event.get("data") if isinstance(event, dict) else None
    return printed if isinstance(printed, str) and not printed.startswith("===== Job started") else None
