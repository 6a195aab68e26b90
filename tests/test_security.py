"""The promises of docs/security.md: each has a test, and those that belong to no other file are here."""

import ast
import re
from pathlib import Path

import pytest

from vapor_core.contracts.entries import Dataset
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import VaporError
from vapor_core.journal.sql import open_journal
from vapor_core.readers.datasets import read_dataset
from vapor_core.readers.run_logs import read_log
from vapor_core.sharing import files, links, selection
from vapor_core.trainers.reading import read_job
from vapor_core.workspace.store import Store

ROOT = Path(__file__).parent.parent
SOURCES = [
    ROOT / "Home.py",
    *(
        path
        for folder in ("pages", "vapor_ui", "vapor_core", "vapor_cli")
        for path in (ROOT / folder).rglob("*.py")
    ),
]
RUNS_WHAT_IT_READS = {"eval", "exec", "compile", "__import__"}
NEVER_CALLED = {"st.html", "os.system", "yaml.unsafe_load", "pd.eval"}
NEVER_IMPORTED = {"pickle", "marshal", "shelve", "dill", "joblib"}
HOSTILE = "'); DROP TABLE vapor_events; --\x00\u202e<script>"


def test_every_promise_names_a_test_that_exists():
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    promises = re.findall(r"^\| (?!Who|Promise|---)(.+?) \| (`.+?`) \|$", text, re.MULTILINE)
    rows = re.findall(r"^\| (?!Promise|---).+", text.split("## What is promised")[1], re.MULTILINE)
    assert len(promises) == len(rows), "a promise without a test"
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", text)
    assert len(promises) >= 20 and len(named) >= len(promises)
    for file, test in named:
        source = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert re.search(rf"^def {test}\(", source, re.MULTILINE), f"{file} has no {test}"


def offences(source):
    """What in a source renders text raw, unpickles or runs it: the line's number and the name."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.keyword(arg="unsafe_allow_html" | "allow_pickle" as name):
                yield node.lineno, name
            case ast.Import(names=names):
                found = {alias.name.split(".")[0] for alias in names} & NEVER_IMPORTED
                yield from ((node.lineno, name) for name in found)
            case ast.ImportFrom(module=str(name)) if name.split(".")[0] in NEVER_IMPORTED:
                yield node.lineno, name
            case ast.Call(func=ast.Name(id=name)) if name in RUNS_WHAT_IT_READS:
                yield node.lineno, name
            case ast.Call(func=ast.Attribute() as called) if ast.unparse(called) in NEVER_CALLED:
                yield node.lineno, ast.unparse(called)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_rendered_raw_unpickled_or_run(path):
    assert not list(offences(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "source",
    [
        "st.markdown(x, unsafe_allow_html=True)",
        "np.load(x, allow_pickle=True)",
        "import pickle",
        "from joblib import load",
        "eval(x)",
        "def f():\n    exec(x)",
        "os.system(x)",
        "yaml.unsafe_load(x)",
        "pd.eval(x)",
        "st.html(x)",
    ],
)
def test_what_would_render_raw_unpickle_or_run_is_found(source):
    assert len(list(offences(source))) == 1


def test_hostile_text_in_a_journal_stays_text(database):
    store = Store(open_journal(database), workspace="w'; DROP TABLE vapor_events; --")
    store.add_dataset(Dataset(id=HOSTILE, tokens=10, examples=1), now=0.0)
    again = Store(store.journal, store.workspace)
    assert again.datasets()[0].id == HOSTILE
    assert Store(store.journal, "w").datasets()[0].id != HOSTILE
    store.close()


@pytest.mark.parametrize(
    "name", ["../../../../etc/passwd", "/etc/passwd", "C:\\windows\\win.ini", "a\x00.csv"]
)
def test_a_hostile_file_name_touches_no_file(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    read_log("a.csv", b"step,loss\n1,2\n")  # loads pandas, which opens the time zones
    read_dataset("a.jsonl", b'{"text": "a"}\n')  # and this the weights of scripts
    opened = []
    monkeypatch.setattr("builtins.open", lambda *given, **_: opened.append(given))
    monkeypatch.setattr(Path, "open", lambda *given, **_: opened.append(given))
    refused = []
    for read in (read_dataset, read_log, read_job, files.from_file):
        for content in (b"step,loss\n1,2\n2,1\n", b'{"text": "a"}\n', b""):
            try:
                read(name, content)
            except VaporError as error:
                refused.append(str(error))
    assert len(refused) >= 6 and not any("\x00" in sentence for sentence in refused)
    assert not opened and not list(tmp_path.iterdir())


def test_the_secret_of_links_is_nowhere_in_what_leaves(tmp_path):
    secret = "hunter2-and-more"  # noqa: S105 - of this test alone
    store = Store.open(tmp_path / "work.db")
    store.submit(JobConfig(model="openai-community/gpt2", max_steps=100), now=0.0)
    shared = selection.share(store, "workspace")
    left = [links.pack(shared, secret).encode(), files.to_file(shared)]
    store.close()
    left += [path.read_bytes() for path in tmp_path.iterdir()]
    assert len(left) >= 3 and not any(secret.encode() in content for content in left)
