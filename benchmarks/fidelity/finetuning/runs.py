"""Published runs as configurations, with what was measured: rows of finetune_losses.csv, litgpt's and PEFT's tables."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast, get_args
from zlib import crc32

import numpy as np

from benchmarks.fidelity import PUBLISHED, folder, number, table
from benchmarks.fidelity.finetuning.bases import base
from benchmarks.fidelity.finetuning.tables import (
    LITGPT,
    PEFT,
    PEFT_LORA,
    litgpt_config,
    peft_config,
)
from vapor_core import catalog
from vapor_core.contracts.entries import Dataset, DatasetKind
from vapor_core.contracts.training import JobConfig, Method
from vapor_core.errors import NotInCatalog
from vapor_core.physics.loss.curve import LossCurve, loss_curve
from vapor_core.physics.plan import Plan, plan

KINDS = Path(__file__).with_name("data_sets.csv")  # by hand, from the sources: kind, language, lengths
# Notes of rows that hold no usable loss, or rounded ones of unstated settings
LEFT_OUT = ("SCALE SUSPECT", "DIVERGES", "does not learn", "1.27 to 0.20", "Muon;")
USUAL_BATCH, USUAL_LENGTH, USUAL_EPOCHS = 8, 2048, 3.0  # where a report does not say
EARLY = 25  # steps, the latest first logged value that counts as the first loss
CLEAR = ("unslothai/", "huggingface/", "google-gemini/", "Vahe1994/", "philschmid/", "HandsOnLLM/", "datawhalechina/",
         "dvgodoy/", "axolotl-ai-cloud/", "brevdev/", "ovh/", "hsc748NLP/", "YuZh98/", "sherryxzhao/", "aloobun/",
         "LusterSourav/", "syGOAT/", "shettysaish20/", "ShawhinT/", "roymacias/", "iamarunbrahma/")  # fmt: skip


# What a run calls a data set of the catalog
CALLED = {
    "philschmid/gretel-synthetic-text-to-sql": "gretelai/synthetic_text_to_sql",
    "finance_alpaca (as named)": "gbharti/finance-alpaca",
    "iCliniq": "lavita/ChatDoctor-iCliniq",
    "guanaco-llama3-1k": "mlabonne/guanaco-llama2-1k",
    "Salesforce/wikitext wikitext-2-raw-v1": "Salesforce/wikitext-2-raw-v1",
    "allenai/c4 en": "allenai/c4",
}


@dataclass(frozen=True, eq=False, slots=True)
class Run:
    """One published run. Losses are None where none was published or where what was logged is no such loss."""

    name: str
    source: str  # repository or card
    base_model: str
    data_set: str
    kind: str
    config: JobConfig
    first: float | None
    first_steps: int  # over whose mean the first loss was logged
    final: float | None
    held_out: float | None
    public: bool


def losses() -> list[dict[str, str]]:
    """Rows of finetune_losses.csv, from the folder of all tables or the repository's own."""
    outside = folder()
    for place in (outside and outside / "finetune", PUBLISHED):
        if place and (place / "finetune_losses.csv").is_file():
            with (place / "finetune_losses.csv").open(newline="", encoding="utf-8") as file:
                return list(csv.DictReader(file))
    return []


@cache
def kinds() -> dict[str, dict[str, str]]:
    """What is known of a data set without its losses: kind, language, mean tokens, examples."""
    with KINDS.open(newline="", encoding="utf-8") as file:
        return {row["dataset"]: row for row in csv.DictReader(file)}


@cache
def runs() -> tuple[Run, ...]:
    """Every usable row of finetune_losses.csv, of litgpt's table and of PEFT's comparison."""
    found = (run_of(row) for row in losses())
    return (*(run for run in found if run is not None), *tables())


def tables() -> Iterator[Run]:
    """The runs of litgpt's table on Alpaca-2k and of PEFT's comparison on MetaMathQA."""
    for row in table("finetune_litgpt_a10g"):
        if lost := number(row["val_loss"]):
            name = f"litgpt {row['model']} {row['method']} x{row['gpus']}"
            yield _tabled(name, LITGPT, row["model"], litgpt_config(row), held_out=lost)
    for row in table("finetune_peft_metamath"):
        if row["method"] in PEFT_LORA:
            final = float(row["train_loss_last250"])
            yield _tabled(row["experiment"], PEFT, row["model"], peft_config(row), final=final)


def _tabled(
    name: str, source: str, model: str, config: JobConfig, *, final: float | None = None,
    held_out: float | None = None,
) -> Run:  # fmt: skip
    entry = catalog.dataset(config.dataset)
    return Run(
        name,
        source,
        model,
        entry.id,
        entry.kind,
        config.changed(dataset=entry),
        None,
        1,
        final,
        held_out,
        True,
    )


