"""What a run tells while it trains, an event a line in metrics.jsonl; and when it is to end."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from vapor_core.program.process_memory import GB, age_s, forget_peak, peak_gb


class Teller:
    """Appends events; each is on the disk's side of the kernel before the next step begins.

    Of several processes that train one run together the first one tells, and the others are silent.
    """

    def __init__(self, folder: Path, attempt: int, *, silent: bool = False) -> None:
        self.attempt, self.silent = attempt, silent
        self._began = time.monotonic() - age_s()
        if silent:
            return
        self._file = (folder / "metrics.jsonl").open("ab")
        if self._file.tell():
            self._file.write(b"\n")  # a line that a kill has torn ends here

    def tell(self, event: str, **more: object) -> None:
        """One event; a number that is none is told as the word nan, which JSON has no sign for."""
        if self.silent:
            return
        known = {name: _plain(value) for name, value in more.items() if value is not None}
        line = {
            "event": event,
            "attempt": self.attempt,
            "at": time.time(),
            "elapsed_s": self.elapsed_s,
            **known,
        }
        self.put(json.dumps(line))

    def put(self, line: str) -> None:
        """One event as it is told."""
        self._file.write(line.encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Nothing more is told."""
        if not self.silent:
            self._file.close()

    @property
    def elapsed_s(self) -> float:
        """Since this attempt's process began: imports, weights and data included."""
        return time.monotonic() - self._began


class Telling(TrainerCallback):
    """Tells every step, evaluation and checkpoint of a trainer, and ends it when somebody asks."""

    def __init__(self, teller: Teller, folder: Path, spec: Mapping[str, Any], tokens_a_step: float) -> None:
        config = spec["config"]
        self.teller, self.stop_file = teller, folder / "stop"
        self.every = (config.get("eval_every"), config.get("checkpoint_every"))
        self.tokens_a_step = tokens_a_step
        self.asked = False
        self._tokens_before = 0.0  # of earlier attempts: the trainer counts its own anew
        self._step_began = 0.0
        self._step_s = 0.0
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, *_: object) -> None:
        self.asked = True

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Evaluate and save as often as the configuration says."""
        evaluate, save = self.every
        forget_the_peak()
        state.eval_steps = evaluate or evaluated_every(state.max_steps)
        state.save_steps = save or max(state.max_steps // 10, 1)
        self._tokens_before = state.global_step * self.tokens_a_step
        self.teller.tell("start", step=state.global_step, total_steps=state.max_steps)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """A step begins."""
        self._step_began = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """A step is done; where somebody asked for it, save and end."""
        self._step_s = time.monotonic() - self._step_began
        if agreed(self.asked or self.stop_file.exists()):
            self.asked = True
            control.should_save = control.should_training_stop = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **_: object,
    ) -> None:
        """A step's loss, or an evaluation's."""
        logs = logs or {}
        if "loss" in logs:
            self.teller.tell(
                "log",
                step=state.global_step,
                loss=logs["loss"],
                grad_norm=logs.get("grad_norm"),
                learning_rate=logs.get("learning_rate"),
                epoch=state.epoch,
                tokens=self._tokens(logs, state),
                step_time_s=self._step_s,
                tokens_per_second=self.tokens_a_step / self._step_s if self._step_s else None,
                **memory(),
            )
        losses = {
            name: value for name, value in logs.items() if name.startswith("eval_") and name.endswith("loss")
        }
        if losses:
            self.teller.tell("eval", step=state.global_step, **losses)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """A checkpoint is whole."""
        self.teller.tell("checkpoint", step=state.global_step)

    def _tokens(self, logs: Mapping[str, float], state: TrainerState) -> float:
        """All that were trained on by now; what an earlier attempt did counts as full batches."""
        counted = logs.get("num_tokens")
        if counted is None:
            return float(state.global_step * self.tokens_a_step)
        return self._tokens_before + float(counted)


def agreed(wish: bool) -> bool:
    """Whether any of the processes that train together wants it: they all do the same after the same step."""
    together = torch.distributed.is_available() and torch.distributed.is_initialized()
    if not together or torch.distributed.get_world_size() == 1:
        return wish
    gpu = torch.distributed.get_backend() == "nccl"
    said = torch.tensor([float(wish)], device="cuda" if gpu else "cpu")
    torch.distributed.all_reduce(said)
    return bool(said.item() > 0)


def evaluated_every(steps: int) -> int:
    """Steps between evaluations where nobody said: twenty in a run."""
    return max(steps // 20, 1)


def memory() -> dict[str, float]:
    """Peak memory, GB: of the card where there is one, else of this process."""
    if torch.cuda.is_available():
        return {
            "memory_gb": torch.cuda.max_memory_allocated() / GB,
            "memory_reserved_gb": torch.cuda.max_memory_reserved() / GB,
        }
    return {"memory_gb": peak_gb()}


def forget_the_peak() -> None:
    """Begin the peak anew: loading a model may hold more than training it does, and is not a step's memory."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    else:
        forget_peak()


def last_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint that was written whole; one that a kill has torn lacks its trainer's state."""
    whole = [path for path in folder.glob("checkpoint-*") if _is_whole(path)]
    newest = max(whole, key=lambda path: int(path.name.rsplit("-", 1)[1]), default=None)
    return None if newest is None else str(newest)


def forget_torn(folder: Path) -> None:
    """Give back the room of checkpoints that were not written whole."""
    for path in folder.glob("checkpoint-*"):
        if not _is_whole(path):
            shutil.rmtree(path, ignore_errors=True)


def _is_whole(path: Path) -> bool:
    try:
        json.loads((path / "trainer_state.json").read_bytes())
    except (OSError, ValueError):
        return False
    return any(path.glob("*.safetensors")) and os.access(path / "optimizer.pt", os.R_OK)


def _plain(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "nan"
    return value
