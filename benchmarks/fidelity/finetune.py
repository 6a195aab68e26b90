"""Fine-tuning losses: litgpt's Alpaca-2k table, PEFT's MetaMathQA comparison and published trainer logs."""

from collections.abc import Iterator

import numpy as np

from benchmarks.fidelity import Row, Target, number, table
from vapor_core import catalog
from vapor_core.contracts.entries import CatalogModel, Dataset
from vapor_core.contracts.training import JobConfig
from vapor_core.physics.loss.curve import LossCurve, loss_curve
from vapor_core.physics.plan import plan

FULL, LORA, QLORA = ("fine-tuning loss, " + method for method in ("full", "LoRA", "QLoRA"))
TARGETS = tuple(Target(kind, median=0.08) for kind in (FULL, LORA, QLORA))
KINDS = {"full": FULL, "lora": LORA, "qlora": QLORA}
LITGPT, PEFT = "Lightning-AI/litgpt", "huggingface/peft"
# Tokens of pretraining as their publishers say, by the names of litgpt's table.
PRETRAINED = {
    "falcon-7b": 1.5e12, "gemma-2b": 3e12, "gemma-7b": 6e12, "llama-3-8b": 15e12, "llama-3.1-8b": 15e12,
    "llama-3.2-1b": 9e12, "llama-3.2-3b": 9e12, "mistral-7b": None, "phi-2": 1.4e12, "llama-2-7b": 2e12,
    "Phi-3-mini-4k-instruct": 3.3e12, "stablelm-base-alpha-3b": 8e11, "tiny-llama-1.1b": 3e12,
}  # fmt: skip
# LoRA by itself and its kin of the same matrices, which a JobConfig can name.
PEFT_LORA = ("LORA", "FULL_FINETUNING", "FULL", "GRALORA", "MISS")
ALPACA = "mhenrichsen/alpaca_2k_test"


def rows() -> list[Row]:
    """Every published figure of this kind."""
    return [*litgpt_rows(), *peft_rows(), *log_rows()]


def litgpt_model(row: dict[str, str]) -> CatalogModel:
    """The model of a row of litgpt's table."""
    counts = (int(row[name]) for name in ("params", "layers", "hidden", "intermediate", "heads", "kv_heads"))
    parameters, layers, hidden, wide, heads, kv_heads = counts
    return CatalogModel(
        id=row["model"], parameters=parameters, layers=layers, hidden_size=hidden, intermediate_size=wide,
        attention_heads=heads, kv_heads=kv_heads, vocabulary_size=int(row["vocab"]),
        pretraining_tokens=PRETRAINED.get(row["model"]), tied_embeddings="gemma" in row["model"],
    )  # fmt: skip


def litgpt_config(row: dict[str, str]) -> JobConfig:
    """The run of a row: cosine, Alpaca-2k cut at 512 tokens."""
    method = row["method"]
    cards = int(row["gpus"])
    batch = int(row["global_batch"])
    micro = int(row["micro_batch"])
    epochs = float(row["epochs"])
    steps = max(int(2000 * epochs / batch), 1)
    lora = {}
    if method != "full":
        targets = tuple(row["lora_targets"].split("|"))
        lora = {
            "lora_rank": int(float(row["lora_r"])),
            "lora_alpha": float(row["lora_alpha"]),
            "lora_targets": targets,
        }
    return JobConfig(
        model=litgpt_model(row), dataset=ALPACA, method=method, learning_rate=float(row["lr"]), epochs=epochs,
        micro_batch_size=micro, gradient_accumulation_steps=max(batch // micro, 1), accelerator="nvidia-a10g",
        sequence_length=512, warmup_ratio=min(float(row["warmup_steps"] or 0) / steps, 0.99),
        min_learning_rate_ratio=float(row["min_lr"] or 0) / float(row["lr"]),
        sharding="zero3" if cards > 1 and method == "full" else "none", **lora,
    )  # fmt: skip


def litgpt_rows() -> Iterator[Row]:
    """Final validation loss on Alpaca-2k."""
    for row in table("finetune_litgpt_a10g"):
        measured = number(row["val_loss"])
        if measured is None:
            continue
        guess = loss_curve(plan(litgpt_config(row))).final_eval
        name = f"{row['model']} {row['method']} x{row['gpus']}"
        yield Row(KINDS[row["method"]], name, guess, measured, LITGPT, fitted=True)


def peft_curve(row: dict[str, str]) -> LossCurve:
    """The curve of a row of PEFT's comparison: Llama-3.2-3B, 5,000 steps of four examples."""
    full = "FULL" in row["method"]
    lora = {}
    if not full:
        lora = {
            "lora_rank": int(float(row["rank"])),
            "lora_alpha": float(row["alpha"] or 2 * float(row["rank"])),
            "lora_targets": tuple(row["target_modules"].split("|")),
        }
    return loss_curve(
        plan(
            JobConfig(
                model=catalog.model("meta-llama/Llama-3.2-3B"),
                dataset="meta-math/MetaMathQA",
                method="full" if full else "lora",
                learning_rate=float(row["lr"]),
                max_steps=5000,
                micro_batch_size=4,
                gradient_accumulation_steps=1,
                sequence_length=768,
                accelerator="nvidia-l40s",
                warmup_ratio=0.0,
                **lora,
            )
        )
    )


def peft_rows() -> Iterator[Row]:
    """Mean training loss of the last 250 steps, of the methods that a JobConfig can name."""
    for row in table("finetune_peft_metamath"):
        if row["method"] not in PEFT_LORA:
            continue
        curve = peft_curve(row)
        kind = FULL if "FULL" in row["method"] else LORA
        first = float(curve.train(np.arange(250)).mean())
        name = row["experiment"] + ", first 250"
        yield Row(kind, name, first, float(row["train_loss_first250"]), PEFT, fitted=True)
        yield Row(kind, row["experiment"], curve.final, float(row["train_loss_last250"]), PEFT, fitted=True)


def log_rows() -> Iterator[Row]:
    """Mean training loss of each pass of a published Alpaca run: Llama 7B, full, three epochs."""
    llama = CatalogModel(
        id="huggyllama/llama-7b", parameters=6_738_415_616, layers=32, hidden_size=4096, intermediate_size=11008,
        attention_heads=32, kv_heads=32, vocabulary_size=32_000, pretraining_tokens=1e12,
    )  # fmt: skip
    data: Dataset = catalog.dataset("tatsu-lab/alpaca")
    config = JobConfig(
        model=llama, dataset=data, method="full", learning_rate=2e-5, micro_batch_size=4,
        gradient_accumulation_steps=4, accelerator="nvidia-a100-80gb", accelerator_count=8, sharding="zero3",
        sequence_length=512, epochs=3,
    )  # fmt: skip
    asked = plan(config)
    curve = loss_curve(asked)
    for passed, measured in ((0, 1.086), (1, 0.734), (2, 0.424)):
        first = int(asked.steps_per_epoch * passed)
        steps = range(first + 1, int(asked.steps_per_epoch * (passed + 1)))
        guess = float(curve.train(np.array(steps)).mean())
        yield Row(
            FULL, f"Alpaca 7B, epoch {passed + 1}", guess, measured, "yc1999/stanford_alpaca", fitted=True
        )
