"""A trainer's file is read as its trainer would run it; each field is understood, ignored or named as missing."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import vapor_core as vapor
from vapor_core.contracts.entries import CatalogModel, Dataset
from vapor_core.hub.architecture import Published, read_architecture
from vapor_core.trainers.document import document, flattened
from vapor_core.trainers.reading import read_job

DATA = Path(__file__).parent.parent / "data" / "trainers"
TABLE = json.loads((DATA.parent / "trainer_files.json").read_text(encoding="utf-8"))
EXAMPLES, SMALL, SETTINGS = TABLE["examples"], TABLE["small"], TABLE["settings"]
BASE = vapor.JobConfig(model="Qwen/Qwen2.5-0.5B", dataset="openai/gsm8k")
# What a small file begins with.
HEAD = {
    "axolotl": "base_model: Qwen/Qwen2.5-0.5B\nlearning_rate: 1e-4\n",
    "llama": "model_name_or_path: Qwen/Qwen2.5-0.5B\nfinetuning_type: lora\n",
    "tune": """\
model: {_component_: torchtune.models.qwen2_5.lora_qwen2_5_0_5b}
optimizer: {_component_: torch.optim.AdamW}
""",
    "trl": "model_name_or_path: Qwen/Qwen2.5-0.5B\ndataset_name: openai/gsm8k\n",
}


def says(config, said):
    for name, value in said.items():
        found = getattr(config, name)
        found = list(found) if isinstance(found, tuple) else found
        assert found == (pytest.approx(value) if isinstance(value, float) else value), name


def base_70b():
    sizes = {
        "num_hidden_layers": 80,
        "hidden_size": 8192,
        "intermediate_size": 28672,
        "num_attention_heads": 64,
    }
    more = {
        "num_key_value_heads": 8,
        "vocab_size": 128256,
        "model_type": "llama",
        "tie_word_embeddings": False,
    }
    return read_architecture("meta-llama/Llama-3.1-70B", sizes | more, Published())


def job(read):
    """The configuration, over one of one's own where the file names no model of the catalog."""
    if read.config is not None:
        return read.config
    return read.with_model(base_70b()) if read.format in ("axolotl", "trl", "torchtune") else read.over(BASE)


@pytest.mark.parametrize("file", EXAMPLES)
def test_a_published_example_says_what_its_trainer_would_do(file):
    expected = EXAMPLES[file]
    read = vapor.read_config((DATA / file).read_bytes(), file)
    config = job(read)
    assert read.format == expected["format"]
    says(config, expected["says"])
    assert sorted(row.field for row in read.not_modelled) == sorted(expected["cannot"])
    assert vapor.estimate(config).total_steps > 0


def test_every_file_of_the_table_has_its_values():
    assert sorted(path.name for path in DATA.iterdir()) == sorted(EXAMPLES)


def fields_of(content, name):
    found = document(content, name)
    if not found.calls:
        return set(flattened(found.values))
    return {name for group in found.values.values() for name in flattened(group)}


@pytest.mark.parametrize("file", EXAMPLES)
def test_each_field_stands_in_exactly_one_table(file):
    content = (DATA / file).read_bytes()
    read = vapor.read_config(content, file)
    rows = [row.field for table in (read.understood, read.ignored, read.not_modelled) for row in table]
    assert sorted(rows) == sorted(fields_of(content, file))


@pytest.mark.parametrize("case", SMALL, ids=lambda case: f"{case['head']} {case['more'][:50]}")
def test_a_small_file_says_what_its_trainer_would_do(case):
    given = {**yaml.safe_load(HEAD[case["head"]]), **yaml.safe_load(case["more"])}
    read = vapor.read_config(yaml.safe_dump(given))
    assert read.missing == ()
    says(read.config, case["says"])
    assert sorted(row.field for row in read.not_modelled) == sorted(case["cannot"])
    assert vapor.estimate(read.config).duration_s > 0
    assert len({*read.understood, *read.ignored, *read.not_modelled}) == len(flattened(given))


@pytest.mark.parametrize("case", SETTINGS, ids=lambda case: case["content"][:50])
def test_a_file_without_a_model_gives_its_settings_over_a_configuration(case):
    read = vapor.read_config(case["content"])
    assert read.config is None
    assert read.missing
    config = read.over(BASE)
    says(config, case["says"])
    assert (config.model, config.dataset) == (BASE.model, BASE.dataset)
    assert vapor.estimate(config).fits in (True, False)


def test_what_a_file_leaves_to_its_trainer_is_told_with_the_trainers_own_values():
    read = vapor.read_config(HEAD["trl"])
    assumed = {row.says.split(" = ")[0]: row.value for row in read.assumed}
    assert assumed["learning_rate"] == "2e-05"
    assert assumed["micro_batch_size"] == "8"
    assert read.config.learning_rate == 2e-5
    assert any("accelerator_count" in row.says for row in read.assumed)