def run_of(row: dict[str, str]) -> Run | None:
    """A row as a run; None where its losses cannot be used or its base or data are not said."""
    model, known = base(row["base_model"]), kinds().get(row["dataset"])
    if model is None or known is None or any(word in row["notes"] for word in LEFT_OUT):
        return None
    if (row["method"] or "lora") not in get_args(Method):
        return None
    first, steps = _first(row)
    config = _config(row, known)
    return Run(
        name=row["row_id"],
        source=source_of(row["source"]),
        base_model=row["base_model"],
        data_set=row["dataset"],
        kind=known["kind"],
        config=config.changed(model=model),
        first=first,
        first_steps=steps,
        final=number(row["final_train_loss_mean"]),
        held_out=number(row["eval_loss_final"]),
        public=row["source"].startswith(CLEAR),
    )


def source_of(said: str) -> str:
    """The repository of a path in it; a card or page as it is called."""
    return said.split(" ", 1)[0] if "/" in said.split(" ", 1)[0] else said


def data_of(name: str, known: dict[str, str], examples: int) -> Dataset:
    """The catalog's data set of a name at the run's examples, else one known by kind, language and lengths."""
    try:
        entry = catalog.dataset(CALLED.get(name, name))
    except NotInCatalog:
        return blind(name, known, examples)
    return entry.changed(examples=examples, tokens=max(round(entry.mean_tokens * examples), 1))


def blind(name: str, known: dict[str, str], examples: int) -> Dataset:
    """A data set of which kind, language and lengths are known and nothing else."""
    return Dataset(
        id=f"left-out/{crc32(name.encode())}",
        tokens=max(round(float(known["mean_tokens"]) * examples), 1),
        examples=examples,
        kind=cast("DatasetKind", known["kind"]),  # it is checked when the set is made
        language=known["language"],
    )


def stripped(entry: Dataset) -> Dataset:
    """A catalog data set as if only its kind, language and lengths were known."""
    return Dataset(
        id="left-out/entry",
        tokens=entry.tokens,
        examples=entry.examples,
        kind=entry.kind,
        language=entry.language,
    )


def _first(row: dict[str, str]) -> tuple[float | None, int]:
    """The first loss and over how many steps it is a mean; None where what was logged first came too late."""
    said = row["first_train_loss"].strip("~")
    at = row["first_train_loss_step"]
    if not said or not at.isdigit():
        return None, 1
    if at == "1":
        return number(row["first_train_loss_mean"]), 3
    return (float(said), int(at)) if int(at) <= EARLY else (None, int(at))


def _config(row: dict[str, str], known: dict[str, str]) -> JobConfig:
    batch = int(number(row["batch_size_total"]) or USUAL_BATCH)
    epochs = number(row["epochs"])
    steps = number(row["steps_total"]) or number(row["max_steps"])
    examples = int(known["examples"])
    length = int(number(row["sequence_length"]) or USUAL_LENGTH)
    if steps and epochs:
        packed = length / float(known["mean_tokens"]) if row["packing"] == "True" else 1.0
        examples = max(round(steps * batch / epochs * packed), 1)
    elif number(row["dataset_examples"]):
        examples = int(float(row["dataset_examples"]))
    method = row["method"] or "lora"
    given = {} if not number(row["learning_rate"]) else {"learning_rate": float(row["learning_rate"])}
    rank = int(number(row["lora_rank"]) or 16)
    return JobConfig(
        model="gpt2", dataset=data_of(row["dataset"], known, examples), method=method, schedule=_schedule(row),
        warmup_ratio=_warmup(row, steps), micro_batch_size=batch, gradient_accumulation_steps=1,
        max_steps=int(steps) if steps else None, epochs=epochs or USUAL_EPOCHS, sequence_length=length,
        packing=row["packing"] == "True", lora_rank=rank, lora_alpha=number(row["lora_alpha"]) or 2.0 * rank,
        accelerator="nvidia-h100-80gb", **given,
    )  # fmt: skip


def _schedule(row: dict[str, str]) -> str:
    said = row["schedule"].lower()
    return next((name for name in ("constant", "cosine", "linear") if name in said), "linear")


def _warmup(row: dict[str, str], steps: float | None) -> float:
    said = number(row["warmup"])
    if said is None:
        return 0.03
    return min(said if said < 1 else said / (steps or 500.0), 0.9)


@cache
def curve_of(config: JobConfig) -> tuple[Plan, LossCurve]:
    """A configuration's plan and curve."""
    asked = plan(config)
    return asked, loss_curve(asked)


def predicted(run: Run, config: JobConfig | None = None) -> tuple[float, float, float]:
    """First training loss over the same steps, last over the last tenth of the run, and held-out loss at the end."""
    asked, curve = curve_of(config or run.config)
    total = asked.total_steps
    first = np.arange(min(run.first_steps, total))
    last = np.arange(total - max(total // 10, min(5, total)), total)
    return float(curve.train(first).mean()), float(curve.train(last).mean()), curve.final_eval


def without(run: Run) -> JobConfig:
    """The run on a data set of which only kind, language and lengths are known."""
    data = run.config.dataset
    assert isinstance(data, Dataset)
    known = kinds().get(run.data_set)
    return run.config.changed(dataset=blind(run.data_set, known, data.examples) if known else stripped(data))
