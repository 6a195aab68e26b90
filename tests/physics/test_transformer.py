"""One count of a model: it sums to what is published, and every law reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vapor_core as vapor
from vapor_core import catalog
from vapor_core.contracts.entries import CatalogModel, Dataset
from vapor_core.contracts.training import LORA_HEAD, LORA_TARGETS, JobConfig
from vapor_core.physics.loss.curve import LossCurve, loss_curve
from vapor_core.physics.plan import plan
from vapor_core.physics.throughput import training_throughput
from vapor_core.physics.transformer import transformer

LLAMA = catalog.model("meta-llama/Llama-3.2-3B")
PLAIN = catalog.model("openai-community/gpt2")  # its MLP has no gate
HYBRID = catalog.model("LiquidAI/LFM2-350M")  # attends in 6 of 16 layers
NOTES = Dataset(tokens=400_000, examples=2_000, kind="instruction")

# parameters, layers, hidden, mlp, heads, kv heads, vocabulary: width of a head that config.json gives
HEADS = {
    "Qwen3-32B": ((32_762_123_264, 64, 5120, 25600, 64, 8, 151_936), 128),
    "Qwen3-4B": ((4_022_468_096, 36, 2560, 9728, 32, 8, 151_936), 128),
    "gemma-7b": ((8_537_680_896, 28, 3072, 24576, 16, 16, 256_000), 256),
    "Llama-3.1-8B": ((8_030_261_248, 32, 4096, 14336, 32, 8, 128_256), 128),
    "gpt-oss-120b, whose sum is not dense": ((116_829_156_672, 36, 2880, 2880, 64, 8, 201_088), 45),
    "a made-up one": ((25_000_000, 8, 256, 1024, 8, 8, 32_000), 32),
}


def tuning(model: CatalogModel, **changes: object) -> JobConfig:
    return JobConfig(model=model, dataset=NOTES, epochs=20, sequence_length=512, **changes)


def curve(config: JobConfig) -> LossCurve:
    return loss_curve(plan(config))


@pytest.mark.parametrize(("shape", "width"), HEADS.values(), ids=HEADS)
def test_the_width_of_a_head_is_told_by_the_sum_where_hidden_over_heads_does_not_explain_it(shape, width):
    parameters, layers, hidden, mlp, heads, kv_heads, vocabulary = shape
    model = CatalogModel(
        id="own", parameters=parameters, layers=layers, hidden_size=hidden, intermediate_size=mlp,
        attention_heads=heads, kv_heads=kv_heads, vocabulary_size=vocabulary,
    )  # fmt: skip
    assert transformer(model).query_width == heads * width
    assert transformer(model).key_width == kv_heads * width
    assert transformer(model.changed(head_size=64)).query_width == heads * 64


@pytest.mark.parametrize(("model", "matrices"), [(PLAIN, 2), (LLAMA, 3), (HYBRID, 3)])
def test_a_gated_mlp_is_told_from_a_plain_one_by_the_sum(model, matrices):
    assert transformer(model.changed(gated_mlp=None)).mlp_matrices == matrices


@pytest.mark.parametrize("embeddings", [0, 1, 2])
def test_parameters_counted_without_embeddings_are_recognised(embeddings):
    body, table = 214_663_680, 65_536 * 960
    model = CatalogModel(
        id="m", parameters=body + embeddings * table, layers=7, hidden_size=960, intermediate_size=9368,
        attention_heads=15, kv_heads=15, vocabulary_size=65_536,
    )  # fmt: skip
    assert transformer(model).body_parameters == pytest.approx(body, rel=0.01)


@pytest.mark.parametrize("model", [catalog.model("meta-llama/Llama-3.1-8B"), PLAIN, HYBRID])
def test_layers_counted_from_the_architecture_are_the_published_parameters(model):
    counts = transformer(model)
    assert counts.layer_parameters == pytest.approx(counts.non_embedding_parameters, rel=0.02)


def test_flops_follow_the_published_convention():
    assert transformer(PLAIN).flops_per_token(1024) == 6 * PLAIN.parameters + 12 * 12 * 768 * 1024


def test_a_mixture_trains_what_a_token_uses_and_not_what_it_stores():
    told = catalog.model("LiquidAI/LFM2-8B-A1B")
    assert transformer(told).active_parameters == told.active_parameters
    assert transformer(told).layer_parameters < 0.2 * told.parameters
    untold = CatalogModel(
        id="moe", parameters=116_829_156_672, layers=36, hidden_size=2880, intermediate_size=2880,
        attention_heads=64, kv_heads=8, vocabulary_size=201_088, head_size=64,
    )  # fmt: skip
    assert transformer(untold).flops_per_token(1) < 0.1 * 6 * untold.parameters


def test_adapters_have_rank_times_the_sum_of_both_widths():
    # the published counts of PEFT's runs on Llama-3.2-3B
    counts = transformer(LLAMA)
    assert counts.lora_parameters(32, ("q_proj", "v_proj")) == 9_175_040
    assert counts.lora_parameters(10, ("gate_proj", "up_proj", "down_proj")) == 9_461_760


def test_an_adapter_on_the_head_is_counted_once():
    counts = transformer(LLAMA)
    assert counts.lora_parameters(8, (LORA_HEAD,)) == 8 * (3072 + 128_256)
    together = counts.lora_parameters(8, ("q_proj", LORA_HEAD))
    assert together == counts.lora_parameters(8, ("q_proj",)) + counts.lora_parameters(8, (LORA_HEAD,))


@given(
    st.sampled_from(catalog.models()),
    st.lists(st.sampled_from([*LORA_TARGETS, LORA_HEAD]), min_size=1, unique=True),
    st.integers(1, 256),
)
def test_the_count_of_adapters_is_the_sum_over_their_matrices(model, targets, rank):
    counts = transformer(model)
    apart = sum(counts.lora_parameters(rank, (target,)) for target in targets)
    assert counts.lora_parameters(rank, tuple(targets)) == apart
    config = JobConfig(model=model, dataset=NOTES, lora_rank=rank, lora_targets=tuple(targets))
    assert vapor.estimate(config).trainable_parameters == apart


def test_a_gate_that_a_plain_mlp_does_not_have_is_not_memorised_with():
    named = ("up_proj", "down_proj")
    without, with_gate = (
        curve(tuning(PLAIN, lora_targets=targets)) for targets in (named, ("gate_proj", *named))
    )
    assert with_gate.final == without.final


def test_a_gate_that_a_plain_mlp_does_not_have_costs_no_time_and_no_memory():
    named = ("up_proj", "down_proj")
    without, with_gate = (tuning(PLAIN, lora_targets=targets) for targets in (named, ("gate_proj", *named)))
    slower, plain = (training_throughput(plan(config)) for config in (with_gate, without))
    assert slower.step_time_s == plain.step_time_s
    assert vapor.estimate(with_gate).memory_gb == vapor.estimate(without).memory_gb


def test_adapters_of_attention_are_memorised_with_only_in_layers_that_attend():
    targets = ("q_proj", "k_proj", "v_proj", "o_proj")
    many, few = (
        curve(tuning(HYBRID.changed(attention_layers=layers), lora_targets=targets)) for layers in (12, 6)
    )
    assert many.final < few.final


def test_a_head_adapted_alone_learns_by_heart_too():
    alone = curve(tuning(PLAIN, lora_targets=(LORA_HEAD,)))
    assert alone.final < 0.8 * alone.final_eval
