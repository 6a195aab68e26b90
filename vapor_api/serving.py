"""The app with its routes, as `vapor serve` starts it: pages and tracking in one process."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from vapor_api.routes import routes
from vapor_api.watching import Sentry
from vapor_ui.shell import settings

if TYPE_CHECKING:
    from vapor_core.journal.journal import Journal

HOME = Path(__file__).parents[1] / "Home.py"


def _journal() -> Journal | None:
    place = settings.database()
    if place == settings.MEMORY:
        return None
    from vapor_core.journal.sql import open_journal  # noqa: PLC0415 - with the first request

    return open_journal(place)


@asynccontextmanager
async def _watched(_: st.App) -> AsyncIterator[None]:
    """Rules are looked at as long as the server runs, also while no page is open."""
    sentry = Sentry(_journal)
    sentry.start()
    yield
    sentry.end()


logging.getLogger("uvicorn.access").disabled = True  # an address may hold a token
logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
app = st.App(HOME, routes=routes(_journal), lifespan=_watched)
