"""What is taken away comes back as it was, and runs nothing on its way."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vapor_core as vapor
from vapor_core.exports import configurations, tables
from vapor_core.trainers.reading import read_job

CONFIG = vapor.JobConfig(
    model="HuggingFaceTB/SmolLM2-360M", name="first try", schedule=((0.0, 1.0), (1.0, 0.1))
)
OWN = CONFIG.changed(dataset=vapor.Dataset(id="mine", tokens=10_000, examples=100, name='"""; import os #'))
FRAME = pd.DataFrame(
    {"step": np.arange(5), "loss": np.linspace(3, 1, 5) / 3, "note": ["=1+1", "ok", "-2", "@x", None]}
)


@pytest.mark.parametrize("config", [CONFIG, OWN])
def test_a_config_comes_back_from_json_and_yaml(config):
    assert read_job("a.json", configurations.config_json(config).encode()) == config
    assert read_job("a.yaml", configurations.config_yaml(config).encode()) == config


def test_a_config_file_may_leave_fields_out():
    assert read_job("a.yaml", b"model: openai-community/gpt2\nepochs: 2\n").epochs == 2


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"model: [", "line"),
        (b'{"model": ', "line 1"),
        (b"- a\n- b\n", "no configuration"),
        (b"\xff\xfe", "empty"),
        (b"a: &x [1]\nb: *x\n", "YAML"),
        (b"!!python/object/apply:os.system [ls]", "YAML"),
        (b"x" * 2_000_000, "MB"),
    ],
)
def test_a_broken_config_file_is_refused_in_words(content, word):
    with pytest.raises(vapor.InvalidUpload, match=word):
        read_job("config", content)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_config_or_refused(content):
    try:
        config = read_job("config", content)
    except (vapor.InvalidUpload, vapor.InvalidConfig) as refusal:
        assert str(refusal)
    else:
        assert config.model


def test_no_cell_of_a_csv_is_a_formula():
    text = tables.csv_table(FRAME.rename(columns={"note": "=evil"})).decode()
    assert "'=evil" in text
    for cell in ("'=1+1", "'-2", "'@x"):
        assert cell in text


@pytest.mark.parametrize("sign", "=+-@＝＋－＠﹦﹢﹣﹫\u2212")
@pytest.mark.parametrize(
    "before", ["", " ", "\ufeff", "\u200b", "\u202e", "\u00a0", "\u3000", "\x00", "\ufeff \u200d\t"]
)
def test_nothing_invisible_or_wide_hides_a_formula(before, sign):
    cell = f"{before}{sign}1+1"
    assert tables.harmless_cell(cell) == f"'{cell}"


@pytest.mark.parametrize("text", ["", " ", "a=1", "run -1", "\ufeffname", "名前", "1-2", "(=)", "“quoted”"])
def test_what_is_no_formula_stays_as_it_is(text):
    assert tables.harmless_cell(text) == text


def test_numbers_survive_csv_parquet_and_json():
    numbers = FRAME[["step", "loss"]]
    pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(tables.csv_table(numbers))), numbers)
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(tables.parquet_table(numbers))), numbers)
    pd.testing.assert_frame_equal(
        pd.read_json(io.BytesIO(tables.json_table(numbers)), precise_float=True), numbers
    )
