"""Viewers without browsers: a client that speaks Streamlit's websocket protocol and ticks as `st_autorefresh` does.

A viewer opens a page, finds the autorefresh component and its fragment among what the server sends, and from then on
asks for that fragment each second. Like a browser it keeps large messages and tells the server which it has, so that
the server may send a reference in their place.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

KEPT_RUNS = 2  # a browser forgets a message that this many runs have not used
PATIENCE_S = 60.0


@dataclass
class Tick:
    """One request and its answer."""

    seconds: float
    size: int  # bytes received
    messages: int


@dataclass
class Viewer:
    """One open page."""

    socket: ClientConnection
    page: str = ""  # as the address names it
    query: str = ""
    page_hash: str = ""
    fragment: str = ""
    widget: str = ""
    interval_s: float = 1.0
    ticks: int = 0
    states: dict[str, WidgetState] = field(default_factory=dict)
    kept: dict[str, tuple[bytes, int]] = field(default_factory=dict)  # hash -> message, run of last use
    runs: int = 0

    async def open(self) -> Tick:
        """The page's first run, and those that it asks for itself."""
        request = BackMsg()
        request.rerun_script.query_string = self.query
        request.rerun_script.page_name = self.page
        return await self._ask(request)

    async def go(self, page: str, query: str) -> Tick:
        """Another page, or the same with another query, in the same session."""
        self.page, self.query, self.states, self.kept = page, query, {}, {}
        return await self.open()

    async def tick(self) -> Tick:
        """What happens when the autorefresh component says that its interval has passed."""
        self.ticks += 1
        self.states[self.widget] = WidgetState(id=self.widget, json_value=str(self.ticks))
        request = BackMsg()
        request.rerun_script.query_string = self.query
        request.rerun_script.page_script_hash = self.page_hash
        request.rerun_script.fragment_id = self.fragment
        request.rerun_script.widget_states.widgets.extend(self.states.values())
        return await self._ask(request)

    async def _ask(self, request: BackMsg) -> Tick:
        request.rerun_script.cached_message_hashes.extend(self.kept)
        began, size, messages = perf_counter(), 0, 0
        await self.socket.send(request.SerializeToString())
        while True:
            received = await asyncio.wait_for(self.socket.recv(), PATIENCE_S)
            assert isinstance(received, bytes)
            size, messages = size + len(received), messages + 1
            message = ForwardMsg.FromString(received)
            self._look(message, received)
            if message.WhichOneof("type") == "script_finished" and message.script_finished in (0, 3):
                seconds = perf_counter() - began
                self._forget()
                return Tick(seconds, size, messages)

    def _look(self, message: ForwardMsg, received: bytes) -> None:
        if message.HasField("ref_hash"):
            kept, _ = self.kept[message.ref_hash]
            self.kept[message.ref_hash] = (kept, self.runs)
            message = ForwardMsg.FromString(kept)
        elif message.metadata.cacheable:
            self.kept[message.hash] = (received, self.runs)
        if message.HasField("new_session"):
            self.page_hash = message.new_session.page_script_hash
        element = message.delta.new_element
        if element.WhichOneof("type") == "component_instance":
            component = element.component_instance
            if component.component_name.endswith("st_autorefresh"):
                self.widget, self.fragment = component.id, message.delta.fragment_id

    def _forget(self) -> None:
        self.runs += 1
        for name in [name for name, (_, used) in self.kept.items() if self.runs - used > KEPT_RUNS]:
            del self.kept[name]


async def open_page(url: str, page: str = "", query: str = "") -> tuple[Viewer, Tick]:
    """A viewer whose page has been drawn, and what that took."""
    address = url.replace("http", "ws", 1) + "/_stcore/stream"
    socket = await connect(address, max_size=None, compression=None)
    viewer = Viewer(socket, page, query)
    return viewer, await viewer.open()


async def ticks_in_turns(viewers: list[Viewer], rounds: int) -> list[list[Tick]]:
    """Ticks of several viewers one after another, round by round, so that all meet the same machine."""
    found: list[list[Tick]] = [[] for _ in viewers]
    for _ in range(rounds):
        for viewer, ticks in zip(viewers, found, strict=True):
            ticks.append(await viewer.tick())
    return found


async def hold(viewers: list[Viewer], seconds: float, interval_s: float = 1.0) -> list[Tick]:
    """All viewers tick each interval for some time, spread evenly over it; none asks before its answer came."""

    async def watch(viewer: Viewer, offset_s: float) -> list[Tick]:
        found, due = [], perf_counter() + offset_s
        end = due + seconds
        while due < end:
            await asyncio.sleep(max(due - perf_counter(), 0))
            found.append(await viewer.tick())
            due = max(due + interval_s, perf_counter())
        return found

    places = range(len(viewers))
    each = await asyncio.gather(
        *(watch(viewer, interval_s * k / len(viewers)) for viewer, k in zip(viewers, places, strict=True))
    )
    return [tick for ticks in each for tick in ticks]


async def most_viewers(
    more: Callable[[], Awaitable[Viewer]], limit_ms: float = 500.0, step: int = 4, most: int = 80
) -> tuple[int, list[tuple[int, float]]]:
    """The most viewers whose p95 stays below a limit, and (viewers, p95 in ms) of each number tried.

    Viewers are added by a few until it is passed; the number between is interpolated.
    """
    viewers: list[Viewer] = []
    tried: list[tuple[int, float]] = []
    try:
        while len(viewers) < most:
            for _ in range(step):
                viewers.append(await more())
            await hold(viewers, 2.5)  # until what is done once is done
            ticks = await hold(viewers, 4.0)
            p95_ms = float(np.percentile([tick.seconds for tick in ticks], 95)) * 1e3
            tried.append((len(viewers), p95_ms))
            if p95_ms > limit_ms:
                break
    finally:
        await asyncio.gather(*(viewer.socket.close() for viewer in viewers))
    below = [count for count, p95_ms in tried if p95_ms <= limit_ms]
    return max(below, default=0), tried
