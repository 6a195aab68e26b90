"""A launch script run to its end without a trainer: small modules in place of torch, transformers, TRL and the rest.

They take the arguments that the real ones take and no others: tests/data/trainer_signatures.json was read off the
versions that it names. What the script did is in `Ran`.
"""

import json
import os
import runpy
import shutil
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from io import StringIO
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest.mock import patch

RECORDED = json.loads(
    (Path(__file__).parent / "data" / "trainer_signatures.json").read_text(encoding="utf-8")
)
PARAMETERS: dict[str, list[str]] = RECORDED["parameters"]
INSTRUCTION_ROWS = [{"instruction": f"Add {n} and 1", "input": "", "output": str(n + 1)} for n in range(100)]


@dataclass
class Ran:
    """What a script did.

    Attributes:
        arguments: by the callable that took them.
        rates: the learning rate of each step.
        steps: how many there were.
        evaluated_every, saved_every: steps.
        examples: what the trainer was given to train on.
        seeded: the seeds that were set before a model was made; False for one after.
        told: the events of its metrics.jsonl.
        said: what it printed.
        code: with which it ended.
    """

    arguments: dict[str, dict[str, object]] = field(default_factory=dict)
    rates: list[float] = field(default_factory=list)
    steps: int = 0
    evaluated_every: int = 0
    saved_every: int = 0
    examples: list[dict[str, object]] = field(default_factory=list)
    seeded: list[int | bool] = field(default_factory=list)
    told: list[dict[str, object]] = field(default_factory=list)
    said: str = ""
    code: int = 0


def run(
    script: Path,
    rows: list[dict[str, object]] | None = None,
    chat_template: str | None = None,
    *,
    gpu: bool = True,
    workers: int = 1,
) -> Ran:
    """Execute a script, as one of so many workers; a TypeError in what it says is an argument that nobody takes."""
    ran = Ran()
    modules = stand_ins(ran, INSTRUCTION_ROWS if rows is None else rows, chat_template, gpu=gpu)
    folder = script.parent / "run"
    shutil.rmtree(folder, ignore_errors=True)
    ends_by = signal.getsignal(signal.SIGTERM)
    try:
        with (
            patch.dict(sys.modules, modules),
            patch.dict(os.environ, {"WORLD_SIZE": str(workers)}),
            patch.object(sys, "argv", [str(script), str(folder)]),
            redirect_stderr(StringIO()) as wrong,
            redirect_stdout(StringIO()) as said,
        ):
            runpy.run_path(str(script), run_name="__main__")
    except SystemExit as ended:
        ran.code = int(ended.code or 0)
    finally:
        signal.signal(signal.SIGTERM, ends_by)
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    ran.told = [json.loads(line) for line in lines if line]
    ran.said = said.getvalue()
    assert "TypeError" not in wrong.getvalue(), wrong.getvalue()
    return ran


def took(ran: Ran, name: str, given: dict[str, object]) -> dict[str, object]:
    """Note the arguments of a callable.

    Raises:
        TypeError: where the real one has no parameter of a name.
    """
    unknown = given.keys() - set(PARAMETERS[name])
    if unknown:
        raise TypeError(f"{name}() got an unexpected keyword argument {sorted(unknown)}")
    ran.arguments[name] = given
    return given


class Rows:
    """As much of a datasets.Dataset as a script uses."""

    def __init__(self, ran: Ran, rows: list[dict[str, object]]) -> None:
        self.ran, self.rows = ran, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self):
        return iter(self.rows)

    @property
    def column_names(self) -> list[str]:
        return list(self.rows[0])

    def select(self, places) -> "Rows":
        return Rows(self.ran, [self.rows[place] for place in places])

    def map(self, function, **given) -> "Rows":
        took(self.ran, "map", given)
        return Rows(self.ran, [function(row) for row in self.rows])

    def train_test_split(self, **given) -> dict[str, "Rows"]:
        took(self.ran, "train_test_split", given)
        held_out = given["test_size"]
        return {"train": Rows(self.ran, self.rows[held_out:]), "test": Rows(self.ran, self.rows[:held_out])}


class LambdaLR:
    """The rate of an optimizer's only group, by a multiplier of the step."""

    def __init__(self, optimizer, lr_lambda) -> None:
        self.optimizer, self.lr_lambda, self.steps = optimizer, lr_lambda, 0

    @property
    def rate(self) -> float:
        return self.optimizer.rate * self.lr_lambda(self.steps)


class Trainer:
    """Calls a script's hooks in the order of the real trainer, and trains nothing."""

    ran: Ran
    name: str

    def __init__(self, model, **given) -> None:
        took(self.ran, self.name, given)
        self.args, self.callbacks, self.model = given["args"], given["callbacks"], model
        self.train_dataset, self.eval_dataset = given["train_dataset"], given["eval_dataset"]
        self.lr_scheduler = None
        self.optimizer = SimpleNamespace(rate=self.args.learning_rate)
        self.callback_handler = SimpleNamespace(callbacks=self.callbacks)

    def train(self, resume_from_checkpoint=None) -> None:
        self.state = state = SimpleNamespace(
            max_steps=self.args.max_steps, eval_steps=None, save_steps=None, global_step=0
        )
        self.create_scheduler(num_training_steps=state.max_steps)
        for callback in self.callbacks:
            callback.on_train_begin(self.args, state, SimpleNamespace(), model=self.model)
        for _ in range(state.max_steps):
            self.ran.rates.append(self.lr_scheduler.rate)
            self.lr_scheduler.steps += 1
        state.global_step = state.max_steps
        self.ran.steps, self.ran.examples = state.max_steps, self.train_dataset.rows
        self.ran.evaluated_every, self.ran.saved_every = state.eval_steps, state.save_steps

    def save_model(self, folder) -> None:
        """Nothing was trained."""


