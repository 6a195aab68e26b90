"""`vapor measure`: what this machine can do, so that a rehearsal for it can be held against a run on it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from vapor_cli.told import one_line

if TYPE_CHECKING:
    from vapor_core.backends.local.machine import Machine

NAMES = {
    "fp32": "fp32 products", "tf32": "TF32 products", "bf16": "bf16 products", "fp16": "fp16 products",
    "fp8": "fp8 products",
}  # fmt: skip


def measure(
    as_json: Annotated[bool, typer.Option("--json", help="all figures, for programs")] = False,
    show: Annotated[bool, typer.Option(help="only show what was measured last")] = False,
) -> None:
    """Measure this machine's arithmetic, memory and a training step, and remember it for *Run on this machine*.

    It takes about half a minute, and wants torch (pip install -e '.[local]' in Vapor's folder). Nothing may train here
    meanwhile.

    Exit codes: 0 measured, 2 it could not be.
    """
    from vapor_core.backends.local import machine  # noqa: PLC0415 - other commands do not wait for it
    from vapor_core.errors import BackendRefused  # noqa: PLC0415

    with one_line():
        if show:
            found = machine.remembered()
            if found is None:
                raise BackendRefused("nothing was measured here yet: vapor measure")
        else:
            if not as_json:
                typer.echo("measuring, about half a minute ...", err=True)
            found = machine.measured_anew()
    typer.echo(json.dumps(_plain(found), indent=2) if as_json else _table(found))


def _plain(found: Machine) -> dict[str, object]:
    """The accelerator as a configuration takes it, and everything that was measured."""
    return {
        "accelerator": found.accelerator.model_dump(mode="json", exclude_defaults=True),
        "measured": found.figures,
    }


def _table(found: Machine) -> str:
    card, figures = found.accelerator, found.figures
    rows = [
        ("memory", f"{card.memory_gb:,.1f} GB"),
        *((NAMES.get(name, name), f"{float(rate):,.3g} TFLOP/s") for name, rate in figures["tflops"].items()),
        ("memory copy", f"{float(figures['copy_gb_s']):,.1f} GB/s, read and written"),
        ("a small operation", f"{float(figures['dispatch_s']) * 1e6:,.1f} microseconds of the host"),
    ]
    reference = figures.get("reference") or {}
    rows += [
        (f"a step of a small Llama, {method}", f"{float(reference[name]):,.2f} s")
        for name, method in (("full", "all weights"), ("lora", "adapters"))
        if name in reference
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join([card.display_name, *(f"  {name:<{width}}  {value}" for name, value in rows)])
