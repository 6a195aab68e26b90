"""One reader of the four tables: what was measured, and under which JobConfig or ServingConfig.

A row's `config_json` is a setting as it could be said before fields for trainers, kernels and parallelism were there;
`tags`, `missing_features` and `note` say the rest in words, which are read here into those fields, the same way for
whoever scores memory, speed, serving or cost.
"""

import json
import re
from dataclasses import dataclass
from functools import cache

from benchmarks.fidelity import table
from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.serving import ServingConfig
from vapor_core.contracts.training import JobConfig

Values = dict[str, object]
# Whose trainer a tag or a source stands for; "trl" for whatever else fine-tunes.
TRAINER_OF_TAG = {
    "unsloth": "unsloth", "torchtune": "torchtune", "hf_trainer": "trl", "megatron": "nemo",
}  # fmt: skip
TRAINER_OF_GROUP = {"axolotl": "axolotl", "nemo-24.07": "nemo", "rocm-te": "megatron", "torchao": "torchtune"}
# NVIDIA NeMo Framework 24.07, performance summary: (tensor, pipeline) parallel size by model, cards and method.
NEMO_PARALLEL = {
    ("nvidia/GPT3-20B", 64, "pretrain"): (2, 1),
    ("nvidia/GPT3-175B", 128, "pretrain"): (4, 8),
    ("nvidia/GPT3-175B", 512, "pretrain"): (4, 8),
    ("meta-llama/Llama-2-13b-hf", 16, "pretrain"): (1, 4),
    ("meta-llama/Llama-2-70b-hf", 64, "pretrain"): (4, 4),
    ("meta-llama/Llama-2-13b-hf", 8, "full"): (1, 4),
    ("meta-llama/Llama-2-70b-hf", 16, "full"): (4, 4),
    ("meta-llama/Llama-2-70b-hf", 8, "lora"): (2, 4),
}
GLOBAL_BATCH = re.compile(r"\bGBS(\d+)")
ENGINE_OF_TAG = {
    "vllm": "vllm", "sglang": "sglang", "lmdeploy": "lmdeploy", "llama.cpp": "llama_cpp", "hf": "transformers",
    "gpt-fast": "transformers", "trt": "tensorrt_llm", "tensorrt": "tensorrt_llm", "triton": "tensorrt_llm",
}  # fmt: skip
VARIED = ("sharegpt",)  # loads whose lengths differ from request to request
# What rows tell and no field of a JobConfig or ServingConfig can say.
UNSAID = (
    "qlora_fp32_compute", "naive_model_parallel", "load_peak", "eager_mode", "pp_serve", "gguf",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """One reported figure.

    Attributes:
        id: of the row.
        kind: "memory", "speed", "serving" or "cost".
        group: the source; rows of one group are left out together.
        what: was measured, in a line.
        metric: "memory_gb" (a GB is 1e9 bytes), "fits" (0 where it ran out of memory), "step_time_s", "run_s",
            "tokens_per_second", "tokens_per_second_per_card", "tflops_per_card", "run_cost" (hours), and of serving
            "output_tps", "ttft_ms", "tpot_ms", "latency_ms", "requests_per_second", "serving_memory_gb", "kv_tokens".
        measured: in the metric's unit.
        unit: as the source has it; says too whether memory is allocated or reserved.
        quality: A for a complete report, B and C for one with gaps that were filled in.
        tags: words about the setting.
        missing: features that a setting could not say when the table was written.
        unsaid: those that it cannot say today.
        config: the setting with all that is said of it.
    """

    id: str
    kind: str
    group: str
    source: str
    what: str
    metric: str
    measured: float
    unit: str
    quality: str
    tags: frozenset[str]
    missing: frozenset[str]
    note: str
    unsaid: tuple[str, ...]
    config: JobConfig | ServingConfig

    @property
    def job(self) -> JobConfig:
        """The setting of a training run."""
        assert isinstance(self.config, JobConfig), self.id
        return self.config

    @property
    def serving(self) -> ServingConfig:
        """The setting of an endpoint."""
        assert isinstance(self.config, ServingConfig), self.id
        return self.config


@cache
def reports(kind: str) -> tuple[Report, ...]:
    """The rows of `reports_<kind>.csv` ("memory", "speed", "serving" or "cost"); () where the table is not at hand."""
    return tuple(_report(row) for row in table(f"reports_{kind}"))


def groups(rows: tuple[Report, ...]) -> list[str]:
    """Sources of rows, in alphabetical order."""
    return sorted({row.group for row in rows})


def _report(row: dict[str, str]) -> Report:
    tags, missing = frozenset(row["tags"].split()), frozenset(row["missing_features"].split())
    given = _entries(json.loads(row["config_json"]))
    serving = "method" not in given
    config = (
        ServingConfig(**serving_settings(given, row, tags, missing))
        if serving
        else JobConfig(**settings(given, row, tags, missing))
    )
    return Report(
        id=row["id"],
        kind=row["kind"],
        group=row["group"],
        source=row["source"],
        what=row["what"],
        metric=row["metric"],
        measured=float(row["measured"]),
        unit=row["unit"],
        quality=row["quality"],
        tags=tags,
        missing=missing,
        note=row["note"],
        unsaid=tuple(name for name in UNSAID if name in missing),
        config=config,
    )


def _entries(given: Values) -> Values:
    """The setting with its models, cards and data as the catalog's kinds."""
    kinds = {"model": CatalogModel, "accelerator": Accelerator, "dataset": Dataset}
    for name, kind in kinds.items():
        value = given.get(name)
        if isinstance(value, dict):
            given[name] = kind(**value.get(kind.__name__, value))
    return given


def settings(given: Values, row: dict[str, str], tags: frozenset[str], missing: frozenset[str]) -> Values:
    """A training run's fields, with those that tags and missing features tell."""
    said = tags | missing
    method = given["method"]
    found = dict(given)
    trainer = _trainer(row["group"], tags, str(method))
    if trainer:
        found["trainer"] = trainer
    if method == "full":
        found["master_weights"] = "fp32" if "amp_fp32_master" in missing or trainer == "nemo" else "none"
    if "kbit_fp32_upcast" in said:
        found["master_weights"] = "fp32"
    if said & {"fused_kernels", "liger", "unsloth", "unsloth_kernels"}:
        found |= {"fused_kernels": True, "cross_entropy": "fused"}
    if "flash_attn" in said:
        found["attention"] = "flash"
    if "torch_compile" in said:
        found["compile"] = True
    if "dora" in said:
        found["dora"] = True
    if "trainable_embeddings" in said:
        found["train_embeddings"] = True
    if "grpo" in said:
        found["method"] = "grpo"
    return found | _base(tags, missing) | _optimizer(given, said) | _spread(given, row, said)


def _trainer(group: str, tags: frozenset[str], method: str) -> str | None:
    if group in TRAINER_OF_GROUP:
        return TRAINER_OF_GROUP[group]
    known = [trainer for tag, trainer in TRAINER_OF_TAG.items() if tag in tags]
    return known[0] if known else None if method == "pretrain" else "trl"


def _base(tags: frozenset[str], missing: frozenset[str]) -> Values:
    """How the frozen weights are quantised, where it is not bitsandbytes' nf4."""
    if "int8_base" in missing:
        return {"base_quantization": "int8"}
    if "gptq_awq_base" in missing:
        return {"base_quantization": "awq" if "awq" in tags else "gptq"}
    return {}


def _optimizer(given: Values, said: frozenset[str]) -> Values:
    if "adam4bit" in said:
        return {"optimizer": "adamw_4bit"}
    if "galore" in said:
        return {"optimizer": "galore_adamw"}
    if "paged_optimizer" in said and given.get("optimizer") == "adamw_8bit":
        return {"optimizer": "paged_adamw_8bit"}
    return {}


def _spread(given: Values, row: dict[str, str], said: frozenset[str]) -> Values:
    """What is offloaded, sharded within a node, or split by tensor and pipeline parallelism."""
    found: Values = {}
    offloaded: list[str] = []
    if "cpu_offload" in said:
        offloaded += ["optimizer", "parameters"] if given.get("sharding") == "zero3" else ["optimizer"]
    if "activation_offload" in said:
        offloaded.append("activations")
    if offloaded:
        found["offload"] = tuple(offloaded)
    if "hsdp" in said:
        found["sharding"] = "hybrid"
    if "tp_pp_cp" in said:
        found |= _nemo(given, row["what"])
    return found


def _nemo(given: Values, what: str) -> Values:
    """NeMo's parallel sizes: the optimizer's states are sharded over replicas, and the global batch stays."""
    model, cards = given["model"], int(str(given["accelerator_count"]))
    name = model.id if isinstance(model, CatalogModel) else str(model)
    sizes = NEMO_PARALLEL.get((name, cards, str(given["method"])))
    batch = GLOBAL_BATCH.search(what)
    if sizes is None or batch is None:
        return {}
    tensor, pipeline = sizes
    replicas = cards // (tensor * pipeline)
    micro = int(str(given["micro_batch_size"]))
    return {
        "tensor_parallel": tensor,
        "pipeline_parallel": pipeline,
        "sharding": "zero1",
        "gradient_accumulation_steps": max(int(batch[1]) // (micro * replicas), 1),
    }


def serving_settings(
    given: Values, row: dict[str, str], tags: frozenset[str], missing: frozenset[str]
) -> Values:
    """An endpoint's fields, with those that tags and missing features tell and ServingConfig has."""
    found: Values = {"fixed_lengths": not tags & set(VARIED)}
    engines = [engine for tag, engine in ENGINE_OF_TAG.items() if tag in tags]
    if engines:
        found["engine"] = engines[0]
    if "kv_quant" in missing:
        found["kv_precision"] = "fp8"
    memory = re.search(r"\bmem(?:ory utilization)? (0\.\d+)", row["what"])
    if memory:
        found["memory_utilization"] = float(memory[1])
    return given | {name: value for name, value in found.items() if name in ServingConfig.model_fields}
