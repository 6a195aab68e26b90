"""Configuration files in and out of the screens: Load tells what became of each field, Export writes for a trainer."""

import pytest
from screen import opened, ran, still_store, store_of, words

import vapor_core as vapor
from vapor_ui.monitor import downloads

TRAIN, MONITOR = "1_Train", "2_Monitor"
AXOLOTL = """
base_model: Qwen/Qwen3-0.6B
datasets:
  - path: yahma/alpaca-cleaned
    type: alpaca
sequence_len: 2048
micro_batch_size: 2
num_epochs: 2
learning_rate: 7e-5
adapter: lora
lora_r: 8
wandb_project: mine
neftune_noise_alpha: 5
"""
SNIPPET = """
from unsloth import FastLanguageModel
model, tokenizer = FastLanguageModel.from_pretrained(model_name="Qwen/Qwen3-0.6B", max_seq_length=2048)
trainer = SFTTrainer(model=model, args=SFTConfig(per_device_train_batch_size=2, learning_rate=7e-5, max_steps=60))
"""


def loaded(name, content, app=None):
    app = app or opened(TRAIN)
    app.file_uploader(key="train.config_file").set_value((name, content.encode(), "text/plain"))
    return ran(app)


def table(app):
    return app.dataframe[0].value.set_index("field")


def shown(app):
    return (
        app.selectbox(key="train.model").value,
        app.text_input(key="train.learning_rate").value,
        app.number_input(key="train.sequence_length").value,
    )


@pytest.mark.slow
def test_a_trainers_file_fills_the_form_and_every_field_of_it_is_accounted_for():
    app = loaded("config.yaml", AXOLOTL)
    assert shown(app) == ("Qwen/Qwen3-0.6B", "7e-5", 2048)
    rows = table(app)
    assert rows.loc["learning_rate", "is"] == "understood"
    assert rows.loc["wandb_project", "is"] == "changes no figure"
    assert rows.loc["neftune_noise_alpha", "is"] == "not modelled"
    assert rows.index[0] == "neftune_noise_alpha"
    assert any("neftune" in warning.value for warning in app.warning)
    assert any("A file of axolotl" in each.label for each in app.expander)
    told = vapor.read_config(AXOLOTL)
    everything = (*told.understood, *told.ignored, *told.not_modelled)
    assert {row.field for row in everything} <= set(rows.index)


@pytest.mark.slow
def test_a_snippet_of_python_is_read_and_not_refused_by_its_ending():
    app = loaded("train.py", SNIPPET)
    assert shown(app) == ("Qwen/Qwen3-0.6B", "7e-5", 2048)
    assert app.number_input(key="train.max_steps").value == 60


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "field"),
    [
        ("ds.json", '{"train_micro_batch_size_per_gpu": 2, "bf16": {"enabled": true}}', "micro_batch_size"),
        ("mine.yaml", "micro_batch_size: 2\nweight_decay: 0.1\n", "micro_batch_size"),
    ],
)
def test_a_file_without_a_model_loads_the_rest_and_says_so(name, content, field):
    app = opened(TRAIN, model="Qwen/Qwen3-0.6B")
    app.text_input(key="train.learning_rate").set_value("7e-5")
    loaded(name, content, ran(app))
    assert shown(app)[:2] == ("Qwen/Qwen3-0.6B", "7e-5")
    assert app.number_input(key=f"train.{field}").value == 2
    assert any("the file names none" in info.value for info in app.info)


@pytest.mark.slow
def test_a_model_that_nobody_knows_is_not_replaced_without_a_word():
    app = loaded("config.yaml", AXOLOTL.replace("Qwen/Qwen3-0.6B", "acme/secret"))
    assert any("acme/secret" in info.value for info in app.info)
    assert shown(app)[1:] == ("7e-5", 2048)


@pytest.mark.slow
def test_a_wrong_value_is_refused_in_a_sentence_and_leaves_the_form():
    app = loaded("config.yaml", "epochs: -1\nmicro_batch_size: 2\n")
    assert "greater than" in app.error[0].value
    assert not store_of(app).choices.get("train")
    assert not app.dataframe


@pytest.mark.slow
def test_what_was_loaded_is_told_as_long_as_the_file_is_there():
    app = loaded("config.yaml", AXOLOTL)
    app.number_input(key="train.epochs").set_value(5.0)
    ran(app)
    assert app.number_input(key="train.epochs").value == 5.0
    assert len(table(app))


@pytest.mark.slow
def test_a_job_is_exported_for_each_trainer_and_what_it_cannot_say_is_told():
    store = still_store()
    config = vapor.JobConfig(model="Qwen/Qwen3-0.6B", warmup_ratio=0.07, name="mine")
    job = store.submit(config, now=0.0)
    app = opened(MONITOR, store, job=job.id)
    names = {button.label for button in app.get("download_button")}
    assert {"TRL", "axolotl", "LLaMA-Factory", "torchtune", "YAML", "JSON"} <= names
    said = words(app)
    assert "torchtune: warmup\\_ratio \\= 0\\.07" in said.replace("\\:", ":")


@pytest.mark.slow
@pytest.mark.parametrize("trainer", downloads.TRAINERS)
def test_an_exported_file_of_a_trainer_loads_as_the_same_configuration(trainer):
    config = vapor.JobConfig(model="Qwen/Qwen3-0.6B", learning_rate=7e-5, sequence_length=2048)
    app = loaded("config.yaml", str(vapor.write_config(config, trainer)))
    assert shown(app) == ("Qwen/Qwen3-0.6B", "7e-5", 2048)
