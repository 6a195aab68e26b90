"""Every entry of the catalog is whole, sourced and sums to what its publisher says."""

import json
import re
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
from pydantic import ValidationError

import vapor_core as vapor
from vapor_core import catalog
from vapor_core.hub.architecture import Published, read_architecture
from vapor_core.physics.transformer import transformer

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
LEARNED_POSITIONS = {"GPT-2", "OPT", "GPT-Neo"}
TABLES = Path(__file__).parent / "data" / "models"
CONFIGS = ("dense", "latent", "mixtures", "hybrids", "images")
# Bytes of the 16-bit key-value cache a token, by hand: 2 x layers x key heads x width x 2, or what is kept of a latent.
KV_BYTES = {
    "meta-llama/Llama-2-7b-hf": 524_288,
    "meta-llama/Llama-2-70b-hf": 327_680,
    "meta-llama/Llama-3.1-8B": 131_072,
    "meta-llama/Llama-3.1-70B": 327_680,
    "meta-llama/Llama-3.1-405B": 516_096,
    "mistralai/Mixtral-8x7B-v0.1": 131_072,
    "mistralai/Mistral-Nemo-Base-2407": 163_840,
    "Qwen/Qwen2.5-7B": 57_344,
    "Qwen/Qwen2.5-72B": 327_680,
    "Qwen/Qwen3-0.6B": 114_688,
    "Qwen/Qwen3-235B-A22B": 192_512,
    "google/gemma-2-27b": 376_832,
    "google/gemma-3-27b-pt": 507_904,
    "deepseek-ai/DeepSeek-V2-Lite": 31_104,
    "deepseek-ai/DeepSeek-V3": 70_272,
    "deepseek-ai/DeepSeek-R1": 70_272,
    "openai/gpt-oss-20b": 49_152,
    "openai/gpt-oss-120b": 73_728,
    "tiiuae/falcon-7b": 8_192,
    "bigcode/starcoderbase": 20_480,
    "CohereLabs/c4ai-command-r-v01": 1_310_720,
    "nvidia/Nemotron-H-8B-Base-8K": 16_384,
    "LiquidAI/LFM2-1.2B": 12_288,
}
MODELS = pytest.mark.parametrize("model", catalog.models(), ids=lambda entry: entry.id)
SETS = pytest.mark.parametrize("dataset", catalog.datasets(), ids=lambda entry: entry.id)


def matrix_parameters(model):
    """Embeddings, attention, MLP and routers by the published shapes; norms and biases are under 0.5 %."""
    learns = model.family in LEARNED_POSITIONS or model.id.startswith("bigcode/starcoderbase")
    learned = model.context_length * model.hidden_size if learns else 0
    routers = (model.layers - (model.dense_layers or 0)) * model.hidden_size * (model.experts or 0)
    return transformer(model).dense_parameters + learned + routers


def raw(file):
    return json.loads(files("vapor_core.data").joinpath(file).read_text(encoding="utf-8"))


@cache
def table(name):
    return json.loads((TABLES / f"{name}.json").read_text(encoding="utf-8"))["models"]


@cache
def configs():
    """The config.json figures of every model that was filed with them, by id."""
    stored = {entry["id"]: entry["config"] for name in CONFIGS for entry in table(name)}
    return {
        model_id: entry.get("config") or stored[entry["of"]]
        for entry in table("catalog")
        for model_id in entry["ids"]
    }


def test_the_catalog_is_large_enough():
    assert len(catalog.models()) >= 120
    assert len(catalog.accelerators()) >= 40
    assert len(catalog.datasets()) >= 12
    assert catalog.models()[0].parameters < 25e6
    assert 600e9 < catalog.models()[-1].parameters < 700e9


@pytest.mark.parametrize(
    "family",
    [
        *("Llama", "Code Llama", "Mistral", "Qwen", "Qwen1.5", "Qwen2", "Qwen2.5", "Qwen3", "Gemma", "Phi"),
        *("DeepSeek", "gpt-oss", "GLM", "Yi", "Falcon", "MPT", "StarCoder", "OLMo", "Granite", "SmolLM"),
        *("LFM2", "Nemotron", "Command"),
    ],
)
def test_the_families_that_people_train_are_all_there(family):
    assert catalog.search_models(family=family)


@pytest.mark.parametrize("family", ["Llama", "Mistral", "Qwen2.5", "Qwen3", "Gemma", "SmolLM"])
def test_families_that_are_used_both_ways_have_base_and_tuned_models(family):
    assert {model.instruction_tuned for model in catalog.search_models(family=family)} == {True, False}


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


@MODELS
def test_a_model_has_as_many_parameters_as_its_publisher_says(model):
    assert model.parameters == pytest.approx(table("published")[model.id], rel=0.01)


# What a catalog entry and an import of its config.json must agree on; the rest is a publisher's word.
READ = (
    *("layers", "hidden_size", "intermediate_size", "attention_heads", "kv_heads", "vocabulary_size", "head_size"),
    *("tied_embeddings", "attention_layers", "attention_parameters", "kv_cache_values", "latent_attention"),
    *("gated_mlp", "experts", "experts_per_token", "expert_size", "shared_expert_size", "dense_layers"),
)  # fmt: skip


@pytest.mark.parametrize("model_id", sorted(configs()))
def test_an_import_of_the_same_config_tells_no_other_model_than_the_catalog(model_id):
    entry, read = catalog.model(model_id), read_architecture(model_id, configs()[model_id], Published())
    assert {name: getattr(entry, name) for name in READ} == {name: getattr(read, name) for name in READ}
    assert entry.parameters == pytest.approx(read.parameters, rel=0.005)
    assert entry.kv_values_per_token == read.kv_values_per_token
    if entry.active_parameters is not None:
        assert entry.active_parameters == pytest.approx(read.active_parameters, rel=0.005)
    if entry.sliding_layers is not None:
        assert (entry.sliding_layers, entry.sliding_window) == (read.sliding_layers, read.sliding_window)


@pytest.mark.parametrize(("model_id", "kv_bytes"), KV_BYTES.items())
def test_a_token_keeps_in_the_cache_what_its_layers_keep(model_id, kv_bytes):
    assert 2 * catalog.model(model_id).kv_values_per_token == kv_bytes


@pytest.mark.parametrize(
    "model", [each for each in catalog.models() if each.active_parameters], ids=lambda each: each.id
)
def test_a_mixture_says_how_many_experts_a_token_meets(model):
    assert 0 < model.experts_per_token < model.experts
    assert 0 <= model.dense_layers < model.layers
    assert model.active_parameters < model.parameters
    widest = model.experts_per_token * model.expert_size + model.shared_expert_size
    assert model.dense_layers or model.attention_layers or model.intermediate_size == widest


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
def test_pretraining_tokens_are_between_fifty_billion_and_forty_trillion(model):
    assert 5e10 <= model.pretraining_tokens <= 4e13


@pytest.mark.parametrize("owner", ["meta-llama", "google"])
def test_models_behind_an_agreement_are_marked(owner):
    theirs = [model for model in catalog.models() if model.id.startswith(owner + "/")]
    assert theirs
    assert all(model.gated_access for model in theirs)


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
    found = [model.id for model in catalog.search_models("smollm2 135")]
    assert found == ["HuggingFaceTB/SmolLM2-135M", "HuggingFaceTB/SmolLM2-135M-Instruct"]
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
