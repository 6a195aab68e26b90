"""Contracts refuse wrong values with one clear sentence a field, and survive a round trip."""

from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

import vapor_core as vapor

MODEL = vapor.CatalogModel(
    id="test/tiny",
    parameters=124_439_808,
    layers=12,
    hidden_size=768,
    intermediate_size=3072,
    attention_heads=12,
    kv_heads=12,
    vocabulary_size=50257,
    context_length=1024,
    tied_embeddings=True,
)

REFUSED = [
    ({}, "model", "required"),
    ({"model": "gpt2", "learning_rate": -1.0}, "learning_rate", "greater than 0"),
    ({"model": "gpt2", "learning_rate": float("nan")}, "learning_rate", "finite"),
    ({"model": "gpt2", "epochs": "many"}, "epochs", "number"),
    ({"model": "gpt2", "method": "peft"}, "method", "'lora'"),
    ({"model": "gpt2", "micro_batch_size": 0}, "micro_batch_size", "greater than or equal to 1"),
    ({"model": "gpt2", "lora_targets": ("w_q",)}, "lora_targets", "q_proj"),
    ({"model": "gpt2", "lora_targets": ()}, "lora_targets", "at least one"),
    ({"model": "gpt2", "schedule": "step"}, "schedule", "cosine"),
    ({"model": "gpt2", "schedule": ((0.5, 1.0), (0.2, 1.0))}, "schedule", "ascending"),
    ({"model": "gpt2", "schedule": ((0.0, 1.0),)}, "schedule", "2 to 10,000 points"),
    ({"model": "gpt2", "temperature": 1}, "temperature", "not a field"),
    ({"model": "gpt2", "name": "two\nlines"}, "", "line breaks"),
    ({"model": "gpt2", "warmup_ratio": 1.0}, "warmup_ratio", "less than 1"),
    ({"model": "gpt2", "trainer": "pytorch"}, "trainer", "'torchtune'"),
    (
        {"model": "gpt2", "method": "full", "base_quantization": "nf4"},
        "base_quantization",
        "trains all weights",
    ),
    (
        {"model": "gpt2", "method": "qlora", "base_quantization": "none"},
        "base_quantization",
        "use 'lora' or 'nf4'",
    ),
    ({"model": "gpt2", "method": "full", "dora": True}, "dora", "belongs to adapters"),
    ({"model": "gpt2", "method": "lora", "lora_rank": 0}, "lora_rank", "at least 1"),
    (
        {"model": "gpt2", "method": "dpo", "base_quantization": "int8", "lora_rank": 0},
        "lora_rank",
        "at least 1",
    ),
    ({"model": "gpt2", "offload": ("weights",)}, "offload", "'parameters'"),
    ({"model": "gpt2", "tensor_parallel": 3, "accelerator_count": 4}, "tensor_parallel", "must divide"),
    (
        {"model": "gpt2", "tensor_parallel": 2, "pipeline_parallel": 4, "accelerator_count": 4},
        "pipeline_parallel",
        "2 x 4 cards",
    ),
    ({"model": "gpt2", "expert_parallel": 3, "accelerator_count": 8}, "expert_parallel", "must divide"),
]


@pytest.mark.parametrize(("values", "field", "word"), REFUSED)
def test_a_wrong_value_gives_one_sentence_naming_its_field(values, field, word):
    with pytest.raises(vapor.InvalidConfig) as caught:
        vapor.JobConfig(**values)
    assert list(caught.value.problems) == [field]
    sentence = caught.value.problems[field]
    assert word in sentence
    assert field in sentence
    assert "\n" not in sentence


def test_defaults_depend_on_the_method_and_changing_it_changes_them():
    config = vapor.JobConfig(model="gpt2")
    assert config.learning_rate == 2e-4
    assert config.changed(method="full").learning_rate == 2e-5
    assert config.changed(method="pretrain").epochs == 1.0
    assert config.changed(lora_rank=64).lora_alpha == 128.0


def test_the_trainer_gives_the_defaults_of_what_changes_memory():
    """Today's 0.1 let the method decide in silence whose trainer was meant."""
    torchtune = vapor.JobConfig(model="gpt2", method="full", trainer="torchtune")
    factory = torchtune.changed(trainer="llama_factory")
    assert (torchtune.master_weights, torchtune.cross_entropy) == ("none", "chunked")
    assert (factory.master_weights, factory.cross_entropy) == ("fp32", "full")
    assert torchtune.changed(trainer="unsloth").fused_kernels
    assert factory.changed(fused_kernels=True).cross_entropy == "fused"  # as Liger's are
    assert torchtune.changed(trainer="llama_factory", master_weights="none").master_weights == "none"
    assert vapor.JobConfig(model="gpt2", method="pretrain").trainer == "llm_foundry"


def test_preferences_are_learnt_by_all_weights_or_by_adapters():
    assert not vapor.JobConfig(model="gpt2", method="dpo").adapts
    assert vapor.JobConfig(model="gpt2", method="dpo", lora_rank=8).adapts
    assert vapor.JobConfig(model="gpt2", method="kto", base_quantization="nf4").adapts
    assert vapor.JobConfig(model="gpt2", method="qlora").base_quantization == "nf4"


