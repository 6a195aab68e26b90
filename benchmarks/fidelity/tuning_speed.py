"""Speed of fine-tuning, one example a sequence: published tokens per second and run times against the law's."""

from benchmarks.fidelity import Row, Target, memory, number, table
from benchmarks.fidelity.reports.speed import Speed
from benchmarks.fidelity.throughput import OTHERS, per_card
from vapor_core import catalog
from vapor_core.contracts.entries import Dataset
from vapor_core.physics.plan import Plan, plan
from vapor_core.physics.throughput import training_throughput

RUN_TIME = "fine-tuning run time"
TARGETS: tuple[Target, ...] = ()  # throughput's cover both


def peft_speeds() -> list[Speed]:
    """PEFT's LoRA runs of Llama-3.2-3B on an L40S, at the catalog's mean length of MetaMathQA, which they log."""
    published = [row for row in table("finetune_peft_metamath") if row["method"] == "LORA"]
    found = []
    for (config, _, source, _), row in zip(memory.peft(), published, strict=True):
        asked = config.changed(
            dataset="meta-math/MetaMathQA", dora="dora" in row["experiment"], trainer="trl"
        )
        rate = float(row["train_tokens_per_s"])
        found.append(Speed(plan(asked), rate, source, "A", row["experiment"]))
    return found


def litgpt_speeds() -> list[Speed]:
    """Litgpt's Alpaca-2k runs on one card, at the catalog's mean length of an Alpaca example."""
    found = []
    for asked, minutes, source, sane, name in _litgpt():
        if sane and asked.config.accelerator_count == 1:
            tokens = asked.tokens_per_step * asked.total_steps
            found.append(Speed(asked, tokens / (60 * minutes), source, "A", name))
    return found


def speeds() -> list[Speed]:
    """PEFT's and litgpt's runs, to fit on."""
    return [*peft_speeds(), *litgpt_speeds()]


def _litgpt() -> list[tuple[Plan, float, str, bool, str]]:
    """Plan, minutes, source, whether its setting is sane, and name of each of litgpt's runs with adapters."""
    mean = catalog.dataset("yahma/alpaca-cleaned").mean_tokens
    data = Dataset(id="alpaca-2k", tokens=int(2000 * mean), examples=2000)
    found = []
    for (config, _, source, sane), row in zip(
        memory.litgpt_a10g(), table("finetune_litgpt_a10g"), strict=True
    ):
        minutes = number(row["runtime_min"])
        if minutes is None or row["method"] == "full":
            continue
        asked = plan(
            config.changed(
                dataset=data, gradient_accumulation_steps=1, epochs=float(row["epochs"]), trainer="litgpt"
            )
        )
        found.append((asked, minutes, source, sane, f"{row['model']} {row['method']}"))
    return found


def peft() -> list[Row]:
    """PEFT's throughputs, tokens per second."""
    return [
        Row(OTHERS, each.name, per_card(each.plan), each.measured, each.group, fitted=True)
        for each in peft_speeds()
    ]


def litgpt() -> list[Row]:
    """Litgpt's run times, minutes."""
    found = []
    for asked, minutes, source, sane, name in _litgpt():
        predicted = training_throughput(asked).step_time_s * asked.total_steps / 60
        found.append(Row(RUN_TIME, name, predicted, minutes, source, fitted=True, scored=sane))
    return found


def rows() -> list[Row]:
    """PEFT's throughputs and litgpt's run times."""
    return [*peft(), *litgpt()]
