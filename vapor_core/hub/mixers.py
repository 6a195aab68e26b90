"""How many parameters each kind of token mixer has, and how many numbers it keeps for a token: attention and the rest.

Counted are weights of matrices; norms and biases (under 0.5 %) are left out. Sources: latent attention, DeepSeek 2024
(V2); state spaces, Gu 2023 and Dao 2024 (Mamba 1 and 2); gated delta nets, Yang 2024; RG-LRU, De 2024 (Griffin);
shapes as transformers 5.24 builds them.
"""

from dataclasses import dataclass
from math import ceil

from vapor_core.hub.config_figures import HEADS, Figures, whole
from vapor_core.hub.layers import BOTH, CROSS, LINEAR, NOTHING, SLIDING, STATE_SPACES

KV_HEADS = (
    *(
        "num_key_value_heads",
        "num_kv_heads",
        "n_kv_heads",
        "kv_n_heads",
        "n_head_kv",
        "multi_query_group_num",
    ),
    *("num_key_value_groups_heads", "num_attention_groups"),
)
HEAD_SIZE = ("head_dim", "attention_head_dim", "head_size", "attention_head_size", "kv_channels", "dim_head")
INDEX_KEYS = {"deepseek_v32", "glm_moe_dsa"}  # they keep a key more a token and layer, to choose by


@dataclass(frozen=True, slots=True)
class Mixer:
    """One layer's mixer: its parameters, and the numbers that the cache keeps for one token."""

    parameters: int
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Heads:
    """Attention heads of the layers that attend: the most of a layer where layers differ.

    Attributes:
        size: width of a head's queries and keys.
        value_size: width of its values.
        each: (query heads, key heads) a layer, where they differ.
    """

    query: int
    key: int
    size: int
    value_size: int
    each: tuple[tuple[int, int], ...] = ()

    def of(self, layer: int) -> tuple[int, int]:
        """(query heads, key heads) of a layer."""
        return self.each[layer] if layer < len(self.each) else (self.query, self.key)