@pytest.mark.parametrize(
    ("more", "masters", "told"),
    [
        ("", "fp32", False),
        ("dtype: float32\n", "fp32", False),
        ("dtype: bfloat16\n", "none", False),
        ("use_peft: true\n", "fp32", True),
        ("use_peft: true\nload_in_4bit: true\n", "none", False),
    ],
)
def test_weights_that_a_trainer_loads_in_32_bit_are_masters_or_told(more, masters, told):
    """0.1 counted a full fine-tune of TRL's in 16 bit whatever it loads."""
    read = vapor.read_config(HEAD["trl"] + more)
    assert read.config.master_weights == masters
    assert any("32 bit" in row.says for row in read.assumed) == told


# What 0.1 listed as beyond it, and is counted now: a trainer, a line of its file, and what it becomes.
COUNTED_NOW = [
    ("trl", "use_liger_kernel: true", {"fused_kernels": True, "cross_entropy": "fused"}),
    ("trl", "attn_implementation: flash_attention_2", {"attention": "flash"}),
    ("trl", "loss_type: nll", {"cross_entropy": "full"}),
    ("trl", "torch_compile: true", {"compile": True}),
    ("trl", "activation_offloading: true", {"offload": ("activations",)}),
    ("trl", "use_peft: true\nload_in_8bit: true", {"base_quantization": "int8"}),
    ("axolotl", "cut_cross_entropy: true", {"cross_entropy": "fused"}),
    ("axolotl", "rl: orpo", {"method": "orpo", "adapts": False}),
    ("axolotl", "adapter: qlora\nrl: kto", {"method": "kto", "base_quantization": "nf4"}),
    ("axolotl", "context_parallel_size: 4", {"context_parallel": 4, "accelerator_count": 4}),
    ("axolotl", "flash_attention: true", {"attention": "flash"}),
    (
        "axolotl",
        "gradient_checkpointing: offload",
        {"gradient_checkpointing": True, "offload": ("activations",)},
    ),
    ("axolotl", "fsdp: [full_shard, offload]", {"sharding": "zero3", "offload": ("optimizer", "parameters")}),
    ("axolotl", "fsdp_config: {sharding_strategy: HYBRID_SHARD, version: 1}", {"sharding": "hybrid"}),
    ("llama", "flash_attn: fa2\nenable_liger_kernel: true", {"attention": "flash", "fused_kernels": True}),
    ("llama", "finetuning_type: full\npure_bf16: true", {"master_weights": "none"}),
    ("llama", "finetuning_type: full", {"master_weights": "fp32"}),
    ("llama", "use_unsloth: true", {"trainer": "unsloth"}),
    ("tune", "compile: true", {"compile": True, "trainer": "torchtune", "cross_entropy": "chunked"}),
]


@pytest.mark.parametrize(("head", "more", "becomes"), COUNTED_NOW)
def test_what_changes_memory_is_counted_and_no_longer_said_to_be_beyond(head, more, becomes):
    read = vapor.read_config(yaml.safe_dump({**yaml.safe_load(HEAD[head]), **yaml.safe_load(more)}))
    assert {name: getattr(read.config, name) for name in becomes} == becomes
    assert not set(yaml.safe_load(more)) & {row.field for row in read.not_modelled}


def test_settings_over_a_configuration_keep_the_data_that_it_has():
    read = vapor.read_config(
        "base_model: Qwen/Qwen3-0.6B\nlearning_rate: 1e-4\ndatasets: [{path: mine.jsonl}]\n"
    )
    assert read.over(BASE).dataset == BASE.dataset
    assert [row.field for row in read.not_modelled] == ["datasets"]


def test_a_model_that_the_catalog_has_not_is_asked_for_and_can_be_given():
    read = vapor.read_config("base_model: someone/Other-70B\nlearning_rate: 1e-4\nsequence_len: 512\n")
    assert read.config is None
    assert "someone/Other-70B" in read.missing[0]
    assert read.with_model("Qwen/Qwen3-0.6B").sequence_length == 512
    with pytest.raises(vapor.InvalidConfig, match="search it on the Hub"):
        read_job("a.yaml", b"base_model: someone/Other-70B\nlearning_rate: 1e-4\n")


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("unsloth/Meta-Llama-3.1-8B-Instruct-bnb-4bit", "meta-llama/Llama-3.1-8B-Instruct"),
        ("NousResearch/Llama-2-7b-hf", "meta-llama/Llama-2-7b-hf"),
        ("mistralai/Mistral-7B-Instruct-v0.2", "mistralai/Mistral-7B-Instruct-v0.2"),
        ("unsloth/Qwen3-4B", "Qwen/Qwen3-4B"),
        ("someone/Llama-3.2-1B-chat", "meta-llama/Llama-3.2-1B-Instruct"),
        ("google/gemma-3-4b-it", "google/gemma-3-4b-it"),
        ("Qwen/Qwen2-1.5B-Instruct", "Qwen/Qwen2-1.5B-Instruct"),
        ("gpt2", None),
        ("Qwen/Qwen3-VL-4B-Instruct", None),
        ("meta-llama/Llama-3.1-80B", None),
    ],
)
def test_another_upload_of_an_architecture_is_that_architecture_and_nothing_else_is(name, known):
    read = vapor.read_config(f"base_model: {name}\nlearning_rate: 1e-4\n")
    found = read.config.model if read.config else None
    assert found == (known or ("openai-community/gpt2" if name == "gpt2" else None))


