"""A key from outside is only a key, whatever it means to Python, to pydantic or to a function that it reaches.

A field called `self` once raised `multiple values for argument 'self'` wherever it came from, and the page broke.
"""

import json
import struct

import pytest
import yaml
from hostile_values import RESERVED, assert_clear
from hub_server import QWEN_CONFIG, as_json, listed, running
from huggingface_hub.utils import close_session
from screen import opened, still_store
from small_jobs import OWN_MODEL

from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import InvalidConfig, VaporError
from vapor_core.hub.client import HubClient
from vapor_core.journal.codec import decode, encode
from vapor_core.journal.events import JobSubmitted
from vapor_core.readers.datasets import read_dataset
from vapor_core.readers.run_logs import read_log
from vapor_core.sharing import files, links, selection, validation
from vapor_core.trainers.reading import read_job
from vapor_core.workspace.store import Store

MODEL = "HuggingFaceTB/SmolLM2-135M"
OWN_DATA = {"tokens": 10**6, "examples": 1000}
OWN_CARD = {"id": "mine", "memory_gb": 24.0, "bandwidth_gb_s": 300.0, "fp32_tflops": 30.0}
CONFIG = {"model": MODEL, "max_steps": 300}
KEYS = pytest.mark.parametrize("key", RESERVED)


def refused_or_taken(act):
    """What was taken; None where it was refused in one clear sentence."""
    try:
        return act()
    except VaporError as error:
        assert_clear(str(error))
        return None


# Where keys stand in a configuration: a field of its own, or one of a model, a data set or a card of one's own.
PLACES = {
    "config": lambda key: {**CONFIG, key: 1},
    "model": lambda key: {**CONFIG, "model": {**OWN_MODEL.model_dump(exclude_none=True), key: 1}},
    "dataset": lambda key: {**CONFIG, "dataset": {**OWN_DATA, key: 1}},
    "accelerator": lambda key: {**CONFIG, "accelerator": {**OWN_CARD, key: 1}},
}
WRITERS = {
    "json": lambda fields: json.dumps(fields).encode(),
    "yaml": lambda fields: yaml.safe_dump(fields).encode(),
}


@KEYS
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_in_a_configuration_it_is_refused(write, place, key):
    assert refused_or_taken(lambda: read_job("a", write(place(key)))) is None


