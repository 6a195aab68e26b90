"""What is written for a trainer is read back as the same configuration; what the trainer cannot say is told."""

from typing import get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import vapor_core as vapor
from vapor_core.contracts.presets import Trainer
from vapor_core.contracts.training import LORA_TARGETS, Method, Optimizer, Sharding

TRAINERS = ("vapor", "trl", "axolotl", "llama_factory", "torchtune")
MODELS = [
    *(
        "meta-llama/Llama-3.1-8B",
        "Qwen/Qwen2.5-0.5B",
        "gpt2",
        "EleutherAI/pythia-70m",
        "someone/not-in-the-catalog",
    ),
    vapor.CatalogModel(
        id="mine",
        parameters=10**8,
        layers=12,
        hidden_size=768,
        intermediate_size=3072,
        attention_heads=12,
        kv_heads=12,
        vocabulary_size=50_000,
    ),
]
POINTS = [((0.0, 1.0), (1.0, 0.1)), ((0.0, 0.0), (0.5, 1.0), (1.0, 0.0))]
WHOLE = st.integers(1, 64)


def merged(fields):
    """Fields with those of groups that only go together."""
    groups = {name: fields[name] for name in ("cards", "adapters") if name in fields}
    alone = {name: value for name, value in fields.items() if name not in groups}
    return alone | groups.get("cards", {}) | groups.get("adapters", {})


CONFIGS = st.fixed_dictionaries(
    {"model": st.sampled_from(MODELS)},
    optional={
        "name": st.sampled_from(["", "a run", "für alle: # \"x\" 'y'"]),
        "dataset": st.sampled_from(
            [
                "yahma/alpaca-cleaned",
                "openai/gsm8k",
                "allenai/c4",
                vapor.Dataset(id="own: x", tokens=10**6, examples=10**3),
            ]
        ),
        "method": st.sampled_from(get_args(Method)),
        "trainer": st.sampled_from(get_args(Trainer)),
        "master_weights": st.sampled_from(["fp32", "none"]),
        "cross_entropy": st.sampled_from(["full", "chunked", "fused"]),
        "attention": st.sampled_from(["eager", "sdpa", "flash"]),
        "fused_kernels": st.booleans(),
        "compile": st.booleans(),
        "train_embeddings": st.booleans(),
        "offload": st.lists(st.sampled_from(["optimizer", "parameters", "activations"]), unique=True),
        "learning_rate": st.floats(1e-7, 1.0),
        "schedule": st.sampled_from(["constant", "linear", "cosine", "wsd", *POINTS]),
        "decay_ratio": st.floats(0.01, 1.0),
        "min_learning_rate_ratio": st.floats(0, 1),
        "warmup_ratio": st.floats(0, 0.9),
        "weight_decay": st.floats(0, 1),
        "max_grad_norm": st.floats(0, 10),
        "micro_batch_size": WHOLE,
        "gradient_accumulation_steps": WHOLE,
        "sequence_length": st.integers(16, 8192),
        "packing": st.booleans(),
        "epochs": st.floats(0.1, 10) | st.integers(1, 5),
        "max_steps": st.none() | st.integers(1, 10_000),
        "precision": st.sampled_from(["bf16", "fp16", "fp32", "fp8"]),
        "optimizer": st.sampled_from(get_args(Optimizer)),
        "gradient_checkpointing": st.booleans(),
        "lora_rank": WHOLE,
        "lora_alpha": st.floats(0.5, 128),
        "lora_targets": st.lists(st.sampled_from([*LORA_TARGETS, "lm_head"]), min_size=1, unique=True),
        "accelerator": st.sampled_from(["nvidia-l4", "nvidia-h100-80gb", "cpu"]),
        "accelerator_count": WHOLE,
        "sharding": st.sampled_from(get_args(Sharding)),
        "eval_every": st.none() | WHOLE,
        "checkpoint_every": st.none() | WHOLE,
        "hardware_faults": st.booleans(),
        "seed": st.integers(0, 2**63 - 1),
        "cards": st.fixed_dictionaries(
            {"accelerator_count": st.just(16)},
            optional={
                f"{way}_parallel": st.sampled_from([1, 2])
                for way in ("tensor", "pipeline", "context", "expert")
            },
        ),
        "adapters": st.fixed_dictionaries(
            {
                "method": st.just("lora"),
                "base_quantization": st.sampled_from(["none", "nf4", "int8", "gptq", "awq"]),
            },
            optional={"dora": st.booleans()},
        ),
    },
).map(lambda fields: vapor.JobConfig(**merged(fields)))


@pytest.mark.slow
@pytest.mark.parametrize("trainer", TRAINERS)
@settings(max_examples=60, deadline=None)
@given(config=CONFIGS)
def test_what_is_written_for_a_trainer_comes_back_as_it_was(trainer, config):
    assert vapor.read_config(vapor.write_config(config, trainer)).config == config


CONFIG = vapor.JobConfig(model="meta-llama/Llama-3.1-8B", method="qlora", max_steps=100, accelerator_count=8)


@pytest.mark.parametrize("trainer", TRAINERS[1:])
def test_what_a_trainer_cannot_say_stands_at_the_top_and_in_the_notes(trainer):
    text = vapor.write_config(CONFIG.changed(schedule=POINTS[0]), trainer)
    assert any(note.startswith("schedule") for note in text.notes)
    assert any(note.startswith("accelerator_count = 8") for note in text.notes)
    head = text.split("\n")[1 : 1 + len(text.notes)]
    assert head == [f"# {note}" for note in text.notes]


@pytest.mark.parametrize("trainer", ["trl", "axolotl", "llama_factory"])
def test_what_is_edited_in_a_written_file_holds(trainer):
    text = vapor.write_config(CONFIG, trainer)
    edited = text.replace("learning_rate: 0.0002", "learning_rate: 0.001").replace(
        "max_steps: 100", "max_steps: 200"
    )
    config = vapor.read_config(edited).config
    assert (config.learning_rate, config.max_steps, config.accelerator_count) == (0.001, 200, 8)
    assert config.changed(learning_rate=0.0002, max_steps=100) == CONFIG


def test_a_comment_of_ours_never_holds_against_the_file():
    text = vapor.write_config(CONFIG.changed(seed=2**40), "trl").replace("seed: 0", "seed: 5")
    assert vapor.read_config(text).config.seed == 5


@pytest.mark.parametrize("trainer", TRAINERS[1:])
def test_a_written_file_has_its_trainers_words(trainer):
    body = yaml.safe_load(vapor.write_config(CONFIG, trainer))
    words = {
        "trl": {
            "model_name_or_path": "meta-llama/Llama-3.1-8B",
            "use_peft": True,
            "load_in_4bit": True,
            "max_steps": 100,
        },
        "axolotl": {
            "base_model": "meta-llama/Llama-3.1-8B",
            "adapter": "qlora",
            "micro_batch_size": 4,
            "max_steps": 100,
        },
        "llama_factory": {
            "finetuning_type": "lora",
            "quantization_bit": 4,
            "lora_target": "all",
            "cutoff_len": 1024,
        },
        "torchtune": {"batch_size": 4, "dtype": "bf16", "gradient_accumulation_steps": 4},
    }
    assert {name: body[name] for name in words[trainer]} == words[trainer]


def test_an_unknown_trainer_is_named_with_those_that_there_are():
    with pytest.raises(vapor.InvalidConfig, match="vapor, trl, axolotl, llama_factory, torchtune"):
        vapor.write_config(CONFIG, "megatron")
