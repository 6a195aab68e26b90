"""Models that lie in folders, as transformers saves them: their architecture, and how many weights they really hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from vapor_core.errors import InvalidConfig
from vapor_core.hub.architecture import Published, read_architecture

if TYPE_CHECKING:
    from vapor_core.contracts.entries import CatalogModel

CONFIG = "config.json"
LARGEST_BYTES = 20_000_000  # of a config.json, or of the head of a safetensors file
PACKED = frozenset({"U8", "I8", "I32"})  # kinds of numbers that hold several weights, or a scaled one


def model_in(folder: Path, model_id: str) -> CatalogModel:
    """The model of a folder with a config.json and weights in safetensors; what its weights count holds.

    Raises:
        InvalidConfig: it is none that Vapor can read; says why.
    """
    try:
        config = _json((folder / CONFIG).read_bytes()[: LARGEST_BYTES + 1])
        counts = [_weights(file) for file in sorted(folder.glob("*.safetensors"))]
    except OSError as error:
        raise InvalidConfig({"model": f"{folder.name} cannot be read: {error.strerror}"}) from None
    if not counts:
        raise InvalidConfig(
            {"model": f"{folder.name} has no weights in safetensors; save it with save_pretrained"}
        )
    total, packed = sum(count for count, _ in counts), any(is_packed for _, is_packed in counts)
    published = Published(parameters=total, quantized=packed, source="a folder on this machine")
    return read_architecture(model_id, config, published)


def _weights(file: Path) -> tuple[int, bool]:
    """Numbers in a safetensors file by its head, and whether some are packed.

    The head is JSON, its length the first 8 bytes (little-endian): https://huggingface.co/docs/safetensors.
    """
    with file.open("rb") as content:
        length = int.from_bytes(content.read(8), "little")
        if not 0 < length <= LARGEST_BYTES:
            raise InvalidConfig({"model": f"{file.name} is no safetensors file; save it anew"})
        head = _json(content.read(length))
    tensors = [each for name, each in head.items() if name != "__metadata__" and isinstance(each, dict)]
    shapes = [each.get("shape") for each in tensors]
    count = sum(
        prod(shape)
        for shape in shapes
        if isinstance(shape, list) and all(isinstance(it, int) for it in shape)
    )
    return count, any(each.get("dtype") in PACKED for each in tensors)


def _json(content: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidConfig({"model": "its config.json or weights cannot be read; save it anew"})
    return found
