"""PEFT's adapter_config.json: what was adapted, and of which model.

Names and defaults by PEFT 0.20 at 5d602fd (tuners/lora/config.py).
"""

from vapor_core.trainers.fields import Reading
from vapor_core.trainers.huggingface import LORA_BEYOND, LORA_IGNORED, lora, model

NAMES = {"rank": "r", "alpha": "lora_alpha", "targets": "target_modules"}
DEFAULTS: dict[str, object] = {"lora_rank": 8, "lora_alpha": 8.0, "lora_targets": ("q_proj", "v_proj")}


def adapter_file(reading: Reading) -> None:
    """An adapter's configuration; how it was trained is not in it."""
    model(reading, "base_model_name_or_path")
    kind = str(reading.get("peft_type") or "LORA").rsplit(".", 1)[-1].upper()
    reading.values["method"] = "lora"
    if reading.has("peft_type"):
        if kind == "LORA":
            reading.understands("peft_type", "method = lora")
        else:
            reading.cannot("peft_type", "this kind of adapter is not modelled; it is counted as LoRA")
    lora(reading, NAMES, DEFAULTS)
    reading.finish(
        (*LORA_IGNORED, "runtime_config", "base_model_class", "parent_library"), ("lora_",), LORA_BEYOND
    )
