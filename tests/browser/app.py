"""The app as its user starts it: a Streamlit server on loopback, and a Chromium that looks at it."""

import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright

ROOT = Path(__file__).parents[2]
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
# Streamlit's own front end looks for the server below the page's path first; and asks for hosts it need not reach.
NOT_OURS = ("_stcore/health", "_stcore/host-config", "webhooks.fivetran.com", "data.streamlit.io")
TROUBLE = ("warning", "deprecat", "traceback", "exception", "error")


@dataclass(frozen=True)
class Server:
    """A running app and what it prints."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def trouble(self) -> list[str]:
        """Lines of the server's log that a careful owner would not want to see."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line for line in lines if any(word in line.lower() for word in TROUBLE)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(folder: Path, port: int = 0, **environment: str) -> Iterator[Server]:
    """Serve the app with a home folder and a database of its own; offline.

    A server that is started anew takes the port of the one before: a browser's storage belongs to an address.
    """
    port, log = port or free_port(), folder / f"server-{len(list(folder.glob('server-*')))}.log"
    command = [sys.executable, "-m", "streamlit", "run", "Home.py", "--server.headless=true"]
    command += [f"--server.port={port}", "--server.address=127.0.0.1", "--server.fileWatcherType=none"]
    env = {
        **os.environ,
        "HOME": str(folder),
        "HF_HUB_OFFLINE": "1",
        "PYTHONWARNINGS": "default",
        **environment,
    }
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env=env)  # noqa: S603
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield Server(f"http://127.0.0.1:{port}", log, process)
    finally:
        process.terminate()
        process.wait(10)


def wait_for(url: str, process: subprocess.Popen[bytes], attempts: int = 600) -> None:
    """Ask until the server answers; each attempt waits for it at most a second."""
    for _ in range(attempts):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with code {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310
                if answer.status == 200:
                    return
        except OSError:
            process_wait(process, 0.1)
    raise RuntimeError(f"no answer from {url}")


def process_wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait for a process to end, or for some time."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def chromium(playwright: Playwright) -> Browser:
    """The machine's Chromium, else Playwright's own."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    return playwright.chromium.launch(executable_path=found, args=FLAGS)


def listen(page: Page) -> list[str]:
    """Console errors and uncaught exceptions of a page that are ours, as they come."""
    heard: list[str] = []

    def on_console(message) -> None:
        place = message.location.get("url", "")
        if message.type == "error" and not any(name in place + message.text for name in NOT_OURS):
            heard.append(f"{message.text} ({place})")

    page.on("console", on_console)
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard
