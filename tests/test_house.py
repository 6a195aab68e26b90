"""The house has the arrows that the design names, and no others; its folders and files stay small enough to read."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HOUSES = ("vapor_core", "vapor_ui", "vapor_api", "vapor_cli")
PAGES = [ROOT / "Home.py", *sorted((ROOT / "pages").glob("*.py"))]
FILES = sorted(path for house in HOUSES for path in (ROOT / house).rglob("*.py"))
CORE = [path for path in FILES if path.relative_to(ROOT).parts[0] == "vapor_core"]
SCREENS = [*PAGES, *(path for path in FILES if path.relative_to(ROOT).parts[0] == "vapor_ui")]

# Commands that start the app, or ask for its settings
OF_THE_APP = [
    *(ROOT / "vapor_cli" / f"{name}.py" for name in ("run", "doctor")),
    ROOT / "vapor_api" / "serving.py",
]
REAL = {
    *(f"core.backends.{name}" for name in ("local", "followed", "ray", "hf_jobs")),
    "core.program",
}  # backends that do real work, and the program that they run
PLAIN = {"names", "limits", "full_disk"}  # of the program: values that the app reads too
HEAVY = {"torch", "transformers", "trl", "peft", "datasets", "accelerate", "ray", "tokenizers"}
MOST_MODULES = 14  # in a folder
MOST_LINES = 400  # in a file
DEEPEST = 14  # modules from a page down to the one that imports nothing

# Each folder (or single module) of the house and what it may import: all of it, and nothing else.
ARROWS: dict[str, set[str]] = {
    # the ground: words, errors and values
    "core.errors": set(),
    "core.noise": set(),
    "core.contracts": {"core.errors"},
    "core.catalog": {"core.contracts", "core.errors"},
    "core.fidelity": {"core.contracts"},
    "core.text": {"core.contracts"},
    # laws, and what follows from them
    "core.physics": {
        "core.catalog",
        "core.contracts",
        "core.errors",
        "core.noise",
    },  # a run too long to count
    "core.physics.loss": {"core.catalog", "core.contracts", "core.noise", "core.physics"},
    "core.physics.serving": {"core.catalog", "core.contracts", "core.noise", "core.physics"},
    "core.rehearsal": {"core.contracts", "core.physics", "core.physics.loss"},
    "core.simulation": {
        *("core.catalog", "core.contracts", "core.noise", "core.rehearsal"),
        *("core.physics", "core.physics.loss", "core.physics.serving"),
    },
    "core.simulator": {"core.contracts", "core.errors", "core.simulation"},
    "core.advice": {
        *("core.catalog", "core.contracts", "core.errors", "core.rehearsal"),
        *("core.physics", "core.physics.loss"),
    },
    "core.calibration": {
        *("core.contracts", "core.errors", "core.metrics", "core.rehearsal"),
        *("core.physics", "core.physics.loss"),
    },
    # what is kept, read and drawn
    "core.metrics": set(),
    "core.journal": {"core.contracts", "core.errors"},
    "core.readers": {"core.contracts", "core.errors", "core.readers.logs"},
    "core.readers.logs": {"core.contracts", "core.errors", "core.metrics"},
    "core.hub": {"core.catalog", "core.contracts", "core.errors"},
    # trainers' files in and out: no mere readers, since both ways share the words and steps are counted by a plan
    "core.trainers": {"core.catalog", "core.contracts", "core.errors", "core.physics", "core.readers"},
    "core.charts": {"core.contracts"},
    "core.exports": {"core.catalog", "core.charts", "core.contracts", "core.program", "core.text"},
    # the world
    "core.backends": {"core.contracts", "core.errors", "core.journal"},
    "core.backends.simulated": {
        *("core.advice", "core.backends", "core.catalog", "core.contracts", "core.errors"),
        *("core.journal", "core.physics", "core.simulation"),
    },
    # real work on this machine, where processes, the environment and the clock are
    "core.backends.local": {
        "core.advice",  # what a run is rehearsed to be
        "core.hub",  # models in folders
        *("core.backends", "core.catalog", "core.contracts", "core.errors", "core.journal", "core.physics"),
        "core.program",  # what it calls things
    },
    # the same on a Ray cluster, spoken to over HTTP
    "core.backends.ray": {
        *("core.backends", "core.backends.local", "core.contracts", "core.errors", "core.program"),
        "core.journal",
    },
    # real work on the Hub's machines, where sockets, threads and the clock are
    "core.backends.hf_jobs": {
        "core.backends.local",  # where runs are kept, how they are read, and which card a name means
        "core.exports",  # the program as one file
        *("core.advice", "core.backends", "core.catalog", "core.contracts", "core.errors", "core.journal"),
        *("core.physics", "core.program"),
    },
    # runs that others do, read from their files
    "core.backends.followed": {
        "core.backends.local",  # where runs are kept, and how our own program tells
        *("core.backends", "core.contracts", "core.errors", "core.journal"),
        *("core.readers", "core.readers.logs"),
    },
    "core.program": set(),
    "core.workspace.clocks": {"core.backends", "core.contracts", "core.errors", "core.journal"},
    "core.workspace": {
        "core.backends.followed",  # whether a place can be followed
        *("core.advice", "core.backends", "core.catalog", "core.contracts", "core.errors"),
        *("core.journal", "core.metrics", "core.physics", "core.readers.logs", "core.workspace.clocks"),
    },
    "core.watch": {
        "core.hub",  # where webhooks are told from
        *("core.advice", "core.contracts", "core.errors", "core.journal", "core.workspace"),
    },
    "core.sharing": {
        "core.backends",  # what can be shared is asked of the registry
        *("core.catalog", "core.contracts", "core.errors", "core.journal", "core.workspace"),
        "core.workspace.clocks",
        "core.readers",  # their edge alone: a stranger's link is read as a stranger's file is
    },
    # screens
    "ui.entrance": set(),
    "ui.shell": {
        *("core.contracts", "core.errors", "core.journal", "core.sharing", "core.text", "core.workspace"),
        *("core.hub", "core.watch"),  # what rules find is told to where they say
        "ui.entrance",
    },
    "ui.parts": {
        "core.backends",  # what is rented with a person's own key
        *("core.catalog", "core.contracts", "core.errors", "core.hub", "core.physics.serving"),
        *("core.text", "core.workspace", "ui.shell"),
    },
    "ui.form": {
        "core.backends",  # which keep a person's data for real runs
        *("core.advice", "core.calibration", "core.catalog", "core.contracts", "core.errors"),
        *("core.readers", "core.text", "core.workspace", "ui.parts", "ui.shell"),
    },
    "ui.overview": {"core.text", "core.workspace", "ui.parts"},
    "ui.train": {
        "core.backends",  # where a run may be, and what was measured there
        *("core.advice", "core.catalog", "core.charts", "core.contracts", "core.errors", "core.trainers"),
        *("core.text", "core.workspace", "ui.form", "ui.parts", "ui.shell"),
    },
    "ui.monitor": {
        "core.backends",  # the line of those that wait
        "core.backends.followed",  # runs that can be followed
        *(
            "core.sharing",
            "core.journal",
            "core.hub",
        ),  # who may log into this workspace; rules and whom they tell
        *("core.advice", "core.catalog", "core.charts", "core.contracts", "core.errors", "core.exports"),
        *("core.metrics", "core.readers", "core.text", "core.trainers", "core.workspace"),
        *("ui.form", "ui.parts", "ui.shell"),
    },
    "ui.deployments": {
        *("core.catalog", "core.charts", "core.contracts", "core.errors", "core.text", "core.workspace"),
        *("ui.parts", "ui.shell"),
    },
    "ui.models": {
        *("core.catalog", "core.contracts", "core.errors", "core.physics", "core.physics.serving"),
        *("core.text", "core.workspace", "ui.form", "ui.parts", "ui.shell"),
    },
    "ui.calibrate": {
        *("core.advice", "core.calibration", "core.catalog", "core.charts", "core.contracts"),
        *("core.errors", "core.fidelity", "core.readers", "core.text", "core.workspace"),
        *("ui.form", "ui.parts", "ui.shell"),
    },
    # the command
    "cli.told": {"core.errors"},
    "cli.run": {"cli.told"},
    "cli.estimate": {
        *("cli.estimate_table", "cli.told", "core.advice", "core.contracts", "core.errors", "core.trainers"),
    },
    "cli.estimate_table": {"core.catalog", "core.contracts", "core.text", "core.trainers"},
    "cli.doctor": {
        *("cli.told", "core.backends.local", "core.backends.ray", "core.errors", "core.journal"),
        *("ui.entrance", "ui.shell"),
    },
    "cli.journal": {"cli.told", "core.journal", "core.workspace"},
    "cli.measure": {"cli.told", "core.backends.local", "core.errors"},
    "cli.follow": {"cli.told", "core.backends.followed"},
    "cli.serve": {"cli.told"},
    "cli.main": {
        *("cli.doctor", "cli.estimate", "cli.follow", "cli.journal", "cli.measure", "cli.run", "cli.serve"),
        "cli.told",
    },
    # what is spoken over HTTP beside the pages
    "api.protocol": {"core.backends.followed"},
    "api.experiments": {"api.protocol"},
    "api.filters": {"api.protocol", "core.backends.followed"},
    "api.understood": {
        *("core.backends", "core.catalog", "core.contracts", "core.errors", "core.hub", "core.trainers"),
    },
    "api.tracking": {
        *("api.experiments", "api.filters", "api.jobs_of_runs", "api.protocol"),
        *("core.backends.followed", "core.errors", "core.workspace"),
    },
    "api.jobs_of_runs": {"core.backends.followed", "core.contracts", "core.errors", "core.workspace"},
    "api.routes": {
        *("api.protocol", "api.tracking", "api.understood", "core.errors", "core.journal"),
        *("core.sharing", "core.workspace"),
    },
    "api.serving": {"api.routes", "api.watching", "core.journal", "ui.shell"},
    "api.watching": {
        *("core.backends.local", "core.errors", "core.hub", "core.journal", "core.watch", "core.workspace"),
    },
    "pages": {
        *(
            "ui.calibrate",
            "ui.deployments",
            "ui.entrance",
            "ui.form",
            "ui.models",
            "ui.monitor",
            "ui.overview",
        ),
        *("ui.parts", "ui.shell", "ui.train"),
    },
}


@cache
def imported(path: Path) -> frozenset[str]:
    """Dotted names that a file imports, those inside functions and for types alone too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)


@cache
def file_of(name: str) -> Path | None:
    """The file of this house that a dotted name leads to."""
    parts = name.split(".")
    if parts[0] not in HOUSES:
        return None
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:length])
        if place.with_suffix(".py").exists():
            return place.with_suffix(".py")
        if (place / "__init__.py").exists():
            return place / "__init__.py"
    raise AssertionError(f"{name} is nowhere")


def room(path: Path) -> str:
    """The folder of a file as `ARROWS` calls it; a module at the top of the core is a room of its own."""
    parts = path.relative_to(ROOT).parts
    if path in PAGES:
        return "pages"
    house = parts[0].removeprefix("vapor_")
    inner = parts[1:-1] or ((path.stem,) if path.name != "__init__.py" else ())
    return ".".join((house, *inner))


def arrows(here: str) -> set[str]:
    """The rooms that a room's files import."""
    reached = {
        room(target)
        for path in [*PAGES, *FILES]
        if room(path) == here
        for name in imported(path)
        if (target := file_of(name)) is not None
    }
    return reached - {here, "core"}  # the face of the core hands on what is below it


@cache
def way_down(path: Path) -> tuple[Path, ...]:
    """The longest way down from a file, import by import; imports for types alone do not count."""
    ways = [way_down(target) for target in sorted(loaded(path)) if target.name != "__init__.py"]
    return (path, *max(ways, key=len, default=()))


@cache
def loaded(path: Path) -> frozenset[Path]:
    """Files of the house that a file imports when it is loaded or when its functions run."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typed = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    targets = {
        file_of(f"{node.module}.{alias.name}")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node not in typed
        for alias in node.names
    }
    return frozenset(target for target in targets if target is not None and target != path)


@pytest.mark.parametrize("here", ARROWS)
def test_a_room_has_the_arrows_that_the_design_names(here):
    assert arrows(here) == ARROWS[here]


def test_every_room_is_in_the_plan():
    assert {room(path) for path in [*PAGES, *FILES] if path.name != "__init__.py"} == set(ARROWS)


def test_no_arrow_runs_upwards():
    floors: list[str] = []
    while len(floors) < len(ARROWS):
        ready = [here for here in ARROWS if here not in floors and ARROWS[here] <= set(floors)]
        assert ready, f"a circle among {sorted(set(ARROWS) - set(floors))}"
        floors += ready


def test_no_files_import_each_other_in_a_circle():
    left = {path: {each for each in loaded(path) if each.name != "__init__.py"} for path in [*PAGES, *FILES]}
    while free := {path for path, below in left.items() if not below & left.keys()}:
        left = {path: below for path, below in left.items() if path not in free}
    assert not left, sorted(str(path.relative_to(ROOT)) for path in left)


def test_no_way_down_is_long():
    longest = max((way_down(path) for path in [*PAGES, *FILES]), key=len)
    assert len(longest) <= DEEPEST, " > ".join(str(each.relative_to(ROOT)) for each in longest)


def test_no_folder_and_no_file_is_too_large_to_read():
    for house in HOUSES:
        for folder in (path.parent for path in (ROOT / house).rglob("__init__.py")):
            count = len([path for path in folder.glob("*.py") if path.name != "__init__.py"])
            assert count <= MOST_MODULES, f"{folder.relative_to(ROOT)} has {count} modules"
    for path in ROOT.rglob("*.py"):
        if not any(part.startswith(".") for part in path.relative_to(ROOT).parts):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            assert lines <= MOST_LINES, f"{path.relative_to(ROOT)} has {lines} lines"


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_core_knows_no_screen_no_clock_and_no_dice(path):
    text = path.read_text(encoding="utf-8")
    assert not [
        name
        for name in imported(path)
        if re.match(r"(streamlit|vapor_ui|vapor_cli|typer|random|time)\b", name)
        and not (name == "time" and room(path) in REAL)
    ]
    assert "datetime.now" not in text
    assert not re.search(r"(?<![\w.])hash\(", text)
    assert "np.random.seed" not in text


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_sockets_environment_threads_and_processes_are_where_the_design_says(path):
    if room(path) in {"core.hub", "core.journal"} | REAL:
        return
    outside = (
        r"(socket|ssl|http|urllib\.request|requests|httpx|huggingface_hub|subprocess|multiprocessing|threading|"
        r"asyncio|concurrent|signal)\b"
    )
    assert not [name for name in imported(path) if re.match(outside, name)]
    assert not re.search(r"\bos\.(environ|getenv|system|popen|fork|kill)", path.read_text(encoding="utf-8"))


def test_what_trains_is_never_loaded_by_the_app():
    program = {path for path in FILES if room(path) == "core.program" and path.stem not in PLAIN}
    for path in [*PAGES, *FILES]:
        if path in program:
            continue
        assert not HEAVY & {name.split(".")[0] for name in imported(path)}, path
        assert not {file_of(name) for name in imported(path) if name.startswith("vapor_core")} & program, path


def test_a_screen_runs_no_command_and_a_command_draws_no_screen():
    for path in [*SCREENS, *FILES]:
        names = [name.split(".")[0] for name in imported(path)]
        assert path in SCREENS or path in OF_THE_APP or not {"vapor_ui", "streamlit"} & set(names), path
        assert path.relative_to(ROOT).parts[0] == "vapor_cli" or not {"vapor_cli", "typer"} & set(names), path


def test_pages_reach_the_screens_and_never_one_another():
    for path in SCREENS:
        assert not [name for name in imported(path) if name.startswith(("pages", "Home"))], path


def test_only_screens_import_streamlit():
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).parts
        if (
            path in (*SCREENS, *OF_THE_APP)
            or parts[0].startswith(".")
            or parts[0] in {"tests", "benchmarks", "build"}
        ):
            continue
        assert not [name for name in imported(path) if name.split(".")[0] == "streamlit"], path


def test_nothing_is_called_by_a_word_that_says_nothing():
    for path in [*FILES, *PAGES]:
        assert path.stem not in {"utils", "helpers", "common", "manager", "misc"}
