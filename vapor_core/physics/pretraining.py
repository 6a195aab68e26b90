"""Where a pretraining run ends: the compute-optimal law of its corpus, and what the run's settings add to it.

L(N, D) = E + A / N^alpha + B / D^beta (Hoffmann 2022; refitted by Besiroglu 2024). A corpus has constants of its
own where runs on it were published, else an offset on Besiroglu's; a corpus that nobody measured counts as C4.
"""

from math import log

from vapor_core import catalog
from vapor_core.contracts import CatalogModel, Dataset, LossLaw
from vapor_core.physics.plan import Plan
from vapor_core.physics.repeats import effective, law_loss

BESIROGLU = LossLaw(
    e=1.8172,
    a=482.01,
    alpha=0.3478,
    b=2085.43,
    beta=0.3658,
    source="Besiroglu et al. 2024; epoch-research/analyzing-chinchilla data_analysis.ipynb",
)
TYPICAL_CORPUS = "allenai/c4"


def corpus_law(dataset: Dataset) -> LossLaw:
    """The law of a corpus: its own, or the general one with its offset, or that of typical web text."""
    if dataset.loss_law is not None:
        return dataset.loss_law
    if dataset.loss_offset is not None:
        return BESIROGLU.changed(e=BESIROGLU.e + dataset.loss_offset)
    typical = catalog.dataset(TYPICAL_CORPUS).loss_law
    return typical or BESIROGLU


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


def counted_parameters(plan: Plan) -> float:
    """N as the corpus's law counts it."""
    if plan.dataset.loss_parameters == "non_embedding":
        return body_parameters(plan.model)
    return float(plan.model.parameters)


def fresh_loss(plan: Plan, law: LossLaw, wasted: float = 1.0) -> float:
    """Loss at the end if no text were repeated; `wasted` scales what a low learning rate learns from a token."""
    return law_loss(law, counted_parameters(plan), max(plan.total_tokens * wasted, 1e3))


def repeat_loss(plan: Plan, law: LossLaw, tokens: float) -> float:
    """What repeating text has cost by so many tokens, in nats on held-out text, overfitting left out."""
    unique = min(plan.sequences_per_epoch * plan.tokens_per_sequence, tokens)
    parameters = counted_parameters(plan)
    if tokens <= unique * 1.001:
        return 0.0
    worth, fresh = effective(parameters, tokens, unique), effective(parameters, tokens, tokens)
    return law_loss(law, worth.parameters, worth.tokens) - law_loss(law, fresh.parameters, fresh.tokens)
