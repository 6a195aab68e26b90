"""Which layers a model has: what mixes the tokens of each, and which MLP follows.

Published patterns are read by each family's own key. A kind of layer that is not known is taken for attention, which
keeps the most, and is named; so a cache is never silently nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from vapor_core.errors import InvalidConfig
from vapor_core.hub.config_figures import Figures, whole

ATTENTION, SLIDING, LINEAR, BOTH, CROSS, NOTHING = (
    "attention",
    "sliding",
    "linear",
    "both",
    "cross",
    "nothing",
)
DENSE, EXPERTS = "dense", "experts"
# Words of layer_types and its like.
MIXERS: dict[str, str] = {
    **dict.fromkeys(("full_attention", "attention", "global_attention", "global", "full", "gqa", "mla"), ATTENTION),
    **dict.fromkeys(("sparse_attention", "compressed_sparse_attention", "heavily_compressed_attention"), ATTENTION),
    **dict.fromkeys(("indexed_attention", "deepseek_sparse_attention", "qwen_sparse_attention"), ATTENTION),
    **dict.fromkeys(("sliding_attention", "chunked_attention", "local_attention", "local", "swa"), SLIDING),
    **dict.fromkeys(("linear_attention", "conv", "short_conv", "mamba", "mamba2", "recurrent", "rglru"), LINEAR),
    **dict.fromkeys(("gated_deltanet", "gated_delta_net", "deltanet", "kda", "linear", "ssm"), LINEAR),
    "hybrid": BOTH,
    "cross_attention": CROSS,
    "hybrid_sliding": BOTH,
}  # fmt: skip
EXPERT_COUNTS = (
    "num_local_experts",
    "num_experts",
    "n_routed_experts",
    "moe_num_experts",
    "num_routed_experts",
)
PATTERN = {"M": LINEAR, "*": ATTENTION, "-": DENSE, "E": EXPERTS}  # a letter a layer, Nemotron-H
# Models whose every layer keeps a state in place of keys and values.
STATE_SPACES = {"mamba", "mamba2", "falcon_mamba", "rwkv"}
# Every layer attends and has a state space beside it, whose outputs are added.
PARALLEL = {"falcon_h1", "hymba"}
DELTA_PERIOD = {
    "qwen3_next": 4,
    "qwen3_5": 4,
    "qwen3_5_text": 4,
    "qwen3_5_moe": 4,
    "qwen3_5_moe_text": 4,
    "olmo_hybrid": 4,
}
# One layer in so many is global where a file says no pattern.
SLIDING_PERIOD = {
    "gemma2": 2,
    "gemma3_text": 6,
    "gemma3": 6,
    "gpt_oss": 2,
    "cohere2": 4,
    "olmo3": 4,
    "exaone4": 4,
    "afmoe": 4,
}


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer by what mixes its tokens ("nothing" where it is an MLP alone) and its MLP ("nothing", likewise)."""

    mixer: str
    mlp: str


def layers_of(figures: Figures, count: int) -> tuple[tuple[Layer, ...], tuple[str, ...]]:
    """All layers, first to last, and the words for kinds that are not known (taken for attention).

    Raises:
        InvalidConfig: where a pattern has another number of layers than the file says.
    """
    pattern = figures.get("hybrid_override_pattern")
    blocks = figures.get("layers_block_type") if figures.kind == "nemotron_h" else None
    if isinstance(pattern, str) and pattern:
        return _by_letters(pattern, count), ()
    if isinstance(blocks, list):
        letters = {
            "mamba": "M",
            "linear_attention": "M",
            "attention": "*",
            "full_attention": "*",
            "mlp": "-",
            "moe": "E",
        }
        return _by_letters("".join(letters.get(str(each), "?") for each in blocks), count), ()
    mixers, unknown = _mixers(figures, count)
    mlps = _mlps(figures, count)
    return tuple(map(Layer, mixers, mlps)), unknown


