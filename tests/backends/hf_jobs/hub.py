"""A Hub on loopback that answers like the documented Jobs API and runs jobs as child processes; faults on demand.

Shapes as huggingface_hub 2.4 reads them: whoami-v2, jobs/hardware, jobs/ACCOUNT (POST, GET with label=),
jobs/ACCOUNT/ID, .../cancel, and .../logs as server-sent events that begin with the first line each time and stay open
while it runs.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

TOKEN = "hf_aVerySecretTokenThatMustNotLeak"  # noqa: S105 - a made-up one, to look for
OTHER = "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"
ACCOUNTS = {TOKEN: "ada", OTHER: "bob"}
ENDS = ("COMPLETED", "CANCELED", "ERROR", "DELETED")


def machine(name: str, model: str | None, count: int, vram: str, cents_a_minute: float) -> dict[str, object]:
    """One machine as /api/jobs/hardware lists it."""
    card = {"type": "gpu", "model": model, "quantity": str(count), "vram": vram, "manufacturer": "Nvidia"}
    return {
        "name": name,
        "prettyName": name.replace("-", " ").title(),
        "cpu": "8 vCPU",
        "ram": "30 GB",
        "ephemeralStorage": "100 GB",
        "accelerator": card if model else None,
        "unitCostMicroUSD": int(cents_a_minute * 10_000),
        "unitCostUSD": cents_a_minute / 100,
        "unitLabel": "minute",
    }


HARDWARE = [
    machine("l4x1", "L4", 1, "24 GB", 1.3333),
    machine("cpu-basic", None, 0, "", 0.0167),
    machine("a100x4", "A100", 4, "320 GB", 16.6667),
    machine("abacus-9000", "Abacus", 1, "8 GB", 1.0),
]


@dataclass
class HubJob:
    """A job there: its body, its process, and what it has printed."""

    id: str
    account: str
    body: dict[str, object]
    created: str
    stage: str = "SCHEDULING"
    message: str | None = None
    lines: list[str] = field(default_factory=list)
    process: subprocess.Popen | None = None

    def told(self) -> dict[str, object]:
        shown = {
            key: self.body.get(key) for key in ("command", "arguments", "environment", "flavor", "labels")
        }
        owner = {"id": "1", "name": self.account, "type": "user"}
        status = {"stage": self.stage, "message": self.message}
        return {"id": self.id, "createdAt": self.created, "owner": owner, "status": status, **shown}


@dataclass
class Hub:
    """What there is and what was asked; `faults`: path's end -> (status, headers, body) or a function, for a while."""

    folder: Path
    command: Callable[[HubJob, Path], list[str]] | None = None
    url: str = ""
    jobs: dict[str, HubJob] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, authorization
    faults: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    cut_after: int | None = None  # lines of a stream of logs, which breaks off then
    shuffled: bool = False  # whether a stream gives known lines in another order
    delay_s: float = 0.0  # before each answer
    hidden: bool = False  # whether labels are not found, as right after a start
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def posts(self) -> list[str]:
        return [path for method, path, _ in self.asked if method == "POST"]

    def running(self) -> list[HubJob]:
        return [job for job in self.jobs.values() if job.stage not in ENDS]

    def add(self, account: str, body: dict[str, object]) -> HubJob:
        """Take a job, and start its process where there is a command."""
        with self.lock:
            number = len(self.jobs) + 1
            created = f"2026-01-01T00:00:{number:02d}.000Z"
            job = HubJob(f"job{number:021d}", account, body, created)
            self.jobs[job.id] = job
        if self.command is not None:
            place = self.folder / job.id
            place.mkdir(parents=True)
            given = {
                **os.environ,
                **{key: str(value) for key, value in (body.get("environment") or {}).items()},
            }
            job.process = subprocess.Popen(  # noqa: S603 - a test's own
                self.command(job, place), cwd=place, env=given, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            job.stage = "RUNNING"
            threading.Thread(target=self._hear, args=(job,), daemon=True).start()
        return job

    def _hear(self, job: HubJob) -> None:
        assert job.process is not None and job.process.stdout is not None
        for line in job.process.stdout:
            job.lines.append(line.rstrip("\n"))
        job.process.stdout.close()
        code = job.process.wait()
        if job.stage == "RUNNING":
            job.stage = "COMPLETED" if code == 0 else "ERROR"
            job.message = None if code == 0 else f"Job failed with exit code: {code}."

    def cancel(self, job: HubJob) -> None:
        if job.stage in ENDS:
            return
        job.stage = "CANCELED"
        if job.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(job.process.pid, signal.SIGTERM)

    def close(self) -> None:
        self.closing.set()
        for job in self.jobs.values():
            if job.process is not None:
                with suppress(ProcessLookupError):
                    os.killpg(job.process.pid, signal.SIGKILL)
                job.process.wait()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def _serve(self, method: str) -> None:
        hub, parts = self.hub, urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        hub.asked.append((method, parts.path, self.headers.get("Authorization", "")))
        hub.closing.wait(hub.delay_s)
        fault = next(
            (each for end, each in hub.faults.items() if f"{method} {parts.path}".endswith(end)), None
        )
        with suppress(BrokenPipeError, ConnectionResetError):
            if fault is not None:
                self._answer(*fault)
            elif parts.path == "/api/jobs/hardware":
                self._json(HARDWARE)
            else:
                self._of_an_account(method, parts.path, parse_qs(parts.query), body)

    def _of_an_account(self, method: str, path: str, query: dict[str, list[str]], body: dict) -> None:
        hub = self.hub
        account = ACCOUNTS.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
        words = path.removeprefix("/api/").split("/")
        if account is None:
            self._json({"error": "Invalid credentials in Authorization header"}, 401)
        elif words == ["whoami-v2"]:
            self._json({"type": "user", "name": account, "auth": {"type": "access_token"}})
        elif words[0] != "jobs" or words[1] != account:
            self._json({"error": "Forbidden"}, 403)
        elif len(words) == 2 and method == "POST":
            self._json(hub.add(account, body).told())
        elif len(words) == 2:
            wanted = dict(each.split("=", 1) for each in query.get("label", []))
            there = [
                job.told()
                for job in hub.jobs.values()
                if job.account == account and wanted.items() <= (job.body.get("labels") or {}).items()
            ]
            self._json([] if hub.hidden else there)
        elif words[2] not in hub.jobs:
            self._json({"error": "Job not found"}, 404)
        elif words[3:] == ["cancel"]:
            hub.cancel(hub.jobs[words[2]])
            self._json({})
        elif words[3:] == ["logs"]:
            self._logs(hub.jobs[words[2]])
        else:
            self._json(hub.jobs[words[2]].told())

    def _logs(self, job: HubJob) -> None:
        """Server-sent events: every line from the first one on, then what comes, until the job has ended."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        self._event("===== Job started at 2026-01-01 00:00:01 =====")
        known = list(job.lines)
        sent = 0
        while not self.hub.closing.is_set():
            over = job.stage in ENDS and (job.process is None or job.process.poll() is not None)
            fresh = known[::-1] if self.hub.shuffled and sent < len(known) else job.lines[sent:]
            for line in fresh:
                self._event(line)
                sent += 1
                if self.hub.cut_after is not None and sent >= self.hub.cut_after:
                    return
            if over and sent >= len(job.lines):
                return
            self.wfile.write(b": keep-alive\n\n")
            self.wfile.flush()
            time.sleep(0.02)

    def _event(self, line: str) -> None:
        told = json.dumps({"data": line, "timestamp": "2026-01-01T00:00:02Z"})
        self.wfile.write(f"data: {told}\n\n".encode())
        self.wfile.flush()

    def _json(self, value: object, status: int = 200) -> None:
        self._answer(status, {"Content-Type": "application/json"}, json.dumps(value).encode())

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def running(folder: Path, command: Callable[[HubJob, Path], list[str]] | None = None) -> Iterator[Hub]:
    """A Hub that lives as long as the block."""
    hub = Hub(folder, command)
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            hub.close()
            server.shutdown()
            thread.join()


def as_the_hub_does(program: list[str]) -> Callable[[HubJob, Path], list[str]]:
    """The job's own command, run by bash as the image does, with `program` for `uv run`; nothing is installed."""

    def command(job: HubJob, place: Path) -> list[str]:
        shell, flag, words = job.body["command"]
        found = " ".join(f"'{word}'" for word in program)
        return [shutil.which(shell) or shell, flag, words.partition(" && ")[2].replace("uv run", found)]

    return command


PYTHON = [sys.executable]
