"""Models: the catalog by filters, one model in full, and what the workspace has made of which."""

import pytest
from hub_server import QWEN_CONFIG, as_json, listed, running
from huggingface_hub.utils import close_session
from screen import button, opened, ran, still_store, store_of, words

from vapor_core import catalog
from vapor_core.contracts.training import JobConfig
from vapor_core.hub.architecture import Published, read_architecture
from vapor_ui.models.details import fits

PAGE = "5_Models"


@pytest.fixture
def trained_store():
    store = still_store()
    store.set_speed(3600.0, now=1.0)
    config = JobConfig(
        model="Qwen/Qwen3-0.6B", dataset="mhenrichsen/alpaca_2k_test", epochs=1.0, name="my tune"
    )
    job = store.submit(config, now=1.0)
    store.advance(now=1000.0)
    assert store.job(job.id).status == "completed"
    store.deploy(job.id, name="my endpoint", now=1000.0)
    store.set_speed(0.0, now=1000.0)
    return store


def cards(app):
    return [one for one in app.button if (one.key or "").startswith("models.train.")]


def test_a_fresh_catalog_shows_its_first_page():
    app = opened(PAGE)
    assert len(cards(app)) == 12
    assert catalog.models()[0].display_name in words(app)


def test_words_find_a_model():
    app = opened(PAGE)
    app.text_input(key="models.words").set_value("qwen3 0.6b instruct")
    ran(app)
    assert [one.key for one in cards(app)] == ["models.train.Qwen/Qwen3-0.6B"]


def test_filters_together_leave_what_meets_all():
    app = opened(PAGE)
    app.selectbox(key="models.family").set_value("Gemma")
    app.segmented_control(key="models.size").set_value("2–5B")
    app.selectbox(key="models.context").set_value("128k and more")
    ran(app)
    found = [one.key for one in cards(app)]
    assert found == ["models.train.google/gemma-3-4b-pt", "models.train.google/gemma-3-4b-it"]


@pytest.mark.slow
def test_finding_nothing_says_what_to_do():
    app = opened(PAGE)
    app.text_input(key="models.words").set_value("zzzz")
    ran(app)
    assert len(app.info) == 1
    assert not cards(app)


@pytest.mark.slow
def test_a_page_beyond_the_last_is_the_last():
    app = opened(PAGE)
    app.pagination[0].set_value(6)
    ran(app)
    app.text_input(key="models.words").set_value("qwen")
    ran(app)
    assert cards(app)


@pytest.mark.slow
def test_a_model_is_shown_in_full_with_the_cards_that_it_fits():
    app = opened(PAGE, model="Qwen/Qwen3-0.6B")
    assert "115 kB per token" in words(app)
    assert len(app.dataframe) == 1
    assert len(app.dataframe[0].value) == len(catalog.accelerators())


@pytest.mark.slow
def test_an_unknown_model_gives_one_sentence_and_the_list():
    app = opened(PAGE, model="acme/<b>none</b>")
    assert len(app.warning) == 1
    assert "<b>" not in app.warning[0].value
    assert cards(app)


@pytest.mark.parametrize(("way", "small"), [("LoRA", "✗"), ("QLoRA", "✓"), ("Full", "✗"), ("Serving", "✗")])
def test_what_is_too_large_for_a_small_card_fits_a_large_one(way, small):
    table = fits(catalog.model("Qwen/Qwen3-8B")).set_index("Card")
    assert table.loc["T4", way].startswith(small)
    assert table.loc["H200 141 GB", way].startswith("✓")


@pytest.mark.slow
def test_train_this_opens_the_form_with_the_model():
    app = opened(PAGE, model="Qwen/Qwen3-1.7B")
    app.button(key="models.train.Qwen/Qwen3-1.7B").click()
    ran(app)
    assert app.title[0].value == "Train"
    assert store_of(app).choices["train"]["model"] == "Qwen/Qwen3-1.7B"


@pytest.mark.slow
def test_an_empty_workspace_says_what_to_do_next():
    app = opened(PAGE)
    app.segmented_control(key="models.view").set_value("This workspace")
    ran(app)
    assert "Nothing trained yet" in words(app)


