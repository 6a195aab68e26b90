"""Laws of the step time, and its targets on the published throughputs that the repository carries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.fidelity.throughput import TARGETS, rows
from tests.physics.test_memory import DATA, configs
from vapor_core import catalog
from vapor_core.contracts.entries import Dataset
from vapor_core.contracts.training import JobConfig
from vapor_core.physics.plan import plan
from vapor_core.physics.throughput import Throughput, training_throughput

SLACK = 1 + 1e-9


def throughput(config: JobConfig) -> Throughput:
    return training_throughput(plan(config))


@given(configs)
def test_parts_sum_to_the_step_and_rates_are_sane(config):
    found = throughput(config)
    parts = (found.compute_s, found.memory_s, found.communication_s, found.overhead_s)
    assert min(parts) >= 0
    assert found.step_time_s == pytest.approx(sum(parts))
    assert found.tokens_per_second == pytest.approx(plan(config).tokens_per_step / found.step_time_s)
    assert found.tokens_per_second_low < found.tokens_per_second < found.tokens_per_second_high
    assert 0 < found.mfu <= 1
    assert 0 <= found.utilization <= 1
    assert 0 < found.jitter < 0.1


@given(configs, st.sampled_from(("bandwidth_gb_s", "interconnect_gb_s", "peaks")))
def test_doubling_bandwidth_peak_or_link_never_slows_a_step(config, what):
    card = catalog.accelerator(config.accelerator)
    peaks = ("fp32_tflops", "tf32_tflops", "bf16_tflops", "fp16_tflops", "fp8_tflops")
    fields = peaks if what == "peaks" else (what,)
    better = card.changed(**{name: 2 * value for name in fields if (value := getattr(card, name))})
    assert (
        throughput(config.changed(accelerator=better)).step_time_s <= throughput(config).step_time_s * SLACK
    )


@given(configs)
def test_checkpointing_never_makes_a_step_faster(config):
    kept = throughput(config.changed(gradient_checkpointing=False))
    assert throughput(config.changed(gradient_checkpointing=True)).step_time_s >= kept.step_time_s


@given(configs)
def test_more_cards_that_share_nothing_raise_the_total_rate_by_at_most_their_number(config):
    # cards that share states can be more than twice as fast as one, since each updates a part of them
    alone = config.changed(sharding="none")
    one = throughput(alone).tokens_per_second
    two = throughput(alone.changed(accelerator_count=2 * alone.accelerator_count)).tokens_per_second
    assert two <= 2 * one * SLACK


@given(configs)
def test_accumulating_twice_takes_at_most_twice_as_long(config):
    once = throughput(config).step_time_s
    twice = throughput(
        config.changed(gradient_accumulation_steps=2 * config.gradient_accumulation_steps)
    ).step_time_s
    assert once < twice <= 2 * once * SLACK


def test_lora_is_faster_than_full_and_nf4_slower_than_lora():
    config = JobConfig(
        model="meta-llama/Llama-3.1-8B",
        dataset=DATA,
        packing=True,
        sequence_length=4096,
        accelerator="nvidia-h100-80gb",
    )
    full, lora, qlora = (
        throughput(config.changed(method=method)).tokens_per_second for method in ("full", "lora", "qlora")
    )
    assert full < qlora < lora < 1.6 * full


def test_padding_costs_time_but_is_not_counted_as_tokens():
    short = Dataset(tokens=200 * 10**6, examples=10**6)
    config = JobConfig(
        model="HuggingFaceTB/SmolLM2-1.7B", dataset=short, sequence_length=2048, micro_batch_size=8
    )
    packed = config.changed(packing=True)
    assert throughput(packed).tokens_per_second > 1.5 * throughput(config).tokens_per_second
    assert plan(config).tokens_per_step == 200 * plan(config).global_batch


@pytest.mark.parametrize(
    ("target", "least"), list(zip(TARGETS, (120, 35), strict=True)), ids=("llm-foundry", "other trainers")
)
def test_published_throughputs_are_met_on_the_repositorys_own_tables(target, least, monkeypatch, tmp_path):
    monkeypatch.setenv("VAPOR_PUBLISHED_DATA", str(tmp_path))
    held = [row for row in rows() if row.kind == target.kind and row.scored and row.fitted == target.fitted]
    assert len(held) >= least
    assert target.holds(held)
