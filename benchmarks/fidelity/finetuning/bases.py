"""The base models of published runs, by their names: what their cards say of size, vocabulary and pretraining."""

import re
from functools import cache

from vapor_core import catalog
from vapor_core.contracts.entries import CatalogModel
from vapor_core.errors import NotInCatalog
from vapor_core.physics.loss import texts

# Pattern of a name: billions of parameters, thousands of words, trillions of tokens of pretraining; the first that
# fits. By the models' cards; where one does not say its tokens, those of its siblings.
KNOWN: tuple[tuple[str, float, float, float], ...] = (
    ("functiongemma-270m", 0.27, 262, 6), ("gemma-2-9b", 9.2, 256, 8), ("gemma-2-2b", 2.6, 256, 2),
    ("gemma-3-4b", 4.3, 262, 4), ("gemma-3-1b", 1.0, 262, 2), ("gemma-4-26b", 26.0, 262, 10),
    ("gemma-7b", 8.5, 256, 6), ("gemma-2b", 2.5, 256, 3), ("granite-4.0-350m", 0.35, 100, 10),
    ("lfm2", 1.2, 65, 10), ("llama-3.2-3b", 3.2, 128, 9), ("llama-3.2-1b", 1.24, 128, 9),
    ("llama-3.1-8b|llama-3-8b|llama-8b", 8.0, 128, 15), ("llama-3-70b", 70.6, 128, 15),
    ("mistral-nemo", 12.2, 131, 8), ("mistral-7b|zephyr", 7.24, 32, 4), ("mixtral", 46.7, 32, 4),
    ("ministral-3-3b", 3.8, 131, 8), ("mistral-small", 22.0, 32, 8), ("nemotron-3-nano-30b", 31.6, 131, 25),
    ("phi-3-medium", 14.0, 32, 4.8), ("phi-3-mini", 3.8, 32, 3.3), ("phi-4-mini", 3.8, 200, 5),
    ("phi-2", 2.78, 51, 1.4), ("qwen2.5-coder-14b", 14.8, 152, 18), ("qwen2.5-coder-7b|qwen2.5-7b", 7.6, 152, 18),
    ("qwen2.5-3b", 3.1, 152, 18), ("qwen2.5-1.5b", 1.5, 152, 18), ("qwen2.5-0.5b", 0.5, 152, 18),
    ("qwen1.5-7b", 7.7, 152, 4), ("qwen1.5-0.5b", 0.46, 152, 2.4), ("qwen3-14b", 14.8, 152, 36),
    ("qwen3-32b", 32.8, 152, 36), ("qwen3-8b", 8.2, 152, 36), ("qwen3-4b", 4.0, 152, 36),
    ("qwen3-0.6b", 0.6, 152, 36), ("qwen-14b", 14.2, 152, 3), ("qwen-7b", 7.7, 152, 2.4),
    ("gpt-oss-20b", 20.9, 201, 10), ("gpt-oss-120b", 117.0, 201, 10), ("opt-6.7b", 6.7, 50, 0.18),
    ("opt-1.3b", 1.3, 50, 0.18), ("falcon-rw-1b", 1.3, 50, 0.35), ("falcon-7b", 7.2, 65, 1.5),
    ("gpt-neox-20b", 20.6, 50, 0.4), ("bloomz-560m", 0.56, 250, 0.35), ("llama-2-7b", 6.74, 32, 2),
    ("llama-2-13b", 13.0, 32, 2), ("llama-2-70b", 69.0, 32, 2), ("tinyllama", 1.1, 32, 3),
    ("starcoderbase-1b", 1.1, 49, 1), ("tiny-aya", 3.35, 262, 6), ("rugpt3small", 0.125, 50, 0.1),
    ("rugpt3medium", 0.356, 50, 0.1), ("glm-4-9b", 9.4, 151, 10), ("distilgpt2", 0.082, 50, 0.01),
    ("opt-125m", 0.125, 50, 0.18), ("opt-350m", 0.33, 50, 0.18), ("opt-2.7b", 2.65, 50, 0.18),
    ("opt-13b", 12.9, 50, 0.18), ("opt-30b", 30.0, 50, 0.18), ("opt-66b", 65.7, 50, 0.18),
    ("opt-175b", 175.0, 50, 0.18), ("llama-7b", 6.74, 32, 1), ("llama-13b", 13.0, 32, 1),
    ("llama-30b", 32.5, 32, 1.4), ("llama-65b", 65.3, 32, 1.4), ("yi-34b", 34.4, 64, 3), ("yi-6b", 6.06, 64, 3),
    ("qwen2.5-32b", 32.8, 152, 18), ("gpt-neo 2.7b", 2.65, 50, 0.42), ("gpt-neo 1.3b", 1.3, 50, 0.38),
    ("gpt-neo 350m", 0.36, 50, 0.3), ("gpt-neo 125m", 0.125, 50, 0.3), ("gpt-j-6b", 6.05, 50, 0.4),
    ("pythia-6.9b", 6.86, 50, 0.3), ("stablelm-3b", 2.8, 50, 4), ("btlm-3b", 2.65, 50, 0.63),
    ("gpt2-medium", 0.355, 50, 0.01), ("gpt2", 0.124, 50, 0.01),
)  # fmt: skip
# Names that say nothing of it, of models tuned to instructions
INSTRUCTED = ("gpt-oss", "lfm2-1", "qwen3-32b", "qwen3-8b", "qwen3-4b", "qwen3-0.6b", "nemotron-3", "granite-4",
              "tiny-aya", "bloomz", "functiongemma", "r1-distill")  # fmt: skip


@cache
def base(name: str) -> CatalogModel | None:
    """The model of a published name; None where nothing is known of it."""
    low = name.lower()
    short = low.rsplit("/", 1)[-1]
    found = next((known for known in KNOWN if re.search(known[0], short)), None)
    if found is None:
        return None
    _, billions, words, seen = found
    instructed = "-base" not in short and any(part in short for part in INSTRUCTED)
    try:
        model = catalog.model(name)
    except NotInCatalog:
        model = shaped(name, billions, words)
    tuned = instructed or texts.knows_instructions(model)
    return model.changed(
        id=name.split("-bnb", maxsplit=1)[0], pretraining_tokens=int(seen * 1e12), instruction_tuned=tuned
    )


def shaped(name: str, billions: float, words: float) -> CatalogModel:
    """A model of the usual proportions: a layer a hundred of width."""
    width = max(round((billions * 1e9 * 100 / 12) ** (1 / 3) / 256) * 256, 256)
    return CatalogModel(
        id=name, parameters=int(billions * 1e9), layers=max(width // 100, 2), hidden_size=width,
        intermediate_size=4 * width, attention_heads=max(width // 256 * 2, 2), kv_heads=1 if width < 1024 else 2,
        vocabulary_size=int(words * 1000),
    )  # fmt: skip
