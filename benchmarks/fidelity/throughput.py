"""Training throughput: published tokens per second of one accelerator against the law's."""

import re
from functools import cache
from typing import cast

from benchmarks.fidelity import Row, Target, number, table
from benchmarks.fidelity.reports.speed import Speed
from vapor_core import catalog
from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.presets import Trainer
from vapor_core.contracts.training import JobConfig, Method, Offloaded, Sharding
from vapor_core.physics.plan import Plan, plan
from vapor_core.physics.throughput import training_throughput

KIND = "training throughput"
FITTED_ON = "mosaicml/llm-foundry"
OTHERS = "training throughput, other trainers"
TARGETS = (
    Target(KIND, median=0.04, p90=0.13, fitted=True),
    Target(OTHERS, median=0.12, p90=0.35, fitted=True),
)
PACKED = Dataset(id="packed", tokens=10**12, examples=10**9)
UNPACKED = Dataset(id="instructions", tokens=60_000_000, examples=100_000)
CARDS = {
    "h100_80gb": "nvidia-h100-80gb",
    "a100_80gb": "nvidia-a100-80gb",
    "a100_40gb": "nvidia-a100-40gb",
    "H100 SXM": "nvidia-h100-80gb",
    "H200": "nvidia-h200",
    "A100": "nvidia-a100-80gb",
    "A100-40GB": "nvidia-a100-40gb",
    "A100-80GB": "nvidia-a100-80gb",
    "RTX4090": "nvidia-rtx-4090",
    "NVIDIA L40S": "nvidia-l40s",
    "A10G": "nvidia-a10g",
    "A100-SXM4-40GB": "nvidia-a100-40gb",
}


@cache
def card(name: str) -> Accelerator:
    """The catalog's card, or one of its own by its data sheet where the catalog has none."""
    if name in CARDS:
        return catalog.accelerator(CARDS[name])
    if name == "H100-96GB-HBM2e":  # torchtitan's: 2.4 TB/s, capped at 500 W
        return catalog.accelerator("nvidia-h100-80gb").changed(
            id="h100-96gb",
            memory_gb=103.0,
            bandwidth_gb_s=2400.0,
            power_w=500.0,
            measured_tflops=None,
            measured_fp8_tflops=None,
        )
    if name == "RTXA6000":
        return Accelerator(
            id="rtx-a6000", memory_gb=51.5, bandwidth_gb_s=768.0, fp32_tflops=38.7, tf32_tflops=77.4,
            bf16_tflops=154.8, fp16_tflops=154.8, interconnect_gb_s=32.0, power_w=300.0, measured_tflops=122.0,
            cache_mb=6.0,
        )  # fmt: skip
    raise KeyError(name)


def architecture(row: dict[str, str], *, tied: bool = False) -> CatalogModel | None:
    """The model of a row's own columns; None where the row does not give them.

    Gemma's embeddings are tied, whatever the row; taken for untied, its sum would say that its MLP has no gate.
    """
    fields = ("params", "layers", "hidden", "intermediate", "heads", "vocab")
    values = [number(row.get(field)) for field in fields]
    if any(value is None for value in values):
        return None
    params, layers, hidden, ffn, heads, vocab = (int(value or 0) for value in values)
    return CatalogModel(
        id=row["model"], parameters=params, layers=layers, hidden_size=hidden, intermediate_size=ffn,
        attention_heads=heads, kv_heads=int(number(row.get("kv_heads")) or heads), vocabulary_size=vocab,
        context_length=10**6, tied_embeddings=tied or "gemma" in row["model"].lower(),
    )  # fmt: skip


