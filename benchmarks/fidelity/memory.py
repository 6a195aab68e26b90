"""Training memory: published peaks and fits-or-not calls against the law's.

A GB is 1e9 bytes: torchtitan, torchtune's README and PEFT print GiB, litgpt 1e9 bytes.
"""

from typing import cast

from benchmarks.fidelity import Row, Target, number, table
from benchmarks.fidelity.throughput import UNPACKED, architecture, card, foundry_rows, misc_rows
from benchmarks.fidelity.throughput import foundry as foundry_throughput
from vapor_core.contracts.entries import CatalogModel
from vapor_core.contracts.training import JobConfig, Method
from vapor_core.physics.memory import training_memory
from vapor_core.physics.plan import plan

KIND = "training memory"
CALLS = "fits or out of memory"
RAN = "runs that ran are said to fit"
TARGETS = (Target(KIND, median=0.10, p90=0.25), Target(CALLS, correct=0.9), Target(RAN, correct=0.9))
GIB = 1.073741824
LLAMA_3_2_3B = CatalogModel(
    id="meta-llama/Llama-3.2-3B", parameters=3_212_749_824, layers=28, hidden_size=3072, intermediate_size=8192,
    attention_heads=24, kv_heads=8, head_size=128, vocabulary_size=128_256, tied_embeddings=True,
)  # fmt: skip
Case = tuple[JobConfig, float | None, str, bool]  # run, peak GB (None: out of memory), source, scored


def _targets(names: str) -> tuple[str, ...]:
    return tuple(name for name in names.split("|") if name) or ("q_proj", "v_proj")


def litgpt_a10g() -> list[Case]:
    """Litgpt's Alpaca-2k runs; `full` rows marked suspect are shown and not scored."""
    return [
        (
            JobConfig(
                model=model,
                dataset=UNPACKED,
                method=cast("Method", row["method"]),
                trainer="litgpt",
                accelerator=card("A10G"),
                # `full` ran on as many cards as its YAML says; the other methods on one
                accelerator_count=int(row["devices_in_yaml"]) if row["method"] == "full" else 1,
                sharding="zero3" if row["method"] == "full" and row["gpus"] != "1" else "none",
                gradient_checkpointing=row["method"] == "full" and row["gpus"] != "1",
                micro_batch_size=int(row["micro_batch"]),
                sequence_length=int(row["seq_len"]),
                lora_rank=int(number(row["lora_r"]) or 8),
                lora_targets=_targets(row["lora_targets"]),
            ),
            None if row["oom"] == "1" else float(row["mem_gb"]),
            "Lightning-AI/litgpt",
            row["suspect_full_below_adamw_bf16"] != "1",
        )
        for row in table("finetune_litgpt_a10g")
        if (model := architecture(row)) is not None
    ]


def litgpt_a100() -> list[Case]:
    """Litgpt's resource tables: LoRA and full runs at the longest Alpaca sequence."""
    return [
        (
            JobConfig(
                model=model,
                dataset=UNPACKED,
                method="qlora" if row["quantization"] else cast("Method", row["method"]),
                trainer="litgpt",
                accelerator=card("A100-SXM4-40GB"),
                accelerator_count=int(row["gpus"]),
                sharding="zero3" if row["gpus"] != "1" else "none",
                gradient_checkpointing=row["gpus"] != "1",
                micro_batch_size=int(float(row["micro_batch"])),
                sequence_length=int(number(row["max_seq_len"]) or 1024),
                lora_rank=8,
                lora_targets=("q_proj", "v_proj"),
            ),
            None if row["oom"] == "1" else float(row["mem_gb"]),
            "Lightning-AI/litgpt",
            True,
        )
        for row in table("memory_litgpt_a100_40gb")
        if row["method"] in ("lora", "full") and (model := architecture(row)) is not None
    ]


def peft() -> list[Case]:
    """PEFT's MetaMathQA runs with LoRA itself: the most that was reserved."""
    return [
        (
            JobConfig(
                model=LLAMA_3_2_3B,
                dataset=UNPACKED,
                method="lora",
                accelerator=card("NVIDIA L40S"),
                micro_batch_size=int(row["batch"]),
                gradient_accumulation_steps=1,
                sequence_length=int(row["max_seq_len"]),
                lora_rank=int(float(row["rank"])),
                lora_targets=_targets(row["target_modules"]),
            ),
            float(row["mem_gb_max"]) * GIB,
            "huggingface/peft",
            True,
        )
        for row in table("finetune_peft_metamath")
        if row["method"] == "LORA"
    ]


def misc() -> list[Case]:
    """torchtitan, torchtune, LLaMA-Factory. Selective checkpointing is neither of ours and is not scored."""
    cases: list[Case] = []
    for config, row in misc_rows():
        peak, out = number(row["mem_gb"]), "OOM" in row["note"]
        if peak is None and not out:
            continue
        unit = GIB if row["mem_unit"] == "GiB" else 1.0
        known = row["activation_checkpointing"] != "selective" and "in-b" not in row["optimizer"]
        # unpacked: its longest batch is not published; A6000: too fast to have checkpointed as labelled
        scored = known and row["packed"] != "False" and row["gpu"] != "RTXA6000"
        setting = config.changed(**_trainer(config, row))
        cases.append((setting, None if peak is None else peak * unit, row["source"], scored))
    return cases


def _trainer(config: JobConfig, row: dict[str, str]) -> dict[str, object]:
    """Whose trainer a row is of, with what it says of its kernels."""
    source, told = (
        row["source"],
        f"{row['note']} {row['method']} {row['optimizer']} {row['parallelism']}".lower(),
    )
    if source.startswith("pytorch/torchtune"):
        whole = "ablation" in told and not row["note"].endswith(("chunked CE", "activation checkpointing"))
        compiled = row["compile"] == "True"
        return {"trainer": "torchtune", "compile": compiled, "cross_entropy": "full" if whole else "chunked"}
    if source.startswith("pytorch/torchtitan"):  # its own: compiled, the loss whole in fp32
        return {"trainer": "torchtune", "cross_entropy": "full", "compile": row["compile"] == "True"}
    if source.startswith("hiyouga"):
        return {"trainer": "unsloth" if "unsloth" in told else "llama_factory"}
    return {}


def cases() -> list[Case]:
    """Every published peak or out-of-memory of a run that a JobConfig can say."""
    return [*litgpt_a10g(), *litgpt_a100(), *peft(), *misc()]


def foundry() -> list[Row]:
    """llm-foundry's pretraining runs: their peaks are not published, but each of them fitted its card."""
    return [
        Row(RAN, row.name, float(training_memory(setting).fits), 1.0, row.source, fitted=True)
        for row, (setting, _) in zip(foundry_throughput(), foundry_rows(), strict=True)
    ]


def rows() -> list[Row]:
    """Peaks, then calls (1 fits, 0 does not; the law's call is right where both agree)."""
    found = foundry()
    for config, peak, source, scored in cases():
        setting = plan(config)
        memory = training_memory(setting)
        public = not source.startswith("hiyouga")
        name = (
            f"{setting.model.display_name} {config.method} {config.micro_batch_size}x{config.sequence_length} "
            f"on {config.accelerator_count} {setting.accelerator.id}"
        )
        if peak is not None:
            fitted = scored and config.accelerator_count == 1  # as fit_memory chooses
            found.append(Row(KIND, name, memory.total_gb, peak, source, fitted, scored, public))
        found.append(
            Row(
                CALLS, name, float(memory.fits), float(peak is not None), source, scored=scored, public=public
            )
        )
    return found
