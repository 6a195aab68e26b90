"""Tags, wire types, keys and nesting that a format allows and no reader asked for: read, or refused in one sentence."""

import json
import struct
import zlib

import pytest
from hostile_values import ANYTHING, KEYS, RESERVED, assert_clear, rehearsed, taken_or_refused, tried
from hypothesis import given
from hypothesis import strategies as st

from vapor_core.errors import VaporError
from vapor_core.readers.datasets import read_dataset
from vapor_core.readers.run_logs import read_log
from vapor_core.sharing import files, links, validation
from vapor_core.trainers.reading import read_config, read_job
from vapor_core.workspace.store import Store

TAGS = (
    *(
        "!!bool foo",
        "!!int ''",
        "!!int 0o9",
        "!!int _",
        "!!float .",
        "!!float ''",
        "!!timestamp x",
        "!!timestamp 2026-99-99",
    ),
    *(
        "!!binary '*'",
        '!!binary "\\xff"',
        "!!set {a}",
        "!!set [a]",
        "!!omap [a]",
        "!!omap {a: 1}",
        "!!pairs [a]",
    ),
    *(
        "!!null x",
        "!!str [a]",
        "!!seq x",
        "!!map x",
        "!!merge <<",
        "!!value =",
        "!!yaml '!'",
        "!!python/none x",
    ),
    *(
        "!!python/object/apply:os.system ['true']",
        "!!python/name:os.system",
        "!!python/tuple [1]",
        "!own x",
        "! x",
    ),
    *(
        "!<tag:yaml.org,2002:bool> foo",
        "!<tag:yaml.org,2002:int> 0b2",
        "2026-13-45",
        "1:99:99",
        "0x",
        "1_",
        "=",
        "<<",
    ),
    *(
        "!!float 1e999",
        "!!int 1:61",
        "!!bool [yes]",
        "!!timestamp 0000-00-00",
        "!!timestamp 2026-01-01T99:99:99Z",
    ),
)
PLACES = (
    "{tag}", "model: {tag}", "model: gpt2\nlearning_rate: {tag}", "? {tag}\n: 1", "model: {{id: {tag}, layers: {tag}}}",
    "model: gpt2\nlora_targets: [{tag}]", "- {tag}", "model: gpt2\n{tag}: 1", "<<: {tag}\nmodel: gpt2",
    "base_model: gpt2\nadapter: {tag}\nlearning_rate: {tag}\ndatasets: [{{path: {tag}}}]",
    "model_name_or_path: gpt2\nstage: sft\nlearning_rate: {tag}\nfinetuning_type: {tag}",
)  # fmt: skip


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("place", PLACES)
def test_no_tag_of_yaml_ends_in_a_traceback(place, tag):
    text = place.format(tag=tag)
    for read in (read_config, lambda text: read_job("a.yaml", text)):
        try:
            read(text.encode())
        except VaporError as error:
            assert_clear(str(error))


def number(value: int) -> bytes:
    """A varint."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


FIELDS = st.integers(0, 20)
WIRES = st.integers(0, 7)
LEAVES = st.one_of(st.binary(max_size=12), st.integers(0, 2**70).map(number))


def message(inner):
    """Fields of any number and wire type, whose lengths may lie."""

    def field(name: int, wire: int, longer: int, content: bytes) -> bytes:
        length = number(len(content) + longer) if wire == 2 else b""
        return number(name << 3 | wire) + length + content

    lies = st.sampled_from([0, 0, 0, 0, 1, 2**31, 2**63])
    fields = st.builds(field, FIELDS, WIRES, lies, inner)
    return st.lists(fields, max_size=4).map(b"".join)


def record(payload: bytes) -> bytes:
    return struct.pack("<Q", len(payload)) + bytes(4) + payload + bytes(4)


MESSAGES = st.recursive(LEAVES, message, max_leaves=12)
EVENTS = st.lists(MESSAGES, max_size=6).map(
    lambda payloads: record(b"\x1a\x0dbrain.Event:2") + b"".join(map(record, payloads))
)


@pytest.mark.slow
@tried(1.0)
@given(EVENTS)
def test_no_wire_type_of_an_event_file_ends_in_a_traceback(content):
    with taken_or_refused():
        Store().import_log(read_log("events.out.tfevents.1", content), now=0.0)


@pytest.mark.parametrize("wire", range(8))
@pytest.mark.parametrize("field", range(1, 17))
@pytest.mark.parametrize("content", [b"", b"\x00" * 8, b"\xff" * 9, b"\x0a\x04loss\x15\x00\x00\x80\x3f"])
def test_each_field_may_have_any_wire_type(field, wire, content):
    inner = number(field << 3 | wire) + (number(len(content)) if wire == 2 else b"") + content
    for payload in (
        inner,
        b"\x2a" + number(len(inner)) + inner,
        b"\x2a" + number(len(inner) + 2) + b"\x0a" + number(len(inner)) + inner,
    ):
        with taken_or_refused():
            read_log("events", record(b"\x1a\x0dbrain.Event:2") + record(payload))


NESTED = st.recursive(
    ANYTHING,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=10,
)
SHAPES = st.one_of(
    NESTED,
    NESTED.map(lambda value: {"log_history": value}),
    NESTED.map(lambda value: {"log_history": [value, {"step": 1, "loss": 2.0}]}),
    NESTED.map(lambda value: [{"step": value, "loss": 2.0, "text": value, "messages": value}]),
    NESTED.map(lambda value: {"conversations": value, "prompt": value, "completion": value}),
    NESTED.map(lambda value: {"vapor": 1, "now": 1.0, "entries": value}),
    NESTED.map(lambda value: {"vapor": 1, "now": 1.0, "entries": [[0.0, value]]}),
    NESTED.map(lambda value: {"model": value, "dataset": value, "schedule": value, "lora_targets": value}),
)


def written(value: object) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@tried(0.5)
@given(SHAPES, st.sampled_from(["a.json", "a.jsonl", "a.yaml", "a.csv", "trainer_state.json"]))
def test_no_structure_of_json_ends_in_a_traceback(value, name):
    content = written(value)
    with taken_or_refused():
        read_dataset(name, content)
    with taken_or_refused():
        read_log(name, content)
    with taken_or_refused():
        rehearsed(read_job(name, content))
    with taken_or_refused():
        validation.shared_store(files.from_file(name, content))
    with taken_or_refused():
        packed = links._text(zlib.compress(written(["workspace", [], 1.0, [[0.0, value]]])))
        validation.shared_store(links.unpack(f"1.{packed}"))


@pytest.mark.parametrize("key", RESERVED)
def test_a_key_called_like_an_argument_is_a_key(key):
    content = written({key: {key: key}, "model": "gpt2"})
    for read in (
        lambda: read_job("a.json", content),
        lambda: read_dataset("a.jsonl", content),
        lambda: read_log("a.jsonl", content),
        lambda: files.from_file("a.json", content),
    ):
        with taken_or_refused():
            read()
