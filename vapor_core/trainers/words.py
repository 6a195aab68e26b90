"""Which of Vapor's words a trainer's word means: models, data, optimizers, schedules, LoRA's matrices.

Optimizers and schedules by transformers 5.24 and axolotl 0.18; builders of models and data by torchtune at bd2a0fc.
"""

import re
from collections.abc import Sequence
from functools import cache

from vapor_core import catalog
from vapor_core.contracts.entries import CatalogModel, Dataset
from vapor_core.contracts.training import LORA_ALIASES, LORA_HEAD, LORA_TARGETS

# Words at the end of a model's name that say how it was tuned, packed or uploaded, not how it is built.
TUNED = (
    *(
        "instruct",
        "chat",
        "it",
        "pt",
        "base",
        "hf",
        "sft",
        "dpo",
        "reasoning",
        "thinking",
        "nothink",
        "unsloth",
    ),
    *(
        "bnb",
        "4bit",
        "8bit",
        "gptq",
        "awq",
        "int4",
        "int8",
        "fp8",
        "gguf",
        "bf16",
        "preview",
        "beta",
        "stage2",
    ),
    *(
        "2501",
        "2503",
        "2506",
        "2507",
        "2407",
        "4k",
        "8k",
        "128k",
        "v0.1",
        "v0.2",
        "v0.3",
        "v1.0",
        "v1.1",
        "v1",
        "v2",
    ),
    *("intermediate", "step", "1431k", "3t", "1t", "dynamic", "128g", "finetuned", "post", "train", "dev"),
)
PLAIN_ADAMW = (
    *("adamw", "adamw_torch", "adamw_torch_fused", "adamw_hf", "adamw_apex_fused", "adam", "adamw_torch_xla"),
    *(
        "adamw_torch_npu_fused",
        "adamwtorch",
        "fusedadam",
        "flash_adamw",
        "optimi_adamw",
        "adamw_anyprecision",
    ),
)
ADAMW_8BIT = ("adamw_8bit", "adamw_bnb_8bit", "adamw_torch_8bit", "ao_adamw_8bit", "adamw8bit")
# Optimizers: their word -> (Vapor's, what is not quite the same).
OPTIMIZERS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(PLAIN_ADAMW, ("adamw", "")),
    **dict.fromkeys(ADAMW_8BIT, ("adamw_8bit", "")),
    **dict.fromkeys(("paged_adamw_8bit", "pagedadamw8bit"), ("paged_adamw_8bit", "")),
    **dict.fromkeys(
        ("paged_adamw", "paged_adamw_32bit", "pagedadamw", "pagedadamw32bit", "deepspeedcpuadam"),
        ("adamw", "what is paged out to the host is counted on the card"),
    ),
    **dict.fromkeys(("adamw_torch_4bit", "adamw4bit", "ao_adamw_4bit"), ("adamw_4bit", "")),
    "adafactor": ("adafactor", ""),
    **dict.fromkeys(("lion_32bit", "lion_pytorch", "lion"), ("lion", "")),
    **dict.fromkeys(
        ("lion_8bit", "paged_lion_8bit", "paged_lion_32bit"), ("lion", "its states are counted whole")
    ),
    **dict.fromkeys(("galore_adamw", "galore_adamw_layerwise", "galoreadamw"), ("galore_adamw", "")),
    **dict.fromkeys(
        ("galore_adamw_8bit", "galore_adamw_8bit_layerwise"), ("galore_adamw", "its states are counted whole")
    ),
    "muon": ("muon", ""),
    "sgd": ("sgd", ""),
}
# Schedules: their word -> Vapor's, where nothing else is to be said.
SCHEDULES: dict[str, str] = {
    **dict.fromkeys(("constant", "constant_with_warmup", "warmuplr"), "constant"),
    **dict.fromkeys(("linear", "polynomial", "warmupdecaylr"), "linear"),
    **dict.fromkeys(
        ("cosine", "cosine_with_min_lr", "cosine_warmup_with_min_lr", "warmupcosinelr"), "cosine"
    ),
    "cosine_with_restarts": "cosine",
    "warmup_stable_decay": "wsd",
}
ALL_LINEAR = ("all", "all-linear", "all_linear", "linear")
# Matrices by the names that model families and torchtune give them, beside JobConfig's own aliases.
MATRICES: dict[str, tuple[str, ...]] = {
    **LORA_ALIASES,
    **{name: (name,) for name in (*LORA_TARGETS, LORA_HEAD)},
    "output_proj": ("o_proj",),
    **dict.fromkeys(("Wqkv", "qkv", "W_pack", "wqkv", "in_proj"), LORA_TARGETS[:3]),
    **dict.fromkeys(("wq", "q"), ("q_proj",)),
    **dict.fromkeys(("wk", "k"), ("k_proj",)),
    **dict.fromkeys(("wv", "v"), ("v_proj",)),
    **dict.fromkeys(("wo", "o"), ("o_proj",)),
    **dict.fromkeys(("w1", "dense_h_to_4h_gate"), ("gate_proj",)),
    **dict.fromkeys(("w3", "dense_h_to_4h", "c_fc", "fc_in", "up"), ("up_proj",)),
    **dict.fromkeys(("w2", "dense_4h_to_h", "fc_out", "down"), ("down_proj",)),
    "output": (LORA_HEAD,),
}
# Data sets by the builders of torchtune, and by the names that trainers' own lists give them.
DATASETS = {
    "alpaca_cleaned_dataset": "yahma/alpaca-cleaned",
    "alpaca_dataset": "tatsu-lab/alpaca",
    "slimorca_dataset": "Open-Orca/SlimOrca",
    "wikitext_dataset": "Salesforce/wikitext",
    "alpaca_en": "tatsu-lab/alpaca",
    "alpaca_gpt4_en": "tatsu-lab/alpaca",
    "slimorca": "Open-Orca/SlimOrca",
    "vicgalle/alpaca-gpt4": "tatsu-lab/alpaca",
    "teknium/GPT4-LLM-Cleaned": "yahma/alpaca-cleaned",
}


