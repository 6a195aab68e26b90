"""Fine-tuning losses: litgpt's Alpaca-2k table, PEFT's MetaMathQA comparison and published trainer logs."""

from collections.abc import Iterator

import numpy as np

from benchmarks.fidelity import Row, Target, number, table
from benchmarks.fidelity.finetuning import table as runs_table
from benchmarks.fidelity.finetuning.runs import losses
from benchmarks.fidelity.finetuning.tables import LITGPT, PEFT, PEFT_LORA, litgpt_config, peft_config
from vapor_core import catalog
from vapor_core.contracts.entries import CatalogModel, Dataset
from vapor_core.contracts.training import JobConfig
from vapor_core.physics.loss.curve import loss_curve
from vapor_core.physics.plan import plan

FULL, LORA, QLORA = ("fine-tuning loss, " + method for method in ("full", "LoRA", "QLoRA"))
TARGETS = (*(Target(kind, median=0.08) for kind in (FULL, LORA, QLORA)), *runs_table.TARGETS)
KINDS = {"full": FULL, "lora": LORA, "qlora": QLORA}


def rows() -> list[Row]:
    """Every published figure of this kind."""
    return [*litgpt_rows(), *peft_rows(), *log_rows(), *(runs_table.rows() if losses() else ())]


def litgpt_rows() -> Iterator[Row]:
    """Final validation loss on Alpaca-2k."""
    for row in table("finetune_litgpt_a10g"):
        measured = number(row["val_loss"])
        if measured is None:
            continue
        guess = loss_curve(plan(litgpt_config(row))).final_eval
        name = f"{row['model']} {row['method']} x{row['gpus']}"
        yield Row(KINDS[row["method"]], name, guess, measured, LITGPT, fitted=True)


def peft_rows() -> Iterator[Row]:
    """Mean training loss of the last 250 steps, of the methods that a JobConfig can name."""
    for row in table("finetune_peft_metamath"):
        if row["method"] not in PEFT_LORA:
            continue
        curve = loss_curve(plan(peft_config(row)))
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
