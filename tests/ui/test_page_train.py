"""Train: the estimate follows every change, a wrong value is told beside its field, a refusal costs nothing."""

import pytest
from hub_server import QWEN_CONFIG, as_json, listed, running
from huggingface_hub.utils import close_session
from screen import button, opened, ran, still_store, store_of, words

from vapor_core.contracts.entries import CatalogModel
from vapor_core.contracts.training import JobConfig

PAGE = "1_Train"


def chosen(app):
    return store_of(app).choices["train"]


@pytest.mark.slow
def test_a_fresh_form_shows_what_the_default_takes():
    app = opened(PAGE)
    assert {metric.label for metric in app.metric} >= {"Time", "Cost", "Train loss", "Eval loss"}
    assert "Needs **" in words(app)
    assert not button(app, "Start training").disabled


@pytest.mark.slow
def test_the_estimate_follows_a_change():
    app = opened(PAGE)
    before = {metric.label: metric.value for metric in app.metric}
    app.number_input(key="train.epochs").set_value(1.0)
    ran(app)
    after = {metric.label: metric.value for metric in app.metric}
    assert after["Cost"] != before["Cost"]
    assert after["Steps"] != before["Steps"]


@pytest.mark.slow
def test_what_was_not_chosen_follows_the_method():
    app = opened(PAGE)
    assert app.text_input(key="train.learning_rate").value == "2e-4"
    app.segmented_control(key="train.method").set_value("full")
    ran(app)
    assert app.text_input(key="train.learning_rate").value == "2e-5"
    assert not [field for field in app.number_input if field.key == "train.lora_rank"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("abc", "Learning rate should be a number"),
        ("-1", "Learning rate should be greater than 0"),
        ("1e9", "Learning rate should be less than"),
        ("nan", "Learning rate should be"),
    ],
)
def test_a_wrong_value_is_told_beside_its_field_and_kept(typed, sentence):
    app = opened(PAGE)
    app.text_input(key="train.learning_rate").set_value(typed)
    ran(app)
    assert sentence in words(app)
    assert app.text_input(key="train.learning_rate").value == typed
    assert button(app, "Start").disabled
    assert not [metric for metric in app.metric if metric.label == "Cost"]
    app.text_input(key="train.learning_rate").set_value("1e-4")
    ran(app)
    assert not button(app, "Start").disabled


@pytest.mark.slow
def test_an_emptied_field_takes_its_default():
    app = opened(PAGE)
    app.number_input(key="train.sequence_length").set_value(2048)
    ran(app)
    app.number_input(key="train.sequence_length").set_value(None)
    ran(app)
    assert app.number_input(key="train.sequence_length").value == 1024


@pytest.mark.slow
def test_one_click_cures_what_does_not_fit():
    app = opened(PAGE, model="Qwen/Qwen3-8B")
    assert any("It needs" in error.value for error in app.error)
    assert button(app, "Start anyway")
    next(one for one in app.button if (one.key or "").startswith("cure.0.")).click()
    ran(app)
    assert not any("It needs" in error.value for error in app.error)
    assert button(app, "Start training")


@pytest.mark.slow
def test_choices_outlive_a_page_change():
    app = opened(PAGE)
    app.text_input(key="train.learning_rate").set_value("7e-5")
    ran(app)
    app.switch_page("pages/5_Models.py")
    ran(app)
    app.switch_page("pages/1_Train.py")
    ran(app)
    assert app.text_input(key="train.learning_rate").value == "7e-5"


@pytest.mark.slow
def test_start_over_takes_every_choice_back():
    app = opened(PAGE)
    app.number_input(key="train.epochs").set_value(9.0)
    ran(app)
    button(app, "Clear the form").click()
    ran(app)
    assert app.number_input(key="train.epochs").value == 3.0


@pytest.mark.slow
def test_starting_submits_and_opens_the_monitor():
    store = still_store()
    app = opened(PAGE, store)
    app.text_input(key="train.name").set_value("first run")
    ran(app)
    button(app, "Start training").click()
    ran(app)
    assert [job.name for job in store.jobs()] == ["first run"]
    assert app.title[0].value == "Monitor"


@pytest.mark.slow
def test_a_run_without_a_name_gets_a_telling_one():
    store = still_store()
    app = opened(PAGE, store)
    button(app, "Start training").click()
    ran(app)
    assert store.jobs()[0].name == "SmolLM2 360M lora Alpaca cleaned"


@pytest.mark.slow
def test_a_refused_run_leaves_the_form_and_the_workspace_as_they_were():
    store = still_store()
    app = opened(PAGE, store)
    app.number_input(key="train.accelerator_count").set_value(1_000_000)
    ran(app)
    button(app, "Start").click()
    ran(app)
    assert store.jobs() == ()
    assert app.error
    assert app.number_input(key="train.accelerator_count").value == 1_000_000


