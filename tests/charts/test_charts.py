"""Every chart: its specification, its fields, and the same drawing from a frame as from a named dataset."""

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import vl_convert as vlc

from vapor_core import charts, simulate
from vapor_core.advice.estimate import estimate
from vapor_core.charts import comparison, planning, stream, training
from vapor_core.contracts.columns import SERVING_COLUMNS, TRAINING_COLUMNS
from vapor_core.contracts.training import JobConfig
from vapor_core.simulation.endpoint import EndpointSpec, InferenceSimulator

ROOT = Path(__file__).parents[2]
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
    names = {each["field"] for each in specification.get("encoding", {}).values()}
    for layer in stream._layers(specification):
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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("x", charts.AXES)
@pytest.mark.parametrize("name", TRAINING)
def test_training_charts_read_only_columns_that_jobs_have(name, x):
    smoothed = {f"{column}_smoothed" for column in TRAINING_COLUMNS}
    assert fields_of(stream.spec(name, x=x)) <= {*TRAINING_COLUMNS, *smoothed, "available_gb", "job"}


@pytest.mark.parametrize("name", SERVING)
def test_serving_charts_read_only_columns_that_endpoints_have(name):
    assert fields_of(stream.spec(name)) <= set(SERVING_COLUMNS)


def named_in(specification, column):
    """Whether a specification reads a column: as a field, in an expression or folded."""
    return re.search(rf"[\".']{column}(:Q)?[\"')\s]", json.dumps(specification)) is not None


@pytest.mark.parametrize("name", [*TRAINING, *SERVING])
def test_streamed_points_have_every_column_that_is_drawn_and_no_other(name, run, telemetry):
    frame = (run.assign(job="a", available_gb=24.0) if name in TRAINING else telemetry).assign(unused=1)
    sent = stream.streamed(name, frame)["datasets"]["points"]
    layers = {key: each for key, each in stream.spec(name).items() if key in ("layer", "encoding")}
    assert set(sent.column_names) == {column for column in frame.columns if named_in(layers, column)}
    assert len(sent) == len(frame)


def test_a_chart_is_a_canvas_with_one_rule_and_no_description_of_each_mark(telemetry):
    """An element of the page for each point of each chart at each tick froze a browser for seconds."""
    for name in (*TRAINING, *SERVING):
        specification = stream.spec(name)
        assert specification["usermeta"] == {"embedOptions": {"renderer": "canvas"}}
        assert specification["config"]["mark"]["aria"] is False
        rules = [each for each in stream._layers(specification) if each["mark"]["type"] == "rule"]
        assert all({"filter": {"param": "near", "empty": False}} in each["transform"] for each in rules)


@pytest.mark.parametrize("name", SERVING)
def test_an_axis_that_all_layers_share_is_sent_once(name):
    assert json.dumps(stream.spec(name)).count('"elapsed_ms", "scale"') == 1


@pytest.mark.slow
def test_a_chart_of_a_frame_is_drawn_as_the_named_one_is(run):
    def without_data(specification):
        kept = {
            key: value for key, value in specification.items() if key not in ("data", "datasets", "$schema")
        }
        return re.sub(
            r"view_\w+", "view", json.dumps(kept, sort_keys=True)
        )  # each drawing has views of its own

    drawn = training.loss_chart(run.assign(loss_smoothed=run["loss"]), x="tokens").to_dict()
    del drawn["config"]["view"]
    drawn = stream._said_once(drawn)
    assert without_data(drawn) == without_data(stream.spec("loss", x="tokens"))


def test_a_frame_without_smoothing_gets_no_smoothed_line(run):
    assert "loss_smoothed" not in json.dumps(training.loss_chart(run).to_dict()["layer"])


def test_a_log_scale_is_a_log_scale():
    assert '"type": "log"' in json.dumps(stream.spec("loss", log_scale=True))
    assert '"type": "log"' not in json.dumps(stream.spec("loss"))


def svg_of(drawing, colors):
    """A chart as a browser draws it under a theme of these colours."""
    specification = drawing.properties(width=400).to_dict()
    specification["config"] = specification.get("config", {}) | {"range": {"category": list(colors)}}
    return vlc.vegalite_to_svg(specification)


@pytest.mark.slow
def test_train_and_eval_have_the_palettes_first_two_colours(run):
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    palette = theme["light"]["chartCategoricalColors"]
    lines = re.findall(r'<path[^>]*stroke="(#[0-9a-fA-F]{6})"', svg_of(training.loss_chart(run), palette))
    drawn = [color.lower() for color in lines if color.lower() in {each.lower() for each in palette}]
    assert list(dict.fromkeys(drawn)) == [color.lower() for color in palette[:2]]


def symbols_of(specification):
    return {
        encoding["color"]["legend"]["symbolType"]
        for layer in stream._layers(specification)
        if (encoding := layer["encoding"]).get("color", {}).get("legend")
    }


def test_a_legend_has_strokes_where_lines_alone_are_drawn_and_squares_elsewhere():
    assert symbols_of(stream.spec("latency")) == symbols_of(stream.spec("errors")) == {"stroke"}
    assert symbols_of(stream.spec("traffic")) == symbols_of(stream.spec("loss")) == {"square"}


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
    """A row counts the requests of a tick, so the drawn rate is their number over its seconds."""
    ticks = np.diff(InferenceSimulator(EndpointSpec(model=CONFIG.model)).columns(0, 3)["elapsed_s"])
    assert ticks.tolist() == [charts.TICK_S] * 2
    assert f"datum.value / {charts.TICK_S}" in json.dumps(stream.spec("traffic"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["loss", "learning_rate", "compare"])
def test_steps_that_a_fork_inherited_are_not_drawn_at_second_0_over_time(name):
    options = {"column": "loss"} if name == "compare" else {}
    assert "isValid(datum.elapsed_s)" in json.dumps(stream.spec(name, x="time", **options))
    assert "isValid(datum.elapsed_s)" not in json.dumps(stream.spec(name, x="step", **options))
