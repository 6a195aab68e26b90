"""What a person waits for, in Chromium: Overview with 1,000 jobs, the app from its start, and how ticks are drawn."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from benchmarks import peers, serving
from benchmarks.rows import Row

REPEATS = 3
SHOWN = "finished "  # how the names of runs begin
PATIENCE_MS = 60_000
WATCHED_S = 8
ENDPOINT = "steps=0 jobs=1 served=86400 speed=60"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
FILL = Path(__file__).with_name("peers_runs.py")
# What the main thread does: tasks of more than 50 ms, the longest time without a frame, things that moved.
_WATCH_JS = """async (seconds) => {
  let long = 0, shift = 0, longest = 0, before = performance.now(), frames = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((each) => { long += each.duration; }))
    .observe({type: "longtask", buffered: false});
  new PerformanceObserver((list) => list.getEntries().forEach((each) => { shift += each.value; }))
    .observe({type: "layout-shift", buffered: false});
  const end = before + seconds * 1000;
  await new Promise((done) => {
    const frame = (now) => {
      frames += 1;
      longest = Math.max(longest, now - before);
      before = now;
      if (now < end) requestAnimationFrame(frame); else done();
    };
    requestAnimationFrame(frame);
  });
  return {long, shift, longest, frames};
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
    with serving.app("steps=0 jobs=1000 asked=1") as server:
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
        "faster than both, with all jobs reachable",
        all(ours < took for took in known) if known else None,
        "Eight jobs on a page, with filters by status; the browser is asked for its workspace first, as at a visit.",
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
        "at most 1.25 x",
        ratio <= 1.25,
    )


@dataclass(frozen=True)
class Seen:
    """A page that ticked for `WATCHED_S` in Chromium."""

    long_s: float  # main thread in tasks of more than 50 ms
    busy_s: float  # main thread in any task
    longest_ms: float  # without a frame
    shift: float
    heap_mb: float
    answer_s: float  # from a click on a speed to the server's answer in the clock


def busy_s(session: CDPSession) -> float:
    """Seconds that the page's main thread has worked."""
    told = session.send("Performance.getMetrics")["metrics"]
    return next(float(each["value"]) for each in told if each["name"] == "TaskDuration")


def watch(browser: Browser, workspace: str, path: str) -> Seen:
    """How a page behaves while it ticks."""
    with serving.app(workspace) as server:
        page: Page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{server.url}/{path}")
        page.get_by_test_id("stVegaLiteChart").first.wait_for(timeout=PATIENCE_MS)
        page.wait_for_timeout(6000)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        before = busy_s(session)
        seen = page.evaluate(_WATCH_JS, WATCHED_S)
        busy = busy_s(session) - before
        began = perf_counter()
        page.get_by_role("radio").first.click()
        page.get_by_text("· paused").wait_for(timeout=PATIENCE_MS)
        answer_s = perf_counter() - began
        session.send("HeapProfiler.collectGarbage")
        heap_mb = session.send("Runtime.getHeapUsage")["usedSize"] / 1e6
        page.close()
    return Seen(seen["long"] / 1e3, busy, seen["longest"], seen["shift"], heap_mb, answer_s)


def ticking(browser: Browser) -> list[Row]:
    """Two pages that tick: a run, and an endpoint with a day of traffic."""
    steps = "steps=20000 rate=100"
    pages = {
        "Monitor": (steps, f"Monitor?job={serving.watched(steps)}"),
        "an endpoint's page after a day": (ENDPOINT, "Deployments?deployment=deployment-1"),
    }
    return [_ticking_row(name, watch(browser, *where)) for name, where in pages.items()]


def _ticking_row(name: str, seen: Seen) -> Row:
    return Row(
        f"{name} in a browser during {WATCHED_S} s of ticks, main thread in tasks over 50 ms",
        "",
        f"{seen.long_s:.2f} s; longest without a frame {seen.longest_ms:.0f} ms; layout shift {seen.shift:.3f}; "
        f"heap {seen.heap_mb:.0f} MB; a button answers in {seen.answer_s:.2f} s",
        f"{seen.long_s:.2f} s",
        "under 0.8 s, 300 MB and 0.5 s, no 100 ms without a frame, no shift that is seen (under 0.1)",
        seen.long_s < 0.8
        and seen.longest_ms < 100
        and seen.heap_mb < 300
        and seen.answer_s < 0.5
        and seen.shift < 0.1,
    )


def rows() -> list[Row]:
    found: list[Row] = []
    with chromium() as browser:
        found += [overview(browser), start(browser), *ticking(browser)]
    return found
