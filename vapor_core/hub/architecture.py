"""How a model is built, read from the config.json that its publisher shipped.

The file comes from outside and is believed nowhere: every figure is checked for type and bounds, and what
cannot be read raises InvalidConfig with the reason. Fetching it is `client`'s work.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from vapor_core.contracts.entries import CatalogModel
from vapor_core.errors import InvalidConfig
from vapor_core.physics.transformer import transformer

LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
HIDDEN = ("hidden_size", "n_embd", "d_model", "dim")
HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads")
KV_HEADS = ("num_key_value_heads", "num_kv_heads", "n_kv_heads", "kv_n_heads")
INTERMEDIATE = ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size", "block_ff_dim", "d_ff")
VOCABULARY = ("vocab_size", "padded_vocab_size")
CONTEXT = (
    "max_position_embeddings",
    "n_positions",
    "n_ctx",
    "max_seq_len",
    "max_sequence_length",
    "seq_length",
)
EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")

# A plain two-matrix MLP; the other decoders that transformers knows have a gated one.
PLAIN_MLP = {
    "gpt2",
    "gpt_neo",
    "gpt_neox",
    "gptj",
    "gpt_bigcode",
    "opt",
    "falcon",
    "mpt",
    "phi",
    "bloom",
    "starcoder2",
}
# transformers leaves out of config.json what equals the default of the model's class; these are such defaults.
TIED = {
    "gpt2",
    "gpt_neo",
    "gpt_bigcode",
    "opt",
    "falcon",
    "mpt",
    "bloom",
    "starcoder2",
    "smollm3",
    "lfm2",
    "cohere",
}
TIED |= {"gemma", "gemma2", "gemma3", "gemma3_text"}
DEFAULTS: dict[str, dict[str, int]] = {
    "gemma": {"head_dim": 256},
    "gemma2": {"head_dim": 256},
    "gemma3_text": {
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "vocab_size": 262_208,
        "max_position_embeddings": 131_072,
    },
    "qwen3": {"head_dim": 128},
    "mistral": {"num_key_value_heads": 8},
    "gpt2": {"vocab_size": 50_257, "n_positions": 1024},
    "falcon": {"max_position_embeddings": 2048},
}
LEARNED_POSITIONS = {"gpt2", "gpt_neo", "opt", "gpt_bigcode"}
DECODER_CLASSES = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
ATTENTION_LAYER_TYPES = {"full_attention", "sliding_attention", "chunked_attention", "attention"}


@dataclass(frozen=True, slots=True)
class Published:
    """What the Hub says about a model beside its config.json; None where it says nothing."""

    parameters: int | None = None  # from the safetensors headers
    quantized: bool = False  # `parameters` then counts packed integers, not weights
    licence: str | None = None
    released: str | None = None
    gated: bool = False
    downloads: int | None = None
    source: str = ""


def read_architecture(model_id: str, config: Mapping[str, object], published: Published) -> CatalogModel:
    """The model that a config.json describes.

    The published parameter count holds where it lies within a factor 2 of what the architecture sums to; a
    model with images or sound beside its text, or a quantised one, gets the sum of its text decoder.

    Raises:
        InvalidConfig: with the reason why the architecture cannot be read.
    """
    text = _text_part(config)
    kind = str(text.get("model_type", ""))[:60]
    _refuse_other_tasks(config, text)
    layers, hidden, heads = (_count(text, kind, names) for names in (LAYERS, HIDDEN, HEADS))
    width = _mlp_width(text, kind, hidden)
    experts = _experts(text)
    model = CatalogModel(
        id=model_id,
        parameters=1,
        layers=layers,
        hidden_size=hidden,
        intermediate_size=width * max(experts[1], 1),
        attention_heads=heads,
        kv_heads=_kv_heads(text, kind, heads),
        vocabulary_size=_count(text, kind, VOCABULARY),
        context_length=_find(text, kind, CONTEXT) or 2048,
        tied_embeddings=_tied(text, kind),
        licence=published.licence,
        released=published.released,
        source=published.source,
        family=kind,
        head_size=_find(text, kind, ("head_dim",)),
        attention_layers=_attention_layers(text, layers),
        gated_mlp=kind not in PLAIN_MLP,
        gated_access=published.gated,
        downloads=published.downloads,
    )
    return _with_parameters(model, published, experts=experts[0], mlp_width=width)


def _text_part(config: Mapping[str, object]) -> dict[str, object]:
    """The decoder's own settings: a multi-modal config keeps them one level down."""
    outer = dict(config)
    for key in ("text_config", "llm_config", "language_config"):
        inner = outer.get(key)
        if isinstance(inner, Mapping):
            return {**outer, **{str(name): value for name, value in inner.items()}}
    attention = outer.get("attn_config")  # MPT
    if isinstance(attention, Mapping):
        outer.setdefault("kv_n_heads", attention.get("kv_n_heads"))
    return outer


