"""What this machine can do, measured: `python -m vapor_core.program.measure`, a JSON object on its last line.

The largest matrix products by precision, the memory's bandwidth, the memory itself, and what a process holds before it
trains. On a CUDA card where there is one, else on the processor; at the rates that a training process would get here.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import torch

from vapor_core.program.process_memory import GB, age_s, peak_gb

SECONDS = 1.0  # that each figure is measured for, at most
REPEATS = 3  # at least, after one that is not counted
SIZES = {"cuda": (4096, 8192, 16384), "cpu": (512, 1024, 2048)}  # of square products; the fastest counts
KINDS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
COPIED_BYTES = {"cuda": 1 << 32, "cpu": 1 << 28}  # far more than any cache holds
TRAINER = ("transformers", "peft", "datasets", "trl.trainer.sft_trainer")
HAS_TF32 = 1.2  # times fp32's rate, from which a card has an arithmetic of its own for it
LEAST_SPEED = 0.05  # of fp32's rate: what is slower than that here is not worth its time
# A small Llama, larger than any cache, and tokens of one step of it
REFERENCE: dict[str, dict[str, int]] = {
    "cpu": {
        **{"vocabulary_size": 32_000, "hidden_size": 512, "intermediate_size": 1408, "layers": 16},
        **{"attention_heads": 8, "kv_heads": 8, "sequences": 2, "length": 256, "rank": 16},
    },
    "cuda": {
        **{"vocabulary_size": 32_000, "hidden_size": 2048, "intermediate_size": 5632, "layers": 8},
        **{"attention_heads": 16, "kv_heads": 16, "sequences": 4, "length": 1024, "rank": 16},
    },
}
TERA = 1e12


def best_s(work: Callable[[], object], device: str, seconds: float = SECONDS) -> float:
    """The shortest of several runs of something, seconds."""
    work()
    _wait(device)
    shortest, runs, end = float("inf"), 0, time.perf_counter() + seconds
    while runs < REPEATS or time.perf_counter() < end:
        began = time.perf_counter()
        work()
        _wait(device)
        shortest = min(shortest, time.perf_counter() - began)
        runs += 1
    return shortest


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def product_tflops(device: str, kind: torch.dtype, size: int, seconds: float) -> float:
    """Rate of a square matrix product on random values, TFLOP/s."""
    left, right = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
    out = torch.empty(size, size, device=device, dtype=kind)
    return 2.0 * size**3 / best_s(lambda: torch.mm(left, right, out=out), device, seconds) / TERA


def fp8_tflops(size: int, seconds: float) -> float:
    """The same in 8 bits, by the card's own scaled product."""
    one = torch.tensor(1.0, device="cuda")
    left = torch.randn(size, size, device="cuda").to(torch.float8_e4m3fn)
    right = torch.randn(size, size, device="cuda").to(torch.float8_e4m3fn).t()
    multiply = torch._scaled_mm

    def product() -> object:
        return multiply(left, right, scale_a=one, scale_b=one, out_dtype=torch.bfloat16)

    return 2.0 * size**3 / best_s(product, "cuda", seconds) / TERA


def products(device: str) -> dict[str, float]:
    """The largest products, TFLOP/s by precision; what this machine cannot multiply is left out."""
    found: dict[str, float] = {}
    sizes = SIZES[device]
    seconds = SECONDS / len(sizes)

    torch.backends.cuda.matmul.allow_tf32 = False
    found["fp32"] = max(product_tflops(device, torch.float32, size, seconds) for size in sizes)
    if device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
        tf32 = max(product_tflops(device, torch.float32, size, seconds) for size in sizes)
        if tf32 > HAS_TF32 * found["fp32"]:
            found["tf32"] = tf32
    for name in ("bf16", "fp16"):
        with suppress(RuntimeError):  # this machine has no such product
            kind = KINDS[name]
            found[name] = product_tflops(device, kind, sizes[0], 0.0)
            if found[name] > LEAST_SPEED * found["fp32"]:  # a processor without it would take minutes
                found[name] = max(product_tflops(device, kind, size, seconds) for size in sizes)
    if device == "cuda" and torch.cuda.get_device_capability() >= (8, 9):
        with suppress(RuntimeError, AttributeError, TypeError):  # an older torch, or another card
            found["fp8"] = max(fp8_tflops(size, seconds) for size in sizes)
    return found


