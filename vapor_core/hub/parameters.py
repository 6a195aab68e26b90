"""What a model's layers add up to: parameters, those that one token meets, and numbers that its cache keeps.

Counted are weights of matrices and tables, checked against the modules that transformers 5.24 builds; norms and biases
(under 0.5 %) are left out.
"""

from dataclasses import dataclass

from vapor_core.hub.config_figures import CONTEXT, Figures
from vapor_core.hub.layers import BOTH, Layer
from vapor_core.hub.mixers import Heads, Mixer, mixer
from vapor_core.hub.mlps import GATED, Mlp, first_sharing_layer, mlp

LEARNED_POSITIONS = {"gpt2", "gpt_neo", "opt", "gpt_bigcode", "openai-gpt", "biogpt", "imagegpt"}
POSITION_OFFSET = 2  # rows that OPT's table of positions has more
TWICE = {"longcat_flash"}  # two attentions and two dense MLPs a layer, beside its experts


@dataclass(frozen=True, slots=True)
class Sum:
    """What the layers add up to, embeddings included.

    Attributes:
        total: all parameters.
        active: those that one token meets.
        mixing: those of all token mixers.
        cached: numbers that the key-value cache keeps for one token, all layers.
        width: of the MLP that a token meets, mean over all layers.
    """

    total: int
    active: int
    mixing: int
    cached: int
    width: int


def summed(figures: Figures, sizes: tuple[int, int, int], heads: Heads, kinds: tuple[Layer, ...]) -> Sum:
    """The sum over a model.

    `sizes`: layers, hidden and vocabulary; `kinds`: its layers, first to last.
    """
    layers, hidden, vocabulary = sizes
    mixers, mlps = _by_layer(figures, hidden, heads, kinds)
    times = 2 if figures.kind in TWICE else 1
    mixing = times * sum(each.parameters for each in mixers) + _shared_block(figures, hidden, heads, kinds)
    keeping = first_sharing_layer(figures) if figures.amount("num_kv_shared_layers") else layers
    cached = times * sum(each.cached for each in mixers[: max(keeping, 0)]) // _sharing_factor(figures)
    outside = _embeddings(figures, hidden, vocabulary) + _further(figures, hidden, layers)
    return Sum(
        total=outside + mixing + sum(each.parameters for each in mlps),
        active=outside
        + mixing
        - _idle_mixing(figures, hidden, heads, layers)
        + sum(each.active for each in mlps),
        mixing=mixing,
        cached=cached,
        width=round(sum(each.width for each in mlps) / layers),
    )


def tied(figures: Figures) -> bool:
    """Whether the output head is the token embedding."""
    for key in ("tie_word_embeddings", "tie_embedding", "share_input_output_layers"):
        if isinstance(value := figures.text.get(key), bool):
            return value
    return figures.flag("tie_word_embeddings") or figures.flag("share_input_output_layers")


def _by_layer(
    figures: Figures, hidden: int, heads: Heads, kinds: tuple[Layer, ...]
) -> tuple[list[Mixer], list[Mlp]]:
    """Mixer and MLP of every layer; layers of one kind are counted once where none has figures of its own."""
    own = bool(heads.each) or any(isinstance(value, list | tuple) for value in figures.text.values())
    own = own or figures.flag("use_double_wide_mlp")
    seen: dict[Layer, tuple[Mixer, Mlp]] = {}
    found = []
    for index, kind in enumerate(kinds):
        if own or kind not in seen:
            seen[kind] = mixer(figures, hidden, heads, kind.mixer, index), mlp(figures, hidden, kind, index)
        found.append(seen[kind])
    return [each for each, _ in found], [each for _, each in found]


def _sharing_factor(figures: Figures) -> int:
    """Layers that share one cache: Hunyuan's cross-layer attention."""
    return figures.whole("cla_share_factor") or 1 if figures.flag("use_cla") else 1


def _embeddings(figures: Figures, hidden: int, vocabulary: int) -> int:
    """Token embedding, output head where not tied, learned positions, and what widens a narrow embedding (OPT-350m)."""
    narrow = figures.whole("word_embed_proj_dim", "embedding_size") or hidden
    narrow = narrow if narrow < hidden else hidden
    found = vocabulary * narrow * (1 if tied(figures) else 2)
    if narrow != hidden:
        found += 2 * narrow * hidden
    if figures.kind in LEARNED_POSITIONS:
        found += ((figures.whole(*CONTEXT) or 2048) + POSITION_OFFSET) * hidden
    per_layer = figures.amount("hidden_size_per_layer_input")  # Gemma 3n and 4
    if per_layer:
        rows = figures.whole("vocab_size_per_layer_input") or vocabulary
        found += rows * per_layer * figures.amount("num_hidden_layers")
    return found


def _further(figures: Figures, hidden: int, layers: int) -> int:
    """Parameters of parts that one family has."""
    found = 0
    if per_layer := figures.amount("hidden_size_per_layer_input"):
        found += layers * 3 * hidden * per_layer
    if figures.kind.startswith("gemma3n"):
        streams = figures.whole("altup_num_inputs") or 4
        found += 2 * (streams - 1) * hidden * hidden
        found += layers * 2 * hidden * (figures.whole("laurel_rank") or 64)
    if figures.kind in TWICE:
        found += layers * 2 * GATED * hidden * (figures.whole("ffn_hidden_size") or 2 * hidden)
    return found


def _idle_mixing(figures: Figures, hidden: int, heads: Heads, layers: int) -> int:
    """Attention's experts that a token does not visit: JetMoE."""
    if figures.kind != "jetmoe":
        return 0
    idle = figures.amount("num_local_experts") - figures.amount("num_experts_per_tok")
    return layers * 2 * max(idle, 0) * hidden * heads.key * heads.size


def _shared_block(figures: Figures, hidden: int, heads: Heads, kinds: tuple[Layer, ...]) -> int:
    """Zamba's transformer block, which several layers pass through: it reads the stream beside the embeddings."""
    if figures.kind not in ("zamba", "zamba2"):
        return 0
    passes = sum(1 for kind in kinds if kind.mixer == BOTH)
    wide = 2 * hidden
    inner = heads.query * (figures.whole("attention_head_dim") or wide // heads.query)
    ffn = figures.whole("intermediate_size") or 4 * hidden
    block = 3 * wide * inner + inner * hidden + GATED * hidden * ffn
    if figures.kind == "zamba":
        return block
    rank = figures.whole("adapter_rank") or 128
    adapters = passes * rank * (hidden + 2 * ffn)
    if figures.flag("use_shared_attention_adapter"):
        adapters += passes * 3 * rank * (wide + inner)
    return (figures.whole("num_mem_blocks") or 1) * block + adapters