# Words of a name that say that a model was tuned to instructions.
TUNED_WORDS = {"instruct", "chat", "it", "sft", "dpo", "reasoning", "thinking"}
SAME_SIZE = 0.02  # of the parameters: one architecture with vocabularies of 32,000 and 32,768
# Models of the same layers as one of the catalog's, by their plain names.
TWINS = {
    "qwen205b": "Qwen/Qwen2.5-0.5B",
    "qwen215b": "Qwen/Qwen2.5-1.5B",
    "qwen27b": "Qwen/Qwen2.5-7B",
    "codellama7b": "meta-llama/Llama-2-7b-hf",
    "huggyllama7b": "meta-llama/Llama-2-7b-hf",
    "llama7b": "meta-llama/Llama-2-7b-hf",
    "vicuna7b": "meta-llama/Llama-2-7b-hf",
    "tinyllama": "TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T",
}


def model_id(name: str) -> str | None:
    """The catalog's model that a name means: by its id, or another upload of the same architecture; None for none.

    Of several it is the one of the same last part, or else the newest that is tuned as the name says.
    """
    if name in _model_ids():
        return name
    meant = _architectures().get(_plain(name), ())
    if not meant:
        return TWINS.get(_plain(name))
    last = name.rstrip("/").rsplit("/", 1)[-1].casefold()
    says_tuned = any(part in TUNED_WORDS for part in re.split(r"[-_ ]+", last))

    def likeness(entry: CatalogModel) -> tuple[bool, bool, str]:
        same = entry.id.rsplit("/", 1)[-1].casefold() == last
        return same, bool(entry.instruction_tuned) == says_tuned, entry.released or ""

    return max(meant, key=likeness).id


@cache
def _model_ids() -> frozenset[str]:
    return frozenset(entry.id for entry in catalog.models())


@cache
def _dataset_ids() -> dict[str, str]:
    """Ids by themselves and by their last part."""
    ids = [entry.id for entry in catalog.datasets()]
    return {**{each.rsplit("/", 1)[-1]: each for each in ids}, **{each: each for each in ids}}


@cache
def _architectures() -> dict[str, tuple[CatalogModel, ...]]:
    """The catalog's models by their plain names; a name that two architectures have means neither."""
    found: dict[str, list[CatalogModel]] = {}
    for entry in catalog.models():
        found.setdefault(_plain(entry.id), []).append(entry)
    return {key: tuple(entries) for key, entries in found.items() if _one_architecture(entries)}


def _one_architecture(entries: Sequence[CatalogModel]) -> bool:
    """Whether all have the same layers; vocabularies may differ a little."""
    first = entries[0]
    return all(
        (one.layers, one.hidden_size, one.intermediate_size)
        == (first.layers, first.hidden_size, first.intermediate_size)
        and abs(one.parameters / first.parameters - 1) < SAME_SIZE
        for one in entries
    )


def _plain(name: str) -> str:
    """A model's name without owner, tuning and punctuation: "llama318b"."""
    parts = re.split(r"[-_ ]+", name[:200].rstrip("/").rsplit("/", 1)[-1].casefold())
    if parts and parts[0] in ("lora", "qlora", "meta"):
        parts = parts[1:]
    while len(parts) > 1 and parts[-1] in TUNED:
        parts = parts[:-1]
    parts = [part for part in parts if part != "meta"]
    return "".join(letter for letter in "".join(parts) if letter.isalnum())


def dataset_id(name: str) -> str | None:
    """The catalog's data set that a name means, None for none."""
    if name in DATASETS:
        return DATASETS[name]
    if name in _dataset_ids():
        return _dataset_ids()[name]
    like = catalog.namesake(Dataset(id=name[:200] or "-", tokens=1, examples=1))
    return like.id if like else None


def targets(value: object) -> tuple[tuple[str, ...], list[str]]:
    """LoRA's matrices and the names that are none of Vapor's; a pattern is read for the names in it, never run."""
    if isinstance(value, str):
        if value.strip().lower() in ALL_LINEAR:
            return LORA_TARGETS, []
        names = (
            re.findall(r"[A-Za-z]\w*", value[:2000])
            if _is_pattern(value)
            else re.split(r"[,|\s]+", value[:2000])
        )
        if _is_pattern(value):
            names = [name for name in names if name in MATRICES] or [value]
    else:
        names = [str(each) for each in value] if isinstance(value, list | tuple) else []
    found: list[str] = []
    unknown: list[str] = []
    for name in names:
        if not name:
            continue
        last = name.rsplit(".", 1)[-1]
        known = LORA_TARGETS if name in ALL_LINEAR else MATRICES.get(last)
        if known is None:
            unknown.append(name)
        else:
            found += [each for each in known if each not in found]
    ordered = tuple(each for each in (*LORA_TARGETS, LORA_HEAD) if each in found)
    return ordered, unknown


def _is_pattern(value: str) -> bool:
    return any(letter in value for letter in "()[]\\*^$?")