def copy_gb_s(device: str) -> float:
    """Bandwidth of a copy within the memory, bytes read and written, GB/s."""
    free = torch.cuda.mem_get_info()[0] if device == "cuda" else 1 << 62
    size = min(COPIED_BYTES[device], free // 4)
    source = torch.zeros(size // 4, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    return 2.0 * size / best_s(lambda: target.copy_(source), device) / GB


def host_gb_s() -> float:
    """Rate of a copy from the host's pinned memory to the card, GB/s."""
    size = 1 << 28
    source = torch.zeros(size, dtype=torch.uint8, pin_memory=True)
    target = torch.empty(size, dtype=torch.uint8, device="cuda")
    return size / best_s(lambda: target.copy_(source, non_blocking=True), "cuda", 0.5) / GB


def dispatch_s(device: str) -> float:
    """What one small operation costs the host, seconds: a pass over a model's layers is hundreds of them."""
    values = torch.ones(16, device=device)
    many = 1000

    def each() -> None:
        for _ in range(many):
            torch.add(values, 1.0)

    return best_s(each, device, 0.3) / many


def reference_steps(device: str, kind: str) -> dict[str, object]:
    """Seconds of a training step of a small Llama, all weights and adapters trained; {} without the trainer's packages.

    By the trainer that the training program runs: what its products, traffic, launches and loss come to here, no single
    figure tells.
    """
    if any(find_spec(name) is None for name in ("transformers", "peft", "trl", "datasets")):
        return {}
    shape = REFERENCE[device]
    found: dict[str, object] = {"shape": shape, "precision": kind}
    for method in ("full", "lora"):
        found[method] = _reference_step_s(device, KINDS[kind], shape, method)
        if device == "cuda":
            torch.cuda.empty_cache()
    return found


def _reference_step_s(device: str, kind: torch.dtype, shape: dict[str, int], method: str) -> float:
    from datasets import Dataset  # noqa: PLC0415 - only where the trainer is there
    from peft import LoraConfig  # noqa: PLC0415
    from transformers import LlamaForCausalLM, TrainerCallback  # noqa: PLC0415
    from trl import SFTConfig, SFTTrainer  # noqa: PLC0415

    from vapor_core.program.model import llama_config, own_tokenizer  # noqa: PLC0415

    config = llama_config(shape, shape["vocabulary_size"], shape["length"])
    torch.manual_seed(0)
    took: list[float] = []

    class Timing(TrainerCallback):
        """Notes how long each step takes."""

        def on_step_begin(self, *_: object, **__: object) -> None:
            _wait(device)
            took.append(time.perf_counter())

        def on_step_end(self, *_: object, **__: object) -> None:
            _wait(device)
            took[-1] = time.perf_counter() - took[-1]

    ids = torch.randint(0, shape["vocabulary_size"], (shape["sequences"], shape["length"])).tolist()
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    with tempfile.TemporaryDirectory() as folder:
        SFTTrainer(
            model=LlamaForCausalLM(config).to(device=device, dtype=kind),
            args=SFTConfig(
                output_dir=folder,
                max_steps=1 + REPEATS,
                per_device_train_batch_size=shape["sequences"],
                max_length=shape["length"],
                gradient_checkpointing=False,
                bf16=False,
                use_cpu=device == "cpu",
                report_to=[],
                disable_tqdm=True,
                logging_strategy="no",
                save_strategy="no",
            ),
            train_dataset=Dataset.from_dict({"input_ids": ids * (1 + REPEATS)}),
            processing_class=own_tokenizer(["this machine"], 300),
            peft_config=LoraConfig(r=shape["rank"], target_modules=targets, task_type="CAUSAL_LM")
            if method == "lora"
            else None,
            callbacks=[Timing()],
        ).train()
    return min(took[1:])


def cache_mb() -> float | None:
    """The last-level cache of a processor, 1e6 bytes; None where the system does not say."""
    sizes = []
    for entry in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        text = entry.read_text(encoding="ascii").strip()
        unit = {"K": 1024, "M": 1024**2, "G": 1024**3}.get(text[-1:], 1)
        sizes.append(int(text.rstrip("KMG")) * unit / 1e6)
    return max(sizes, default=None)


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )


def memory_gb() -> float:
    """The machine's memory that a process may have, GB: what the control group allows counts."""
    total = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            total = min(total, float(Path(name).read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    return total / GB


def power_w() -> float | None:
    """The card's power limit, watts; None where it cannot be asked."""
    try:
        asked = ["nvidia-smi", "--query-gpu=power.limit", "--format=csv,noheader,nounits", "--id=0"]
        said = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True).stdout  # noqa: S603
        return float(said.split()[0])
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None


def held_gb() -> float:
    """Memory that a process holds before it trains, GB: Python, torch, and the trainer where it is installed."""
    for name in TRAINER:
        if find_spec(name.split(".")[0]) is not None:
            import_module(name)
    return peak_gb()


def measured() -> dict[str, object]:
    """Everything, by name; None where a thing cannot be told."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    held = held_gb()
    start_s = age_s()
    found: dict[str, object] = {
        "device": device,
        "name": torch.cuda.get_device_name(0) if device == "cuda" else processor(),
        "count": torch.cuda.device_count() if device == "cuda" else 1,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "held_gb": held,
        "start_s": start_s,
    }
    if device == "cuda":
        free, total = torch.cuda.mem_get_info()
        found |= {
            "memory_gb": total / GB,
            "free_gb": free / GB,
            "capability": ".".join(map(str, torch.cuda.get_device_capability())),
            "power_w": power_w(),
            "host_gb_s": host_gb_s(),
            "cache_mb": getattr(torch.cuda.get_device_properties(0), "L2_cache_size", 0) / 1e6 or None,
        }
    else:
        found |= {"memory_gb": memory_gb(), "cache_mb": cache_mb()}
    rates = products(device)
    best = "bf16" if rates.get("bf16", 0.0) > rates["fp32"] else "fp32"
    return found | {
        "dispatch_s": dispatch_s(device),
        "tflops": rates,
        "copy_gb_s": copy_gb_s(device),
        "reference": reference_steps(device, best),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measured()) + "\n")
