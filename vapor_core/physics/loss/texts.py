"""What a data set costs a model in nats a token: before it is tuned on it, and once its manner is learnt.

Both belong to the data set first of all (four fifths of the variance of published runs), then to whose tokens are
counted (a larger vocabulary makes fewer and harder ones) and little to the model's size. A catalog entry has its own
two constants, from published runs; another is told by kind, language and lengths, and where its file was read by what
a small compressor leaves of it. The constants below are fitted by benchmarks/fidelity/finetuning/fit.py.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import exp, log

from vapor_core import catalog
from vapor_core.contracts.entries import CatalogModel, Dataset
from vapor_core.physics.loss.laws import BESIROGLU, corpus_law, law_loss

# The base model that `first_loss` and `learnt_loss` are told for: parameters, vocabulary, tokens of pretraining.
REFERENCE_SIZE, REFERENCE_VOCABULARY, REFERENCE_TOKENS = 7e9, 32_000, 2e12
# Exponents of a model's own of these against the reference's, and the largest vocabulary that still counts.
SIZE, VOCABULARY, SEEN = -0.08, 0.14, -0.05
VOCABULARIES = (1000, 131_072)
# Vocabulary of the tokens that the corpora's laws were fitted on (GPT-NeoX, GPT-2)
LAW_VOCABULARY = 50_304
# First and learnt loss of the reference model on a kind's examples of TYPICAL_TOKENS in English
KIND: dict[str, tuple[float, float]] = {
    "instruction": (1.88, 0.93),
    "chat": (1.34, 0.86),
    "math": (1.11, 0.41),
    "code": (1.07, 0.58),
    "classification": (1.65, 0.25),
    "reasoning": (1.90, 0.68),
    "summarization": (2.11, 1.25),
    "translation": (1.84, 0.30),
    "roleplay": (1.81, 1.53),
    "structured": (2.00, 0.42),
    "preference": (1.88, 0.93),
    "text": (1.90, 1.69),
    "pretraining": (1.90, 1.69),
    "own": (1.88, 0.93),
}
# Exponent by which the loss falls with steps once the template is learnt, and of kinds whose answers are bound to
# their questions, which go on: logs of Alpaca, Dolly, iCliniq and CommonCrawl (0.04 to 0.06), MetaMathQA in PEFT's
# comparison, SQL (0.12 to 0.3), function calls and extraction (0.15), translation (0.25)
SLOW = 0.03
SLOW_KIND = {"math": 0.12, "code": 0.12, "structured": 0.15, "classification": 0.15, "translation": 0.2}
TYPICAL_TOKENS, LENGTHS = 250.0, (20.0, 4000.0)  # of an example; and where its length counts no further
LEARNT_TOKENS = 5e5  # after which a data set's own `learnt_loss` is told
PASSES = (1e4, 2e7)  # tokens of a pass, between which what is learnt from it does not depend on them
LENGTH = (-0.32, -0.01)  # exponents: long examples give more context
FOREIGN = (0.16, 0.19)  # logarithms added for text that is not English
INSTRUCTED = (0.06, 0.03)  # logarithms added where the base was already tuned to instructions
# Base models whose pretraining held the usual templates already: what is left of the logarithm of their fall on such
# examples (Qwen2.5 on Alpaca: 1.04, 1.33 and 1.57 at first where others lose 1.5 to 1.9)
FAMILIAR, FAMILIAR_KINDS, FAMILIARITY = "qwen2.5", ("instruction", "chat"), 0.35
# Of a file that was read: share of a compressor's bits that the reference model needs once it knows the manner, weight
# of that against the kind's own level, and how much more it needs at first beside the examples' common part
MODEL_SHARE, ENTROPY_WEIGHT, UNKNOWN_MANNER = 0.30, 0.5, 1.2
TYPICAL_BYTES = 4.0  # a token, where a file does not say
LEAST_LOSS = 0.01  # nats
LEAST_FIRST = 1.05  # of the learnt loss, a first loss that is not known
MOST_TEMPLATE = 0.9  # share
# Half-widths of the 80 % ranges as logarithms, of first, last and held-out loss: residuals with a data set's other
# runs, with its kind alone (data sets left out) and of corpora's laws on published perplexities
SPREAD_KNOWN, SPREAD_KIND, SPREAD_CORPUS = (0.34, 0.28, 0.18), (0.62, 0.72, 0.50), (0.12, 0.12, 0.12)
# Pretraining of a model that does not say: what was usual in 2024, and at least the compute-optimal 20 a parameter
# (Hoffmann 2022).
UNKNOWN_TOKENS, UNKNOWN_PER_PARAMETER = 1.5e12, 20.0


@dataclass(frozen=True, slots=True)
class Level:
    """What a model loses on a data set, nats a token, and the half-widths of the 80 % ranges as logarithms."""

    first: float
    learnt: float
    learnt_tokens: float  # of the data set, after which `learnt` is told
    slow: float  # exponent by which it falls about there
    spread_first: float
    spread_learnt: float  # of the last training loss
    spread_eval: float  # of the last held-out loss


@lru_cache(maxsize=2048)
def level(model: CatalogModel, dataset: Dataset) -> Level:
    """First and learnt loss of a model on a data set."""
    if dataset.first_loss is None and dataset.learnt_loss is None and _has_law(dataset):
        return _by_law(model, dataset)
    known = dataset.first_loss is not None and dataset.learnt_loss is not None
    first, learnt = reference(dataset)
    scale = _scale(model)
    if dataset.kind in FAMILIAR_KINDS and not knows_instructions(model) and FAMILIAR in model.id.lower():
        first = learnt * (first / learnt) ** FAMILIARITY
    if knows_instructions(model):
        first, learnt = (x * exp(more) for x, more in zip((first, learnt), INSTRUCTED, strict=True))
    if known:
        return Level(first * scale, learnt * scale, LEARNT_TOKENS, slow(dataset), *SPREAD_KNOWN)
    return Level(first * scale, learnt * scale, one_pass(dataset), slow(dataset), *SPREAD_KIND)


def slow(dataset: Dataset) -> float:
    """Exponent by which the loss on a data set falls once its template is learnt."""
    return SLOW_KIND.get(dataset.kind, SLOW)


def seen_tokens(model: CatalogModel) -> float:
    """Tokens of pretraining: as given, or those of the catalog's model of the same architecture, or a usual count."""
    twin = None if model.pretraining_tokens else catalog.twin(model)
    known = model.pretraining_tokens or (twin and twin.pretraining_tokens)
    return float(known or max(UNKNOWN_TOKENS, UNKNOWN_PER_PARAMETER * model.parameters))


