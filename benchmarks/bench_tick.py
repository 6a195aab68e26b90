"""One live tick of Monitor, as a browser asks for it, against a bare fragment, and by length of run and of list."""

import asyncio
from contextlib import ExitStack

import numpy as np

from benchmarks import load, serving
from benchmarks.load import Tick
from benchmarks.rows import Row

SERVERS = {
    "floor": "",
    "thousand": "steps=1000",
    "million": "steps=1000000",
    "ten": "steps=20000 jobs=10",
    "many": "steps=20000 jobs=1000",
}
ROUNDS = 60
WARM = 8  # rounds that are not counted
Found = dict[str, tuple[list[Tick], float]]  # ticks and processor seconds of one


async def measure() -> Found:
    """Ticks of all servers in turns, round by round."""
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(serving.app(words) if words else serving.streamlit(serving.FLOOR))
            for name, words in SERVERS.items()
        }
        viewers = []
        for name, server in servers.items():
            page = ("Monitor", f"job={serving.watched(SERVERS[name])}") if SERVERS[name] else ("", "")
            viewers.append((await load.open_page(server.url, *page))[0])
        await load.ticks_in_turns(viewers, WARM)
        before = [server.cpu_s() for server in servers.values()]
        found = await load.ticks_in_turns(viewers, ROUNDS)
        used = [server.cpu_s() for server in servers.values()]
        await asyncio.gather(*(viewer.socket.close() for viewer in viewers))
    each = zip(found, before, used, strict=True)
    return {name: (ticks, (b - a) / ROUNDS) for name, (ticks, a, b) in zip(servers, each, strict=True)}


def ratio(found: Found, above: str, below: str) -> float:
    """Median of the ratios of neighbouring ticks: both met the same machine."""
    pairs = zip(found[above][0], found[below][0], strict=True)
    return float(np.median([one.seconds / other.seconds for one, other in pairs]))


def told(found: Found, name: str) -> str:
    """Wall and processor time of a tick."""
    ticks, cpu_s = found[name]
    return f"{np.median([tick.seconds for tick in ticks]) * 1e3:.0f} ms ({cpu_s * 1e3:.0f} ms CPU)"


def rows() -> list[Row]:
    found = asyncio.run(measure())
    floor = ratio(found, "thousand", "floor")
    sizes = {name: [tick.size / 1e3 for tick in ticks] for name, (ticks, _) in found.items()}
    little, part = (float(np.median(sizes[name])) for name in ("million", "thousand"))
    length, jobs = ratio(found, "million", "thousand"), ratio(found, "many", "ten")
    return [
        Row(
            "one live tick of Monitor, 5 charts and 6 cards, 10 new steps of 1,000",
            "a bare Streamlit fragment with one metric",
            f"{told(found, 'thousand')} against {told(found, 'floor')}",
            f"{floor:.2f} x",
            "at most 2 x",
            floor <= 2,
            "Below 1 x is no slip: Streamlit collects garbage after each tick, which the bare fragment pays in "
            "full and Vapor does not (`vapor_ui/shell/garbage.py`). "
            "A bare fragment with the same remedy was not measured and is likely quicker.",
        ),
        Row(
            "sent in such a tick",
            "",
            f"median {part:.1f} kB, most {max(sizes['thousand']):.1f} kB; of a million-step run, where little is new, "
            f"median {little:.1f} kB",
            f"{part:.1f} kB",
            "at most 15 kB",
            part <= 15,
            "What is not a pixel's worth of news is not redrawn, and what the browser has is sent by its hash.",
        ),
        Row(
            "tick of a million-step run",
            "tick of a thousand-step run",
            f"{told(found, 'million')} against {told(found, 'thousand')}",
            f"{length:.2f} x",
            "at most 1.2 x",
            length <= 1.2,
        ),
        Row(
            "tick with 1,000 finished jobs in the workspace",
            "with 10",
            f"{told(found, 'many')} against {told(found, 'ten')}",
            f"{jobs:.2f} x",
            "at most 1.2 x",
            jobs <= 1.2,
        ),
    ]