def _by_letters(pattern: str, count: int) -> tuple[Layer, ...]:
    letters = [letter for letter in pattern if letter not in "|\n "]
    if len(letters) != count:
        raise InvalidConfig(f"its hybrid_override_pattern has {len(letters)} layers, its config.json {count}")
    kinds = [PATTERN.get(letter, ATTENTION) for letter in letters]
    return tuple(Layer(NOTHING, kind) if kind in (DENSE, EXPERTS) else Layer(kind, NOTHING) for kind in kinds)


def _mixers(figures: Figures, count: int) -> tuple[list[str], tuple[str, ...]]:
    words = figures.words("layer_types", "layers_block_type")
    if words is None and (repeated := figures.words("block_types", "_block_types")):
        words = list(islice(cycle(repeated), count))
    if words is not None and len(words) >= count:
        unknown = tuple(dict.fromkeys(word for word in words[:count] if word not in MIXERS))
        return [MIXERS.get(word, ATTENTION) for word in words[:count]], unknown
    return _mixers_by_rule(figures, count), ()


def _mixers_by_rule(figures: Figures, count: int) -> list[str]:
    """Mixers where no list names them: by indices, periods or the family."""
    kind, everywhere = figures.kind, range(count)
    if kind in STATE_SPACES or kind == "xlstm":
        return [LINEAR] * count
    if kind in PARALLEL:
        return [BOTH] * count
    crossing = _indices(figures.get("cross_attention_layers"))
    if crossing is not None:
        return [CROSS if index in crossing else ATTENTION for index in everywhere]
    attending = _attending(figures, count)
    if attending is not None:
        other = BOTH if kind in ("zamba", "zamba2") else ATTENTION
        return [other if index in attending else LINEAR for index in everywhere]
    return _windows(figures, count)


def _attending(figures: Figures, count: int) -> set[int] | None:
    """Layers that attend where the others do not; None where all do."""
    for name in ("full_attn_idxs", "attn_layer_indices", "attention_layers_idx", "hybrid_layer_ids"):
        if (given := _indices(figures.get(name))) is not None:
            return given
    linear = figures.part("linear_attn_config")  # Kimi Linear counts its layers from 1
    if (given := _indices(linear.get("full_attn_layers"))) is not None:
        return {index - 1 for index in given}
    kinds = figures.each("attn_type_list")  # MiniMax: 1 attends, 0 is linear
    if kinds is not None:
        return {index for index, kind in enumerate(kinds) if kind}
    return _attending_by_period(figures, count)


def _attending_by_period(figures: Figures, count: int) -> set[int] | None:
    if figures.kind in ("zamba", "zamba2"):
        return _shared_blocks(figures, count)
    if (period := figures.whole("attn_layer_period")) is not None:
        offset = figures.amount("attn_layer_offset")
        return {index for index in range(count) if index % period == offset}
    every = figures.whole("full_attention_interval") or DELTA_PERIOD.get(figures.kind)
    every = every or (figures.whole("layer_group_size") if figures.kind == "bailing_hybrid" else None)
    if every:
        return {index for index in range(count) if (index + 1) % every == 0}
    unsaid = {"granitemoehybrid": set[int](), "bamba": set[int](), "minimax": set(range(0, count, 2))}
    return unsaid.get(figures.kind)


def _shared_blocks(figures: Figures, count: int) -> set[int]:
    """Where Zamba's shared transformer block is passed, by its class's rule."""
    if figures.kind == "zamba2":
        return {*range(6, count, 6)} if count != 54 else {6, 12, 18, 24, 30, 36, 42, 47, 51}
    period, offset = figures.whole("attn_layer_period") or 6, figures.amount("attn_layer_offset")
    return {2, *(index + 3 for index in range(max(count - 3, 0)) if index % period == offset)}


