"""Train what a run directory's spec.json says: `python -m vapor_core.program.train RUN_DIRECTORY`.

Writes metrics.jsonl as it goes and checkpoints into the directory; goes on from the last whole checkpoint where there
is one; saves and ends where a file `stop` appears or SIGTERM comes. What this machine cannot do is refused before it
starts.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from transformers import set_seed
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, SFTConfig, SFTTrainer

from vapor_core.program import data, full_disk, hub_errors, model
from vapor_core.program.kernels import kernels
from vapor_core.program.limits import OPTIMIZERS, refusal
from vapor_core.program.telling import Teller, Telling, evaluated_every, forget_torn, last_checkpoint

CHECKPOINTS, RESULT = "checkpoints", "result"
KEPT = 3  # checkpoints
LEAST_EVALUATED, MOST_EVALUATED = 8, 128  # sequences of what is held out
EVALUATING = (
    0.1  # of the time of training that evaluations take at most, where that leaves the fewest sequences
)
SEEDS = 2**32  # numpy takes no larger one
TOKENIZER_ROWS = 2_000  # of the data, that a tokenizer is made from


class CannotBeDone(Exception):
    """What a spec asks for and this machine or program cannot do; a sentence."""


def refuse(config: Mapping[str, Any]) -> None:
    """See before the start whether this machine can do what is asked.

    Raises:
        CannotBeDone: says what it cannot, and what would work.
    """
    gpu = torch.cuda.is_available()
    reason = refusal(config, gpu=gpu, workers=workers())
    if reason is not None:
        raise CannotBeDone(reason)


def workers() -> int:
    """How many processes train this together, this one included."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def multiplier(config: Mapping[str, Any], step: int, total: int) -> float:
    """The learning rate over its peak at a step of so many, counted from 0: as it was rehearsed."""
    from math import cos, pi  # noqa: PLC0415

    warmup = ceil(config["warmup_ratio"] * total)
    rise = min((step + 1) / warmup, 1.0) if warmup else 1.0
    floor, schedule = config["min_learning_rate_ratio"], config["schedule"]
    if not isinstance(schedule, str):
        return _drawn(schedule, step / max(total - 1, 1), rise)
    if schedule == "constant":
        return rise
    if schedule == "wsd":
        decay = config["decay_ratio"] * (total - 1)
        into = min(max((step - (total - 1 - decay)) / max(decay, 1e-9), 0.0), 1.0)
        return float(rise * (1 - (1 - floor) * into))
    done = min(max((step - warmup) / max(total - 1 - warmup, 1), 0.0), 1.0)
    left = 1 - done if schedule == "linear" else 0.5 * (1 + cos(pi * done))
    return float(rise * (floor + (1 - floor) * left))


def _drawn(points: list[list[float]], at: float, rise: float) -> float:
    """A schedule of own points; one that begins low rises by itself."""
    place = next((number for number, (share, _) in enumerate(points) if share > at), len(points))
    if place in (0, len(points)):
        rate = points[min(place, len(points) - 1)][1]
    else:
        (left, low), (right, high) = points[place - 1], points[place]
        rate = low + (high - low) * (at - left) / (right - left)
    return rate if points[0][1] < 0.5 * max(rate for _, rate in points) else rate * rise


def scheduled(trainer_class: type[SFTTrainer | DPOTrainer | KTOTrainer], config: Mapping[str, Any]) -> type:
    """A trainer of this kind whose learning rate is the rehearsal's."""

    class Rehearsed(trainer_class):  # type: ignore[misc, valid-type] # one of three, chosen at run time
        def create_scheduler(self, num_training_steps: int, optimizer: Optimizer | None = None) -> LambdaLR:
            if getattr(self, "lr_scheduler", None) is None:
                law = LambdaLR(
                    optimizer or self.optimizer, lambda step: multiplier(config, step, num_training_steps)
                )
                self.lr_scheduler, self._created_lr_scheduler = law, True
            return self.lr_scheduler

    return Rehearsed


def is_mixed(config: Mapping[str, Any]) -> bool:
    """Whether what is trained is kept in fp32 and computed with in 16 bits: all but fine-tunes of 16-bit weights."""
    return model.adapts(config) or config.get("master_weights") == "fp32"