@pytest.mark.slow
def test_a_clone_starts_from_the_jobs_configuration():
    store = still_store()
    config = JobConfig(
        model="Qwen/Qwen3-0.6B",
        learning_rate=3e-5,
        schedule=((0.0, 1.0), (1.0, 0.0)),
        lora_targets="attention",
        seed=2**60,
        name="one",
    )
    job = store.submit(config, now=0.0)
    app = opened(PAGE, store, clone=job.id)
    assert app.text_input(key="train.learning_rate").value == "3e-5"
    assert app.selectbox(key="train.model").value == "Qwen/Qwen3-0.6B"
    app.number_input(key="train.epochs").set_value(1.0)
    ran(app)
    button(app, "Start").click()
    ran(app)
    assert store.jobs()[1].config.changed(epochs=3.0, name="one") == config.changed(epochs=3.0)


@pytest.mark.parametrize(("name", "value"), [("clone", "job-<b>99"), ("model", "acme/none")])
def test_an_address_that_names_nothing_gives_one_sentence(name, value):
    app = opened(PAGE, **{name: value})
    assert len(app.warning) == 1
    assert button(app, "Start training")


@pytest.mark.slow
def test_a_persons_own_file_is_counted_shown_and_chosen():
    store = still_store()
    app = opened(PAGE, store)
    app.segmented_control(key="train.data_source").set_value("Own file")
    ran(app)
    rows = b'{"text": "one two three"}\n' * 50
    app.file_uploader[0].set_value(("mine.jsonl", rows, "application/json"))
    ran(app)
    assert chosen(app)["dataset"].examples == 50
    assert "50 examples" in words(app)
    assert len(app.dataframe) == 1
    assert any(entry.name == "mine" for entry in store.datasets())


@pytest.mark.slow
def test_a_broken_file_gets_a_sentence_with_its_line():
    app = opened(PAGE)
    app.segmented_control(key="train.data_source").set_value("Own file")
    ran(app)
    app.file_uploader[0].set_value(("bad.jsonl", b'{"text": "a"}\n{"text": ', "application/json"))
    ran(app)
    assert "line 2" in app.error[0].value
    assert "dataset" not in chosen(app)


@pytest.mark.slow
def test_without_a_network_the_hub_search_answers_from_the_catalog(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    app = opened(PAGE)
    app.segmented_control(key="train.model_source").set_value("Hub")
    ran(app)
    app.text_input(key="train.hub.query").set_value("qwen3")
    ran(app)
    assert "The Hub is switched off" in words(app)
    app.button(key="train.hub.Qwen/Qwen3-1.7B").click()
    ran(app)
    assert chosen(app)["model"] == "Qwen/Qwen3-1.7B"


@pytest.mark.slow
def test_a_model_of_the_hub_is_remembered_and_chosen(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    store = still_store()
    with running() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.routes["/api/models"] = as_json([listed("acme/tiny"), listed("acme/odd", gated="manual")])
        hub.routes["/api/models/acme/tiny"] = as_json(listed("acme/tiny"))
        hub.routes["/api/models/acme/odd"] = as_json(listed("acme/odd"))
        hub.routes["/acme/tiny/resolve/main/config.json"] = as_json(QWEN_CONFIG)
        app = opened(PAGE, store)
        app.segmented_control(key="train.model_source").set_value("Hub")
        ran(app)
        app.text_input(key="train.hub.query").set_value("tiny")
        ran(app)
        assert "gated" in words(app)
        app.button(key="train.hub.acme/odd").click()
        ran(app)
        assert "It cannot be used" in words(app)
        app.button(key="train.hub.acme/tiny").click()
        ran(app)
        close_session()
    assert not app.warning
    assert isinstance(chosen(app)["model"], CatalogModel)
    assert "acme/tiny" in {entry.id for entry in store.models()}
    button(app, "Start").click()
    ran(app)
    assert store.jobs()[0].config.model.id == "acme/tiny"


def in_dialog(app, *presses):
    """One more run with the dialog open: AppTest knows no reruns of a dialog alone."""
    button(app, "Fit it for me").click()
    for press in presses:
        press()
    return ran(app)


@pytest.mark.slow
def test_a_proposal_is_taken_by_one_click():
    app = in_dialog(opened(PAGE))
    in_dialog(app, lambda: app.multiselect(key="fit.cards").set_value(["nvidia-l4"]))
    in_dialog(app, lambda: button(app, "Propose").click())
    in_dialog(app, lambda: app.button(key="fit.take.0").click())
    assert chosen(app)["accelerator"] == "nvidia-l4"
    assert app.number_input(key="train.epochs").value == chosen(app)["epochs"]


@pytest.mark.slow
def test_a_budget_that_buys_nothing_says_what_would():
    app = in_dialog(opened(PAGE))
    in_dialog(
        app,
        lambda: app.multiselect(key="fit.cards").set_value(["nvidia-l4"]),
        lambda: app.number_input(key="fit.money").set_value(0.0001),
    )
    in_dialog(app, lambda: button(app, "Propose").click())
    assert "the cheapest is" in app.warning[0].value
