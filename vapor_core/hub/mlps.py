"""How many parameters the MLPs of a model have, and how many of them one token meets: dense ones and mixtures.

Counted are weights of matrices and routers. A shared expert is met by every token; so is what runs beside a mixture
(Arctic's dense residual).
"""

from dataclasses import dataclass
from typing import TypeGuard

from vapor_core.errors import InvalidConfig
from vapor_core.hub.config_figures import Figures, whole
from vapor_core.hub.layers import DENSE, EXPERT_COUNTS, EXPERTS, NOTHING, Layer

INTERMEDIATE = (
    *(
        "intermediate_size",
        "n_inner",
        "ffn_dim",
        "ffn_hidden_size",
        "block_ff_dim",
        "d_ff",
        "inner_hidden_size",
    ),
    *("dense_intermediate_size", "ffn_intermediate_size", "dff", "dim_ff"),
)
EXPERT_WIDTH = (
    "moe_intermediate_size",
    "expert_ffn_hidden_size",
    "expert_intermediate_size",
    "moe_ffn_hidden_size",
)
VISITED = (
    *("num_experts_per_tok", "moe_topk", "moe_top_k", "num_selected_experts", "num_experts_per_token"),
    *("experts_per_token", "moe_k", "top_k_experts", "num_experts_per_topk"),
)
SHARED = ("n_shared_experts", "num_shared_experts", "num_shared_expert", "moe_num_shared_experts")
SHARED_WIDTH = (
    *("shared_expert_intermediate_size", "moe_shared_expert_intermediate_size", "share_expert_dim"),
    *("shared_experts_intermediate_size",),
)
GATED, PLAIN = 3, 2  # matrices
# A plain MLP of two matrices; the other decoders that transformers knows have a gated one.
PLAIN_MLP = {
    *(
        "gpt2",
        "gpt_neo",
        "gpt_neox",
        "gpt_neox_japanese",
        "gptj",
        "gpt_bigcode",
        "openai-gpt",
        "codegen",
        "opt",
    ),
    *(
        "falcon",
        "RefinedWeb",
        "RefinedWebModel",
        "mpt",
        "phi",
        "bloom",
        "starcoder2",
        "nemotron",
        "nemotron_h",
    ),
    *(
        "persimmon",
        "fuyu",
        "xglm",
        "biogpt",
        "ctrl",
        "arcee",
        "apertus",
        "jais2",
        "nanochat",
        "phi-msft",
        "mixformer",
    ),
    *(
        "gpt-sw3",
        "bert-generation",
        "big_bird",
        "data2vec-text",
        "ernie",
        "megatron-bert",
        "rembert",
        "roc_bert",
    ),
    *("roberta-prelayernorm", "roformer", "xlm-roberta-xl", "xlnet", "xmod"),
}
PLAIN_ACTIVATIONS = {"xielu"}  # whose models have no gate: Apertus
SWIGLU_BY_NAME = {"jais", "btlm"}


@dataclass(frozen=True, slots=True)
class Mlp:
    """One layer's MLP: its parameters, those that one token meets, and the width that it meets."""

    parameters: int
    active: int
    width: int


# ERNIE's, by its own code and by transformers': lists of its experts are of its text first, then of its images.
BY_SENSE = frozenset({"ernie4_5_moe_vl", "ernie4_5_vl_moe", "ernie4_5_vl_moe_text"})


@dataclass(frozen=True, slots=True)
class Mixture:
    """A mixture of experts by the first layer that has one; widths are of MLPs, a layer.

    Attributes:
        experts: how many a layer has.
        visited: of these, how many a token meets.
        width: of one expert.
        shared: width of what every token meets beside them.
        dense_layers: layers whose MLP is one for all tokens.
    """

    experts: int
    visited: int
    width: int
    shared: int
    dense_layers: int


def mixture_of(figures: Figures, hidden: int, layers: tuple[Layer, ...]) -> Mixture | None:
    """What a model's experts are; None where no layer has any."""
    first = next((index for index, layer in enumerate(layers) if layer.mlp == EXPERTS), None)
    if first is None:
        return None
    experts, visited, width = _experts(figures, hidden, first)
    beside = _shared_width(figures, width, first) + _dense_beside(figures, hidden)
    return Mixture(experts, visited, width, beside, sum(1 for layer in layers if layer.mlp == DENSE))