class Model:
    """A model of the names that a Llama has."""

    def named_modules(self):
        attention = [f"model.layers.0.self_attn.{name}" for name in ("q_proj", "k_proj", "v_proj", "o_proj")]
        mlp = [f"model.layers.0.mlp.{name}" for name in ("gate_proj", "up_proj", "down_proj")]
        return [
            *((name, None) for name in (*attention, *mlp)),
            ("model.embed_tokens", self.embedding),
            ("lm_head", self.head),
        ]

    embedding, head = SimpleNamespace(weight="tied"), SimpleNamespace(weight="own")

    def get_input_embeddings(self):
        return self.embedding

    def get_output_embeddings(self):
        return self.head

    def parameters(self):
        return []


class OwnModel(Model):
    """One that begins from random weights."""

    ran: Ran

    def __init__(self, config) -> None:
        self.ran.arguments["LlamaForCausalLM"] = vars(config)

    def to(self, dtype):
        self.ran.arguments["from_pretrained"] = {"dtype": dtype}
        return self


class Made:
    """What a tokenizer is made with: whatever is asked of it is another one."""

    def __init__(self, *_, **__) -> None: ...

    def __getattr__(self, name: str):
        return Made()

    def __call__(self, *_, **__):
        return Made()


def stand_ins(
    ran: Ran, rows: list[dict[str, object]], chat_template: str | None, *, gpu: bool
) -> dict[str, ModuleType]:
    """The modules by their names."""

    def taking(name: str, made=None):
        def take(*_, **given):
            took(ran, name, given)
            return SimpleNamespace(**given) if made is None else made

        return take

    def load(*places, **given):
        ran.arguments["from_pretrained"] = {"place": places[0], **given}
        return Model()

    def adapt(model, peft_config, **given):
        took(ran, "get_peft_model", {"peft_config": peft_config} | given)
        return model

    def load_dataset(path, name=None, **given):
        assert not given.pop("trust_remote_code")  # the real one takes it among its further arguments
        took(ran, "load_dataset", {"path": path, "name": name} | given)
        return Rows(ran, rows)

    class Tokenizer(SimpleNamespace):
        """Of as many tokens as it says."""

        def __len__(self) -> int:
            return 1000

    own = {"eos_token": "</s>", "eos_token_id": 2, "bos_token_id": 1, "pad_token_id": 0}
    tokenizer = Tokenizer(pad_token=None, chat_template=chat_template, **own)
    loader = SimpleNamespace(from_pretrained=load)
    trainers = {
        name: type(name, (Trainer,), {"ran": ran, "name": name})
        for name in ("SFTTrainer", "DPOTrainer", "KTOTrainer")
    }
    cuda = SimpleNamespace(
        is_available=lambda: gpu,
        reset_peak_memory_stats=lambda: None,
    )
    contents: dict[str, dict[str, object]] = {
        "torch": {
            **{name: name for name in ("bfloat16", "float16", "float32")},
            "cuda": cuda,
            "set_float32_matmul_precision": lambda kind: ran.arguments.update(matmul={"precision": kind}),
        },
        "torch.optim": {"Optimizer": object},
        "torch.optim.lr_scheduler": {"LambdaLR": LambdaLR},
        "datasets": {
            "load_dataset": load_dataset,
            "Dataset": SimpleNamespace(
                from_dict=lambda columns: Rows(ran, [{"text": text} for text in columns["text"]]),
                from_list=lambda found: Rows(ran, found),
            ),
        },
        "peft": {
            "LoraConfig": taking("LoraConfig"),
            "get_peft_model": adapt,
        },
        "tokenizers": {
            name: Made() for name in ("Tokenizer", "decoders", "models", "pre_tokenizers", "trainers")
        },
        "transformers": {
            "AutoModelForCausalLM": loader,
            "AutoTokenizer": SimpleNamespace(from_pretrained=lambda name, **_: tokenizer),
            "BitsAndBytesConfig": taking("BitsAndBytesConfig"),
            "LlamaConfig": SimpleNamespace,
            "LlamaForCausalLM": type("LlamaForCausalLM", (OwnModel,), {"ran": ran}),
            "PreTrainedTokenizerFast": lambda **_: tokenizer,
            "TrainerCallback": object,
            "set_seed": lambda seed: ran.seeded.append("from_pretrained" not in ran.arguments and seed),
            **dict.fromkeys(
                (
                    "PreTrainedModel",
                    "PreTrainedTokenizerBase",
                    "TrainerControl",
                    "TrainerState",
                    "TrainingArguments",
                ),
                object,
            ),
        },
        "trl": {
            **{name: taking(name) for name in ("SFTConfig", "DPOConfig", "KTOConfig")},
            **trainers,
        },
    }
    brought = ("bitsandbytes", "torchao", "liger_kernel", "flash_attn")
    modules = {}
    for name, values in (contents | {name: {} for name in brought}).items():
        modules[name] = ModuleType(name)
        modules[name].__spec__ = ModuleSpec(name, None)
        vars(modules[name]).update(values)
    return modules
