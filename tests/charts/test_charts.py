"""Every chart: its specification, its fields, and the same drawing from a frame as from a named dataset."""

import json

import pandas as pd
import pytest

from vapor_core import charts, simulate
from vapor_core.advice.estimate import estimate
from vapor_core.charts import comparison, planning, serving, stream, training
from vapor_core.contracts.columns import SERVING_COLUMNS, TRAINING_COLUMNS
from vapor_core.contracts.training import JobConfig
from vapor_core.simulation import endpoint
from vapor_core.simulation.endpoint import EndpointSpec, InferenceSimulator

CONFIG = JobConfig(model="HuggingFaceTB/SmolLM2-360M", max_steps=40)
TRAINING = ("loss", "learning_rate", "grad_norm", "throughput", "memory", "compare")
SERVING = ("request_rate", "traffic", "latency", "errors", "ttft", "tpot", "replicas", "queue")


@pytest.fixture(scope="module")
def run():
    return simulate(CONFIG)


@pytest.fixture(scope="module")
def telemetry():
    endpoint = InferenceSimulator(EndpointSpec(model="HuggingFaceTB/SmolLM2-360M"))
    return pd.DataFrame(endpoint.columns(0, 60))


def fields_of(specification):
    names = set()
    for layer in specification["layer"]:
        for channel in layer["encoding"].values():
            for definition in channel if isinstance(channel, list) else [channel]:
                if isinstance(definition, dict) and "field" in definition:
                    names.add(definition["field"])
        for transform in layer.get("transform", []):
            names -= (
                {transform["as"]} if isinstance(transform.get("as"), str) else set(transform.get("as", []))
            )
            names |= set(transform.get("fold", []))
    return names


@pytest.mark.parametrize("name", stream._CHARTS)
def test_a_specification_is_built_once_and_streams_one_named_dataset(name):
    first = stream.spec(name)
    assert stream.spec(name) is first
    assert first["data"] == {"name": "points"}
    assert "datasets" not in first
    assert first["title"]["text"]


@pytest.mark.parametrize("name", stream._CHARTS)
def test_no_chart_paints_its_own_background(name):
    assert "background" not in json.dumps(stream.spec(name))


@pytest.mark.parametrize("x", charts.AXES)
@pytest.mark.parametrize("name", TRAINING)
def test_training_charts_read_only_columns_that_jobs_have(name, x):
    smoothed = {f"{column}_smoothed" for column in TRAINING_COLUMNS}
    assert fields_of(stream.spec(name, x=x)) <= {*TRAINING_COLUMNS, *smoothed, "available_gb", "job"}


@pytest.mark.parametrize("name", SERVING)
def test_serving_charts_read_only_columns_that_endpoints_have(name):
    assert fields_of(stream.spec(name)) <= set(SERVING_COLUMNS)


@pytest.mark.parametrize("name", [*TRAINING, *SERVING])
def test_streamed_points_have_every_column_that_is_drawn_and_no_other(name, run, telemetry):
    frame = (run.assign(job="a", available_gb=24.0) if name in TRAINING else telemetry).assign(unused=1)
    sent = stream.streamed(name, frame)["datasets"]["points"]
    assert fields_of(stream.spec(name)) & set(frame.columns) <= set(sent.column_names)
    assert "unused" not in sent.column_names
    assert len(sent) == len(frame)


def test_a_chart_of_a_frame_draws_what_the_named_one_draws(run):
    frame = run.assign(loss_smoothed=run["loss"])
    drawn = training.loss_chart(frame, x="tokens").to_dict()
    assert fields_of(drawn) == fields_of(stream.spec("loss", x="tokens"))


def test_a_frame_without_smoothing_gets_no_smoothed_line(run):
    assert "loss_smoothed" not in json.dumps(training.loss_chart(run).to_dict()["layer"])


def test_a_log_scale_is_a_log_scale():
    assert '"type": "log"' in json.dumps(stream.spec("loss", log_scale=True))
    assert '"type": "log"' not in json.dumps(stream.spec("loss"))


def test_train_and_eval_have_the_palettes_first_two_colours():
    colors = [layer["encoding"].get("color") for layer in stream.spec("loss")["layer"]]
    assert {json.dumps(color["scale"]) for color in colors if color} == {'{"domain": ["train", "eval"]}'}


def test_memory_parts_sum_to_the_estimate():
    asked = estimate(CONFIG)
    parts = planning.memory_parts(asked)
    assert parts["gb"].sum() == pytest.approx(asked.memory_gb)
    assert (parts["available_gb"] == asked.memory_available_gb).all()
    assert planning.memory_breakdown_chart(asked).to_dict()["layer"]


def test_jobs_side_by_side_keep_their_names_and_points(run):
    both = comparison.side_by_side({"a": run, "b": run.head(3)})
    assert both.groupby("job").size().to_dict() == {"a": len(run), "b": 3}
    assert comparison.side_by_side({}).empty


def test_traffic_is_drawn_per_second_of_the_simulators_tick():
    assert serving.TICK_S == endpoint.TICK_S


@pytest.mark.parametrize("name", ["loss", "learning_rate", "compare"])
def test_steps_that_a_fork_inherited_are_not_drawn_at_second_0_over_time(name):
    options = {"column": "loss"} if name == "compare" else {}
    assert "isValid(datum.elapsed_s)" in json.dumps(stream.spec(name, x="time", **options))
    assert "isValid(datum.elapsed_s)" not in json.dumps(stream.spec(name, x="step", **options))
