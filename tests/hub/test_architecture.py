"""A config.json is read for every family by its own key names, and refused with a reason where it cannot be."""

import json
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vapor_core.contracts.entries import CatalogModel
from vapor_core.errors import InvalidConfig
from vapor_core.hub.architecture import Published, read_architecture
from vapor_core.hub.config_figures import class_defaults

# what the publishers' config.json files say, and the parameter count that they publish
LLAMA = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "num_hidden_layers": 16,
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "tie_word_embeddings": True,
}
GPT2 = {
    "model_type": "gpt2",
    "architectures": ["GPT2LMHeadModel"],
    "n_layer": 12,
    "n_embd": 768,
    "n_head": 12,
    "n_positions": 1024,
    "n_inner": None,
    "vocab_size": 50257,
}
PYTHIA = {
    "model_type": "gpt_neox",
    "architectures": ["GPTNeoXForCausalLM"],
    "num_hidden_layers": 16,
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_attention_heads": 8,
    "vocab_size": 50304,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": False,
}
OPT = {
    "model_type": "opt",
    "architectures": ["OPTForCausalLM"],
    "num_hidden_layers": 12,
    "hidden_size": 768,
    "ffn_dim": 3072,
    "num_attention_heads": 12,
    "vocab_size": 50272,
    "max_position_embeddings": 2048,
}
MPT = {
    "model_type": "mpt",
    "architectures": ["MPTForCausalLM"],
    "n_layers": 32,
    "d_model": 4096,
    "n_heads": 32,
    "expansion_ratio": 4,
    "vocab_size": 50432,
    "max_seq_len": 2048,
    "attn_config": {"attn_type": "multihead_attention", "alibi": True},
}
FALCON = {
    "model_type": "falcon",
    "architectures": ["FalconForCausalLM"],
    "num_hidden_layers": 32,
    "hidden_size": 4544,
    "num_attention_heads": 71,
    "multi_query": True,
    "new_decoder_architecture": False,
    "vocab_size": 65024,
}
GEMMA3 = {
    "model_type": "gemma3",
    "architectures": ["Gemma3ForConditionalGeneration"],
    "vision_config": {"hidden_size": 1152, "num_hidden_layers": 27, "model_type": "siglip_vision_model"},
    "text_config": {
        "model_type": "gemma3_text",
        "hidden_size": 2560,
        "intermediate_size": 10240,
        "num_hidden_layers": 34,
        "sliding_window": 1024,
    },
}
LFM2 = {
    "model_type": "lfm2",
    "architectures": ["Lfm2ForCausalLM"],
    "num_hidden_layers": 16,
    "hidden_size": 1024,
    "block_ff_dim": 6656,
    "block_auto_adjust_ff_dim": True,
    "block_ffn_dim_multiplier": 1.0,
    "block_multiple_of": 256,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "full_attn_idxs": [2, 5, 8, 10, 12, 14],
    "vocab_size": 65536,
    "max_position_embeddings": 128000,
}
OLMOE = {
    "model_type": "olmoe",
    "architectures": ["OlmoeForCausalLM"],
    "num_hidden_layers": 16,
    "hidden_size": 2048,
    "intermediate_size": 1024,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "num_experts": 64,
    "num_experts_per_tok": 8,
    "vocab_size": 50304,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
}

PUBLISHED = {
    "llama": (LLAMA, 1_235_814_400),
    "gpt2": (GPT2, 124_439_808),
    "pythia": (PYTHIA, 1_011_781_632),
    "opt": (OPT, 125_239_296),
    "mpt": (MPT, 6_649_286_656),
    "falcon": (FALCON, 6_921_720_704),
    "gemma3 text": (GEMMA3, 3_880_263_168),
    "lfm2": (LFM2, 354_483_968),
    "olmoe": (OLMOE, 6_919_161_856),
}


def read(config: dict, **published: object) -> CatalogModel:
    return read_architecture("acme/model", config, Published(**published))


