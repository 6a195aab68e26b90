"""Every entry of the catalog is whole, sourced and sums to what its publisher says."""

import json
import re
from importlib.resources import files

import pytest
from pydantic import ValidationError

import vapor_core as vapor
from vapor_core import catalog
from vapor_core.physics.transformer import transformer

ACCELERATORS = (
    "nvidia-t4",
    "nvidia-l4",
    "nvidia-a10g",
    "nvidia-a100-40gb",
    "nvidia-a100-80gb",
    "nvidia-l40s",
    "nvidia-h100-80gb",
    "nvidia-h100-pcie",
    "nvidia-h200",
    "nvidia-b200",
    "nvidia-rtx-3090",
    "nvidia-rtx-4090",
    "nvidia-rtx-5090",
    "amd-mi300x",
    "cpu",
)
# Published counts, read off model cards and safetensors headers.
PUBLISHED = {
    "LiquidAI/LFM2-350M": 354_483_968,
    "LiquidAI/LFM2-1.2B": 1_170_340_608,
    "LiquidAI/LFM2-2.6B": 2_569_272_320,
    "HuggingFaceTB/SmolLM2-135M": 134_515_008,
    "HuggingFaceTB/SmolLM3-3B": 3_075_098_624,
    "Qwen/Qwen2.5-0.5B": 494_032_768,
    "Qwen/Qwen2.5-7B": 7_615_616_512,
    "Qwen/Qwen3-8B": 8_190_735_360,
    "meta-llama/Llama-3.2-1B": 1_235_814_400,
    "meta-llama/Llama-3.2-3B": 3_212_749_824,
    "meta-llama/Llama-3.1-8B": 8_030_261_248,
    "google/gemma-2-2b": 2_614_341_888,
    "google/gemma-3-270m": 268_098_176,
    "microsoft/phi-2": 2_779_683_840,
    "EleutherAI/pythia-70m": 70_426_624,
    "EleutherAI/pythia-6.9b": 6_857_302_016,
    "allenai/OLMo-2-0425-1B": 1_484_916_736,
    "openai-community/gpt2": 124_439_808,
    "openai-community/gpt2-xl": 1_557_611_200,
    "mistralai/Mistral-7B-v0.3": 7_248_023_552,
}
LEARNED_POSITIONS = {"GPT-2", "OPT"}
MODELS = pytest.mark.parametrize("model", catalog.models(), ids=lambda entry: entry.id)
CARDS = pytest.mark.parametrize("card", catalog.accelerators(), ids=lambda entry: entry.id)
SETS = pytest.mark.parametrize("dataset", catalog.datasets(), ids=lambda entry: entry.id)


def matrix_parameters(model):
    """Embeddings, attention and MLP by the published shapes; norms and biases are under 0.5 %."""
    learned = model.context_length * model.hidden_size if model.family in LEARNED_POSITIONS else 0
    return transformer(model).dense_parameters + learned


def raw(file):
    return json.loads(files("vapor_core.data").joinpath(file).read_text(encoding="utf-8"))


def test_the_catalog_is_large_enough():
    assert len(catalog.models()) >= 40
    assert len(catalog.accelerators()) >= 14
    assert len(catalog.datasets()) >= 12
    assert catalog.models()[0].parameters < 100e6
    assert 8e9 < catalog.models()[-1].parameters < 9.5e9


def test_accelerator_ids_are_those_of_the_design():
    assert tuple(entry.id for entry in catalog.accelerators()) == ACCELERATORS


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("models.json", vapor.CatalogModel),
        ("datasets.json", vapor.Dataset),
        ("accelerators.json", vapor.Accelerator),
    ],
)
def test_the_files_have_no_unknown_field_and_no_double_id(file, kind):
    entries = raw(file)
    assert len({entry["id"] for entry in entries}) == len(entries)
    for entry in entries:
        assert set(entry) <= set(kind.model_fields), entry["id"]


def test_models_are_filed_by_family_then_size():
    keys = [(entry["family"].lower(), entry["parameters"]) for entry in raw("models.json")]
    assert keys == sorted(keys)


@MODELS
def test_parameters_are_the_sum_of_the_architecture(model):
    # a mixture of experts keeps more than one token uses: there the active count is what the shapes say
    stated = model.active_parameters or model.parameters
    assert matrix_parameters(model) == pytest.approx(stated, rel=5e-3)


@pytest.mark.parametrize(("name", "parameters"), PUBLISHED.items())
def test_parameters_are_the_published_count(name, parameters):
    assert catalog.model(name).parameters == parameters


@MODELS
def test_every_model_says_what_it_is_and_where_that_is_from(model):
    assert model.source
    assert model.name
    assert model.family in catalog.families()
    assert model.licence
    assert model.licence == model.licence.lower()
    assert model.gated_mlp is not None


DAY_OR_MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?")


@MODELS
def test_every_model_has_a_date_or_says_that_none_is_published(model):
    dated = model.released is not None and DAY_OR_MONTH.fullmatch(model.released) is not None
    unpublished = model.released is None and (
        "sourced" in model.note or model.family in {"StableLM", "Danube"}
    )
    assert dated != unpublished


@pytest.mark.parametrize(
    "model",
    [each for each in catalog.models() if each.pretraining_tokens is not None],
    ids=lambda each: each.id,
)
def test_pretraining_tokens_are_between_a_hundred_billion_and_forty_trillion(model):
    assert 1e11 <= model.pretraining_tokens <= 4e13


