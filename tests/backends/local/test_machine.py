"""This machine as an accelerator: what was measured is what a rehearsal reads; what cannot be is told in a sentence."""

import os
import sys

import pytest

from vapor_core import JobConfig, estimate
from vapor_core.backends import machines
from vapor_core.backends.local import machine
from vapor_core.backends.local.slots import Slots
from vapor_core.errors import BackendRefused

SHAPE = {
    **{"vocabulary_size": 32_000, "hidden_size": 512, "intermediate_size": 1408, "layers": 16},
    **{"attention_heads": 8, "kv_heads": 8, "sequences": 2, "length": 256, "rank": 16},
}
PROCESSOR = {
    "device": "cpu",
    "name": "AMD EPYC",
    "count": 1,
    "torch": "2.13.0",
    "held_gb": 0.51,
    "memory_gb": 25.3,
    "cache_mb": 33.6,
    "tflops": {"fp32": 0.195, "bf16": 0.427, "fp16": 0.003},
    "copy_gb_s": 32.0,
    "reference": {"shape": SHAPE, "precision": "bf16", "full": 2.0, "lora": 1.7},
}
CARD = {
    **PROCESSOR,
    "device": "cuda",
    "name": "NVIDIA H200",
    "memory_gb": 150.1,
    "tflops": {"fp32": 53.9, "tf32": 380.0, "bf16": 745.8, "fp16": 706.2, "fp8": 1326.2},
    "copy_gb_s": 4262.0,
    "host_gb_s": 55.4,
    "power_w": 700.0,
}
RUN = JobConfig(model="HuggingFaceTB/SmolLM2-135M", sequence_length=256)


def test_a_rehearsal_for_a_processor_takes_as_long_as_its_reference_step_says():
    measured = machine.machine_of(PROCESSOR)
    assert measured.is_processor
    card = measured.accelerator
    slower = machine.machine_of(
        {**PROCESSOR, "reference": {**PROCESSOR["reference"], "full": 4.0, "lora": 3.4}}
    ).accelerator
    for method in ("full", "lora"):
        run = RUN.changed(method=method)
        once, twice = (estimate(run.changed(accelerator=each)).step_time_s for each in (card, slower))
        assert twice == pytest.approx(2 * once)


def test_what_the_process_holds_counts_against_a_processors_memory():
    card = machine.machine_of(PROCESSOR).accelerator
    with_it, without = (
        estimate(RUN.changed(accelerator=each)).memory_gb for each in (card, card.changed(held_gb=0.0))
    )
    assert with_it - without == pytest.approx(0.51)


def test_a_card_that_the_catalog_knows_keeps_its_peaks_beside_what_it_reached():
    card = machine.machine_of(CARD).accelerator
    assert card.measured_tflops == 745.8
    assert card.bf16_tflops > card.measured_tflops
    assert (card.memory_gb, card.slowdown, card.held_gb) == (150.1, 1.0, 0.0)
    assert card.price_per_hour == 0.0


@pytest.mark.parametrize(
    ("name", "memory_gb", "card"),
    [
        ("NVIDIA H100 80GB HBM3", 85.5, "nvidia-h100-80gb"),
        ("NVIDIA H100 PCIe", 85.0, "nvidia-h100-pcie"),
        ("NVIDIA A100-SXM4-40GB", 42.3, "nvidia-a100-40gb"),
        ("NVIDIA A100 80GB PCIe", 85.0, "nvidia-a100-80gb"),
        ("NVIDIA GeForce RTX 4090", 25.3, "nvidia-rtx-4090"),
        ("NVIDIA GeForce RTX 4070 Ti SUPER", 16.9, "nvidia-rtx-4070-ti-super"),
        ("Tesla T4", 15.8, "nvidia-t4"),
        ("NVIDIA GeForce RTX 3060 Ti", 8.5, None),
        ("Quadro P4000", 8.5, None),
    ],
)
def test_a_card_is_known_by_what_its_driver_calls_it_and_never_taken_for_its_sibling(name, memory_gb, card):
    found = machine.catalog_card(name, memory_gb)
    assert (found.id if found else None) == card


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("raise SystemExit('no driver')", "no driver"),
        ("print('nothing of use')", "without its figures"),
        ("print('{}')", "without its figures"),
        ("import signal; signal.pause()", "longer than"),
    ],
)
def test_what_cannot_be_measured_is_a_sentence(monkeypatch, program, said):
    monkeypatch.setattr(machine, "find_spec", lambda _: True)
    monkeypatch.setattr(machine, "PROGRAM", (sys.executable, "-c", program))
    with pytest.raises(BackendRefused, match=said):
        machine.measure(longest_s=1.0)


def test_without_torch_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setattr(machine, "find_spec", lambda _: None)
    with pytest.raises(BackendRefused, match=r"pip install -e '.\[local\]'"):
        machine.measure()


@pytest.fixture
def measured(monkeypatch):
    """A measurement that takes no time."""
    monkeypatch.setattr(machine, "measure", lambda longest_s: machine.machine_of(PROCESSOR))


def test_what_was_measured_is_remembered_for_all_who_use_the_machine(tmp_path, measured):
    assert machine.remembered(tmp_path) is None
    found = machine.measured_anew(folder=tmp_path)
    assert machine.remembered(tmp_path) == found
    (tmp_path / machine.KEPT).write_text("{}")
    assert machine.remembered(tmp_path) is None
    (tmp_path / machine.KEPT).write_text("not json")
    assert machine.remembered(tmp_path) is None


def test_nothing_is_measured_while_a_job_trains(tmp_path, measured):
    slot = Slots(tmp_path, 1).take()
    with pytest.raises(BackendRefused, match="measure when it is done"):
        machine.measured_anew(folder=tmp_path)
    os.close(slot)
    machine.measured_anew(folder=tmp_path)
    taken = Slots(tmp_path, 1).take()  # and what it took to measure is free again
    assert taken is not None
    os.close(taken)


def test_an_hour_costs_what_its_owner_says_and_measuring_again_keeps_that(tmp_path, measured):
    with pytest.raises(BackendRefused, match="measure it first"):
        machine.priced(1.5, tmp_path)
    machine.measured_anew(folder=tmp_path)
    machine.priced(1.5, tmp_path)
    for wrong in (-1.0, float("nan"), float("inf"), 1e9):
        with pytest.raises(BackendRefused, match="dollars"):
            machine.priced(wrong, tmp_path)
    machine.measured_anew(folder=tmp_path)
    card = machine.remembered(tmp_path).accelerator
    assert card.price_per_hour == 1.5
    told = estimate(RUN.changed(accelerator=card))
    assert told.cost_usd == pytest.approx(1.5 * told.duration_s / 3600, rel=0.01)


def test_a_configuration_here_is_the_machines_where_nothing_else_was_chosen():
    found = machine.machine_of(PROCESSOR)
    values = machines.for_machine({"model": "gpt2", "precision": "fp32"}, found)
    config = JobConfig(**values)
    assert config.accelerator == found.accelerator
    assert (config.precision, config.cross_entropy, config.trainer) == ("fp32", "chunked", "trl_1")
    assert JobConfig(**machines.for_machine({"model": "gpt2"}, found)).precision == "bf16"
    assert machines.for_machine({"model": "gpt2"}, None) == {"model": "gpt2"}