def test_a_snippet_is_read_and_never_run(tmp_path):
    mark = tmp_path / "ran"
    text = f"open({str(mark)!r}, 'w')\nSFTConfig(learning_rate=__import__('os').getpid(), max_steps=5)\n"
    read = vapor.read_config(text, "train.py")
    assert not mark.exists()
    assert [row.field for row in read.not_modelled] == ["learning_rate"]
    assert read.over(BASE).max_steps == 5


REFUSED = {
    "no field of anybody": ("secrets: [a]\nvolumes: [b]\n", "is no configuration"),
    "a rate that is no number": (HEAD["trl"] + "learning_rate: fast\n", "learning_rate should be a number"),
    "a cadence without end": (HEAD["trl"] + "eval_strategy: steps\neval_steps: .inf\n", "should be a number"),
    "half a batch": (HEAD["trl"] + "per_device_train_batch_size: 1.5\n", "should be a whole number"),
    "a rate that no run has": (HEAD["trl"] + "learning_rate: 1e9\n", "learning_rate"),
    "broken YAML": ("a: [", "no YAML"),
    "aliases": ("a: &x [1]\nb: *x\n", "no YAML"),
    "deep blocks": ("- " * 20_000 + "a", "cannot be read"),
    "deep groups": ('{"zero_optimization":' + '{"a":' * 50 + "1" + "}" * 51, "levels"),
    "broken Python": ("SFTConfig(learning_rate=", "no Python"),
    "Python of nothing": ("from_pretrained()", "configures no training"),
    "many fields": (json.dumps({"base_model": "a", **{f"f{n}": n for n in range(3000)}}), "fields"),
    "a comment of ours that is broken": ("# vapor: {\nbase_model: a\n", "# vapor:"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_sentence(case):
    content, word = REFUSED[case]
    with pytest.raises(vapor.VaporError, match=word) as refused:
        vapor.read_config(content)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


VALUES = st.recursive(
    st.one_of(
        *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
        st.sampled_from(["auto", "2e-5", "all-linear"]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = sorted({name for file in EXAMPLES for name in fields_of((DATA / file).read_bytes(), file)})
MARKS = [
    {"base_model": "gpt2"},
    {"model_name_or_path": "gpt2"},
    {"finetuning_type": "lora"},
    {"zero_optimization": {}},
]
MARKS += [
    {"distributed_type": "FSDP"},
    {"peft_type": "LORA"},
    {"model": {"_component_": "a.lora_b"}},
    {"optim": "a"},
]


@pytest.mark.slow
@given(st.sampled_from(MARKS), st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6))
def test_whatever_a_trainers_file_says_it_is_read_or_refused(mark, fields):
    nested: dict = dict(mark)
    for name, value in fields.items():
        at = nested
        *path, last = name.split(".")
        for part in path:
            at = at.setdefault(part, {})
            if not isinstance(at, dict):
                break
        else:
            at[last] = value
    for content in (json.dumps(nested), yaml.safe_dump(nested)):
        try:
            read = vapor.read_config(content)
        except vapor.VaporError as refused:
            assert str(refused)
        else:
            assert read.format


OWN_MODEL = CatalogModel(
    id="me/my-model", parameters=124_439_808, layers=12, hidden_size=768, intermediate_size=3072, attention_heads=12,
    kv_heads=12, vocabulary_size=50257, context_length=1024,
)  # fmt: skip
OWN_DATA = Dataset(id="own/mine", name="mine", tokens=1_000_000, examples=5_000)


@pytest.mark.parametrize(
    "text",
    [
        "base_model: me/my-model\ndatasets:\n  - path: data/mine.jsonl\n    type: alpaca\nmicro_batch_size: 2\n",
        "model_name_or_path: me/my-model\ndataset_name: data/mine.jsonl\nlearning_rate: 1.0e-4\n",
        "model_name_or_path: me/my-model\nfinetuning_type: lora\ndataset: own/mine\n",
        "model: me/my-model\ndataset: own/mine\n",
    ],
)
def test_a_workspaces_own_model_is_not_called_unknown(text):
    read = vapor.read_config(text, own=(OWN_MODEL, OWN_DATA))
    assert read.config is not None
    assert (read.config.model, read.config.dataset) == (OWN_MODEL, OWN_DATA)
    assert vapor.estimate(read.config).total_steps > 0