def arguments(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """What all of TRL's trainers take."""
    gpu = torch.cuda.is_available()
    used = kernels(config, gpu=gpu)
    return {
        "output_dir": str(folder / CHECKPOINTS),
        "learning_rate": config["learning_rate"],
        "weight_decay": config["weight_decay"],
        "max_grad_norm": config["max_grad_norm"],
        "per_device_train_batch_size": config["micro_batch_size"],
        "per_device_eval_batch_size": config["micro_batch_size"],
        "gradient_accumulation_steps": config["gradient_accumulation_steps"],
        "gradient_checkpointing": config["gradient_checkpointing"],
        "optim": OPTIMIZERS[config["optimizer"]],
        "torch_compile": used.compiled,
        "use_liger_kernel": used.fused,
        "bf16": gpu and config["precision"] in ("bf16", "fp8") and is_mixed(config),
        "fp16": gpu and config["precision"] == "fp16",
        "logging_steps": 1,
        "eval_strategy": "steps",
        "save_strategy": "steps",
        "save_total_limit": KEPT,
        "seed": config["seed"] % SEEDS,
        "use_cpu": not gpu,
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_num_workers": 0,
        "max_length": config["sequence_length"],
    }


def trainer_of(spec: Mapping[str, Any], folder: Path, teller: Teller) -> SFTTrainer | DPOTrainer | KTOTrainer:
    """The trainer with its model, data and callbacks."""
    config, given = spec["config"], {**arguments(spec["config"], folder), **spec.get("arguments", {})}
    found = data.rows(spec["data"], spec.get("most_rows"))
    texts = (str(data.as_text(row)["text"]) for row in found.select(range(min(len(found), TOKENIZER_ROWS))))
    tokenizer = model.tokenizer_of(spec["model"], texts)
    made = model.model_of(spec, tokenizer)
    method = config["method"]
    example: Callable[[data.Row], dict[str, Any]]
    if method in ("dpo", "kto"):
        lacking = data.lacking(method, found.column_names)
        if lacking:
            raise CannotBeDone(
                f"{method} needs the columns {', '.join(data.PREFERENCES[method])}, and the data have no "
                f"{' and no '.join(lacking)}; take preference data, or train by lora"
            )
        example = data.as_preference
        kind, args = (DPOTrainer, DPOConfig(**given)) if method == "dpo" else (KTOTrainer, KTOConfig(**given))
    else:
        plain = method == "pretrain"
        example = data.as_text if plain else data.as_answer(bool(getattr(tokenizer, "chat_template", None)))
        kind = SFTTrainer
        args = SFTConfig(**given, packing=config["packing"], packing_strategy="wrapped")
    train, held_out = data.parts(found, example, args.seed)
    batch = config["micro_batch_size"] * config["gradient_accumulation_steps"] * workers()
    trainer = scheduled(kind, config)(
        model=made,
        args=args,
        train_dataset=train,
        eval_dataset=held_out,
        processing_class=tokenizer,
        callbacks=[Telling(teller, folder, spec, batch * config["sequence_length"])],
    )
    if config.get("base_quantization", "none") != "none":
        for (
            parameter
        ) in trainer.model.parameters():  # TRL keeps adapters over 4-bit weights in bf16; rehearsed is fp32
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
    trainer.args.max_steps = config["max_steps"] or max(
        ceil(config["epochs"] * len(trainer.train_dataset) / batch), 1
    )
    held_out = trainer.eval_dataset
    trainer.eval_dataset = held_out.select(
        range(min(evaluated(config, trainer.args.max_steps), len(held_out)))
    )
    return trainer


def evaluated(config: Mapping[str, Any], steps: int) -> int:
    """Sequences of an evaluation, which takes a third of the time of training on them."""
    every = config.get("eval_every") or evaluated_every(steps)
    trained = every * config["micro_batch_size"] * config["gradient_accumulation_steps"]
    return int(min(max(3 * EVALUATING * trained, LEAST_EVALUATED), MOST_EVALUATED))


def run(folder: Path, teller: Teller) -> None:
    """Train from the last whole checkpoint, or from the start, to the end or until somebody asks."""
    spec = json.loads((folder / "spec.json").read_bytes())
    refuse(spec["config"])
    if spec.get("tf32") and spec["config"]["precision"] == "fp32" and torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")  # as it was rehearsed
    for sentence in kernels(spec["config"], gpu=torch.cuda.is_available()).told:
        sys.stdout.write(f"{sentence}\n")
    set_seed(spec["config"]["seed"] % SEEDS)  # before weights or adapters are drawn
    trainer = trainer_of(spec, folder, teller)
    trainer.train(resume_from_checkpoint=last_checkpoint(folder / CHECKPOINTS))
    telling = next(each for each in trainer.callback_handler.callbacks if isinstance(each, Telling))
    if telling.asked:
        teller.tell("end", step=trainer.state.global_step, reason="stopped")
        return
    trainer.save_model(str(folder / RESULT))
    teller.tell("end", step=trainer.state.global_step, reason="completed")


def main(path: str, teller_of: type[Teller] = Teller) -> int:
    """Run, and say in one line why not where it fails; `teller_of` makes what is told to."""
    folder = Path(path)
    attempt = folder / "attempt.json"
    number = json.loads(attempt.read_bytes())["number"] if attempt.exists() else 1
    teller = teller_of(folder, number, silent=int(os.environ.get("RANK") or 0) > 0)
    try:
        run(folder, teller)
    except Exception as error:  # noqa: BLE001 - whatever ends it is told, and its trace printed
        traceback.print_exc()
        said = hub_errors.of_run(error, folder) or f"{type(error).__name__}: {error}"[:1000]
        if full_disk.is_full(error, folder):
            said = full_disk.SENTENCE
            forget_torn(folder / CHECKPOINTS)
        with suppress(OSError):  # the supervisor says it then
            teller.tell("end", reason="failed", message=said)
        return 1
    finally:
        teller.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
