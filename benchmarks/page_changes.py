"""What a refresh timer costs a person: blank pages after a change of page, input that is lost, ticks that are.

`python -m benchmarks.page_changes CANDIDATE [changes]` measures one way to drive the live part, in a real Chromium on
this machine: "shipped" is what the app does, the others are what was weighed against it (docs/performance.md).
"""

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from types import ModuleType

import streamlit as st
import streamlit_autorefresh
from playwright.sync_api import Browser, Page
from playwright.sync_api import TimeoutError as Late
from streamlit.runtime import get_instance
from streamlit.web import bootstrap
from streamlit.web.server import Server

from benchmarks import bench_browser, serving

CHANGES = 500
SCRIPT = sys.argv[4] if len(sys.argv) > 4 else ""  # of `patched_send`; Streamlit clears the arguments
TRIALS = 24
TICK_S = 0.25  # four times as often as shipped, since what is looked for is rare
LIVE, STILL = "steps=20000 rate=100 jobs=12", "steps=0 jobs=12"
PATIENCE_MS = 4000
LINKS = ("Models", "Overview", "Monitor", "Overview", "Compare", "Overview", "Train", "Overview")

_OWN_TIMER_JS = """
export default function ({ data, setTriggerValue }) {
  const timer = setInterval(() => setTriggerValue("tick", Date.now()), data.interval);
  return () => clearInterval(timer);
}
"""


def shipped(live: ModuleType) -> None:
    """What the app does."""


def unguarded(live: ModuleType) -> None:
    """The timer of streamlit-autorefresh alone."""
    live.guard = lambda: None


def patched_send(live: ModuleType) -> None:
    """Version 0.1: `WebSocket.send` drops stale reruns, which it reads from their protobuf; needs its script's path."""
    dropping = st.components.v2.component("stale_ticks", js=Path(SCRIPT).read_text("utf-8"))
    live.guard = lambda: dropping(key="stale")


def run_every(live: ModuleType) -> None:
    """`st.fragment(run_every=...)`, without a component."""
    live.guard = lambda: None
    live._live_part = st.fragment(live._live_part.__wrapped__, run_every=TICK_S)
    live._tick = lambda took_s: None


def own_component(live: ModuleType) -> None:
    """A timer of our own in the page itself, that is cleared when it is unmounted."""
    live.guard = lambda: None
    timer = st.components.v2.component("own_timer", js=_OWN_TIMER_JS)
    interval = {"interval": TICK_S * 1000}
    live._tick = lambda took_s: timer(key="refresh", data=interval, on_tick_change=lambda: None)


CANDIDATES: dict[str, Callable[[ModuleType], None]] = {
    each.__name__: each for each in (shipped, unguarded, patched_send, run_every, own_component)
}


def serve(candidate: str, workspace: str, port: int) -> None:
    """The app in this process, driven by a candidate; components can be registered once the server has started."""
    started = bootstrap._on_server_start

    def begin(server: Server) -> None:
        started(server)
        from vapor_ui.shell import live  # noqa: PLC0415 - it registers components

        get_instance().component_registry.register_component(streamlit_autorefresh._component_func)
        timer = streamlit_autorefresh.st_autorefresh
        streamlit_autorefresh.st_autorefresh = lambda interval, key: timer(
            interval=int(TICK_S * 1000), key=key
        )
        CANDIDATES[candidate](live)

    bootstrap._on_server_start = begin
    serving.serve(workspace, port)


def shown(page: Page, name: str) -> bool:
    """Whether a page came and stayed: its heading is there, and is there still when a stale tick has been answered."""
    heading = page.get_by_role("heading", name=name, level=1)
    try:
        heading.wait_for(timeout=PATIENCE_MS)
    except Late:
        return False
    page.wait_for_timeout(350)
    return heading.is_visible()


def change(page: Page, turn: int) -> str:
    """Ask for another page: by a link of the sidebar, by a button that leads there, or by Back; which it must be."""
    name = LINKS[turn % len(LINKS)]
    if name == "Train":
        page.get_by_role("button", name="Start new training").click()
    elif turn % len(LINKS) == 3:
        page.go_back()
    else:
        page.get_by_test_id("stSidebar").get_by_role("link", name=name, exact=True).click()
    return name


def blanks(page: Page, changes: int) -> int:
    """How many of so many changes of page end in a blank or a wrong one, at instants spread over the timer's."""
    lost = 0
    for turn in range(changes):
        page.wait_for_timeout(100 + 53 * turn % 400)
        name = change(page, turn)
        if not shown(page, name):
            print("blank", turn, name, flush=True)
            lost += 1
            page.goto("/" if name == "Overview" else f"/{name}")
            page.get_by_role("heading", name=name, level=1).wait_for()
    return lost


def lost_input(page: Page) -> int:
    """Of TRIALS: paused, a speed is pressed and a filter within 0.2 s; the filter must be heard."""
    lost = 0
    speeds = page.get_by_role("radiogroup", name="Speed of time").or_(
        page.get_by_test_id("stButtonGroup").first
    )
    for turn in range(TRIALS):
        speeds.get_by_role("radio").first.click()
        page.wait_for_timeout(900)
        page.get_by_role("radio", name="60×", exact=True).click()
        page.wait_for_timeout(20 + 160 * turn / TRIALS)
        page.get_by_role("radio", name="failed", exact=True).click()
        try:
            page.get_by_text("No job is failed.").wait_for(timeout=2500)
        except Late:
            lost += 1
        page.get_by_role("radio", name="all", exact=True).click()
        page.wait_for_timeout(900)
    return lost


def count_sent(page: Page) -> list[float]:
    """When the page has sent something to the server, as it does; call it before the page is opened."""
    sent: list[float] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda _: sent.append(perf_counter())))
    return sent


def measured(browser: Browser, candidate: str, changes: int, extra: list[str]) -> dict[str, float]:
    def served(workspace: str) -> tuple[Page, list[float]]:
        port = serving.free_port()
        command = [
            sys.executable,
            "-m",
            "benchmarks.page_changes",
            "serve",
            candidate,
            f"{workspace}@{port}",
            *extra,
        ]
        server = stack.enter_context(serving.running(command, port, "/_stcore/health"))
        page = browser.new_page(viewport={"width": 1440, "height": 900}, base_url=server.url)
        sent = count_sent(page)
        page.goto("/")
        page.get_by_role("heading", name="Overview", level=1).wait_for()
        page.wait_for_timeout(2000)
        return page, sent

    with ExitStack() as stack:
        still, _ = served(STILL)
        lost = lost_input(still)
        still.close()
        page, sent = served(LIVE)
        before = len(sent)
        page.wait_for_timeout(10_000)
        each_s = (len(sent) - before) / 10
        return {"lost input": lost, "ticks a second": each_s, "blank": blanks(page, changes), "of": changes}


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        where, port = sys.argv[3].split("@")
        serve(sys.argv[2], where, int(port))
    else:
        with bench_browser.chromium() as browser:
            count = int(sys.argv[2]) if len(sys.argv) > 2 else CHANGES
            print(sys.argv[1], json.dumps(measured(browser, sys.argv[1], count, sys.argv[3:])), flush=True)