def heads_of(figures: Figures, hidden: int, layers: int) -> Heads:
    """The attention heads that a config.json describes.

    Raises:
        InvalidConfig: where it gives none, or such as no model has.
    """
    if figures.kind in STATE_SPACES:
        return Heads(1, 1, 1, 1)
    each = _heads_by_layer(figures, layers)
    query = max((of_layer for of_layer, _ in each), default=0) or figures.needed(HEADS)
    key = max((of_layer for _, of_layer in each), default=0) or _kv_heads(figures, query)
    size = figures.whole(*HEAD_SIZE) or max(hidden // query, 1)
    value_size = figures.whole("v_head_dim") or size
    if latent_rank(figures):
        size = figures.amount("qk_nope_head_dim") + figures.amount("qk_rope_head_dim") or size
        value_size = figures.whole("v_head_dim") or max(hidden // query, 1)
    return Heads(query, key, size, value_size, tuple(each))


def _heads_by_layer(figures: Figures, layers: int) -> list[tuple[int, int]]:
    """OpenELM lists heads a layer, Nemotron-NAS blocks, DeciLM keys alone; empty where all layers are alike."""
    queries, keys = (
        figures.each("num_query_heads"),
        figures.each("num_kv_heads", "num_key_value_heads_per_layer"),
    )
    if queries is not None and keys is not None and len(queries) == len(keys) == layers:
        return list(zip(queries, keys, strict=True))
    if keys is not None and len(keys) == layers:
        return [(figures.needed(HEADS), key) for key in keys]
    blocks = figures.get("block_configs")
    if not isinstance(blocks, list) or len(blocks) != layers:
        return []
    query, found = figures.needed(HEADS), []
    for block in blocks:
        attention = block.get("attention") if isinstance(block, dict) else None
        said = attention if isinstance(attention, dict) else {}
        group = whole(said.get("n_heads_in_group"))
        lacks = said.get("no_op") is True or said.get("replace_with_linear") is True
        found.append((0, 0) if lacks else (query, max(query // group, 1) if group else query))
    return found


def _kv_heads(figures: Figures, query: int) -> int:
    kind = figures.kind
    if kind in ("falcon", "RefinedWeb", "RefinedWebModel"):
        newer = figures.flag("new_decoder_architecture") or figures.get("n_head_kv") is not None
        if not newer:
            return 1 if figures.flag("multi_query", kind != "RefinedWeb") else query
    if kind == "gpt_bigcode" and figures.flag("multi_query", True):
        return 1
    if figures.get("multi_query_attention") is False:  # ChatGLM
        return query
    inner = figures.part("attn_config") or figures.part("attention")
    grouped = whole(inner.get("kv_n_heads"))
    if inner.get("attn_type") == "multiquery_attention":  # MPT
        return 1
    return grouped or figures.whole(*KV_HEADS) or query


def latent_rank(figures: Figures) -> int:
    """Width of the compressed keys and values of multi-head latent attention; 0 where there is none."""
    return figures.amount("kv_lora_rank") if figures.get("use_mla") is not False else 0


def mixer(figures: Figures, hidden: int, heads: Heads, kind: str, layer: int) -> Mixer:
    """The mixer of one layer, by the kind that `layers_of` gives it."""
    if kind == NOTHING:
        return Mixer(0)
    if kind == LINEAR:
        return Mixer(_linear(figures, hidden, heads))
    if kind == BOTH and figures.kind in ("zamba", "zamba2"):  # the block is shared, its cache is not
        width = figures.whole("attention_head_dim") or 2 * hidden // heads.query
        return Mixer(_linear(figures, hidden, heads) + hidden * hidden, 2 * heads.key * width)
    attending = attention(figures, hidden, heads, layer, sliding=kind == SLIDING)
    if kind == BOTH:
        return Mixer(attending.parameters + _linear(figures, hidden, heads), attending.cached)
    if kind == CROSS:  # its keys are of the image, none a token
        return Mixer(attending.parameters)
    return attending


def attention(figures: Figures, hidden: int, heads: Heads, layer: int, *, sliding: bool = False) -> Mixer:
    """An attention layer; those of a window may have heads of their own."""
    if rank := latent_rank(figures):
        return _latent(figures, hidden, heads, rank)
    if figures.kind == "jetmoe":  # queries and outputs are experts
        wide = heads.key * heads.size
        return Mixer(2 * hidden * wide * (1 + figures.amount("num_local_experts")), 2 * wide)
    query, key = heads.of(layer)
    size, value = heads.size, heads.value_size
    if not query:
        return Mixer(0)
    if sliding:
        query = figures.whole("swa_num_attention_heads", "num_sliding_attention_heads") or query
        key = figures.whole("swa_num_key_value_heads") or key
        size = value = figures.whole("swa_head_dim") or size
        value = figures.whole("swa_v_head_dim") or heads.value_size if size == heads.size else value
    elif (wider := figures.whole("global_head_dim")) is not None and figures.kind.startswith("gemma4"):
        size = value = wider
        key = figures.whole("num_global_key_value_heads") or key
    gates = 2 if _is_gated(figures) else 1
    tied = figures.flag("attention_k_eq_v") and not sliding and figures.kind.startswith("gemma4")
    parameters = hidden * query * size * gates + hidden * key * size
    parameters += (0 if tied else hidden * key * value) + query * value * hidden
    return Mixer(parameters, key * (size + value))


def _is_gated(figures: Figures) -> bool:
    """Whether a gate as wide as the queries multiplies attention's output."""
    return figures.kind.startswith(("qwen3_next", "qwen3_5", "afmoe")) or figures.flag("attn_output_gate")


def _latent(figures: Figures, hidden: int, heads: Heads, rank: int) -> Mixer:
    rope = figures.amount("qk_rope_head_dim")
    nope = heads.size - rope
    query = figures.amount("q_lora_rank")
    wide = heads.query * heads.size
    parameters = hidden * query + query * wide if query else hidden * wide
    parameters += hidden * (rank + rope) + rank * heads.query * (nope + heads.value_size)
    parameters += heads.query * heads.value_size * hidden
    cached = rank + rope
    if figures.kind in INDEX_KEYS:
        width, count = figures.amount("index_head_dim"), figures.amount("index_n_heads")
        parameters += query * count * width + hidden * (width + count)
        cached += width
    return Mixer(parameters, cached)


def _linear(figures: Figures, hidden: int, heads: Heads) -> int:
    """Parameters of what mixes tokens without keys and values."""
    kind = figures.kind
    if kind.startswith(("lfm2", "lfm3")):
        return 4 * hidden * hidden + hidden * (figures.whole("conv_L_cache") or 3)
    if kind == "recurrent_gemma":
        width = figures.whole("lru_width") or hidden
        return 3 * hidden * width + 2 * width * width // heads.query + 4 * width
    if kind in ("kimi_linear", "bailing_hybrid") or figures.part("linear_attn_config"):
        return _channelwise_delta(figures, hidden, heads)
    if figures.get("linear_value_head_dim") is not None or figures.kind == "olmo_hybrid":
        return _delta(figures, hidden, heads)
    return _of_family(figures, hidden, heads)


def _of_family(figures: Figures, hidden: int, heads: Heads) -> int:
    kind = figures.kind
    if kind.startswith("minimax"):  # lightning attention, with a gate
        return 5 * hidden * heads.query * heads.size
    if kind.startswith("rwkv"):
        return 4 * hidden * (figures.whole("attention_hidden_size") or hidden) + _channel_mix(figures, hidden)
    if kind == "xlstm":
        keys, values = figures.ratio("qk_dim_factor") or 0.5, figures.ratio("v_dim_factor") or 1.0
        return int((2 * keys + 3 * values) * hidden * hidden)
    return _state_space(figures, hidden)


def _channel_mix(figures: Figures, hidden: int) -> int:
    """RWKV's own kind of MLP: key, value and a square receptance."""
    return 2 * hidden * (figures.whole("intermediate_size") or 4 * hidden) + hidden * hidden


def _delta(figures: Figures, hidden: int, heads: Heads) -> int:
    """A gated delta net: queries, keys, values, an output gate, two numbers a head, a short convolution."""
    keys = figures.whole("linear_num_key_heads") or heads.query
    values = figures.whole("linear_num_value_heads") or heads.query
    key = keys * (figures.whole("linear_key_head_dim") or int(0.75 * hidden / keys))
    value = values * (figures.whole("linear_value_head_dim") or 2 * key // keys)
    reach = figures.whole("linear_conv_kernel_dim") or 4
    return hidden * (2 * key + 2 * value + 2 * values) + reach * (2 * key + value) + value * hidden


def _channelwise_delta(figures: Figures, hidden: int, heads: Heads) -> int:
    """Kimi's delta attention: q, k, v, o, two low-rank gates as wide as a head, one number a head."""
    inner = figures.part("linear_attn_config")
    count = whole(inner.get("num_heads")) or figures.whole("linear_num_heads") or heads.query
    size = whole(inner.get("head_dim")) or figures.whole("linear_head_dim") or heads.value_size
    wide = count * size
    return 4 * hidden * wide + 2 * (hidden * size + size * wide) + hidden * count + 12 * wide


def _state_space(figures: Figures, hidden: int) -> int:
    """Mamba: the second version where it has heads, the first where it has none."""
    expand = figures.ratio("mamba_expand") or figures.ratio("expand") or 2.0
    state = figures.whole("mamba_d_state", "ssm_state_size", "state_size", "mamba_state_dim") or 16
    reach = figures.whole("mamba_d_conv", "conv_kernel", "mamba_conv_kernel") or 4
    second = figures.kind not in ("zamba", "mamba", "falcon_mamba", "jamba")
    count = (
        figures.whole("mamba_n_heads", "mamba_num_heads", "n_mamba_heads", "num_heads") if second else None
    )
    inner = figures.whole("mamba_d_ssm") or int(expand * hidden)
    if figures.kind in ("mamba", "falcon_mamba"):  # Falcon Mamba's file gives another `expand` than it has
        inner = whole(figures.text.get("intermediate_size")) or inner
    if count:
        sized = figures.get("mamba_d_head") or figures.get("mamba_head_dim") or figures.get("mamba_headdim")
        sized = sized or (figures.get("head_dim") if figures.kind == "mamba2" else None)
        if (size := whole(sized)) is not None and figures.get("mamba_d_ssm") is None:
            inner = count * size
        groups = figures.whole("mamba_n_groups", "n_groups", "mamba_ngroups", "mamba_num_groups") or 1
        through = inner + 2 * groups * state
        return hidden * (inner + through + count) + (reach + 1) * through + inner * hidden
    given = figures.get("mamba_dt_rank") or figures.get("time_step_rank")
    rank = whole(given) or ceil(hidden / 16)
    steps = inner * (rank + 2 * state) + rank * inner + 2 * inner + inner * state
    return hidden * 2 * inner + (reach + 1) * inner + steps + inner * hidden
