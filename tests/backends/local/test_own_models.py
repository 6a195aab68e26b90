"""Models in folders of the machine: offered as they are, trained from where they lie, never looked for elsewhere."""

import json
import shutil

import pytest

from vapor_core import catalog
from vapor_core.backends.base import JobSpec
from vapor_core.backends.local import own_models
from vapor_core.backends.local.jobs import LocalJobs
from vapor_core.backends.local.run_spec import run_spec
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import BackendRefused, InvalidConfig
from vapor_core.hub.folders import model_in
from vapor_core.journal.memory import MemoryJournal
from vapor_core.program.names import STANDARD_LIBRARY

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 128,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 1000,
    "max_position_embeddings": 256, "tie_word_embeddings": True,
}  # fmt: skip
# Its embedding, a layer's query and output, key and value, three matrices and two norms, and the last norm
PARAMETERS = 1000 * 64 + 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128 + 2 * 64) + 64


def saved(folder, config=CONFIG, count=PARAMETERS, dtype="BF16"):
    """A model folder with the head of its weights alone."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    head = json.dumps(
        {"__metadata__": {"format": "pt"}, "w": {"dtype": dtype, "shape": [count], "data_offsets": [0, 0]}}
    )
    (folder / "model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head.encode())
    return folder


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("VAPOR_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("VAPOR_BACKENDS", "local")
    monkeypatch.setenv("VAPOR_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr("vapor_core.backends.local.jobs.NEEDED", ())
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "models"


def test_a_folder_is_offered_with_the_weights_that_it_holds(models):
    saved(models / "mine")
    saved(models / "broken", config={"model_type": "bert", "architectures": ["BertModel"]})
    (models / "empty").mkdir()
    (found,) = own_models.offered()
    assert (found.id, found.parameters, found.layers) == ("this-machine/mine", PARAMETERS, 2)
    assert found.tied_embeddings


def test_without_the_setting_nothing_is_offered(models, monkeypatch):
    saved(models / "mine")
    monkeypatch.delenv("VAPOR_MODELS")
    assert own_models.offered() == ()


def test_a_run_starts_from_the_folder(models):
    saved(models / "mine")
    (model,) = own_models.offered()
    config = JobConfig(model=model, backend="local", dataset=STANDARD_LIBRARY)
    spec = JobSpec("job-1", config, 0.0)
    LocalJobs("w", MemoryJournal()).check(spec)
    assert run_spec(spec)["model"]["source"] == "folder"
    assert run_spec(spec)["model"]["name"] == str(models / "mine")
    shutil.rmtree(models / "mine")
    with pytest.raises(BackendRefused, match="no longer in the folder"):
        LocalJobs("w", MemoryJournal()).check(spec)


@pytest.mark.parametrize("name", ["../secret", "..", ".", "", "a/b", "/etc"])
def test_no_id_leads_out_of_the_folder(models, name):
    saved(models.parent / "secret")
    model = catalog.model("openai-community/gpt2").changed(
        id=f"this-machine/{name}" if name else "this-machine/"
    )
    assert own_models.folder_of(model) is None


def test_weights_that_cannot_be_had_offline_are_refused_with_what_would_work(models, monkeypatch):
    config = JobConfig(model="meta-llama/Llama-3.1-8B", backend="local", dataset=STANDARD_LIBRARY)
    backend = LocalJobs("w", MemoryJournal())
    with pytest.raises(BackendRefused, match=r"not on this machine.*pretraining") as refused:
        backend.check(JobSpec("job-1", config, 0.0))
    assert str(refused.value).count(". ") <= 1
    backend.check(JobSpec("job-1", config.changed(method="pretrain"), 0.0))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    backend.check(JobSpec("job-1", config, 0.0))


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"\x02\0\0\0\0\0\0\0[]", b"\x10\0\0\0\0\0\0\0{"])
def test_weights_that_are_none_are_a_sentence(models, content):
    folder = saved(models / "mine")
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(InvalidConfig, match="save it anew"):
        model_in(folder, "x")