def _refuse_other_tasks(config: Mapping[str, object], text: Mapping[str, object]) -> None:
    if config.get("is_encoder_decoder") is True or text.get("is_encoder_decoder") is True:
        raise InvalidConfig("it is an encoder-decoder; Vapor rehearses decoder-only text models")
    classes = config.get("architectures")
    names = [name for name in classes if isinstance(name, str)] if isinstance(classes, list) else []
    if names and not any(name.endswith(DECODER_CLASSES) for name in names):
        raise InvalidConfig("it does not generate text; Vapor rehearses decoder-only text models")


def _whole(value: object) -> int | None:
    """A positive whole number, or None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**15 else None


def _find(text: Mapping[str, object], kind: str, names: tuple[str, ...]) -> int | None:
    defaults = DEFAULTS.get(kind, {})
    for source in (text, defaults):
        for name in names:
            if (value := source.get(name)) is not None:
                whole = _whole(value)
                if whole is None:
                    raise InvalidConfig(f"its config.json gives no usable {name}")
                return whole
    return None


def _count(text: Mapping[str, object], kind: str, names: tuple[str, ...]) -> int:
    found = _find(text, kind, names)
    if found is None:
        raise InvalidConfig(f"its config.json does not say {names[0]}")
    return found


def _kv_heads(text: Mapping[str, object], kind: str, heads: int) -> int:
    if kind == "falcon" and text.get("new_decoder_architecture") is not True:
        return 1 if text.get("multi_query", True) is True else heads
    if kind == "gpt_bigcode" and text.get("multi_query", True) is True:
        return 1
    return _find(text, kind, KV_HEADS) or heads


def _mlp_width(text: Mapping[str, object], kind: str, hidden: int) -> int:
    expert = _find(text, kind, ("moe_intermediate_size",)) if _experts(text)[0] else None
    width = expert or _find(text, kind, INTERMEDIATE)
    if width is None:
        ratio = text.get("expansion_ratio", 4)  # MPT and its like
        return (ratio if isinstance(ratio, int) and 0 < ratio <= 64 else 4) * hidden
    if kind == "lfm2" and text.get("block_auto_adjust_ff_dim", True) is True:
        width = _find(text, kind, ("block_ff_dim",)) or width
        multiple = _whole(text.get("block_multiple_of")) or 256
        scale = text.get("block_ffn_dim_multiplier")
        width = int((scale if isinstance(scale, float) and 0 < scale < 64 else 1.0) * int(2 * width / 3))
        return multiple * ((width + multiple - 1) // multiple)
    return width


def _tied(text: Mapping[str, object], kind: str) -> bool:
    for key in ("tie_word_embeddings", "tie_embedding"):
        if isinstance(value := text.get(key), bool):
            return value
    return kind in TIED


def _attention_layers(text: Mapping[str, object], layers: int) -> int | None:
    """How many layers attend, where fewer than all do."""
    kinds = text.get("layer_types") or text.get("layers_block_type")
    if isinstance(kinds, list) and len(kinds) == layers:
        attending = sum(1 for entry in kinds if entry in ATTENTION_LAYER_TYPES)
    elif isinstance(indices := text.get("full_attn_idxs") or text.get("attn_layer_indices"), list):
        attending = len({index for index in indices if isinstance(index, int) and 0 <= index < layers})
    else:
        return None
    return attending if attending < layers else None


def _experts(text: Mapping[str, object]) -> tuple[int, int]:
    """Experts of a layer and how many of them one token visits; (0, 0) for a dense model."""
    experts = next((count for name in EXPERTS if (count := _whole(text.get(name)))), 0)
    if experts < 2:
        return 0, 0
    visited = _whole(text.get("num_experts_per_tok")) or 2
    return experts, min(visited, experts)


def _with_parameters(
    model: CatalogModel, published: Published, *, experts: int, mlp_width: int
) -> CatalogModel:
    counts = transformer(model)
    learned = model.context_length * model.hidden_size if model.family in LEARNED_POSITIONS else 0
    active = counts.dense_parameters + learned
    one_wide = counts.layers * counts.mlp_matrices * counts.hidden
    total = active + one_wide * (mlp_width * experts - counts.intermediate) if experts else active
    count = published.parameters
    note = ""
    if count is None or published.quantized or not total / 2 <= count <= total * 2:
        note = "parameters summed from the architecture"
        count = total
    extra: dict[str, object] = {"active_parameters": min(active, count)} if experts else {}
    return model.changed(parameters=count, note=note, **extra)
