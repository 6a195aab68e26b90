"""What a person waits for, in Chromium: Overview with 1,000 jobs, the app from its start, and how ticks are drawn."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from benchmarks import peers, serving
from benchmarks.rows import Row

REPEATS = 3
SHOWN = "finished "  # how the names of runs begin
PATIENCE_MS = 60_000
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
FILL = Path(__file__).with_name("peers_runs.py")
# Streamlit's page says when something moved by itself; frames that come late were dropped.
_WATCH_JS = """async (seconds) => {
  let shift = 0, late = 0, before = performance.now(), frames = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((each) => { shift += each.value; }))
    .observe({type: "layout-shift", buffered: false});
  const end = before + seconds * 1000;
  await new Promise((done) => {
    const frame = (now) => {
      frames += 1;
      late += Math.max(Math.round((now - before) / 16.7) - 1, 0);
      before = now;
      if (now < end) requestAnimationFrame(frame); else done();
    };
    requestAnimationFrame(frame);
  });
  return {shift, late, frames};
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def paint_s(browser: Browser, url: str, words: str) -> float:
    """Seconds from asking for an address until words are on the page, in a new profile."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    began = perf_counter()
    page.goto(url, wait_until="commit", timeout=PATIENCE_MS)
    page.get_by_text(words).first.wait_for(timeout=PATIENCE_MS)
    took = perf_counter() - began
    context.close()
    return took


def paints_s(browser: Browser, url: str, words: str) -> float:
    """The median of a few, after one that is not counted."""
    return median([paint_s(browser, url, words) for _ in range(REPEATS + 1)][1:])


@contextmanager
def peer(name: str) -> Iterator[str]:
    """The address of a peer's own page with 1,000 runs."""
    interpreter = peers.python()
    if interpreter is None:
        raise RuntimeError("not installed")
    port = serving.free_port()
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "TRACKIO_DIR": folder, "GRADIO_ANALYTICS_ENABLED": "False"}
        subprocess.run(  # noqa: S603 - our own script
            [interpreter, str(FILL), name, folder], check=True, capture_output=True, env=environment
        )
        tool = str(Path(interpreter).with_name(name))
        if name == "mlflow":
            store = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
            command, path = [tool, "ui", "--port", str(port), *store], "/#/experiments/1/runs"
        else:
            command, path = [tool, "show", "--project", "bench"], "/?selected_project=bench"
            environment |= {"GRADIO_SERVER_PORT": str(port), "BROWSER": "true"}
        with serving.running(command, port, "/", environment) as server:
            yield server.url + path


def peer_paint_s(browser: Browser, name: str) -> float | str:
    """Seconds, or why there are none."""
    try:
        with peer(name) as url:
            return paints_s(browser, url, SHOWN)
    except (RuntimeError, OSError, subprocess.CalledProcessError, PlaywrightError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0][:80]}"


def overview(browser: Browser) -> Row:
    with serving.app("steps=0 jobs=1000") as server:
        ours = paints_s(browser, server.url, SHOWN)
    theirs = {name: peer_paint_s(browser, name) for name in ("mlflow", "trackio")}
    known = [took for took in theirs.values() if isinstance(took, float)]
    told = [
        f"{name} {took:.2f} s" if isinstance(took, float) else f"{name} not measured ({took})"
        for name, took in theirs.items()
    ]
    return Row(
        "Overview with 1,000 jobs, first paint of a job in a browser",
        "`trackio show` and `mlflow ui` with 1,000 runs",
        f"{ours:.2f} s against {', '.join(told)}",
        f"{ours / min(known):.2f} x the faster" if known else f"{ours:.2f} s",
        "under 1.5 s and faster than both",
        ours < 1.5 and all(ours < took for took in known) if known or ours >= 1.5 else None,
    )


def started_s(browser: Browser, script: str, words: str) -> float:
    """Seconds from starting the server to words on its page."""
    began = perf_counter()
    with serving.streamlit(script) as server:
        paint_s(browser, server.url, words)
        return perf_counter() - began


def start(browser: Browser) -> Row:
    pairs = []
    for _ in range(REPEATS + 1):
        hello = started_s(browser, "hello", "Welcome to Streamlit")
        pairs.append((started_s(browser, "Home.py", "Nothing has been trained here yet"), hello))
    ours, floor = (median(each) for each in zip(*pairs[1:], strict=True))
    ratio = median(one / other for one, other in pairs[1:])
    return Row(
        "`make run` warm, to first useful paint",
        "`streamlit hello`",
        f"{ours:.2f} s against {floor:.2f} s",
        f"{ratio:.2f} x",
        "at most 1.3 x",
        ratio <= 1.3,
    )


def ticking(browser: Browser) -> Row:
    """How a page that ticks behaves: charts drawn anew, frames dropped, things that move by themselves."""
    words = "steps=20000 rate=100"
    with serving.app(words) as server:
        page: Page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{server.url}/Monitor?job={serving.watched(words)}")
        page.locator("canvas, svg.marks").first.wait_for(timeout=PATIENCE_MS)
        page.wait_for_timeout(4000)
        seen = page.evaluate(_WATCH_JS, 8)
        page.close()
    share = seen["late"] / max(seen["late"] + seen["frames"], 1)
    return Row(
        "Monitor in a browser during ticks",
        "",
        f"{seen['frames']} frames in 8 s, {share:.0%} dropped; layout shift {seen['shift']:.3f}",
        f"{seen['shift']:.3f} shift",
        "no shift that is seen (under 0.1)",
        seen["shift"] < 0.1,
    )


def rows() -> list[Row]:
    found: list[Row] = []
    parts: tuple[Callable[[Browser], Row], ...] = (overview, start, ticking)
    with chromium() as browser:
        for part in parts:
            found.append(part(browser))
    return found
