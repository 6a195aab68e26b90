"""A launch script run to its end without a trainer: small modules in place of torch, transformers, TRL and the rest.

They take the arguments that the real ones take and no others: tests/data/trainer_signatures.json was read off the
versions that it names. What the script did is in `Ran`.
"""

import json
import runpy
import sys
from dataclasses import dataclass, field
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
    """

    arguments: dict[str, dict[str, object]] = field(default_factory=dict)
    rates: list[float] = field(default_factory=list)
    steps: int = 0
    evaluated_every: int = 0
    saved_every: int = 0
    examples: list[dict[str, object]] = field(default_factory=list)
    seeded: list[int | bool] = field(default_factory=list)


def run(script: Path, rows: list[dict[str, object]] | None = None, chat_template: str | None = None) -> Ran:
    """Execute a script; a TypeError says that it gave an argument that the real callable does not take."""
    ran = Ran()
    modules = stand_ins(ran, INSTRUCTION_ROWS if rows is None else rows, chat_template)
    with patch.dict(sys.modules, modules):
        runpy.run_path(str(script), run_name="__main__")
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

    @property
    def column_names(self) -> list[str]:
        return list(self.rows[0])

    def map(self, function, **given) -> "Rows":
        took(self.ran, "map", given)
        return Rows(self.ran, [function(row) for row in self.rows])

    def train_test_split(self, **given) -> dict[str, "Rows"]:
        took(self.ran, "train_test_split", given)
        held_out = max(round(given["test_size"] * len(self.rows)), 1)
        return {"train": Rows(self.ran, self.rows[held_out:]), "test": Rows(self.ran, self.rows[:held_out])}


class LambdaLR:
    """The rate of an optimizer's only group, by a multiplier of the step."""

    def __init__(self, optimizer, lr_lambda) -> None:
        self.optimizer, self.lr_lambda, self.steps = optimizer, lr_lambda, 0

    @property
    def rate(self) -> float:
        return self.optimizer.rate * self.lr_lambda(self.steps)


class SFTTrainer:
    """Calls a script's hooks in the order of the real trainer, and trains nothing."""

    ran: Ran

    def __init__(self, model, **given) -> None:
        took(self.ran, "SFTTrainer", given)
        self.args, self.callbacks, self.model = given["args"], given["callbacks"], model
        self.train_dataset, self.lr_scheduler = given["train_dataset"], None
        self.optimizer = SimpleNamespace(rate=self.args.learning_rate)

    def train(self) -> None:
        state = SimpleNamespace(max_steps=self.args.max_steps, eval_steps=None, save_steps=None)
        self.create_scheduler(num_training_steps=state.max_steps)
        for callback in self.callbacks:
            callback.on_train_begin(self.args, state, SimpleNamespace(), model=self.model)
        for _ in range(state.max_steps):
            self.ran.rates.append(self.lr_scheduler.rate)
            self.lr_scheduler.steps += 1
        self.ran.steps, self.ran.examples = state.max_steps, self.train_dataset.rows
        self.ran.evaluated_every, self.ran.saved_every = state.eval_steps, state.save_steps

    def save_model(self) -> None:
        """Nothing was trained."""


class Model:
    """A model of the names that a Llama has."""

    def named_modules(self):
        attention = [f"model.layers.0.self_attn.{name}" for name in ("q_proj", "k_proj", "v_proj", "o_proj")]
        mlp = [f"model.layers.0.mlp.{name}" for name in ("gate_proj", "up_proj", "down_proj")]
        return [(name, None) for name in (*attention, *mlp, "lm_head")]

    def parameters(self):
        return []


def stand_ins(ran: Ran, rows: list[dict[str, object]], chat_template: str | None) -> dict[str, ModuleType]:
    """The modules by their names."""

    def taking(name: str, made=None):
        def take(*_, **given):
            took(ran, name, given)
            return SimpleNamespace(**given) if made is None else made

        return take

    def load(*_, **given):
        ran.arguments["from_pretrained"] = given
        return Model()

    def adapt(model, peft_config, **given):
        took(ran, "get_peft_model", {"peft_config": peft_config} | given)
        return model

    def load_dataset(path, name=None, **given):
        took(ran, "load_dataset", {"path": path, "name": name} | given)
        return Rows(ran, rows)

    tokenizer = SimpleNamespace(eos_token="</s>", pad_token=None, chat_template=chat_template)  # noqa: S106
    loader = SimpleNamespace(from_pretrained=load, from_config=load)
    trainer = type("SFTTrainer", (SFTTrainer,), {"ran": ran})
    contents: dict[str, dict[str, object]] = {
        "torch": {
            **{name: name for name in ("bfloat16", "float16", "float32")},
            "set_float32_matmul_precision": lambda kind: ran.arguments.update(matmul={"precision": kind}),
        },
        "torch.optim": {},
        "torch.optim.lr_scheduler": {"LambdaLR": LambdaLR},
        "accelerate": {"PartialState": lambda: SimpleNamespace(local_process_index=0)},
        "datasets": {"load_dataset": load_dataset},
        "peft": {
            "LoraConfig": taking("LoraConfig"),
            "get_peft_model": adapt,
        },
        "transformers": {
            "AutoConfig": SimpleNamespace(from_pretrained=lambda name: name),
            "AutoModelForCausalLM": loader,
            "AutoTokenizer": SimpleNamespace(from_pretrained=lambda name: tokenizer),
            "BitsAndBytesConfig": taking("BitsAndBytesConfig"),
            "TrainerCallback": object,
            "set_seed": lambda seed: ran.seeded.append("from_pretrained" not in ran.arguments and seed),
        },
        "trl": {"SFTConfig": taking("SFTConfig"), "SFTTrainer": trainer},
    }
    modules = {}
    for name, values in contents.items():
        modules[name] = ModuleType(name)
        vars(modules[name]).update(values)
    return modules