@pytest.mark.parametrize("owner", ["meta-llama", "google"])
def test_models_behind_an_agreement_are_marked(owner):
    theirs = [model for model in catalog.models() if model.id.startswith(owner + "/")]
    assert theirs
    assert all(model.gated_access for model in theirs)


@CARDS
def test_every_accelerator_has_peaks_price_and_their_sources(card):
    assert card.name
    assert card.vendor
    assert card.source
    assert card.power_w
    assert card.price_per_hour > 0
    assert card.price_source
    assert card.price_date or "unverified" in card.price_source or "converted" in card.price_source
    assert re.fullmatch(r"(20\d\d-\d\d(-\d\d)?)?", card.price_date)
    assert card.peak_tflops("bf16") >= card.fp32_tflops
    assert card.cards_per_node <= card.capacity


@pytest.mark.parametrize(
    "card", [each for each in catalog.accelerators() if each.fp8_tflops], ids=lambda each: each.id
)
def test_fp8_is_twice_as_fast_as_bf16_where_a_card_has_it(card):
    assert card.fp8_tflops == pytest.approx(2 * card.bf16_tflops, rel=0.02)


@SETS
def test_every_dataset_has_counts_and_their_source(dataset):
    assert dataset.name
    assert dataset.source
    assert dataset.language
    assert dataset.kind != "own"
    assert 1 <= dataset.mean_tokens < 10_000
    assert dataset.tokenizer or dataset.note


def test_fine_tuning_and_pretraining_sets_are_both_there():
    kinds = [entry.kind for entry in catalog.datasets()]
    assert kinds.count("pretraining") >= 4
    assert len(kinds) - kinds.count("pretraining") >= 6
    assert catalog.dataset(vapor.JobConfig(model="gpt2").dataset).examples == 51_760


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        ("gpt-9", "openai-community/gpt2"),
        ("SMOLLM2_135M", "HuggingFaceTB/SmolLM2-135M"),
        ("llama 3.2 1b", "meta-llama/Llama-3.2-1B"),
        ("qwen/qwen3-8B", "Qwen/Qwen3-8B"),
        ("pythia", "EleutherAI/pythia-1b"),
    ],
)
def test_a_wrong_model_id_is_told_the_nearest(asked, nearest):
    with pytest.raises(vapor.NotInCatalog) as caught:
        catalog.model(asked)
    assert str(caught.value) == f"no model {asked!r}; nearest in the catalog: {nearest!r}"


@pytest.mark.parametrize(
    ("look_up", "asked", "nearest"),
    [
        (catalog.accelerator, "h100", "nvidia-h100"),
        (catalog.accelerator, "L4", "nvidia-l4"),
        (catalog.dataset, "alpacca", "alpaca"),
        (catalog.dataset, "", ""),
        (catalog.dataset, "x" * 10_000, ""),
    ],
)
def test_any_wrong_id_is_one_short_sentence(look_up, asked, nearest):
    with pytest.raises(vapor.NotInCatalog) as caught:
        look_up(asked)
    assert nearest in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_the_last_part_of_an_id_is_enough_where_it_names_one_entry():
    assert catalog.model("gpt2").id == "openai-community/gpt2"
    assert catalog.dataset("MetaMathQA").id == "meta-math/MetaMathQA"


def test_an_entry_of_ones_own_is_itself():
    own = catalog.model("gpt2").changed(id="me/mine")
    assert catalog.model(own) is own


def test_entries_are_frozen():
    for entry in (catalog.models()[0], catalog.datasets()[0], catalog.accelerators()[0]):
        with pytest.raises(ValidationError, match="frozen"):
            entry.id = "other"


def test_search_finds_by_words_family_and_size():
    assert [model.id for model in catalog.search_models("smollm2 135")] == ["HuggingFaceTB/SmolLM2-135M"]
    assert {model.family for model in catalog.search_models(family="Qwen3")} == {"Qwen3"}
    small = catalog.search_models(largest=200e6)
    assert small
    assert all(model.parameters <= 200e6 for model in small)
    assert catalog.search_models() == catalog.models()
    assert catalog.search_models("no such model") == ()
    assert all(model.licence == "mit" for model in catalog.search_models("mit phi"))


def test_a_dataset_of_ones_own_is_described_by_its_namesake_unless_it_speaks_for_itself():
    own = vapor.Dataset(id="MetaMathQA", tokens=4_200_000, examples=20_000)
    found = catalog.described(own)
    assert (found.kind, found.tokens, found.examples) == ("math", own.tokens, own.examples)
    law = catalog.described(vapor.Dataset(id="falcon-refinedweb", tokens=10**9, examples=10**6)).loss_law
    assert law == catalog.dataset("tiiuae/falcon-refinedweb").loss_law
    assert law is not None
    for settled in (own.changed(kind="chat"), vapor.Dataset(id="mine", tokens=1, examples=1)):
        assert catalog.described(settled) is settled
    assert catalog.described(vapor.Dataset.model_validate_json(own.model_dump_json())) == found


def test_a_model_built_by_hand_has_the_catalogs_of_its_shape_as_twin():
    known = catalog.model("meta-llama/Llama-3.2-1B")
    shape = {name: getattr(known, name) for name in (
        "parameters", "layers", "hidden_size", "intermediate_size", "attention_heads", "kv_heads",
        "vocabulary_size",
    )}  # fmt: skip
    own = vapor.CatalogModel(id="llama-3.2-1b", **shape)
    assert catalog.twin(own) == known
    assert catalog.twin(own.changed(layers=17)) is None
