"""This machine as an accelerator, measured in a process of its own: a rehearsal for it can be held against a run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vapor_core import catalog
from vapor_core.backends.local.run_directory import runs_folder
from vapor_core.backends.local.slots import Slots
from vapor_core.backends.local.supervisor import ENVIRONMENT
from vapor_core.backends.local.whole_file import written_whole
from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.training import JobConfig, Method
from vapor_core.errors import BackendRefused
from vapor_core.physics.plan import plan
from vapor_core.physics.throughput import training_throughput
from vapor_core.program.names import SHAPE

ID, NAME = "this-machine", "This machine"
LONGEST_S = 180.0  # a measurement takes some twenty seconds; a machine that others use takes longer
# Of its bandwidth that a copy reaches, read and written: 4.3 of an H200's 4.8 TB/s, 3.0 of an H100's 3.35, both
# measured; of a processor's memory nothing published is at hand, so that of cards counts
COPY_SHARE = 0.9
FIELDS: dict[Method, str] = {
    "full": "slowdown",
    "lora": "adapter_slowdown",
}  # by the method of a reference step
UNTOLD = frozenset(
    {"nvidia", "geforce", "tesla", "amd", "instinct", "sxm", "sxm2", "sxm4", "sxm5", "hbm3", "generation"}
)
OTHERS = frozenset({"ti", "super", "ada", "nvl", "laptop", "mobile", "max", "d"})  # mark a card of its own
SIZE = re.compile(r"(8|10|12|16|24|32|40|48|64|80|94|96|128|141|180|192)?(gb)?")
PROGRAM = (sys.executable, "-m", "vapor_core.program.measure")
DEAREST = 1e5  # dollars an hour
KEPT = "machine.json"  # in the folder of all runs


@dataclass(frozen=True, slots=True)
class Machine:
    """What was measured.

    Attributes:
        accelerator: what a configuration takes.
        is_processor: whether there is no card and the processor itself computes.
        figures: everything that was told, by name, as `vapor_core.program.measure` calls it.
    """

    accelerator: Accelerator
    is_processor: bool
    figures: dict[str, Any]

    @property
    def defaults(self) -> dict[str, object]:
        """What a configuration has here where a person chose nothing else: how the training program trains.

        TRL takes the loss of running text in chunks; a processor computes in what it multiplies fastest; nothing fails
        on purpose.
        """
        reference = self.figures.get("reference") or {}
        quickest = (
            {"precision": reference["precision"]} if self.is_processor and "precision" in reference else {}
        )
        return {"trainer": "trl_1", "cross_entropy": "chunked", "hardware_faults": False, **quickest}


def remembered(folder: Path | None = None) -> Machine | None:
    """What was measured last on this machine; None where nothing was, or another version wrote it."""
    file = (folder or runs_folder()) / KEPT
    try:
        state = file.stat()
        return _read(file, state.st_mtime_ns, state.st_size)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


@lru_cache(maxsize=8)
def _read(file: Path, changed_ns: int, size: int) -> Machine:
    return machine_of(json.loads(file.read_bytes()))


def measured_anew(longest_s: float = LONGEST_S, folder: Path | None = None) -> Machine:
    """Measure this machine while no job trains on it, and remember the figures for all who use it.

    Raises:
        BackendRefused: where it cannot be measured; says what would help.
    """
    folder = folder or runs_folder()
    try:
        slot = Slots(folder).take()
    except OSError as error:
        raise BackendRefused(
            f"the folder of runs cannot be written: {error.strerror}; free some space"
        ) from None
    if slot is None:
        raise BackendRefused(
            "a job trains on this machine, so a measurement would be wrong; measure when it is done"
        )
    try:
        before, found = remembered(folder), measure(longest_s)
        price = before.accelerator.price_per_hour if before is not None else 0.0
        return _kept({**found.figures, "price_per_hour": price}, folder)
    finally:
        os.close(slot)


def priced(dollars_per_hour: float, folder: Path | None = None) -> None:
    """Say what an hour of this machine costs whoever pays for it; 0 for nothing.

    Raises:
        BackendRefused: where it was not measured yet, or the price is none.
    """
    folder = folder or runs_folder()
    known = remembered(folder)
    if known is None:
        raise BackendRefused("this machine was not measured yet; measure it first")
    if not 0 <= dollars_per_hour <= DEAREST:
        raise BackendRefused(f"an hour costs from 0 to {DEAREST:,.0f} dollars, not {dollars_per_hour!r}")
    _kept({**known.figures, "price_per_hour": dollars_per_hour}, folder)


def _kept(figures: dict[str, Any], folder: Path) -> Machine:
    """Write the figures down, whole or not at all."""
    try:
        with written_whole(folder / KEPT) as file:
            json.dump(figures, file)
    except OSError as error:
        raise BackendRefused(f"the figures cannot be kept: {error.strerror}; free some space") from None
    return machine_of(figures)


def measure(longest_s: float = LONGEST_S) -> Machine:
    """Measure this machine; some twenty seconds, in a process of its own. Nothing is kept.

    Raises:
        BackendRefused: where it cannot be measured; says what would help.
    """
    if find_spec("torch") is None:
        raise BackendRefused(
            "measuring needs torch, which this installation lacks: pip install -e '.[local]' in Vapor's folder"
        )
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            PROGRAM,
            capture_output=True,
            text=True,
            timeout=longest_s,
            env={**os.environ, **ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BackendRefused(
            f"measuring took longer than {longest_s:.0f} seconds; try again when the machine does less"
        ) from None
    except OSError as error:
        raise BackendRefused(f"the measurement could not be started: {error.strerror}") from None
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        said = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise BackendRefused(f"the measurement failed: {said[:300]}")
    try:
        return machine_of(json.loads(lines[-1]))
    except (ValueError, KeyError, TypeError):
        raise BackendRefused("the measurement ended without its figures; try again") from None


def machine_of(figures: dict[str, Any]) -> Machine:
    """What was told, as an accelerator. A card that the catalog knows keeps its published peaks beside what it reached.

    Raises:
        KeyError, ValueError: where figures are missing or no figures.
    """
    reached = {name: float(value) for name, value in figures["tflops"].items()}
    sixteen = max(reached.get("bf16", 0.0), reached.get("fp16", 0.0))
    known = (
        catalog_card(str(figures["name"]), float(figures["memory_gb"]))
        if figures["device"] == "cuda"
        else None
    )
    if known is not None:
        base = known.changed(measured_tflops=sixteen or None, measured_fp8_tflops=reached.get("fp8"))
    else:
        base = Accelerator(
            id=ID,
            memory_gb=float(figures["memory_gb"]),
            bandwidth_gb_s=float(figures["copy_gb_s"]) / COPY_SHARE,
            fp32_tflops=reached["fp32"],
            tf32_tflops=reached.get("tf32"),
            bf16_tflops=reached.get("bf16"),
            fp16_tflops=reached.get("fp16"),
            fp8_tflops=reached.get("fp8"),
            measured_tflops=sixteen or reached["fp32"],
            measured_fp8_tflops=reached.get("fp8"),
            power_w=figures.get("power_w"),
        )
    more = {name: figures[name] for name in ("host_gb_s", "cache_mb") if figures.get(name)}
    held: dict[str, float] = {"start_s": float(figures["start_s"])} if figures.get("start_s") else {}
    if figures["device"] == "cpu":
        held |= {
            "held_gb": float(figures["held_gb"]),
            **slowdowns(base, figures.get("reference") or {}),
        }
    accelerator = base.changed(
        id=ID,
        name=f"{NAME}: {figures['name']}",
        memory_gb=float(figures["memory_gb"]),
        capacity=int(figures["count"]),
        cards_per_node=int(figures["count"]),
        price_per_hour=float(figures.get("price_per_hour") or 0.0),
        price_source="your own",
        price_date="",
        source=f"measured here with torch {figures['torch']}",
        **more,
        **held,
    )
    return Machine(accelerator, figures["device"] == "cpu", figures)


def slowdowns(card: Accelerator, reference: dict[str, Any]) -> dict[str, float]:
    """Times the law's time that reference steps took, by the field of an accelerator; {} where none were taken."""
    return {
        field: float(reference[method]) / _law_s(card, reference, method)
        for method, field in FIELDS.items()
        if method in reference
    }


