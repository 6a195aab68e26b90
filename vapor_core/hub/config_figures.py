"""Which figure a config.json gives under which of its names, and what its model's class takes where it gives none.

The file comes from outside and is believed nowhere: a figure of the wrong type or size is refused by name. Class
defaults are those of transformers 5.24, kept in data/architectures.json by `model_type`; what that version does not
know (code beside the weights) is in `OWN_CODE`, from the publishers' configuration files.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from vapor_core.errors import InvalidConfig

LARGEST = 10**15  # no figure of an architecture is larger
DEEPEST = 4  # configurations of the parts of a model, one in another
# Where a model of several parts keeps its language model.
TEXT_PARTS = ("text_config", "llm_config", "language_config", "thinker_config", "lm_config")

LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_transformer_layers", "num_blocks")
HIDDEN = ("hidden_size", "n_embd", "d_model", "model_dim", "embedding_dim", "dim")
HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads", "num_query_heads", "attention_heads")
VOCABULARY = ("vocab_size", "padded_vocab_size")
CONTEXT = (
    *("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_sequence_length", "seq_length"),
    *("max_context_length", "model_max_length", "max_position_embedding", "context_length"),
)

OWN_CODE: dict[str, dict[str, int | float | bool | str]] = {
    "chatglm": {"tie_word_embeddings": False},
    "baichuan": {"tie_word_embeddings": False},
    "qwen": {"tie_word_embeddings": False},
    "openelm": {"share_input_output_layers": True},
    "jais": {"tie_word_embeddings": True},
    "RefinedWeb": {"tie_word_embeddings": True, "max_position_embeddings": 2048},
    "RefinedWebModel": {"tie_word_embeddings": True, "max_position_embeddings": 2048},
}


# Families whose files say all that their code does not take from another family's.
WELL_SAID = {
    *(
        "internlm",
        "internlm2",
        "deepseek",
        "kimi_k2",
        "qwen2_vl",
        "qwen2_5_vl",
        "phi3_v",
        "phi3small",
        "arctic",
    ),
    *(
        "minimax_text_01",
        "minimax_m1",
        "exaone",
        "orion",
        "xverse",
        "minicpm",
        "minicpmv",
        "minicpmo",
        "aquila",
    ),
    *(
        "hunyuan",
        "bailing_moe",
        "bailing_moe_v2",
        "bailing_moe_linear",
        "nemotron-nas",
        "deci",
        "telechat",
        "stablelm_epoch",
    ),
    *(
        "InternLMXComposer",
        "internlmxcomposer2",
        "skywork",
        "mixformer-sequential",
        "phi-msft",
        "step3_text",
        "mimo",
    ),
    *(
        "pangu_embedded",
        "pangu_ultra_moe",
        "solar",
        "llava_llama",
        "llava_qwen",
        "llava_mistral",
        "kimi_vl",
        "qwen3_vl",
        "ernie4_5_moe_vl",
        "step3p5",
        "phi4mm",
    ),
    *(
        "chatglm",
        "baichuan",
        "glm4v",
        "cogvlm",
        "grok-1",
        "decilm",
        "yuan",
        "midm",
        "trillion",
        "mllama_text_model",
    ),
}


@cache
def class_defaults(kind: str) -> Mapping[str, object]:
    """What the class of a `model_type` takes for figures that a file leaves out; nothing for an unknown one."""
    return {**_published().get(kind, {}), **OWN_CODE.get(kind, {})}


def is_known(kind: str) -> bool:
    """Whether a `model_type` is one whose defaults are known."""
    return kind in _published() or kind in OWN_CODE or kind in WELL_SAID


@cache
def _published() -> dict[str, dict[str, object]]:
    place = files("vapor_core.data").joinpath("architectures.json")
    known: dict[str, dict[str, object]] = json.loads(place.read_text(encoding="utf-8"))["defaults"]
    return known


class Figures:
    """The figures of one language model's config.json.

    Attributes:
        kind: its `model_type`.
        text: what the file says of the language model, its outer parts below its inner ones.
    """

    def __init__(self, config: Mapping[str, object]) -> None:
        text = {str(name): value for name, value in config.items()}
        for _ in range(DEEPEST):
            inner = next((text[key] for key in TEXT_PARTS if isinstance(text.get(key), Mapping)), None)
            if not isinstance(inner, Mapping):
                break
            text = {name: value for name, value in text.items() if name not in TEXT_PARTS}
            text |= {str(name): value for name, value in inner.items()}
        if isinstance(text.get("ssm_cfg"), Mapping):
            text = _of_state_space(text)
        self.text = text
        self.kind = str(text.get("model_type", ""))[:60]
        self._defaults = class_defaults(self.kind)

    def get(self, name: str) -> object:
        """What the file says, or the class's default, or None."""
        value = self.text.get(name)
        return self._defaults.get(name) if value is None else value

    def part(self, name: str) -> Mapping[str, object]:
        """A group of figures, such as MPT's attn_config; empty where there is none."""
        value = self.get(name)
        return {str(key): each for key, each in value.items()} if isinstance(value, Mapping) else {}

    def whole(self, *names: str) -> int | None:
        """A positive whole number by the first name that has one, said by the file before the class's default.

        Raises:
            InvalidConfig: where the file says something else there.
        """
        for source in (self.text, self._defaults):
            for name in names:
                if (value := source.get(name)) is not None:
                    found = whole(value)
                    if found is None:
                        raise InvalidConfig(f"its config.json gives no usable {name}")
                    return found
        return None

    def needed(self, names: tuple[str, ...]) -> int:
        """As `whole`.

        Raises:
            InvalidConfig: where there is none, by the first of its names.
        """
        found = self.whole(*names)
        if found is None:
            raise InvalidConfig(f"its config.json does not say {names[0]}")
        return found

    def amount(self, *names: str) -> int:
        """A whole number that may be 0 or left out, by the first name that has one; 0 for anything else."""
        for source in (self.text, self._defaults):
            for name in names:
                value = source.get(name)
                if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST:
                    return value
        return 0

    def flag(self, name: str, default: bool = False) -> bool:
        """Whether something is so."""
        value = self.get(name)
        return value if isinstance(value, bool) else default

    def each(self, *names: str) -> list[int] | None:
        """A whole number a layer, where one of the names has a list of them; None where none has."""
        for name in names:
            value = self.get(name)
            if isinstance(value, list | tuple) and value:
                found = [_amount(entry) for entry in value[:10_000]]
                if any(entry is None for entry in found):
                    raise InvalidConfig(f"its config.json gives no usable {name}")
                return [entry for entry in found if entry is not None]
        return None

    def words(self, *names: str) -> list[str] | None:
        """A word a layer, where one of the names has a list of them; None where none has."""
        for name in names:
            value = self.get(name)
            if isinstance(value, list | tuple) and value and all(isinstance(each, str) for each in value):
                return [str(each)[:60] for each in value[:10_000]]
        return None

    def ratio(self, name: str) -> float | None:
        """A factor between 0 and 64, or None."""
        value = self.get(name)
        fine = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 64
        return float(value) if fine and isinstance(value, int | float) else None