@pytest.mark.parametrize("family", PUBLISHED)
def test_the_architecture_sums_to_what_the_publisher_counts(family):
    config, parameters = PUBLISHED[family]
    assert read(config).parameters == pytest.approx(parameters, rel=0.02)


@pytest.mark.parametrize("family", PUBLISHED)
def test_the_published_count_holds_where_there_is_one(family):
    config, parameters = PUBLISHED[family]
    model = read(config, parameters=parameters)
    assert (model.parameters, model.note) == (parameters, "")


def test_key_value_heads_by_each_familys_word():
    heads = {family: read(config).kv_heads for family, (config, _) in PUBLISHED.items()}
    assert (heads["llama"], heads["gpt2"], heads["falcon"], heads["gemma3 text"]) == (8, 12, 1, 4)


def test_a_hybrid_keeps_keys_only_where_it_attends():
    assert read(LFM2).attention_layers == 6
    assert read(LFM2).intermediate_size == 4608
    assert read(LLAMA).attention_layers is None
    mixed = {**LLAMA, "layer_types": ["full_attention", "linear_attention"] * 8}
    assert read(mixed).attention_layers == 8


def test_a_mixture_of_experts_visits_fewer_parameters_than_it_has():
    model = read(OLMOE, parameters=6_919_161_856)
    assert model.active_parameters == pytest.approx(1.28e9, rel=0.02)


def test_tied_embeddings_follow_the_familys_default_where_unsaid():
    untold = {key: value for key, value in LLAMA.items() if key != "tie_word_embeddings"}
    assert not read(untold).tied_embeddings
    assert read({**untold, "model_type": "smollm3"}).tied_embeddings


@pytest.mark.parametrize(
    "published", [{"parameters": 10**13}, {"parameters": 5}, {"parameters": 300_000_000}]
)
def test_a_count_that_the_architecture_contradicts_is_not_believed(published):
    assert read(LLAMA, **published).parameters == pytest.approx(1_235_814_400, rel=0.01)


def test_packed_weights_are_not_counted_as_parameters():
    assert read(LLAMA, parameters=700_000_000, quantized=True).parameters > 1.2e9


def test_the_hubs_count_wins_over_a_sum_that_disagrees_and_the_person_is_told():
    model = read(LLAMA, parameters=1_500_000_000)
    assert model.parameters == 1_500_000_000
    assert model.note == "the Hub counts 1.50 B parameters, its architecture sums to 1.24 B"
    unlike = {**LLAMA, "model_type": "unheard-of"}
    assert read(unlike, parameters=30_000_000_000).parameters == 30_000_000_000
    assert "not known to Vapor" in read(unlike).note


def test_a_count_of_something_else_is_named_with_the_sum():
    assert "count of 5 is of something else" in read(LLAMA, parameters=5).note
    assert "packed" in read(LLAMA, parameters=700_000_000, quantized=True).note


def test_a_layer_of_an_unknown_kind_is_never_a_cache_of_nothing():
    model = read({**LLAMA, "layer_types": ["ring_attention"] * 16})
    assert model.kv_values_per_token == read(LLAMA).kv_values_per_token
    assert "ring_attention" in model.note


def test_blocks_of_their_own_are_counted_one_by_one():
    """Nemotron-NAS lists a block a layer; some do not attend, and widths are two thirds of a multiple."""
    attends = {
        "attention": {"n_heads_in_group": 8, "no_op": False},
        "ffn": {"ffn_mult": 5.25, "no_op": False},
    }
    skips = {
        "attention": {"n_heads_in_group": None, "no_op": True},
        "ffn": {"ffn_mult": 2.625, "no_op": False},
    }
    blocks = {"model_type": "nemotron-nas", "num_hidden_layers": 4, "block_configs": [attends, skips] * 2}
    sizes = {
        "hidden_size": 8192,
        "num_attention_heads": 64,
        "vocab_size": 128256,
        "tie_word_embeddings": False,
    }
    model = read({**blocks, **sizes, "num_key_value_heads": None, "intermediate_size": None})
    assert (model.attention_layers, model.kv_values_per_token) == (2, 2 * 2 * 8 * 128)
    attention, mlps = 2 * (2 * 8192**2 + 2 * 8192 * 1024), 2 * 3 * 8192 * (28672 + 14336)
    assert model.parameters == attention + mlps + 2 * 128256 * 8192


