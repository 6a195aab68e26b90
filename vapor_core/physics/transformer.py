"""How many parameters, values and FLOPs a transformer has: the one count that every law reads.

What a publisher leaves out (the width of a head, whether an MLP is gated, how much of a mixture a token uses) is
told by the sum over the architecture that comes nearest to the published number of parameters.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import log

from vapor_core.contracts.entries import GATED, PLAIN, CatalogModel, mixing_parameters

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
GATE, HEAD = "gate_proj", "lm_head"
# Times the dense sum, from which it is taken for a mixture; dense models lie within 1 % of 1
MIXTURE_ABOVE = 3.0
MIXTURE_EXPERTS_PER_TOKEN = 4  # gpt-oss uses 4; where active_parameters is not published


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix that adapters can be put on."""

    name: str  # as JobConfig.lora_targets calls it
    inputs: int
    outputs: int
    count: int  # in the whole model


@dataclass(frozen=True, slots=True)
class Transformer:
    """All counts of one model. Parameters are weights of matrices; norms and biases (under 0.5 %) are left out.

    Attributes:
        parameters: all of the model's, as published.
        layers: all layers.
        attention_layers: those that attend and keep keys and values; fewer in hybrids such as LFM2.
        hidden: width of the residual stream, values a token.
        intermediate: width of the MLP, values a token.
        vocabulary: tokens that the head tells apart.
        heads: of attention, in one layer.
        query_width: all heads' queries together, values a token and layer.
        key_width: all heads' keys together, as wide as their values.
        attention_width: all queries of all layers together: multiply-adds of one token with one key; with its values
            as many again.
        mlp_matrices: 3 where the MLP is gated, 2 where it is plain.
        matrices: every matrix that can be adapted, the output head among them.
        embedding_parameters: token embedding and, where not tied, the output head.
        head_parameters: the output head, whether tied or not: what a token is multiplied with at the end.
        dense_parameters: sum over the architecture with one MLP a layer, embeddings included.
        non_embedding_parameters: the published `parameters` less `embedding_parameters`.
        body_parameters: the published `parameters` without embeddings, as far as they counted them.
        active_parameters: what one token uses, embeddings included: `parameters`, or less in a mixture of experts.
        layer_parameters: matrices of all layers that one token meets.
        shared_parameters: what every token of a mixture uses: attention of all layers and embeddings.
        kv_values_per_token: numbers that the key-value cache keeps for one token, all layers.
    """

    parameters: int
    layers: int
    attention_layers: int
    hidden: int
    intermediate: int
    vocabulary: int
    heads: int
    query_width: int
    key_width: int
    attention_width: int
    mlp_matrices: int
    matrices: tuple[Matrix, ...]
    embedding_parameters: int
    head_parameters: int
    dense_parameters: int
    non_embedding_parameters: int
    body_parameters: float
    active_parameters: int
    layer_parameters: float
    shared_parameters: int
    kv_values_per_token: int

    def lora_parameters(self, rank: int, targets: tuple[str, ...]) -> int:
        """Parameters of the adapters: rank x (inputs + outputs) of every matrix named in `targets`."""
        return rank * sum(
            [each.count * (each.inputs + each.outputs) for each in self.matrices if each.name in targets]
        )

    def adapted_per_layer(self, targets: tuple[str, ...]) -> float:
        """Matrices of a layer that carry an adapter, mean over the layers; the head is outside of them."""
        return (
            sum([each.count for each in self.matrices if each.name in targets and each.name != HEAD])
            / self.layers
        )

    def flops_per_token(self, sequence_length: float) -> float:
        """FLOPs to train on one token: 6 a parameter and 12 x layers x width x length for attention.

        The published convention (PaLM, llm-foundry): all parameters that a token uses count, attention is not halved
        for being causal, and what checkpointing computes again is not counted.
        """
        return 6.0 * self.active_parameters + 12.0 * self.attention_width * sequence_length


@lru_cache(maxsize=1024)
def transformer(model: CatalogModel) -> Transformer:
    """The counts of a model; cached, since every law of every configuration asks for them."""
    width, mlps = model.head_dim, model.mlp_matrices
    query, key = model.attention_heads * width, model.kv_heads * width
    mixing, embeddings = mixing_parameters(model, width), model.embedding_parameters
    mlp = model.layers * mlps * model.hidden_size * model.intermediate_size
    dense = embeddings + mixing + mlp
    active = _active_parameters(model, dense, mlp)
    return Transformer(
        parameters=model.parameters,
        layers=model.layers,
        attention_layers=model.kv_layers,
        hidden=model.hidden_size,
        intermediate=model.intermediate_size,
        vocabulary=model.vocabulary_size,
        heads=model.attention_heads,
        query_width=query,
        key_width=key,
        attention_width=model.kv_layers * query,
        mlp_matrices=mlps,
        matrices=_matrices(model, (query, key), mlps),
        embedding_parameters=min(embeddings, model.parameters),  # a table may count them without
        head_parameters=model.vocabulary_size * model.hidden_size,
        dense_parameters=dense,
        non_embedding_parameters=model.non_embedding_parameters,
        body_parameters=_body_parameters(model, mixing),
        active_parameters=active,
        layer_parameters=float(max(active - embeddings, 1) if active < model.parameters else mixing + mlp),
        shared_parameters=mixing + embeddings,
        kv_values_per_token=model.kv_values_per_token,
    )


def _matrices(model: CatalogModel, widths: tuple[int, int], mlp_matrices: int) -> tuple[Matrix, ...]:
    hidden, ffn, (query, key) = model.hidden_size, model.intermediate_size, widths
    sizes = [(hidden, query), (hidden, key), (hidden, key), (query, hidden)]
    attention = [Matrix(name, *size, model.kv_layers) for name, size in zip(ATTENTION, sizes, strict=True)]
    gate = [Matrix(GATE, hidden, ffn, model.layers)] if mlp_matrices == GATED else []
    return (
        *attention,
        *gate,
        Matrix("up_proj", hidden, ffn, model.layers),
        Matrix("down_proj", ffn, hidden, model.layers),
        Matrix(HEAD, hidden, model.vocabulary_size, 1),
    )


def _active_parameters(model: CatalogModel, dense: int, mlps: int) -> int:
    """As published; a mixture of experts that does not say shows by a sum far above the dense one."""
    if model.active_parameters is not None:
        return min(model.active_parameters, model.parameters)
    if model.parameters < MIXTURE_ABOVE * dense:
        return model.parameters
    return min(dense + (MIXTURE_EXPERTS_PER_TOKEN - 1) * mlps, model.parameters)


def _body_parameters(model: CatalogModel, mixing: int) -> float:
    """Parameters without embeddings, by the architecture where it explains `parameters`.

    Some tables count `parameters` without embeddings; the sum over the layers tells which was meant.
    """
    mlp = model.layers * model.hidden_size * model.intermediate_size
    table = model.vocabulary_size * model.hidden_size
    known = {None: (PLAIN, GATED), True: (GATED,), False: (PLAIN,)}[model.gated_mlp]
    _, counted = min(
        (abs(log(model.parameters / (mixing + matrices * mlp + count * table))), count * table)
        for matrices in known
        for count in (0, 1, 2)
    )
    rest = model.parameters - counted
    return float(rest if rest > 0 else model.non_embedding_parameters)
