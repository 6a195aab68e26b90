"""Speed of fine-tuning, one example a sequence: published tokens per second and run times against the law's."""

from benchmarks.fidelity import Row, Target, memory, number, table
from benchmarks.fidelity.throughput import KIND, per_card
from vapor_core import catalog
from vapor_core.contracts.entries import Dataset
from vapor_core.physics.plan import plan
from vapor_core.physics.throughput import training_throughput

RUN_TIME = "fine-tuning run time"
TARGETS: tuple[Target, ...] = ()  # throughput's cover both


def peft() -> list[Row]:
    """PEFT's LoRA runs of Llama-3.2-3B on an L40S, at the catalog's mean length of MetaMathQA, which they log."""
    published = [row for row in table("finetune_peft_metamath") if row["method"] == "LORA"]
    found = []
    for (config, _, source, _), row in zip(memory.peft(), published, strict=True):
        setting = plan(config.changed(dataset="meta-math/MetaMathQA"))
        rate = float(row["train_tokens_per_s"])
        found.append(Row(KIND, row["experiment"], per_card(setting), rate, source))
    return found


def litgpt() -> list[Row]:
    """Litgpt's Alpaca-2k run times, minutes, at the catalog's mean length of an Alpaca example."""
    mean = catalog.dataset("yahma/alpaca-cleaned").mean_tokens
    found = []
    for (config, _, source, sane), row in zip(
        memory.litgpt_a10g(), table("finetune_litgpt_a10g"), strict=True
    ):
        minutes = number(row["runtime_min"])
        if minutes is None or row["method"] == "full":
            continue
        data = Dataset(id="alpaca-2k", tokens=int(2000 * mean), examples=2000)
        setting = plan(
            config.changed(dataset=data, gradient_accumulation_steps=1, epochs=float(row["epochs"]))
        )
        predicted = training_throughput(setting).step_time_s * setting.total_steps / 60
        found.append(
            Row(RUN_TIME, f"{row['model']} {row['method']}", predicted, minutes, source, scored=sane)
        )
    return found


def rows() -> list[Row]:
    """PEFT's throughputs and litgpt's run times."""
    return [*peft(), *litgpt()]
