"""A run trains with the kernels that it asked for where they are there, and says so where they are not."""

import pytest

from vapor_core.contracts.training import JobConfig
from vapor_core.program import kernels as program
from vapor_core.program.kernels import kernels

ALL = {"attention": "flash", "fused_kernels": True, "compile": True}


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(program, "find_spec", lambda _: object())


def test_what_is_there_is_used(installed):
    used = kernels(ALL, gpu=True)
    assert (used.attention, used.fused, used.compiled, used.told) == ("flash_attention_2", True, True, ())


def test_what_the_machine_cannot_do_is_left_out_and_told(installed):
    used = kernels(ALL, gpu=False)
    assert (used.attention, used.fused, used.compiled) == ("sdpa", False, False)
    assert len(used.told) == 3


def test_what_is_not_installed_is_left_out_with_the_name_of_its_package(monkeypatch):
    monkeypatch.setattr(program, "find_spec", lambda _: None)
    used = kernels(ALL, gpu=True)
    assert (used.attention, used.fused, used.compiled) == ("sdpa", False, True)
    assert "flash-attn" in used.told[0]
    assert "liger-kernel" in used.told[1]


@pytest.mark.parametrize("method", ["pretrain", "full", "lora", "dpo"])
def test_no_preset_asks_a_processor_for_what_it_lacks(method):
    config = JobConfig(model="HuggingFaceTB/SmolLM2-135M", method=method).model_dump(mode="json")
    used = kernels(config, gpu=False)
    assert (used.attention, used.fused, used.compiled) == ("sdpa", False, False)


def test_eager_attention_stays_eager():
    assert kernels({"attention": "eager"}, gpu=False).attention == "eager"
