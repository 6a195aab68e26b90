"""A launch script does what was rehearsed, with arguments that trainers take, or says at its top what it does not."""

import ast

import numpy as np
import pytest
import trainer_stand_ins
from hypothesis import given
from hypothesis import strategies as st
from trainer_stand_ins import PARAMETERS, RECORDED

import vapor_core as vapor
from vapor_core.exports.launch_script import launch_script
from vapor_core.physics.loss.schedule import learning_rate
from vapor_core.physics.plan import plan

BASE = vapor.JobConfig(
    model="HuggingFaceTB/SmolLM2-360M",
    max_steps=47,
    warmup_ratio=0.1,
    min_learning_rate_ratio=0.2,
    decay_ratio=0.3,
)
RISING = ((0.0, 0.1), (0.2, 1.0), (0.2, 0.8), (0.7, 0.5), (1.0, 0.0))
FLAT = ((0.1, 1.0), (0.5, 0.3), (0.9, 0.6))
SCHEDULES = {
    "constant": "constant",
    "linear": "linear",
    "cosine": "cosine",
    "wsd": "wsd",
    "points that rise by themselves": RISING,
    "points that need a warm-up": FLAT,
}
OWN_MODEL = vapor.catalog.model("gpt2").changed(id="me/mine")
OWN_DATA = vapor.Dataset(id="mine", tokens=10_000, examples=100)


@pytest.fixture
def ran(tmp_path):
    """What the script of a configuration does."""

    def run(config, **how):
        script = tmp_path / "train.py"
        script.write_text(launch_script(config), encoding="utf-8")
        return trainer_stand_ins.run(script, workers=config.accelerator_count, **how)

    return run


def top(config):
    return ast.get_docstring(ast.parse(launch_script(config)))


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize(
    "changes", [{}, {"max_steps": 1}, {"max_steps": 2}, {"warmup_ratio": 0.0}, {"max_steps": 999}]
)
def test_the_learning_rate_of_each_step_is_the_rehearsals(ran, schedule, changes):
    config = BASE.changed(schedule=schedule, **changes)
    rates = ran(config).rates
    assert len(rates) == config.max_steps
    np.testing.assert_allclose(rates, learning_rate(plan(config), np.arange(config.max_steps)), rtol=1e-12)


@pytest.mark.parametrize("method", ["pretrain", "full", "lora", "qlora"])
@pytest.mark.parametrize("optimizer", ["adamw", "adamw_8bit", "sgd"])
@pytest.mark.parametrize("precision", ["bf16", "fp16", "fp32", "fp8"])
def test_no_argument_is_one_that_the_trainer_does_not_take(ran, method, optimizer, precision):
    done = ran(BASE.changed(method=method, optimizer=optimizer, precision=precision, accelerator_count=4,
                            sharding="zero3", gradient_checkpointing=True))  # fmt: skip
    given = done.arguments["SFTConfig"]
    assert given["optim"] in RECORDED["choices"]["optim"]
    assert given["packing_strategy"] in RECORDED["choices"]["packing_strategy"]
    assert given["fsdp_config"].keys() <= set(PARAMETERS["fsdp_config"])
    assert done.told[-1]["reason"] == "completed"
    assert ("LoraConfig" in done.arguments) == (method in ("lora", "qlora"))
    assert ("BitsAndBytesConfig" in done.arguments) == (method == "qlora")


