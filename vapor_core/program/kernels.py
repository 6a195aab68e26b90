"""Which kernels a run gets of those that its configuration names: what this machine lacks is left out, and told.

A preset of another trainer names kernels by default, so a run that lacks them trains all the same, only slower.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any


@dataclass(frozen=True, slots=True)
class Kernels:
    """What is used, in the words of transformers.

    Attributes:
        attention: of `attn_implementation`.
        fused: Liger's kernels.
        compiled: torch.compile.
        told: a sentence for each thing that was asked for and is not used.
    """

    attention: str
    fused: bool
    compiled: bool
    told: tuple[str, ...]


def kernels(config: Mapping[str, Any], *, gpu: bool) -> Kernels:
    """What a configuration gets on a machine with a GPU or without one."""
    attention = str(config.get("attention", "sdpa"))
    fused, compiled = bool(config.get("fused_kernels")), bool(config.get("compile"))
    can_flash = gpu and find_spec("flash_attn") is not None
    can_fuse = gpu and find_spec("liger_kernel") is not None
    told = []
    if attention == "flash" and not can_flash:
        told.append(
            "Trained with PyTorch's own attention: FlashAttention needs a GPU and the package flash-attn."
        )
    if fused and not can_fuse:
        told.append("Trained without fused kernels: they need a GPU and the package liger-kernel.")
    if compiled and not gpu:
        told.append("Trained without torch.compile, which is used on a GPU alone.")
    if config.get("cross_entropy") == "full" and config["method"] not in ("dpo", "kto"):
        told.append("TRL computes the loss in chunks, which needs less memory than all logits at once.")
    flash = "flash_attention_2" if can_flash else "sdpa"
    return Kernels(
        attention=flash if attention == "flash" else attention,
        fused=fused and can_fuse,
        compiled=compiled and gpu,
        told=tuple(told),
    )
