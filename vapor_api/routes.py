"""The routes that stand beside the app's pages: what a trainer's tracking client asks for, by a token."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from vapor_api.protocol import ProtocolError
from vapor_api.tracking import KEEPS, Tracking
from vapor_api.understood import config_of
from vapor_core.errors import VaporError
from vapor_core.sharing.tracking_tokens import TrackingTokens
from vapor_core.workspace.store import Store

if TYPE_CHECKING:
    from starlette.requests import Request

    from vapor_core.journal.journal import Journal

LOG = logging.getLogger(__name__)
LARGEST_BODY = 8 * 2**20  # bytes
KEPT_OPEN = 64  # workspaces
PREFIX = "/track"
VERSION = "2.0"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class Workspaces:
    """The workspaces that runs are logged into, opened when a token first names them."""

    def __init__(self, journal: Callable[[], Journal | None]) -> None:
        self._journal_of = journal
        self._journal: Journal | None = None
        self._tokens: TrackingTokens | None = None
        self._open: dict[str, Tracking] = {}
        self._lock = Lock()

    def of(self, token: str) -> Tracking:
        """The workspace of a token.

        Raises:
            ProtocolError: the token is for none.
        """
        with self._lock:
            if self._tokens is None:
                self._journal = self._journal_of()
                if self._journal is None:
                    raise ProtocolError(
                        "NOT_IMPLEMENTED",
                        "This server keeps no workspaces (VAPOR_DATABASE_URL=memory); no run can be logged into one.",
                    )
                self._tokens = TrackingTokens(self._journal)
            workspace = self._tokens.workspace_of(token) if token else None
            if workspace is None or self._journal is None:
                raise ProtocolError(
                    "UNAUTHENTICATED",
                    "This address is for no workspace; copy it again from Monitor, under Log from a trainer.",
                )
            if workspace not in self._open:
                while len(self._open) >= KEPT_OPEN:
                    self._open.pop(next(iter(self._open)))
                self._open[workspace] = Tracking(Store(self._journal, workspace), time.time, config_of)
            return self._open[workspace]


def routes(journal: Callable[[], Journal | None]) -> list[Route]:
    """All routes; `journal` opens what the app keeps its workspaces in, None where that is nothing."""
    workspaces = Workspaces(journal)

    async def answer(request: Request) -> Response:
        if request.method == "GET" and not request.path_params["path"]:
            return RedirectResponse("/")  # the address itself, in a browser: the pages are there
        try:
            if "/mlflow/" not in request.url.path:
                raise ProtocolError("NOT_IMPLEMENTED", f"{KEEPS}, and no artifacts; keep them elsewhere.")
            fields = await _fields(request)
            found = await run_in_threadpool(_answer, workspaces, request, fields)
        except ProtocolError as error:
            return JSONResponse({"error_code": error.code, "message": error.message}, error.status)
        return JSONResponse(found)

    return [
        Route(PREFIX + "/{token}/{path:path}", answer, methods=METHODS),
        Route("/api/2.0/mlflow/{path:path}", answer, methods=METHODS),
        Route("/api/2.0/mlflow-artifacts/{path:path}", answer, methods=METHODS),
        Route("/api/3.0/mlflow/{path:path}", answer, methods=METHODS),
    ]


def _answer(workspaces: Workspaces, request: Request, fields: Mapping[str, object]) -> dict[str, object]:
    path = request.url.path
    token = request.path_params.get("token") or _bearer(request)
    tracking = workspaces.of(token)
    asked = path.partition("/mlflow/")[2]
    try:
        return tracking.answer(request.method, asked.strip("/"), fields)
    except ProtocolError:
        raise
    except VaporError as error:
        raise ProtocolError("TEMPORARILY_UNAVAILABLE", f"{error}.") from None
    except Exception:  # whatever it is, a client is told a sentence and the log has the story
        LOG.exception("a tracking request could not be answered")
        raise ProtocolError("TEMPORARILY_UNAVAILABLE", "This could not be kept now; try again.") from None


async def _fields(request: Request) -> Mapping[str, object]:
    """What a request says, in its query or its body."""
    if request.method == "GET":
        found: dict[str, object] = {}
        for name in request.query_params:
            values = request.query_params.getlist(name)
            found[name] = values[-1] if len(values) == 1 else values
        return found
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_BODY:
            raise ProtocolError(
                "INVALID_PARAMETER_VALUE",
                f"A request holds at most {LARGEST_BODY // 2**20} MB.",
            )
    try:
        told = json.loads(bytes(body) or b"{}")
    except (ValueError, RecursionError):
        raise ProtocolError("BAD_REQUEST", "The request is no JSON.") from None
    if not isinstance(told, dict):
        raise ProtocolError("BAD_REQUEST", "The request is no JSON object.")
    return told


def _bearer(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""