def foundry_plan(row: dict[str, str]) -> Plan:
    """llm-foundry's benchmark run of a row."""
    model = architecture(row, tied=True)
    assert model is not None
    return plan(
        JobConfig(
            model=model,
            dataset=PACKED,
            method="pretrain",
            accelerator=card(row["gpu"]),
            accelerator_count=int(row["gpus"]),
            micro_batch_size=int(row["micro_batch"]),
            gradient_accumulation_steps=int(row["grad_accum"]),
            sequence_length=int(row["seq_len"]),
            precision="fp8" if "fp8" in row["precision"] else "bf16",
            gradient_checkpointing=row["activation_checkpointing"] == "True",
            sharding="zero3" if row["strategy"] == "FULL_SHARD" else "zero2",
            max_steps=100,
        )
    )


def foundry_rows() -> list[tuple[Plan, float]]:
    """Plan and measured tokens per second and card."""
    return [
        (foundry_plan(row), float(row["tokens_per_s_per_gpu"]))
        for row in table("train_throughput_llm_foundry")
    ]


def per_card(setting: Plan) -> float:
    """Predicted tokens per second of one card."""
    return training_throughput(setting).tokens_per_second / setting.config.accelerator_count


# Whose trainer a source is, as presets call it; torchtitan's kernels and loops are torchtune's (both are PyTorch's own)
TRAINER_OF: dict[str, Trainer] = {
    "pytorch/torchtitan": "torchtune", "pytorch/torchtune": "torchtune", "hiyouga/LLaMA-Factory wiki": "llama_factory",
}  # fmt: skip
PIPELINE_BATCH = (
    2  # of torchtitan's 32 local sequences: a micro-batch of its pipeline; one of its 8 long ones
)


def sharded(row: dict[str, str]) -> Sharding:
    """What a row's parallelism is called here."""
    if "FSDP" in row["parallelism"]:
        return "zero3"
    return "zero1" if "ZeRO-1" in row["parallelism"] else "none"


def degree(row: dict[str, str], name: str) -> int:
    """Cards of one kind of parallelism ("TP", "PP", "CP"), as a row names it."""
    found = re.search(rf"\b{name}(\d+)", row["parallelism"])
    return int(found[1]) if found else 1