def knows_instructions(model: CatalogModel) -> bool:
    """Whether a base model was tuned to instructions: as its entry says, else by its name."""
    if model.instruction_tuned is not None:
        return model.instruction_tuned
    name = model.id.rsplit("/", 1)[-1].lower()
    return "instruct" in name or "chat" in name or "-it-" in f"{name}-" or "zephyr" in name


def _scale(model: CatalogModel) -> float:
    size = (model.parameters / REFERENCE_SIZE) ** SIZE
    seen = (seen_tokens(model) / REFERENCE_TOKENS) ** SEEN
    return float(size * seen * _vocabulary(model, REFERENCE_VOCABULARY))


def _vocabulary(model: CatalogModel, reference: int) -> float:
    fewest, most = VOCABULARIES
    return float((min(max(model.vocabulary_size, fewest), most) / reference) ** VOCABULARY)


def _has_law(dataset: Dataset) -> bool:
    return dataset.loss_law is not None or dataset.loss_offset is not None


def _by_law(model: CatalogModel, dataset: Dataset) -> Level:
    """On a corpus whose law is known a model loses what the law says of its size and pretraining."""
    law = corpus_law(dataset)
    known = law_loss(law, float(model.parameters), seen_tokens(model)) if law else BESIROGLU.e
    known *= _vocabulary(model, LAW_VOCABULARY)
    return Level(known, known, one_pass(dataset), SLOW, *SPREAD_CORPUS)


def one_pass(dataset: Dataset) -> float:
    """What is small is usually narrow too, so that a kind's examples are as well known after one pass of any size."""
    return min(max(float(dataset.tokens), PASSES[0]), PASSES[1])


def reference(dataset: Dataset) -> tuple[float, float]:
    """First and learnt loss of the reference model: the data set's own, or by its kind, language, lengths and file."""
    by_kind = [log(x) for x in KIND[dataset.kind]]
    length = log(min(max(dataset.mean_tokens, LENGTHS[0]), LENGTHS[1]) / TYPICAL_TOKENS)
    foreign = float(is_foreign(dataset))
    first, learnt = (exp(by_kind[i] + LENGTH[i] * length + FOREIGN[i] * foreign) for i in range(2))
    if dataset.entropy is not None:
        first, learnt = _by_file(dataset, first, learnt)
    if dataset.learnt_loss is not None:
        first, learnt = first * dataset.learnt_loss / learnt, dataset.learnt_loss
    if dataset.first_loss is not None:
        scale = dataset.first_loss / first if dataset.learnt_loss is None else 1.0
        first, learnt = dataset.first_loss, learnt * scale
    learnt = max(learnt, LEAST_LOSS)
    return (first if dataset.first_loss is not None else max(first, LEAST_FIRST * learnt)), learnt


def _by_file(dataset: Dataset, first: float, learnt: float) -> tuple[float, float]:
    """The kind's levels drawn to what a compressor leaves of the file."""
    bits = (dataset.entropy or 0.0) * (dataset.bytes_per_token or TYPICAL_BYTES)
    read = max(MODEL_SHARE * log(2) * bits, LEAST_LOSS)
    common = min(dataset.template_share or 0.0, MOST_TEMPLATE)
    begun = read * UNKNOWN_MANNER / (1 - common)
    pairs = ((first, begun), (learnt, read))
    drawn = [exp((1 - ENTROPY_WEIGHT) * log(kind) + ENTROPY_WEIGHT * log(own)) for kind, own in pairs]
    return drawn[0], drawn[1]


def is_foreign(dataset: Dataset) -> bool:
    """Whether the text is said to be in another language than English."""
    said = dataset.language.strip().casefold()
    return bool(said) and not said.startswith(("english", "en"))