def matrices_of(figures: Figures) -> int:
    """3 for a gated MLP, 2 for a plain one."""
    if figures.kind in SWIGLU_BY_NAME:
        return GATED if "glu" in str(figures.get("activation_function") or "swiglu") else PLAIN
    if figures.kind == "mpt":
        return GATED if "glu" in str(figures.part("ffn_config").get("ffn_type", "")) else PLAIN
    acted = str(figures.get("hidden_act") or figures.get("mlp_hidden_act"))
    return PLAIN if figures.kind in PLAIN_MLP or acted in PLAIN_ACTIVATIONS else GATED


def mlp(figures: Figures, hidden: int, layer: Layer, index: int) -> Mlp:
    """The MLP of one layer.

    Raises:
        InvalidConfig: where its width is not said.
    """
    if layer.mlp == NOTHING:
        return Mlp(0, 0, 0)
    matrices = matrices_of(figures)
    if layer.mlp == DENSE:
        width = dense_width(figures, hidden, index)
        return Mlp(matrices * hidden * width, matrices * hidden * width, width)
    return _mixture(figures, hidden, matrices, index)


def _mixture(figures: Figures, hidden: int, matrices: int, index: int) -> Mlp:
    experts, visited, width = _experts(figures, hidden, index)
    inputs = figures.whole("moe_latent_size") or hidden  # Nemotron's experts may read a narrower stream
    one = matrices * inputs * width
    shared = _shared_width(figures, width, index) + _dense_beside(figures, hidden)
    beside = matrices * hidden * shared + hidden * experts + (2 * hidden * inputs if inputs != hidden else 0)
    all_of_them = experts * one + beside + _of_images(figures, matrices * hidden)
    return Mlp(all_of_them, visited * one + beside, visited * width + shared)


def _experts(figures: Figures, hidden: int, index: int) -> tuple[int, int, int]:
    """Of one layer: how many experts, how many a token meets, how wide one is."""
    inner = figures.part("ffn_config")  # DBRX
    experts = _of_layer(figures, EXPERT_COUNTS, index) or whole(inner.get("moe_num_experts")) or 0
    visited = _of_layer(figures, VISITED, index) or whole(inner.get("moe_top_k")) or 2
    visited = min(visited, experts)
    if nothing := figures.amount("zero_expert_num"):  # LongCat: a share of the visits does nothing
        visited = round(visited * experts / (experts + nothing))
    return experts, visited, expert_width(figures, hidden, index)


def _dense_beside(figures: Figures, hidden: int) -> int:
    """The width of a dense MLP that runs beside the experts: Arctic's and Gemma 4's."""
    if figures.kind == "arctic":
        return hidden
    return (figures.whole("intermediate_size") or hidden) if figures.kind.startswith("gemma4") else 0


def _of_images(figures: Figures, per_width: int) -> int:
    """Parameters of the experts that images alone meet, beside those of a layer's text."""
    if figures.kind not in BY_SENSE:
        return 0
    counts, widths = (figures.each(*names) or [] for names in (EXPERT_COUNTS, EXPERT_WIDTH))
    return sum(count * width * per_width for count, width in zip(counts[1:], widths[1:], strict=False))


def _of_layer(figures: Figures, names: tuple[str, ...], index: int) -> int:
    """A figure that may be listed a layer; ERNIE's lists are of its text first, then of its images."""
    listed = figures.each(*names)
    if listed is not None and figures.kind in BY_SENSE:
        return listed[0]
    if listed is not None:
        return listed[min(index, len(listed) - 1)]
    return figures.amount(*names)


def expert_width(figures: Figures, hidden: int, index: int = 0) -> int:
    """The width of one expert."""
    listed = _of_layer(figures, EXPERT_WIDTH, index)
    if listed:
        return listed
    inner = whole(figures.part("ffn_config").get("ffn_hidden_size"))
    return inner or figures.whole(*INTERMEDIATE) or 4 * hidden