# A setting, and what it becomes: arguments of SFTConfig.
BECOMES = [
    ({"packing": True, "sequence_length": 512}, {"packing": True, "max_length": 512}),
    ({"packing": False}, {"packing": False}),
    ({"method": "lora"}, {"bf16": True, "fp16": False}),
    ({"method": "full"}, {"bf16": False, "fp16": False}),  # everything in bf16 already: nothing to cast
    ({"method": "pretrain"}, {"bf16": True}),
    ({"precision": "fp16"}, {"bf16": False, "fp16": True}),
    ({"precision": "fp32"}, {"bf16": False, "fp16": False}),
    ({"gradient_checkpointing": False}, {"gradient_checkpointing": False}),  # TRL's own default is True
    ({"gradient_checkpointing": True}, {"gradient_checkpointing": True}),
    ({"max_grad_norm": 0.0, "weight_decay": 0.1}, {"max_grad_norm": 0.0, "weight_decay": 0.1}),
    (
        {"micro_batch_size": 3, "gradient_accumulation_steps": 5},
        {"per_device_train_batch_size": 3, "gradient_accumulation_steps": 5},
    ),
    (
        {"sharding": "zero2", "accelerator_count": 2},
        {
            "fsdp": True,
            "fsdp_config": {"version": 2, "reshard_after_forward": False, "activation_checkpointing": False},
        },
    ),
    (
        {"sharding": "zero3", "accelerator_count": 2, "gradient_checkpointing": True},
        {
            "fsdp_config": {"version": 2, "reshard_after_forward": True, "activation_checkpointing": True},
            "gradient_checkpointing": False,
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "arguments"), BECOMES)
def test_a_setting_becomes_its_argument(ran, changes, arguments):
    given = ran(BASE.changed(**changes)).arguments["SFTConfig"]
    assert {name: given[name] for name in arguments} == arguments


@pytest.mark.parametrize(
    ("method", "precision", "dtype"),
    [
        ("pretrain", "bf16", "float32"),  # fp32 masters, computed with in bf16
        ("full", "bf16", "bfloat16"),
        ("full", "fp16", "float32"),  # gradients of fp16 weights cannot be scaled
        ("lora", "fp16", "float16"),
        ("lora", "fp32", "float32"),
        ("qlora", "bf16", "bfloat16"),
    ],
)
def test_weights_are_loaded_in_the_numbers_that_memory_was_rehearsed_with(ran, method, precision, dtype):
    assert (
        ran(BASE.changed(method=method, precision=precision)).arguments["from_pretrained"]["dtype"] == dtype
    )


def test_lora_adapts_the_matrices_that_were_asked_for(ran):
    done = ran(BASE.changed(lora_rank=8, lora_alpha=24.0, lora_targets=("query", "down_proj", "head")))
    given = done.arguments["LoraConfig"]
    assert (given["r"], given["lora_alpha"], given["target_modules"]) == (8, 24, ["down_proj", "q_proj"])


@pytest.mark.parametrize(("steps", "every"), [(47, (2, 4)), (5, (1, 1))])
def test_evaluations_and_checkpoints_come_as_often_as_rehearsed(ran, steps, every):
    config = BASE.changed(max_steps=steps)
    done = ran(config)
    assert (
        (done.evaluated_every, done.saved_every)
        == (plan(config).eval_every, plan(config).checkpoint_every)
        == every
    )
    own = ran(config.changed(eval_every=3, checkpoint_every=7))
    assert (own.evaluated_every, own.saved_every) == (3, 7)


def test_epochs_become_the_steps_that_they_were_rehearsed_as(ran):
    epochs = BASE.changed(
        max_steps=None, epochs=2.5, dataset=OWN_DATA.changed(examples=98), accelerator_count=2
    )
    assert ran(epochs).steps == plan(epochs).total_steps == 8  # 98 of 100 rows; two are held out


CHAT = [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}] * 60
SHARE = [{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}] * 60


@pytest.mark.parametrize(
    ("rows", "template", "example"),
    [
        (
            [{"instruction": "Add", "input": "1, 2", "output": "3", "text": "all of it"}] * 60,
            None,
            {"prompt": "Add\n1, 2\n", "completion": "3"},
        ),
        ([{"question": "Why?", "answer": "So."}] * 60, None, {"prompt": "Why?\n", "completion": "So."}),
        ([{"text": "words", "label": 3}] * 60, None, {"text": "words"}),
        ([{"quote": "words", "year": 3}] * 60, None, {"text": "words"}),
        (CHAT, "a template", CHAT[0]),
        (SHARE, "a template", CHAT[0]),
        (SHARE, None, {"text": "human\nHi\ngpt\nHello"}),
    ],
)
def test_a_row_becomes_what_trl_trains_on(ran, rows, template, example):
    assert ran(BASE, rows=rows, chat_template=template).examples[0] == example


def test_pretraining_reads_text_alone(ran):
    rows = [{"text": "a story", "instruction": "x", "output": "y"}] * 60
    assert ran(BASE.changed(method="pretrain"), rows=rows).examples[0] == {"text": "a story"}


@pytest.mark.parametrize("method", ["pretrain", "lora"])
def test_the_seed_is_set_before_weights_are_drawn(ran, method):
    """Two runs of one script began from different weights."""
    assert ran(BASE.changed(method=method, seed=7)).seeded == [7]


def test_tf32_is_used_where_it_was_rehearsed(ran):
    fp32 = BASE.changed(precision="fp32")
    assert "matmul" in ran(fp32.changed(accelerator="nvidia-a100-80gb")).arguments
    assert "matmul" not in ran(fp32.changed(accelerator="nvidia-t4")).arguments