@pytest.mark.parametrize("key", [1, 2.5, None, True, "2026-01-01"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_in_yaml_it_need_not_be_text(place, key):
    assert refused_or_taken(lambda: read_job("a.yaml", yaml.safe_dump(place(key)).encode())) is None


@KEYS
@pytest.mark.parametrize("kind", [JobConfig, CatalogModel, Dataset, Accelerator])
def test_as_an_argument_it_is_refused(kind, key):
    assert refused_or_taken(lambda: kind(**{key: 1})) is None


def test_as_a_change_they_are_refused():
    store = Store()
    job = store.submit(JobConfig(**CONFIG), now=0.0)
    store.advance(now=1e5)
    for key in RESERVED:
        with pytest.raises(InvalidConfig):
            store.fork(job.id, step=10, changes={key: 1}, now=1e5)
    assert len(store.jobs()) == 1


def shared_with(place: str, key: str):
    """A link and a workspace file in which an event, or a configuration or model in one, has one more key."""
    store = Store()
    store.submit(JobConfig(**CONFIG), now=0.0)
    store.add_model(OWN_MODEL, now=1.0)
    store.advance(now=9.0)
    shared = selection.share(store, "workspace")
    entries = [[at, json.loads(line)] for at, line in shared.entries]
    event = next(event for _, event in entries if place in ("event", *event))
    (event if place == "event" else event[place]).setdefault(key, 1)
    packed = links._text(links.zlib.compress(json.dumps(["workspace", [], shared.now, entries]).encode()))
    file = json.dumps({"vapor": 1, "now": shared.now, "entries": entries}).encode()
    return {"link": lambda: links.unpack(f"1.{packed}"), "file": lambda: files.from_file("work.json", file)}


@KEYS
@pytest.mark.parametrize("carrier", ["link", "file"])
def test_in_a_shared_event_it_is_left_out(carrier, key):
    """A newer version may say more of an event."""
    assert len(validation.shared_store(shared_with("event", key)[carrier]()).jobs()) == 1


@pytest.mark.parametrize("key", [key for key in RESERVED if key != "name"])  # which both have
@pytest.mark.parametrize("carrier", ["link", "file"])
@pytest.mark.parametrize("place", ["config", "model"])
def test_in_a_shared_configuration_or_model_it_is_refused(place, carrier, key):
    assert refused_or_taken(lambda: validation.shared_store(shared_with(place, key)[carrier]())) is None


@KEYS
def test_among_the_chosen_fields_of_an_event_it_is_none(key):
    """A link may say of any text that a person chose that field."""
    config = JobConfig(**CONFIG)
    submitted = JobSubmitted.of("job-1", "a", config).model_copy(
        update={"chosen": ("model", "max_steps", key)}
    )
    restored = decode(encode(submitted), "event 1").config
    assert restored.changed(seed=3) == config.changed(seed=3)


@KEYS
def test_in_a_line_of_the_journal_it_is_left_out_or_refused(key):
    line = json.dumps({"kind": "job_paused", "version": 1, "job_id": "job-1"} | {key: 1})
    refused_or_taken(lambda: decode(line, "event 1"))
    nested = json.dumps({"kind": "dataset_added", "version": 1, "dataset": {**OWN_DATA, key: 1}})
    assert refused_or_taken(lambda: decode(nested, "event 1")) is None


@KEYS
def test_as_a_column_of_a_data_set_it_is_a_column(key):
    lines = json.dumps({key: "words", "text": "more"}).encode()
    assert read_dataset("a.jsonl", lines).columns == tuple(dict.fromkeys([key, "text"]))
    assert read_dataset("a.csv", f"{key},text\nwords,more\n".encode()).examples == 1
    assert read_dataset("a.jsonl", lines, text_column=key).dataset.examples == 1


def event_file(tag: str) -> bytes:
    """An event file of TensorBoard with a loss and a scalar of that tag at step 3."""

    def record(payload: bytes) -> bytes:
        return struct.pack("<Q", len(payload)) + bytes(4) + payload + bytes(4)

    def scalar(name: str, value: float) -> bytes:
        entry = b"\x0a" + bytes([len(name)]) + name.encode() + b"\x15" + struct.pack("<f", value)
        summary = b"\x0a" + bytes([len(entry)]) + entry
        return record(b"\x10\x03\x2a" + bytes([len(summary)]) + summary)

    return record(b"\x1a\x0dbrain.Event:2") + scalar("loss", 2.0) + scalar(tag, 7.0)


LOGS = {
    "csv": lambda key: f"{key},global_step,loss\n7,3,2\n".encode(),
    "json lines": lambda key: json.dumps({key: 7, "global_step": 3, "loss": 2.0}).encode(),
    "trainer state": lambda key: json.dumps(
        {"log_history": [{key: 7, "global_step": 3, "loss": 2.0}]}
    ).encode(),
    "mlflow": lambda key: f"key,value,step\nloss,2,3\n{key},7,3\n".encode(),
    "tensorboard": event_file,
}


@pytest.mark.slow
@KEYS
@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS)
def test_as_a_column_of_a_log_it_changes_no_loss(log, key):
    frame = read_log("log", log(key)).frame
    assert frame["loss"].tolist() == [2.0]
    assert frame.columns.tolist() == ["step", "loss"]


@pytest.mark.parametrize("log", ["mlflow", "tensorboard"])
def test_a_metric_called_step_is_not_the_step(log):
    assert read_log("log", LOGS[log]("step")).frame["step"].tolist() == [3]


def test_in_an_answer_of_the_hub_they_are_left_out():
    extra = dict.fromkeys(RESERVED, 1)
    entry = extra | listed("acme/tiny")
    with running() as hub:
        hub.routes["/api/models"] = as_json([entry])
        hub.routes["/api/models/acme/tiny"] = as_json(entry)
        hub.routes["/acme/tiny/resolve/main/config.json"] = as_json(
            extra | {"text_config": extra} | QWEN_CONFIG
        )
        client = HubClient(hub.url, timeout_s=5.0, offline=False)
        assert [model.id for model in client.search("tiny").models] == ["acme/tiny"]
        assert client.model("acme/tiny").model.layers == QWEN_CONFIG["num_hidden_layers"]
        close_session()


@pytest.mark.slow
@KEYS
def test_in_an_address_it_is_left_out(key):
    store = still_store()
    store.submit(JobConfig(**CONFIG), now=0.0)
    opened("2_Monitor", store, {"job": "job-1", key: "1"})