def _shared_width(figures: Figures, width: int, index: int) -> int:
    """The width of what every token meets beside its experts."""
    if figures.kind.startswith("llama4"):
        return width
    if figures.kind.startswith(("granitemoeshared", "granitemoehybrid", "granitemoe_swa")):
        return figures.amount("shared_intermediate_size")
    if (given := figures.whole(*SHARED_WIDTH)) is not None:
        return given
    count = _of_layer(figures, SHARED, index)
    if figures.kind.startswith("hunyuan") and figures.get("use_mixed_mlp_moe") is not False:
        return max(count, 1) * width
    return count * width


def dense_width(figures: Figures, hidden: int, index: int) -> int:
    """The width of a dense MLP.

    Raises:
        InvalidConfig: where a list of them is too short.
    """
    listed = figures.each("intermediate_size", "intermediate_sizes")
    if listed is not None:
        if index >= len(listed):
            raise InvalidConfig(f"its config.json lists {len(listed)} intermediate_size for more layers")
        return listed[index]
    by_block = _by_block(figures, hidden, index)
    if by_block is not None:
        return by_block
    names = {"llama4": "intermediate_size_mlp", "granitemoehybrid": "shared_intermediate_size"}
    own = names.get(figures.kind.removesuffix("_text"))
    width = (figures.whole(own) if own else None) or figures.whole(*INTERMEDIATE)
    return _as_built(figures, hidden, width, index)


def _as_built(figures: Figures, hidden: int, width: int | None, index: int) -> int:
    """The width that a family makes of the figure it gives."""
    kind = figures.kind
    if kind == "xlstm":
        wide = (figures.ratio("ffn_proj_factor") or 2.667) * hidden
        return int(-(-wide // 64) * 64)
    if kind in ("qwen", "recurrent_gemma") and width is not None:  # their figure is of gate and up together
        return width // 2
    if width is None:
        ratio = figures.ratio("expansion_ratio") or 4.0  # MPT and its like
        return int(ratio * hidden)
    if kind.startswith("lfm2") and kind != "lfm2_moe" and figures.flag("block_auto_adjust_ff_dim", True):
        return _rounded_lfm2(figures, width)
    doubled = figures.flag("use_double_wide_mlp") and index >= first_sharing_layer(figures)
    return 2 * width if doubled else width


def first_sharing_layer(figures: Figures) -> int:
    """The first layer that reads the keys of an earlier one, where a file says how many do."""
    layers = figures.amount("num_hidden_layers")
    return layers - figures.amount("num_kv_shared_layers")


def _by_block(figures: Figures, hidden: int, index: int) -> int | None:
    """OpenELM's multipliers and Nemotron-NAS's blocks, a layer each."""
    multipliers = figures.get("ffn_multipliers")
    if isinstance(multipliers, list) and index < len(multipliers) and _is_factor(multipliers[index]):
        divisor = figures.whole("ffn_dim_divisor") or 256
        return _rounded(float(multipliers[index]) * hidden, divisor)
    blocks = figures.get("block_configs")
    block = blocks[index] if isinstance(blocks, list) and index < len(blocks) else None
    said = block.get("ffn") if isinstance(block, dict) else None
    if not isinstance(said, dict):
        return None
    if said.get("no_op") is True or said.get("replace_with_linear") is True:
        return 0
    if (given := whole(said.get("intermediate_size"))) is not None:
        return given
    factor = said.get("ffn_mult")
    # Puzzle counts by two thirds of the multiplier, rounded up to 256
    return 256 * -(-int(2 * factor * hidden / 3) // 256) if _is_factor(factor) else None


def _is_factor(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 64


def _rounded(wide: float, divisor: int) -> int:
    """Rounded to a multiple of the divisor, and up where that loses a tenth, as mobile networks do."""
    near = max(divisor, int(wide + divisor / 2) // divisor * divisor)
    return near + divisor if near < 0.9 * wide else near


def _rounded_lfm2(figures: Figures, width: int) -> int:
    width = figures.whole("block_ff_dim") or width
    multiple = figures.whole("block_multiple_of") or 256
    scale = figures.ratio("block_ffn_dim_multiplier") or 1.0
    width = int(scale * int(2 * width / 3))
    return multiple * ((width + multiple - 1) // multiple)