def test_windows_are_told_layer_by_layer():
    model = read(GEMMA3)
    assert (model.sliding_layers, model.sliding_window) == (29, 1024)
    assert read(LLAMA).sliding_layers is None


def test_what_a_checkpoint_has_for_images_is_no_part_of_its_language_model():
    model = read(GEMMA3, parameters=4_300_079_472)
    assert model.parameters == pytest.approx(3_880_263_168, rel=0.01)
    assert "for images or sound are left out" in model.note
    assert read(GEMMA3, parameters=3_880_263_168).note == ""


@pytest.mark.parametrize(
    "name", ["ChatGLMModel", "InternVLChatModel", "GPT2Model", "LlamaModel", "AnyNewLM", ""]
)
def test_a_class_with_another_name_is_not_said_to_write_no_text(name):
    assert read({**LLAMA, "architectures": [name]}).parameters > 1e9


REFUSED = {
    "a reward model": (
        {**LLAMA, "architectures": ["LlamaForSequenceClassification"]},
        "ForSequenceClassification",
    ),
    "an encoder": ({**LLAMA, "architectures": ["BertModel"], "model_type": "bert"}, "bert does not generate"),
    "a family that cannot be counted": ({**LLAMA, "model_type": "rwkv7"}, "rwkv7 are built in a way"),
    "another number of letters": ({**LLAMA, "hybrid_override_pattern": "M-"}, "2 layers"),
    "another task": ({**LLAMA, "architectures": ["BertForMaskedLM"]}, "does not generate text"),
    "an encoder-decoder": ({**LLAMA, "is_encoder_decoder": True}, "encoder-decoder"),
    "no heads": (
        {key: LLAMA[key] for key in LLAMA if key != "num_attention_heads"} | {"model_type": "unheard-of"},
        "num_attention_heads",
    ),
    "a negative size": ({**LLAMA, "hidden_size": -1}, "hidden_size"),
    "a boolean": ({**LLAMA, "num_hidden_layers": True}, "num_hidden_layers"),
    "a word": ({**LLAMA, "vocab_size": "many"}, "vocab_size"),
    "an absurd size": ({**LLAMA, "vocab_size": 10**12}, "vocabulary_size"),
    "heads that do not divide": ({**LLAMA, "num_key_value_heads": 7}, "kv_heads"),
    "nothing": ({}, "num_hidden_layers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_config_is_refused_with_the_reason_for(case):
    config, word = REFUSED[case]
    with pytest.raises(InvalidConfig, match=word):
        read(config)


KINDS = sorted(json.loads(files("vapor_core.data").joinpath("architectures.json").read_text())["defaults"])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
# whatever a config.json may say that is read
KEYS = sorted(
    {name for defaults in (class_defaults(kind) for kind in KINDS) for name in defaults}
    | {*LLAMA, *GPT2, *MPT, *FALCON, *GEMMA3, *LFM2, *OLMOE, "layer_types", "tie_embedding", "block_configs"}
    | {
        "hybrid_override_pattern",
        "moe_layers_enum",
        "linear_attn_config",
        "num_query_heads",
        "ffn_multipliers",
    }
)


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=6))
def test_whatever_a_config_says_it_is_read_or_refused(kind, junk):
    try:
        assert read({**LLAMA, "model_type": kind, **junk}).parameters > 0
    except InvalidConfig as refused:
        assert str(refused)
