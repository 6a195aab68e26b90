"""App processes behind nginx that share one PostgreSQL journal, and visitors who come back when theirs dies.

nginx runs with the configuration that docs/scaling.md prints, on a port of its own.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import connect

from benchmarks.serving import ROOT, Server, flags, free_port, running, wait_for
from benchmarks.soak import Person
from vapor_core import text

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
NO_NGINX = "no nginx: Debian's package is not installed and cannot be had"


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
def balancer(folder: Path, processes: list[int]) -> Iterator[str]:
    """Nginx as a process of our own, keeping all its files in a folder; the address to ask."""
    port = free_port()
    kept = [
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    ]
    http = "\n".join([*kept, "access_log off;", documented(port, processes)])
    main = f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;"
    settings = folder / "nginx.conf"
    settings.write_text(f"{main}\nevents {{}}\nhttp {{\n{http}\n}}\n", encoding="utf-8")
    command = [str(NGINX), "-p", str(folder), "-c", str(settings)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603 - nginx's own program
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def app_process(url: str, port: int) -> AbstractContextManager[Server]:
    """The app as `streamlit run` starts it, with its workspaces in a database."""
    command = [sys.executable, "-m", "streamlit", "run", "Home.py", *flags(port)]
    return running(command, port, "/_stcore/health", {"VAPOR_DATABASE_URL": url})


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
    """A visitor with a cookie and a workspace of their own, connected to the process that nginx gave them."""
    cookie = {"Cookie": f"vapor_visitor=visitor-{number}"}
    socket = await connect(
        f"ws://{address}/_stcore/stream", max_size=None, compression=None, additional_headers=cookie
    )
    assert socket.response is not None
    process = socket.response.headers["X-Vapor-Process"].rsplit(", ", 1)[-1]
    return Visitor(socket, workspace=f"visitor{number:025d}", process=process)


async def starts_a_job(person: Visitor) -> None:
    """Go to the form and press its button."""
    await person.visit("Train")
    await person.press(person.button("Start training"))
    assert not person.errors, person.errors
