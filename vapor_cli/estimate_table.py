"""An estimate on a terminal: figures with their ranges, risks with their cures, what was left out of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from vapor_core import catalog, text

if TYPE_CHECKING:
    from vapor_core.contracts.estimates import Estimate
    from vapor_core.contracts.training import JobConfig
    from vapor_core.trainers.reading import ReadConfig

NARROWEST = 80  # letters of a line where nobody says how wide the terminal is
MOST_TOLD = 20  # fields of a file that were left out
STYLES = {"blocking": "bold red", "warning": "yellow", "note": "dim"}


def show(source: str, job: JobConfig, found: Estimate, read: ReadConfig | None) -> None:
    """Print it: colours on a terminal alone, plain words elsewhere."""
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = max(console.width, NARROWEST)
    kind = f" ({read.format})" if read is not None else ""
    console.print(f"{source}{kind}: {_summary(job)}")
    answer, style = _verdict(found)
    console.print(answer, style=style)
    console.print(_figures(found))
    for risk in found.risks:
        cure = f" {risk.cure}." if risk.cure else ""
        console.print(f"{risk.severity}: {risk.sentence}{cure}", style=STYLES[risk.severity])
    _left_out(console, read)


def _summary(job: JobConfig) -> str:
    model, data = catalog.model(job.model), catalog.dataset(job.dataset)
    card, count = catalog.accelerator(job.accelerator), job.accelerator_count
    cards = f"{count} x {card.display_name}" if count > 1 else card.display_name
    return f"{job.method} of {model.display_name} on {data.display_name}, {cards}"


def _verdict(found: Estimate) -> tuple[str, str]:
    """The answer to the first question, and its colour."""
    if not found.fits:
        return "It does not fit.", "bold red"
    if found.diverges:
        return "It fits, but diverges.", "yellow"
    return "It fits.", "green"


def _figures(found: Estimate) -> Table:
    grid = Table.grid(padding=(0, 3))
    rows = (
        (
            "memory of a card",
            found.memory_reserved_gb,
            found.memory_reserved_gb_low,
            found.memory_reserved_gb_high,
        ),
        ("time", found.duration_s, found.duration_s_low, found.duration_s_high),
        ("cost", found.cost_usd, found.cost_usd_low, found.cost_usd_high),
        ("train loss, last", found.final_loss, found.final_loss_low, found.final_loss_high),
        ("eval loss, last", found.final_eval_loss, found.final_eval_loss_low, found.final_eval_loss_high),
        (
            "tokens a second",
            found.tokens_per_second,
            found.tokens_per_second_low,
            found.tokens_per_second_high,
        ),
    )
    words = (text.gigabytes, text.duration, text.money, text.loss, text.loss, text.count)
    for (label, value, low, high), say in zip(rows, words, strict=True):
        more = f"of {text.gigabytes(found.memory_available_gb)}" if label.startswith("memory") else ""
        grid.add_row(label, say(value), f"{say(low)} to {say(high)}", more)
    grid.add_row(
        "steps", text.whole(found.total_steps), f"{text.count(found.tokens_per_step)} tokens each", ""
    )
    return grid


def _left_out(console: Console, read: ReadConfig | None) -> None:
    """What matters in a file and could not be expressed; what its trainer does where the file is silent."""
    if read is None:
        return
    for title, fields in (("not modelled", read.not_modelled), ("assumed", read.assumed)):
        for each in fields[:MOST_TOLD]:
            console.print(f"{title}: {each.field} = {each.value}: {each.says}", style="dim")
        if len(fields) > MOST_TOLD:
            console.print(f"{title}: {len(fields) - MOST_TOLD} more, see --json", style="dim")
