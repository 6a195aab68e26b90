"""Sessions without browsers that watch and act for a long time: no error, and no growth in memory after warm-up.

`python -m benchmarks.soak [--minutes 10] [--sessions 20]`: one server, all workspaces in one journal on disk. Each
session goes from page to page, ticks as the autorefresh does, and presses whatever buttons it finds, jobs being
started until a workspace has a few. A session fails where a page shows an exception or no answer comes; the server,
where its log has a traceback, or its memory in the last third after warm-up is above that of the first by 5 %.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.web import bootstrap
from websockets.asyncio.client import connect

from benchmarks.endurance import Ordeal, record
from benchmarks.load import Tick, Viewer
from benchmarks.serving import Server, free_port, running
from vapor_core import JobConfig, Store
from vapor_core.journal.sql import open_journal
from vapor_ui.entrance import arrival
from vapor_ui.shell import session, workspaces

PAGES = ("", "Train", "Monitor", "Compare", "Deployments", "Models")
MINUTES, SESSIONS = 10.0, 20  # less is a try and not recorded
FIRST_JOBS = 3  # of each workspace
MOST_STARTS = 6  # that a session presses
STARTS = ("Start", "Fork", "Clone", "Deploy", "Try", "Restart")  # what buttons say that make something new
WARM_UP = 0.4  # of the time: until each session has seen each page and the caches of estimates are full
ALLOWED = 1.05
CONFIG = JobConfig(model="HuggingFaceTB/SmolLM2-135M", method="full", max_steps=20_000)


@dataclass
class Person(Viewer):
    """A viewer who also presses buttons."""

    buttons: dict[str, str] = field(default_factory=dict)  # id -> label
    errors: list[str] = field(default_factory=list)
    starts: int = 0
    last: str = ""  # what it did
    part_only: bool = False  # the next run is of the fragment alone

    async def go(self, page: str) -> None:
        """Open a page."""
        self.last = "open"
        self.page, self.query, self.buttons, self.fragment = page, "", {}, ""
        await self.open()

    async def press(self, name: str) -> None:
        """Press a button, by its widget's id."""
        self.buttons.pop(name, None)
        request = BackMsg()
        request.rerun_script.query_string = self.query
        request.rerun_script.page_script_hash = self.page_hash
        request.rerun_script.widget_states.widgets.append(WidgetState(id=name, trigger_value=True))
        request.rerun_script.widget_states.widgets.extend(self.states.values())
        await self._ask(request)

    async def tick(self) -> Tick:
        """The live part of the page."""
        self.last, self.part_only = "tick", True
        return await super().tick()

    def _look(self, message: ForwardMsg, received: bytes) -> None:
        if message.HasField("new_session"):
            if not self.part_only:
                self.fragment, self.buttons = "", {}  # the whole page is drawn again
            self.part_only = False
        super()._look(message, received)
        if message.HasField("navigation"):
            self.page_hash = message.navigation.page_script_hash  # the page that it has become
        if message.HasField("page_info_changed"):
            self.query = message.page_info_changed.query_string
        if message.WhichOneof("type") == "script_finished" and message.script_finished == 1:
            raise RuntimeError("the page does not compile")
        element = message.delta.new_element
        if element.WhichOneof("type") == "exception":
            self.errors.append(
                f"{self.page or 'Overview'}: {element.exception.type}: {element.exception.message}"
            )
        if element.WhichOneof("type") == "button" and not element.button.disabled:
            self.buttons[element.button.id] = element.button.label


async def lives(url: str, number: int, until: float, done: Counter[str]) -> list[str]:
    """One session from its start to the end; the errors that it met."""
    dice = random.Random(number)  # noqa: S311 - no secret
    socket = await connect(url.replace("http", "ws", 1) + "/_stcore/stream", max_size=None, compression=None)
    person = Person(socket)
    try:
        await person.go("")
        while perf_counter() < until:
            began, chance = perf_counter(), dice.random()
            usable = [
                name
                for name, label in person.buttons.items()
                if person.starts < MOST_STARTS or not any(word in label for word in STARTS)
            ]
            if chance < 0.08 or not (person.fragment or usable):
                await person.go(dice.choice(PAGES))
                done["pages"] += 1
            elif usable and (chance < 0.25 or not person.fragment):
                name = dice.choice(usable)
                label = person.buttons[name]
                person.last = f"press {label}"
                person.starts += any(word in label for word in STARTS)
                done[f"pressed {label}"] += 1
                await person.press(name)
            else:
                await person.tick()
                done["ticks"] += 1
            await asyncio.sleep(max(1.0 - (perf_counter() - began), 0.0))
    except Exception as error:  # noqa: BLE001 - whatever it is, the session has failed
        person.errors.append(f"{person.page or 'Overview'}, {person.last}: {type(error).__name__}: {error}")
    finally:
        await socket.close()
    return person.errors