def _of_state_space(text: dict[str, object]) -> dict[str, object]:
    """The config.json of the first Mamba's own code, in the words that transformers has for the same model."""
    inner = text["ssm_cfg"]
    given = {str(name): value for name, value in inner.items()} if isinstance(inner, Mapping) else {}
    second = given.get("layer") == "Mamba2"
    width = text.get("d_model")
    step = text.get("pad_vocab_size_multiple")
    size = text.get("vocab_size")
    figures: dict[str, object] = {
        "model_type": "mamba2" if second else "mamba",
        "hidden_size": width,
        "num_hidden_layers": text.get("n_layer"),
        "tie_word_embeddings": text.get("tie_embeddings", True),
        "state_size": given.get("d_state", 128 if second else 16),
        "conv_kernel": given.get("d_conv", 4),
        "expand": given.get("expand", 2),
    }
    if second and isinstance(width, int):
        figures |= {"n_groups": given.get("ngroups", 1), "head_dim": given.get("headdim", 64)}
        figures["num_heads"] = 2 * width // 64
    if isinstance(size, int) and isinstance(step, int) and step > 0:
        figures["vocab_size"] = -(-size // step) * step
    return {**text, **{name: value for name, value in figures.items() if value is not None}}


def whole(value: object) -> int | None:
    """A positive whole number, or None for anything else."""
    found = _amount(value)
    return found if found else None


def _amount(value: Any) -> int | None:  # noqa: ANN401 - a file may hold anything there
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST else None