def _law_s(card: Accelerator, reference: dict[str, Any], method: Method) -> float:
    """Seconds of a reference step by the law."""
    shape = reference["shape"]
    width, inner, layers = shape["hidden_size"], shape["intermediate_size"], shape["layers"]
    model = CatalogModel(
        id="reference",
        parameters=2 * shape["vocabulary_size"] * width + layers * (4 * width**2 + 3 * width * inner),
        tied_embeddings=False,
        **{name: shape[name] for name in SHAPE if name in shape},
    )
    config = JobConfig(
        model=model,
        dataset=Dataset(tokens=10**7, examples=10**7 // shape["length"]),
        method=method,
        packing=True,
        micro_batch_size=shape["sequences"],
        gradient_accumulation_steps=1,
        sequence_length=shape["length"],
        lora_rank=shape["rank"] if method == "lora" else 0,
        precision=reference["precision"],
        accelerator=card,
    )
    return training_throughput(plan(config)).step_time_s


def catalog_card(name: str, memory_gb: float) -> Accelerator | None:
    """The card of the catalog that a driver calls so ("NVIDIA A100-SXM4-80GB"); None where it knows none."""
    words = _words(name)
    found = [
        (len(theirs), card)
        for card in catalog.accelerators()
        if (theirs := _words(card.display_name)) <= words and not (words - theirs) & OTHERS
    ]
    most = max((count for count, _ in found if count), default=0)
    like = [card for count, card in found if count == most and most]
    return min(like, key=lambda card: abs(card.memory_gb - memory_gb), default=None)


def _words(name: str) -> frozenset[str]:
    """What tells cards apart in a name: makers, sizes of memory and the usual form are left out."""
    parts = re.split(r"[^a-z0-9]+", name.lower())
    return frozenset(part for part in parts if part and part not in UNTOLD and not SIZE.fullmatch(part))