def _windows(figures: Figures, count: int) -> list[str]:
    """Attention everywhere, with the layers that look back a window only."""
    mixed = figures.each("hybrid_layer_pattern")  # MiMo: 1 is a window
    if mixed is not None and len(mixed) == count:
        return [SLIDING if each else ATTENTION for each in mixed]
    window = figures.amount("sliding_window", "sliding_window_size", "attention_window_size")
    if not window or figures.get("use_sliding_window") is False:
        return [ATTENTION] * count
    if figures.kind.startswith(("qwen2", "qwen3")):  # the first so many look at everything
        first = figures.amount("max_window_layers")
        return [SLIDING if index >= first else ATTENTION for index in range(count)]
    period = figures.amount("sliding_window_pattern", "_sliding_window_pattern", "global_attn_every_n_layers")
    period = period or SLIDING_PERIOD.get(figures.kind, 0)
    if figures.kind == "gemma2":
        return [ATTENTION if index % 2 else SLIDING for index in range(count)]
    return [ATTENTION if period and (index + 1) % period == 0 else SLIDING for index in range(count)]


def _mlps(figures: Figures, count: int) -> list[str]:
    experts = max([*(figures.each("num_experts", "moe_num_experts") or [0]), figures.amount(*EXPERT_COUNTS)])
    experts = max(experts, whole(figures.part("ffn_config").get("moe_num_experts")) or 0)
    if figures.kind in STATE_SPACES or figures.kind in ("zamba2", "zamba"):
        return [NOTHING] * count
    if experts < 2 or figures.get("enable_moe_block") is False:
        return [DENSE] * count
    sparse = _sparse(figures, count)
    return [EXPERTS if index in sparse else DENSE for index in range(count)]


def _sparse(figures: Figures, count: int) -> set[int]:
    """Layers whose MLP is a mixture of experts."""
    everywhere = range(count)
    words = figures.words("mlp_layer_types")
    if words is not None and len(words) >= count:
        return {index for index in everywhere if words[index] != DENSE}
    for name in ("moe_layers", "moe_layer_indices"):
        if (given := _indices(figures.get(name))) is not None:
            return given
    if isinstance(listed := figures.get("moe_layers_enum"), str) and listed:  # Step 3: "4,5,6"
        return {int(each) for each in listed.split(",") if each.strip().isdecimal()}
    return _sparse_by_rule(figures, count)


def _sparse_by_rule(figures: Figures, count: int) -> set[int]:
    everywhere = range(count)
    if (flags := figures.each("moe_layer_freq")) is not None:  # MiMo, Moonlight: 1 has experts
        return {index for index, each in enumerate(flags) if each}
    if (step := figures.whole("interleave_moe_layer_step")) is not None:
        return set(range(step - 1, count, step))
    if (period := figures.whole("expert_layer_period")) is not None:
        offset = figures.amount("expert_layer_offset")
        return {index for index in everywhere if index % period == offset}
    if figures.get("moe_layer_start_index") is not None:  # ERNIE
        every = figures.whole("moe_layer_interval") or 1
        first, last = (_of_text(figures.get(f"moe_layer_{end}_index")) for end in ("start", "end"))
        end = last if last is not None and last >= 0 else count - 1
        first = first or 0
        return {index for index in everywhere if first <= index <= end and (index + 1) % every == 0}
    return _sparse_by_steps(figures, count)


def _of_text(value: object) -> int | None:
    """A whole number, or the first of several: ERNIE's second is of images."""
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _sparse_by_steps(figures: Figures, count: int) -> set[int]:
    """Experts behind the first dense layers, in every so many-th of the rest."""
    first = figures.amount("first_k_dense_replace", "num_dense_layers", "moe_first_k_dense_replace")
    if figures.kind.startswith("glm4_moe_lite") and figures.get("first_k_dense_replace") is None:
        first = 1
    if figures.get("decoder_sparse_step") is not None:  # Qwen
        dense = _indices(figures.get("mlp_only_layers")) or set()
        step = figures.whole("decoder_sparse_step") or 1
        return {index for index in range(count) if index not in dense and (index + 1) % step == 0}
    if (often := figures.whole("moe_layer_frequency")) is not None:  # Arctic
        return {index for index in range(count) if (index + 1) % often == 0}
    every = figures.whole("moe_layer_freq") or 1
    return {index for index in range(first, count) if index % every == 0}


def _indices(value: object) -> set[int] | None:
    """Numbers of layers, or None where none are listed."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return None
    return {each for each in value if isinstance(each, int) and not isinstance(each, bool)}