# Where a script does not do what was rehearsed, and the words for it at its top.
SAID = [
    ({"precision": "fp8"}, "fp8 is run as bf16"),
    ({"optimizer": "muon"}, "muon is run as AdamW"),
    ({"method": "orpo", "lora_rank": 8}, "ORPO needs TRL's ORPOTrainer"),
    ({"method": "dpo"}, "DPO needs preference data"),
    ({"offload": ("optimizer",)}, "optimizer stay on the card"),
    ({"base_quantization": "gptq", "method": "qlora"}, "quantised to nf4"),
    ({"tensor_parallel": 2, "accelerator_count": 2}, "tensor_parallel = 2 is left out"),
    ({"sharding": "zero1", "accelerator_count": 2}, "ZeRO-1 is run as ZeRO-2"),
    ({"sharding": "zero2"}, "zero2 shards nothing on one accelerator"),
    ({"sharding": "zero3", "accelerator_count": 2, "method": "qlora"}, "has not been tried"),
    ({"lora_targets": ("q_proj", "lm_head")}, "lm_head is not adapted"),
    ({"seed": 2**40 + 7}, "the seed is 7"),
    ({"dataset": OWN_DATA}, "DATASET is your own"),
    ({"dataset": "massivetext"}, "DATASET is not public"),
    ({"dataset": "karpathy/tiny_shakespeare"}, "comes as a script"),
    ({"model": OWN_MODEL}, "MODEL is not in the catalog"),
    ({"method": "pretrain"}, "random weights"),
    ({"accelerator": "cpu"}, "Run: python train.py"),
    ({"accelerator_count": 4}, "torchrun --nproc-per-node 4"),
    ({"accelerator_count": 16, "accelerator": "nvidia-h100-80gb"}, "torchrun --nnodes 2 --nproc-per-node 8"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("changes", "words"), SAID)
def test_what_differs_from_the_rehearsal_is_said_at_the_top(changes, words):
    assert words in top(BASE.changed(**changes))
    assert words not in top(BASE)


@pytest.mark.parametrize("words", ["held out for evaluation", "answers alone", "hardware faults"])
def test_what_always_differs_is_always_said(words):
    assert words in top(BASE)


# A second value of each setting, with what it needs to have an effect. `name` is a screen's and `backend` a place.
SECOND = {
    "model": ("openai-community/gpt2", {}), "dataset": ("openai/gsm8k", {}), "method": ("full", {}),
    "learning_rate": (1e-3, {}), "schedule": ("linear", {}), "decay_ratio": (0.5, {"schedule": "wsd"}),
    "min_learning_rate_ratio": (0.5, {}), "warmup_ratio": (0.5, {}), "weight_decay": (0.5, {}),
    "max_grad_norm": (0.5, {}), "micro_batch_size": (7, {}), "gradient_accumulation_steps": (7, {}),
    "sequence_length": (77, {}), "packing": (True, {}), "epochs": (7.0, {}), "max_steps": (77, {}),
    "precision": ("fp8", {}), "optimizer": ("sgd", {}), "gradient_checkpointing": (True, {}), "lora_rank": (7, {}),
    "lora_alpha": (7.0, {}), "lora_targets": (("q_proj",), {}), "accelerator": ("nvidia-t4", {}),
    "accelerator_count": (7, {}), "sharding": ("zero1", {}), "eval_every": (7, {}), "checkpoint_every": (7, {}),
    "hardware_faults": (False, {}), "seed": (7, {}), "trainer": ("axolotl", {}), "dora": (True, {}),
    "base_quantization": ("int8", {}), "master_weights": ("none", {}), "cross_entropy": ("chunked", {}),
    "attention": ("flash", {}), "fused_kernels": (True, {}), "compile": (True, {}), "train_embeddings": (True, {}),
    "offload": (("optimizer",), {}), "tensor_parallel": (2, {"accelerator_count": 2}),
    "pipeline_parallel": (2, {"accelerator_count": 2}), "context_parallel": (2, {"accelerator_count": 2}),
    "expert_parallel": (2, {"accelerator_count": 2}),
}  # fmt: skip


@pytest.mark.parametrize("field", sorted(vapor.JobConfig.model_fields.keys() - {"name", "backend"}))
def test_no_setting_is_dropped_in_silence(ran, field):
    """Each changes what is done, or is named at the top."""
    value, needs = SECOND[field]
    configs = BASE.changed(**needs), BASE.changed(**{**needs, field: value})
    done = [
        (ran(config).arguments, ran(config).rates, ran(config).evaluated_every, ran(config).saved_every)
        for config in configs
    ]
    assert done[0] != done[1] or top(configs[0]) != top(configs[1])


def test_each_way_to_shard_has_a_script_of_its_own():
    ways = ("none", "zero1", "zero2", "zero3", "hybrid")
    assert len({launch_script(BASE.changed(sharding=way, accelerator_count=2)) for way in ways}) == len(ways)


@pytest.mark.slow
@given(st.text(max_size=60), st.sampled_from(["pretrain", "lora"]))
def test_no_name_can_leave_its_string_in_the_launch_script(text, method):
    plain = BASE.changed(method=method, model=OWN_MODEL, dataset=OWN_DATA)
    hostile = plain.changed(
        dataset=OWN_DATA.changed(id='x"""\n' + text), model=OWN_MODEL.changed(id="'''{\\" + text)
    )
    tree = ast.parse(launch_script(hostile))
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert hostile.dataset.id in values
    assert hostile.model.id in values
    assert len(tree.body) == len(ast.parse(launch_script(plain)).body)