def test_replicas_are_the_cards_over_those_of_one_copy():
    config = vapor.JobConfig(model="gpt2", accelerator_count=64, tensor_parallel=4, pipeline_parallel=2)
    assert (config.replica_cards, config.replicas) == (8, 8)


def test_what_is_offloaded_may_be_one_line():
    assert vapor.JobConfig(model="gpt2", offload="optimizer, parameters").offload == (
        "optimizer",
        "parameters",
    )


def test_a_value_once_given_stays_when_another_changes():
    config = vapor.JobConfig(model="gpt2", learning_rate=1e-3)
    assert config.changed(method="full").learning_rate == 1e-3


def test_other_projects_words_for_lora_targets_are_understood():
    config = vapor.JobConfig(model="gpt2", lora_targets=("query", "value"))
    assert config.lora_targets == ("q_proj", "v_proj")
    assert vapor.JobConfig(model="gpt2", lora_targets="all-linear").lora_targets[-1] == "down_proj"


def test_configs_are_frozen():
    config = vapor.JobConfig(model="gpt2")
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 3  # type: ignore[misc]


CHOICES = {
    name: list(get_args(vapor.JobConfig.model_fields[name].annotation))
    for name in (
        "trainer",
        "precision",
        "optimizer",
        "sharding",
        "master_weights",
        "cross_entropy",
        "attention",
    )
} | {
    name: [True, False] for name in ("fused_kernels", "compile", "gradient_checkpointing", "train_embeddings")
}
METHODS = get_args(vapor.JobConfig.model_fields["method"].annotation)
PLAIN = st.fixed_dictionaries(
    {
        "learning_rate": st.floats(1e-8, 1.0),
        "micro_batch_size": st.integers(1, 512),
        "epochs": st.floats(0.01, 100),
    }
)
ADAPTED = st.fixed_dictionaries(
    {"method": st.just("lora"), "base_quantization": st.sampled_from(["none", "nf4", "int8", "gptq", "awq"])},
    optional={"dora": st.booleans(), "lora_rank": st.integers(1, 64)},
)
SPREAD = st.fixed_dictionaries(
    {"accelerator_count": st.just(64)},
    optional={
        "offload": st.lists(st.sampled_from(["optimizer", "parameters", "activations"]), unique=True),
        "tensor_parallel": st.sampled_from([1, 2, 4]),
        "pipeline_parallel": st.sampled_from([1, 2, 4]),
        "context_parallel": st.sampled_from([1, 2, 4]),
        "expert_parallel": st.sampled_from([1, 2, 4]),
    },
)


@given(
    plain=PLAIN,
    method=st.fixed_dictionaries({"method": st.sampled_from(METHODS)}) | ADAPTED,
    chosen=st.fixed_dictionaries({}, optional={name: st.sampled_from(of) for name, of in CHOICES.items()}),
    spread=st.just({}) | SPREAD,
    own_model=st.booleans(),
)
def test_a_config_survives_json(plain, method, chosen, spread, own_model):
    config = vapor.JobConfig(
        model=MODEL if own_model else "gpt2",
        schedule=((0.0, 0.0), (0.1, 1.0), (1.0, 0.1)),
        **plain,
        **method,
        **chosen,
        **spread,
    )
    assert vapor.JobConfig.model_validate_json(config.model_dump_json()) == config


ANYTHING = st.text() | st.integers() | st.none() | st.floats()


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from(sorted(vapor.JobConfig.model_fields)), ANYTHING))
@example({"model": "gpt2", "name": "taken"})
def test_any_values_are_accepted_and_kept_or_refused_in_words(values):
    try:
        config = vapor.JobConfig(**values)
    except vapor.InvalidConfig as refusal:
        assert refusal.problems
        assert refusal.problems.keys() <= {"", *values, "model"}
        assert all(sentence and "\n" not in sentence for sentence in refusal.problems.values())
    else:
        assert config.model_fields_set == values.keys()
        assert vapor.JobConfig.model_validate_json(config.model_dump_json()) == config


def test_heads_that_do_not_divide_are_refused():
    with pytest.raises(vapor.InvalidConfig, match="kv_heads must divide"):
        MODEL.changed(kv_heads=5)


def test_serving_takes_one_kind_of_load():
    with pytest.raises(vapor.InvalidConfig, match="not both"):
        vapor.ServingConfig(model="gpt2", concurrency=1, request_rate=1)


@pytest.mark.parametrize(
    ("word", "meant"),
    [("amp_bf16", "bf16"), ("bfloat16", "bf16"), ("BF16", "bf16"), ("float16", "fp16"), ("amp_fp8", "fp8")],
)
def test_other_projects_words_for_a_precision_are_understood(word, meant):
    assert vapor.JobConfig(model="gpt2", precision=word).precision == meant
    assert vapor.ServingConfig(model="gpt2", precision=word).precision == meant


@pytest.mark.parametrize("words", ["query|value|head", "q_proj, v_proj, lm_head", ("query", "value", "head")])
def test_lora_targets_may_be_one_line_and_name_the_head(words):
    assert vapor.JobConfig(model="gpt2", lora_targets=words).lora_targets == ("q_proj", "v_proj", "lm_head")
