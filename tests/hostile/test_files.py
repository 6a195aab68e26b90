"""Any file and any link is read, or refused in one clear sentence."""

import json
from copy import deepcopy
from functools import cache

import pytest
import yaml
from hostile_values import (
    ANYTHING,
    KEYS,
    MARKUP,
    NUMBERS,
    TEXTS,
    changed,
    configs,
    lossy,
    planted,
    rehearsed,
    taken_or_refused,
    tried,
)
from hypothesis import example, given
from hypothesis import strategies as st

from vapor_core.contracts.training import JobConfig
from vapor_core.readers.datasets import read_dataset
from vapor_core.readers.run_logs import read_log
from vapor_core.sharing import files, links, selection, validation
from vapor_core.trainers.reading import read_job
from vapor_core.workspace.store import Store

pytestmark = pytest.mark.slow

ROWS = '{"instruction": "a", "output": "b"}\n{"instruction": "c", "output": "d"}\n'
STATE = json.dumps({"log_history": [{"step": step, "loss": 3.0 - step / 100} for step in range(40)]})
SAMPLES = [
    ROWS.encode(),
    b'[{"text": "a"}, {"text": "b"}]',
    b"instruction,output\na,b\nc,d\n",
    b"prompt\tresponse\n=1+1\t@SUM(A1)\n",
    STATE.encode(),
    b"step,loss,lr\n1,2.5,1e-4\n2,2.4,1e-4\n3,nan,1e-4\n",
    b'{"current_steps": 1, "loss": 2.0}\n{"current_steps": 2, "loss": 1.9}\n',
    b"model: openai-community/gpt2\nmethod: lora\nlearning_rate: 1e-4\n",
    b"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]\n",
    b"!!python/object/apply:os.system ['true']\n",
    b"cos\nsystem\n(S'true'\ntR.",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"1" * 100_000,
    b"step,loss\n" + b"9" * 5000 + b",1\n",
    b"PK\x03\x04" + bytes(200),
    b"\x1f\x8b\x08" + bytes(200),
    b"PAR1" + bytes(200) + b"PAR1",
    b"\xff\xfe" + "step,loss\n1,2\n".encode("utf-16-le"),
    b'"' * 20_000,
    b"," * 20_000 + b"\n1",
    ("step,loss\n" + "1,2\n" * 20_000).encode(),
]
NAMES = st.one_of(
    st.sampled_from(
        [
            "a.csv",
            "a.json",
            "a.jsonl",
            "a.tsv",
            "a.txt",
            "a.yaml",
            "trainer_state.json",
            "trainer_log.jsonl",
            "events.out.tfevents.1.host.1.0",
            "../../a.csv",
            "a.parquet",
            "a.pkl",
            "a.zip",
            "",
            MARKUP,
        ]
    ),
    TEXTS,
)


@cache
def workspace_file() -> bytes:
    return files.to_file(selection.share(a_world(), "workspace"))


@cache
def a_world() -> Store:
    store = Store()
    config = JobConfig(model="HuggingFaceTB/SmolLM2-135M", max_steps=2000, method="full")
    store.submit(config, now=0.0, name=MARKUP)
    store.set_speed(60.0, now=1.0)
    store.advance(now=2000.0)
    store.fork("job-1", step=100, changes={"learning_rate": 1e-5}, now=2001.0)
    store.deploy("job-1", now=2002.0)
    store.advance(now=2010.0)
    return store