async def soak(server: Server, sessions: int, seconds: float) -> tuple[list[str], list[float], Counter[str]]:
    """(errors, memory each second after warm-up in MB, what was done)."""
    done: Counter[str] = Counter()
    memory: list[float] = []
    began = perf_counter()

    async def weigh() -> None:
        while perf_counter() - began < seconds:
            await asyncio.sleep(1.0)
            if perf_counter() - began > WARM_UP * seconds:
                memory.append(server.memory_mb())

    lived = await asyncio.gather(
        weigh(), *(lives(server.url, number, began + seconds, done) for number in range(sessions))
    )
    return [error for errors in lived[1:] for error in errors or []], memory, done


def serve(place: str, port: int) -> None:
    """The app, each session with a workspace of its own in the journal at `place`."""
    journal = open_journal(place)
    numbers = iter(range(10**9))

    def opened() -> Store:
        store = Store(journal, f"soak-{next(numbers)}")
        for seed in range(FIRST_JOBS):
            store.submit(CONFIG.changed(seed=seed), now=session.now())
        store.set_speed(600.0, now=session.now())
        return store

    arrival.unknown = lambda: False
    workspaces.opened = opened
    options = {"server_headless": True, "server_port": port, "server_address": "127.0.0.1"}
    quiet = {"server_fileWatcherType": "none", "browser_gatherUsageStats": False}
    bootstrap.load_config_options({**options, **quiet})
    bootstrap.run("Home.py", False, [], {})


def main() -> int:
    """Print what was found; 1 where something went wrong."""
    asked = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    asked.add_argument("--minutes", type=float, default=MINUTES)
    asked.add_argument("--sessions", type=int, default=SESSIONS)
    asked.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    options = asked.parse_args()
    if options.serve:
        serve(options.serve[0], int(options.serve[1]))
        return 0
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        place = str(Path(folder) / "work.db")
        command = ["sh", "-c", f'exec "$0" "$@" > {log} 2>&1', sys.executable, "-m", "benchmarks.soak"]
        with running([*command, "--serve", place, str(port)], port, "/_stcore/health") as server:
            errors, memory, done = asyncio.run(soak(server, options.sessions, options.minutes * 60))
        logged = log.read_text(encoding="utf-8", errors="replace")
        events = sum(len(open_journal(place).read(name)) for name in open_journal(place).workspaces())
    errors += ["the server's log has a traceback:\n" + logged[-3000:]] if "Traceback" in logged else []
    third = max(len(memory) // 3, 1)
    first, last = median(memory[:third]), median(memory[-third:])
    print(f"{options.sessions} sessions, {options.minutes:g} minutes, {events} events in the journal")
    print(", ".join(f"{count} {name}" for name, count in done.most_common()))
    tenths = [
        f"{median(memory[k * len(memory) // 10 :][: max(len(memory) // 10, 1)]):.0f}" for k in range(10)
    ]
    print(f"memory by tenths after warm-up, MB: {', '.join(tenths)}")
    print(f"memory after warm-up: {first:.0f} MB in the first third, {last:.0f} MB in the last")
    if last > ALLOWED * first:
        errors.append(f"memory grew by {last / first - 1:.0%}")
    print(f"{len(errors)} errors")
    for text, count in Counter(errors).most_common(20):
        print(f"{count} x {text}")
    if options.minutes >= MINUTES and options.sessions >= SESSIONS:
        found = (
            f"{options.sessions} sessions, {options.minutes:g} minutes, {sum(done.values()):,} acts: "
            f"{len(errors)} errors, memory {last / first - 1:+.1%} ({first:.0f} to {last:.0f} MB)"
        )
        target = f"0 errors, memory at most {ALLOWED - 1:+.0%}"
        record(Ordeal("soak", "Sessions watch and act for long", "make soak", found, target, not errors))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
