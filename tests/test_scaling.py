"""Three app processes behind nginx share one PostgreSQL journal: visitors spread, and a killed process loses nothing.

nginx runs with the configuration that docs/scaling.md prints, on ports of the test's own.
"""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import connect

from benchmarks.serving import flags, free_port, running, wait_for
from benchmarks.soak import Person
from vapor_core import text
from vapor_core.journal.sql import open_journal

ROOT = Path(__file__).parent.parent
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
pytestmark = [
    pytest.mark.scaling,
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.skipif(NGINX is None, reason="no nginx: Debian's package is not installed and cannot be had"),
]


def documented(port: int, processes: list[int]) -> str:
    """The document's configuration with other ports."""
    text = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    block = re.search(r"```nginx\n(.*?)```", text, re.DOTALL)
    assert block is not None
    found = block.group(1).replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    for documented_port, process in zip((8501, 8502, 8503), processes, strict=True):
        assert f"127.0.0.1:{documented_port} " in found
        found = found.replace(f"127.0.0.1:{documented_port} ", f"127.0.0.1:{process} ")
    return found


@contextmanager
def balancer(folder: Path, processes: list[int]):
    """Nginx as a process of our own, keeping all its files in a folder; the address to ask."""
    port = free_port()
    kept = [
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    ]
    http = "\n".join([*kept, "access_log off;", documented(port, processes)])
    main = f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;"
    settings = folder / "nginx.conf"
    settings.write_text(f"{main}\nevents {{}}\nhttp {{\n{http}\n}}\n", encoding="utf-8")
    process = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(settings)], stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@dataclass
class Visitor(Person):
    """A person whose browser keeps a workspace's id, as local storage does."""

    workspace: str = ""
    asked_by: str = ""  # the widget that asked for the id
    process: str = ""

    def _look(self, message: ForwardMsg, received: bytes) -> None:
        super()._look(message, received)
        element = message.delta.new_element
        if element.WhichOneof("type") == "bidi_component":
            component = element.bidi_component
            if component.component_name.endswith("vapor_workspace"):
                self.asked_by = component.id
                answer = json.dumps({"id": self.workspace})
                self.states[self.asked_by] = WidgetState(id=self.asked_by, json_value=answer)

    async def visit(self, page: str) -> None:
        """Open a page; its first run asks for the workspace, the next one draws it."""
        await self.go(page)
        if not self.buttons:
            request = BackMsg()
            request.rerun_script.page_script_hash = self.page_hash
            request.rerun_script.widget_states.widgets.extend(self.states.values())
            await self._ask(request)

    def button(self, label: str) -> str:
        """The key of a button, whether it is a primary one or not."""
        found = [name for name, shown in self.buttons.items() if shown in (label, text.on_primary(label))]
        assert found, (label, self.buttons, self.errors)
        return found[0]


async def visitor(address: str, number: int) -> Visitor:
    cookie = {"Cookie": f"vapor_visitor=visitor-{number}"}
    socket = await connect(
        f"ws://{address}/_stcore/stream", max_size=None, compression=None, additional_headers=cookie
    )
    process = socket.response.headers["X-Vapor-Process"].rsplit(", ", 1)[-1]
    return Visitor(socket, workspace=f"visitor{number:025d}", process=process)


async def starts_a_job(person: Visitor) -> None:
    await person.visit("Train")
    await person.press(person.button("Start training"))
    assert not person.errors, person.errors


async def work(address: str, processes: dict[str, subprocess.Popen], url: str) -> None:
    people = [await visitor(address, number) for number in range(6)]
    for person in people:
        await starts_a_job(person)
    journal = open_journal(url)
    before = {person.workspace: journal.read(person.workspace) for person in people}
    assert all(sum(e.event.kind == "job_submitted" for e in told) == 1 for told in before.values())
    victim = people[0].process
    processes[victim].kill()
    processes[victim].wait()
    for number, person in enumerate(people):
        if person.process == victim:
            await person.socket.close()
            again = await visitor(address, number)
            assert again.process != victim
            await starts_a_job(again)
            await again.socket.close()
        else:
            await starts_a_job(person)
            await person.socket.close()
    for workspace, told in before.items():
        entries = journal.read(workspace)
        assert entries[: len(told)] == told
        assert sum(entry.event.kind == "job_submitted" for entry in entries) == 2
    journal.close()


def spread(address: str, visitors: int) -> Counter:
    """Processes that so many new visitors were sent to."""
    found: Counter = Counter()
    for _ in range(visitors):
        with urllib.request.urlopen(f"http://{address}/_stcore/health") as answer:
            found[answer.headers["X-Vapor-Process"]] += 1
    return found


def kept_by(address: str, cookie: str) -> set[str]:
    """Processes that one visitor was sent to."""
    request = urllib.request.Request(f"http://{address}/_stcore/health", headers={"Cookie": cookie})
    found = set()
    for _ in range(10):
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
            found.add(answer.headers["X-Vapor-Process"])
    return found


def test_visitors_spread_and_a_killed_process_loses_nobodys_work(postgres_server, tmp_path):
    url = postgres_server.database()
    with ExitStack() as stack:
        processes = {}
        for _ in range(3):
            port = free_port()
            command = [sys.executable, "-m", "streamlit", "run", "Home.py", *flags(port)]
            told = {"VAPOR_DATABASE_URL": url}
            server = stack.enter_context(running(command, port, "/_stcore/health", told))
            processes[f"127.0.0.1:{port}"] = server.process
        ports = [int(name.rsplit(":", 1)[1]) for name in processes]
        address = stack.enter_context(balancer(tmp_path, ports))
        found = spread(address, 60)
        assert set(found) == set(processes)
        assert max(found.values()) <= 45
        assert len(kept_by(address, "vapor_visitor=somebody")) == 1
        asyncio.run(work(address, processes, url))