@pytest.mark.slow
def test_lineage_is_told_both_ways(trained_store):
    app = opened(PAGE, trained_store)
    app.segmented_control(key="models.view").set_value("This workspace")
    ran(app)
    assert "Qwen/Qwen3\\-0\\.6B" in words(app)  # backwards, to the base model
    links = [link.proto.label for link in app.main.page_link]
    assert any("my endpoint" in label for label in links)  # forwards, to what serves it
    base = opened(PAGE, trained_store, model="Qwen/Qwen3-0.6B")
    assert any("my tune" in link.proto.label for link in base.main.page_link)


@pytest.mark.slow
def test_deploy_opens_its_dialog(trained_store):
    app = opened(PAGE, trained_store)
    app.segmented_control(key="models.view").set_value("This workspace")
    ran(app)
    button(app, "Deploy").click()
    ran(app)
    assert any(one.label == "Accelerator" for one in app.selectbox)


@pytest.mark.slow
def test_a_look_at_a_model_of_the_hub_keeps_it(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    store = still_store()
    with running() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.routes["/api/models"] = as_json([listed("acme/tiny")])
        hub.routes["/api/models/acme/tiny"] = as_json(listed("acme/tiny"))
        hub.routes["/acme/tiny/resolve/main/config.json"] = as_json(QWEN_CONFIG)
        app = opened(PAGE, store)
        app.segmented_control(key="models.view").set_value("Hub")
        ran(app)
        app.text_input(key="models.hub.query").set_value("tiny")
        ran(app)
        app.button(key="models.hub.acme/tiny").click()
        ran(app)
        close_session()
    assert "acme/tiny" in {entry.id for entry in store.models()}
    assert "kB per token" in words(app)


MIXTURE = QWEN_CONFIG | {
    "architectures": ["Qwen2MoeForCausalLM"],
    "model_type": "qwen2_moe",
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 512,
}
ODD_LAYERS = QWEN_CONFIG | {"layer_types": ["full_attention"] * 23 + ["swirl_attention"]}
PICTURES = {
    "architectures": ["Qwen2VLForConditionalGeneration"],
    "model_type": "qwen2_vl",
    "text_config": QWEN_CONFIG,
    "vision_config": {"hidden_size": 64, "depth": 2, "model_type": "qwen2_vl"},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "count", "sentences"),
    [
        (QWEN_CONFIG, 494_032_768, []),
        (QWEN_CONFIG, 900_000_000, ["The Hub counts 0.90 B parameters, its architecture sums to 0.49 B"]),
        (QWEN_CONFIG, 99, ["the Hub's count of 99 is of something else"]),
        (ODD_LAYERS, 494_032_768, ["ayers of the unknown kind swirl_attention are counted as attention"]),
        (PICTURES, None, ["for images or sound are left out"]),
        (MIXTURE, 494_032_768, ["Of which a token meets"]),
    ],
)
@pytest.mark.parametrize("page", ["5_Models", "1_Train"])
def test_how_a_model_was_counted_is_said_wherever_it_is_looked_at(page, config, count, sentences):
    published = Published(parameters=count, source="config.json on the Hub")
    model = read_architecture("acme/tiny", config, published)
    store = still_store()
    store.add_model(model, now=0.0)
    app = opened(page, store, model="acme/tiny")
    said = words(app).replace("\\", "")
    notes = [line for line in said.splitlines() if line.startswith(":material/info: ")]
    assert len(notes) == len([note for note in model.note.split("; ") if note])
    for sentence in sentences:
        assert sentence in said or (page == "1_Train" and sentence.startswith("Of which"))


@pytest.mark.slow
def test_a_model_that_cannot_be_counted_is_refused_by_the_name_of_what_is_lacking(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    config = QWEN_CONFIG | {"architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True}
    with running() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.routes["/api/models"] = as_json([listed("acme/both")])
        hub.routes["/api/models/acme/both"] = as_json(listed("acme/both"))
        hub.routes["/acme/both/resolve/main/config.json"] = as_json(config)
        app = opened(PAGE)
        app.segmented_control(key="models.view").set_value("Hub")
        ran(app)
        app.text_input(key="models.hub.query").set_value("both")
        ran(app)
        app.button(key="models.hub.acme/both").click()
        ran(app)
        close_session()
    assert "encoder\\-decoder" in words(app)
    assert "does not generate text" not in words(app)
