"""How many parameters, values and FLOPs a transformer has: the one count that every law reads."""

from math import log

from vapor_core.contracts.entries import CatalogModel
from vapor_core.contracts.training import LORA_HEAD


def matrix_sizes(model: CatalogModel) -> dict[str, tuple[int, int]]:
    """(input width, output width) of each matrix of one layer, by LoRA target name."""
    hidden, ffn = model.hidden_size, model.intermediate_size
    query, key = model.attention_heads * model.head_dim, model.kv_heads * model.head_dim
    sizes = {
        "q_proj": (hidden, query),
        "k_proj": (hidden, key),
        "v_proj": (hidden, key),
        "o_proj": (query, hidden),
        "gate_proj": (hidden, ffn),
        "up_proj": (hidden, ffn),
        "down_proj": (ffn, hidden),
    }
    if model.mlp_matrices == 2:
        del sizes["gate_proj"]
    return sizes


def lora_parameters(model: CatalogModel, rank: int, targets: tuple[str, ...]) -> int:
    """Parameters of the adapters: rank x (inputs + outputs) of every target matrix, all layers, and the head."""
    total = 0
    for name, (inputs, outputs) in matrix_sizes(model).items():
        if name in targets:
            layers = model.kv_layers if name in ("q_proj", "k_proj", "v_proj", "o_proj") else model.layers
            total += layers * rank * (inputs + outputs)
    if LORA_HEAD in targets:
        total += rank * (model.hidden_size + model.vocabulary_size)
    return total


def layer_parameters(model: CatalogModel) -> float:
    """Parameters of all layers' matrices that one token meets, from the architecture."""
    if model.active_parameters:
        return float(model.active_parameters - model.vocabulary_size * model.hidden_size)
    sizes = matrix_sizes(model)
    attention = sum(a * b for name, (a, b) in sizes.items() if name[0] in "qkvo")
    mlp = sum(a * b for name, (a, b) in sizes.items() if name[0] not in "qkvo")
    convolution = 4 * model.hidden_size**2  # gated short convolutions of hybrids: three in, one out
    return float(
        model.layers * mlp + model.kv_layers * attention + (model.layers - model.kv_layers) * convolution
    )


def flops_per_token(model: CatalogModel, sequence_length: int, checkpointing: bool = False) -> float:
    """FLOPs to train on one token: 6 a parameter and 12 x layers x width x length for attention.

    The published convention (PaLM, llm-foundry): all parameters count and attention is not halved for being
    causal. Checkpointing computes the forward pass twice.
    """
    active = model.active_parameters or model.parameters
    attention = 12.0 * model.kv_layers * model.attention_heads * model.head_dim * sequence_length
    return (6.0 * active + attention) * (4.0 / 3.0 if checkpointing else 1.0)


def body_parameters(model: CatalogModel) -> float:
    """Parameters without embeddings, by the architecture where it explains `parameters`.

    Some tables count `parameters` without embeddings; the sum over the layers tells which was meant.
    """
    heads = model.kv_layers * model.attention_matrix_parameters
    mlp = model.layers * model.hidden_size * model.intermediate_size
    table = model.vocabulary_size * model.hidden_size
    _, embeddings = min(
        (abs(log(model.parameters / (heads + matrices * mlp + count * table))), count * table)
        for matrices in ((2, 3) if model.gated_mlp is None else (3,) if model.gated_mlp else (2,))
        for count in (0, 1, 2)
    )
    rest = model.parameters - embeddings
    return float(rest if rest > 0 else model.non_embedding_parameters)