# YAML's keys need not be text.
PLAIN_YAML = st.dictionaries(
    st.one_of(
        st.just("model"),
        st.just("dataset"),
        KEYS.filter(str.isprintable),
        st.integers(),
        st.none(),
        st.booleans(),
    ),
    st.dictionaries(
        st.one_of(st.sampled_from(["self", "id", "tokens"]), st.integers(), st.none()),
        st.integers(),
        max_size=3,
    ),
    max_size=4,
)
ROWS_OF_ANY_KEYS = st.lists(
    st.dictionaries(KEYS, ANYTHING, max_size=4).map(lambda row: {"step": 1, "loss": 2.0, "text": "a"} | row),
    max_size=4,
)
FILES = st.one_of(
    changed(st.sampled_from(SAMPLES)),
    changed(st.builds(workspace_file)),
    st.binary(max_size=400),
    ANYTHING.map(lambda value: lossy(json.dumps(value, ensure_ascii=False))),
    configs().map(lambda fields: lossy(json.dumps(fields, default=str))),
    configs().map(lambda fields: yaml.safe_dump(json.loads(json.dumps(fields, default=str))).encode()),
    PLAIN_YAML.map(lambda value: yaml.safe_dump(value).encode("utf-8", "replace")),
    ROWS_OF_ANY_KEYS.map(lambda rows: b"\n".join(lossy(json.dumps(row, default=str)) for row in rows)),
)


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@tried(0.3)
@given(NAMES, FILES)
@example("a.yaml", b"model: {self: 1}")
@example("a.yaml", b"model: {1: 2}")
@example("a.csv", b"self,step,loss\n1,2,3\n")
@example("a.jsonl", b'{"self": "a", "cls": "b", "text": "c"}')
@example("a.csv", b"\xef\xbb\xbf")
def test_any_file_is_read_or_refused_in_one_sentence(name, content):
    with taken_or_refused():
        upload = read_dataset(name, content)
        JobConfig(model="openai-community/gpt2", dataset=upload.dataset)
    with taken_or_refused():
        Store().import_log(read_log(name, content), now=0.0, name=name)
    with taken_or_refused():
        rehearsed(read_job(name, content))
    with taken_or_refused():
        validation.shared_store(files.from_file(name, content))


ENTRIES = st.lists(
    st.tuples(
        st.one_of(st.floats(0.0, 2010.0), NUMBERS),
        st.one_of(
            ANYTHING,
            st.sampled_from(
                [
                    {"kind": "speed_set", "version": 1, "speed": 1e300},
                    {"kind": "time_skipped", "version": 1, "seconds": 1e300},
                    {"kind": "time_skipped", "version": 1, "seconds": -5},
                    {"kind": "job_paused", "version": 1, "job_id": "job-9"},
                    {"kind": "deployment_stopped", "version": 1, "deployment_id": MARKUP},
                ]
            ),
        ),
    ),
    max_size=4,
)


@st.composite
def hostile_links(draw):
    real = links.unpack(links.pack(selection.share(a_world(), "workspace")))
    entries = [[at, json.loads(line)] for at, line in real.entries]
    for at, event in draw(ENTRIES):
        # a copy: what is sampled is the same object each time, and below it is changed
        entries.insert(draw(st.integers(0, len(entries))), [at, deepcopy(event)])
    if draw(st.booleans()):
        entries = sorted(
            (entry for entry in entries if isinstance(entry[0], int | float)), key=lambda entry: entry[0]
        )
    for _ in range(draw(st.integers(0, 2))):
        _, event = entries[draw(st.integers(0, len(entries) - 1))]
        if isinstance(event, dict) and event:
            event[draw(st.sampled_from(sorted(event)))] = draw(ANYTHING)
            draw(planted(event))
    view = draw(st.sampled_from(["workspace", "job", "comparison", "deployment", "nonsense"]))
    content = [
        view,
        draw(st.lists(st.sampled_from(["job-1", "job-7", MARKUP]), max_size=3)),
        draw(NUMBERS),
        entries,
    ]
    text = json.dumps(content, default=str)
    return f"1.{links._text(links.zlib.compress(lossy(text)))}"


LINKS = st.one_of(
    hostile_links(),
    TEXTS,
    changed(st.builds(lambda: links.pack(selection.share(a_world(), "job", ["job-1"])).encode())).map(
        lambda content: content.decode("latin-1")
    ),
)


@tried(0.2)
@given(LINKS, st.sampled_from(["", "secret"]))
def test_any_link_is_shown_or_refused_in_one_sentence(link, secret):
    with taken_or_refused():
        shared = links.unpack(link, secret)
        looked = validation.shared_store(shared)
        for each in (*looked.jobs(), *looked.deployments()):
            looked.metrics(each.id).frame(max_points=100)
        Store().adopt(validation.past(shared), now=0.0)