def batches(row: dict[str, str], cards: int) -> tuple[int, int]:
    """Micro-batch and accumulation; a pipeline splits its local batch."""
    replicas = max(cards // (degree(row, "TP") * degree(row, "PP") * degree(row, "CP")), 1)
    micro = int(number(row["micro_batch"]) or 4)
    local = int(number(row["global_batch"]) or micro * replicas) / replicas
    if degree(row, "PP") > 1:
        local, micro = micro, PIPELINE_BATCH if micro > 8 else 1
    return micro, max(round(local / micro), 1)


def offloaded(row: dict[str, str]) -> tuple[Offloaded, ...]:
    """What a row says waits in host memory."""
    kept: tuple[Offloaded, ...] = ("optimizer", "parameters") if "CPU offload" in row["optimizer"] else ()
    return (*kept, "activations") if "offload" in row["activation_checkpointing"] else kept


def misc_model(row: dict[str, str]) -> CatalogModel | None:
    """The model of a row; nanochat names its depth, from which its width follows."""
    if "nanochat" in row["model"]:  # depth 26, width 64 x depth, 4x plain MLP, untied head
        return CatalogModel(
            id="nanochat-d26", parameters=973_000_000, layers=26, hidden_size=1664, intermediate_size=6656,
            attention_heads=13, kv_heads=13, vocabulary_size=32768,
        )  # fmt: skip
    return architecture(row)


def misc_config(row: dict[str, str]) -> JobConfig | None:
    """The run of a row of training_measured_misc; None where a JobConfig cannot say it.

    Selective checkpointing counts as none, and a pipeline's interleaving is its trainer's.
    """
    model = misc_model(row)
    if model is None or not row["gpu"] or row["gpu"].startswith("("):
        return None
    trainer = "unsloth" if "Unsloth" in row["note"] else TRAINER_OF.get(row["source"])
    cards = int(row["gpus"])
    micro, steps = batches(row, cards)
    config = JobConfig(
        model=model,
        dataset=PACKED if row["packed"] != "False" else UNPACKED,
        packing=row["packed"] != "False",
        method=cast("Method", "pretrain" if "torchtitan" in row["source"] else row["method"]),
        accelerator=card(row["gpu"]),
        accelerator_count=cards,
        tensor_parallel=degree(row, "TP"),
        pipeline_parallel=degree(row, "PP"),
        context_parallel=degree(row, "CP"),
        micro_batch_size=micro,
        gradient_accumulation_steps=steps,
        sequence_length=int(number(row["seq_len"]) or 1024),
        precision="fp8" if "fp8" in row["precision"] else "bf16",
        optimizer="adamw_8bit" if "8bit" in row["optimizer"] else "adamw",
        offload=offloaded(row),
        gradient_checkpointing=row["activation_checkpointing"].startswith("full"),
        sharding=sharded(row) if cards > 1 else "none",
        lora_rank=8,
        max_steps=100,
        **({"trainer": trainer} if trainer else {}),
    )
    return config.changed(compile=True) if row["compile"] == "True" else config


def misc_rows(*, split: bool = False) -> list[tuple[JobConfig, dict[str, str]]]:
    """Every row of training_measured_misc that a JobConfig can say; `split`: replicas of several cards too."""
    found = [(misc_config(row), row) for row in table("training_measured_misc")]
    return [
        (config, row)
        for config, row in found
        if config is not None and (split or (config.replica_cards == 1 and not config.offload))
    ]


def published_doubt(row: dict[str, str]) -> str:
    """Why a row is not scored, or an empty string."""
    if "VERIFY" in row["note"] or not row["micro_batch"]:
        return "micro-batch not published"
    if row["packed"] == "False":
        return "length of its examples not published"
    if row["gpu"] == "RTXA6000":  # 8B, LoRA, 4,699 tokens/s: 226 TFLOP/s with the recompute it names
        return "more than the card's peak as labelled"
    return ""


def speeds() -> list[Speed]:
    """Runs of this module that are scored, to fit on."""
    found = [Speed(asked, rate, FITTED_ON, "A", asked.model.id) for asked, rate in foundry_rows()]
    for config, row in misc_rows(split=True):
        rate = number(row["tokens_per_s_per_gpu"])
        if rate is not None and not published_doubt(row):
            quality = "B" if row["source"].startswith("hiyouga") else "A"
            found.append(Speed(plan(config), rate, row["source"], quality, row["model"]))
    return found


def foundry() -> list[Row]:
    """llm-foundry's runs, on which the constants were fitted."""
    return [
        Row(
            KIND,
            f"{p.model.id} {p.config.sequence_length} tokens, {p.config.accelerator_count} {p.accelerator.id}",
            per_card(p),
            measured,
            FITTED_ON,
            fitted=True,
        )
        for p, measured in foundry_rows()
    ]


def misc() -> list[Row]:
    """Other trainers and cards, on which constants were fitted too."""
    found = []
    for config, row in misc_rows(split=True):
        measured = number(row["tokens_per_s_per_gpu"])
        if measured is None:
            continue
        setting, doubt = plan(config), published_doubt(row)
        name = (
            f"{row['model']} {row['method']} {config.sequence_length} tokens, {config.accelerator_count} "
            f"{row['gpu']}{' ' + row['precision'] if config.precision == 'fp8' else ''}"
        )
        name += f" (not scored: {doubt})" if doubt else ""
        public = not row["source"].startswith("hiyouga")
        source = row["source"].removesuffix(" paper via TinyLlama README")
        found.append(
            Row(
                OTHERS,
                name,
                per_card(setting),
                measured,
                source,
                fitted=True,
                scored=not doubt,
                public=public,
            )
        )
    return found


def rows() -> list[Row]:
    """Published throughputs of packed training, tokens per second of one card."""
    return [*foundry(), *misc()]
