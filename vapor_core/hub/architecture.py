"""How a model is built, read from the config.json that its publisher shipped.

The file comes from outside and is believed nowhere: what cannot be read raises InvalidConfig with the reason, and what
is read but not exactly known is said in the model's `note`. Fetching it is `client`'s work; which layers there are is
`layers`', what each has `mixers`' and `mlps`'.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from vapor_core.contracts.entries import CatalogModel
from vapor_core.errors import InvalidConfig
from vapor_core.hub.config_figures import CONTEXT, HIDDEN, LAYERS, VOCABULARY, Figures, is_known
from vapor_core.hub.layers import BOTH, CROSS, LINEAR, NOTHING, SLIDING, Layer, layers_of
from vapor_core.hub.mixers import Heads, heads_of, latent_rank
from vapor_core.hub.mlps import GATED, Mixture, matrices_of, mixture_of
from vapor_core.hub.parameters import Sum, summed, tied
from vapor_core.hub.towers import has_uncounted, tower_parameters

# Names under which parts for images or sound stand that are not described further.
OTHERS_LEFT_OUT = "its parts for images or sound are left out"
OTHER_SENSES = ("img_processor", "mm_vision_tower", "vision_tower", "audio_processor", "speech_config")
# Classes of models that write no text: `architectures` names them by these endings.
OTHER_TASKS = (
    *("ForMaskedLM", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering"),
    *("ForMultipleChoice", "ForImageClassification", "ForAudioClassification", "ForCTC", "ForPreTraining"),
    *("ForNextSentencePrediction", "ForObjectDetection", "ForFeatureExtraction", "RewardModel"),
)
# Whose layers are built in ways that are not counted here: only a published count tells their size.
NOT_COUNTED = {
    "blt",
    "doge",
    "dory",
    "hrm_text",
    "moshi",
    "zaya",
    "xlm",
    "diffllama",
    "rwkv5",
    "rwkv6",
    "rwkv7",
    "reformer",
}
ENCODERS = {
    "bert",
    "roberta",
    "xlm-roberta",
    "electra",
    "deberta",
    "deberta-v2",
    "albert",
    "distilbert",
    "mpnet",
}
ENCODERS |= {
    "modernbert",
    "nomic_bert",
    "clip",
    "siglip",
    "vit",
    "wav2vec2",
    "hubert",
    "new",
    "esm",
    "camembert",
}
WRITERS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
MOST_LAYERS = 10_000
SAME = 0.05  # of the sum: a published count within it is the same count
TOWER_TOLD = 0.5  # of a tower: a count nearer to the language model's sum has none
# A count outside of these, times the sum, is of something else (an adapter, a whole repository).
LEAST_OF_SUM, MOST_OF_SUM = 0.25, 64.0


@dataclass(frozen=True, slots=True)
class Published:
    """What the Hub says about a model beside its config.json; None where it says nothing."""

    parameters: int | None = None  # from the safetensors headers
    quantized: bool = False  # `parameters` then counts packed integers, not weights
    licence: str | None = None
    released: str | None = None
    gated: bool = False
    downloads: int | None = None
    source: str = ""


def read_architecture(model_id: str, config: Mapping[str, object], published: Published) -> CatalogModel:
    """The language model that a config.json describes.

    The published parameter count holds; where it and the sum over the architecture differ by more than `SAME`, the
    note says so. The sum holds where there is no count, where it counts packed integers, or where it is of something
    else. What a model has for images and sound is left out, and said.

    Raises:
        InvalidConfig: with the reason why the architecture cannot be read.
    """
    figures = Figures(config)
    _refuse_other_tasks(config, figures)
    listed = figures.words("layers_block_type")  # newer files count no layers beside the list
    layers = figures.whole(*LAYERS) or len(listed or ()) or figures.needed(LAYERS)
    hidden = figures.needed(HIDDEN)
    if layers > MOST_LAYERS:
        raise InvalidConfig("its config.json gives no usable num_hidden_layers")
    heads = heads_of(figures, hidden, layers)
    kinds, unknown = layers_of(figures, layers)
    vocabulary = figures.needed(VOCABULARY)
    found = summed(figures, (layers, hidden, vocabulary), heads, kinds)
    attends = [each.mixer not in (LINEAR, NOTHING) and heads.of(at)[0] > 0 for at, each in enumerate(kinds)]
    attending = sum(attends)
    sliding = sum(1 for each in kinds if each.mixer == SLIDING)
    usual_cache = 2 * attending * heads.key * ((heads.size + heads.value_size) // 2)
    model = CatalogModel(
        id=model_id,
        parameters=max(found.total, 1),
        layers=layers,
        hidden_size=hidden,
        intermediate_size=max(found.width, 1),
        attention_heads=heads.query,
        kv_heads=heads.key,
        vocabulary_size=vocabulary,
        context_length=_context(figures),
        tied_embeddings=tied(figures),
        licence=published.licence,
        released=published.released,
        source=published.source,
        family=figures.kind,
        head_size=(heads.size + heads.value_size) // 2 or 1,
        attention_layers=attending if attending < layers else None,
        attention_parameters=None if _is_usual(figures, kinds, heads) else found.mixing,
        kv_cache_values=None if found.cached == usual_cache else found.cached,
        latent_attention=bool(latent_rank(figures)),
        sliding_layers=sliding or None,
        sliding_window=_window(figures) if sliding else None,
        gated_mlp=matrices_of(figures) == GATED,
        gated_access=published.gated,
        downloads=published.downloads,
    )
    mixture = mixture_of(figures, hidden, kinds)
    towers = tower_parameters(config, figures, hidden)
    if figures.kind in NOT_COUNTED and published.parameters is None:
        raise InvalidConfig(f"models of the family {figures.kind} are built in a way that Vapor cannot count")
    notes = _notes(figures, unknown)
    if has_uncounted(config, figures, hidden) and OTHERS_LEFT_OUT not in notes:
        notes.append(OTHERS_LEFT_OUT)
    return _with_parameters(model, (found, mixture), published, towers, notes)


def _refuse_other_tasks(config: Mapping[str, object], figures: Figures) -> None:
    """What is refused is named: by its class where it writes no text, by what Vapor lacks where it does."""
    if config.get("is_encoder_decoder") is True or figures.text.get("is_encoder_decoder") is True:
        raise InvalidConfig("it is an encoder-decoder; Vapor rehearses decoder-only text models")
    classes = config.get("architectures")
    names = [name[:80] for name in classes if isinstance(name, str)] if isinstance(classes, list) else []
    if any(name.endswith(WRITERS) for name in names) or _writes_by_its_own_code(config):
        return
    if (other := [name for name in names if name.endswith(OTHER_TASKS)]) or figures.kind in ENCODERS:
        named = other[0] if other else figures.kind
        raise InvalidConfig(
            f"its class {named} does not generate text; Vapor rehearses decoder-only text models"
        )


def _writes_by_its_own_code(config: Mapping[str, object]) -> bool:
    """Whether the code beside the weights has a class that writes text, whatever that is called (ChatGLM)."""
    classes = config.get("auto_map")
    return isinstance(classes, Mapping) and any("CausalLM" in str(name) for name in classes)


def _context(figures: Figures) -> int:
    scaled = figures.part("rope_scaling")
    longer = scaled.get("factor") if figures.kind == "deepseek" else None
    found = figures.whole(*CONTEXT) or 2048
    return int(found * longer) if isinstance(longer, int) and 0 < longer < 10**4 else found


def _is_usual(figures: Figures, kinds: tuple[Layer, ...], heads: Heads) -> bool:
    """Whether `CatalogModel` counts the mixers itself, from its heads and the layers that attend."""
    plain = all(each.mixer not in (LINEAR, NOTHING, BOTH, CROSS) for each in kinds)
    return plain and not heads.each and not latent_rank(figures) and heads.size == heads.value_size


def _window(figures: Figures) -> int | None:
    return figures.whole(
        "sliding_window", "sliding_window_size", "attention_window_size", "attention_chunk_size"
    )


def _notes(figures: Figures, unknown: tuple[str, ...]) -> list[str]:
    """What is read but not exactly known, a sentence each."""
    notes = []
    if unknown:
        words = ", ".join(sorted(unknown)[:3])
        notes.append(f"layers of the unknown kind {words} are counted as attention")
    if not is_known(figures.kind):
        called = figures.kind or "no model_type"
        notes.append(f"the family {called} is not known to Vapor and is read by the usual names")
    if any(figures.text.get(name) for name in OTHER_SENSES):
        notes.append(OTHERS_LEFT_OUT)
    return notes


def _billions(count: int) -> str:
    return f"{count / 1e9:.2f} B" if count >= 10**8 else f"{count / 1e6:.0f} M"


def _with_parameters(
    model: CatalogModel, sums: tuple[Sum, Mixture | None], published: Published, towers: int, notes: list[str]
) -> CatalogModel:
    found, mixture = sums
    count, told = _of_language(published, found.total, towers)
    notes = [*told, *notes]
    changes: dict[str, object] = {"parameters": count, "note": "; ".join(notes)}
    if mixture is not None:
        # where the architecture does not explain the count, the share of the sum holds
        near = abs(count / found.total - 1) <= SAME
        active = found.active if near else round(found.active * count / found.total)
        changes["active_parameters"] = max(min(active, count), 1)
        changes |= _experts(mixture)
    return model.changed(**changes)


def _experts(mixture: Mixture) -> dict[str, object]:
    """What a CatalogModel says of a mixture; nothing where its file counts no experts."""
    if not mixture.experts:
        return {}
    return {
        "experts": mixture.experts,
        "experts_per_token": max(mixture.visited, 1),
        "expert_size": mixture.width,
        "shared_expert_size": mixture.shared,
        "dense_layers": mixture.dense_layers,
    }


def _of_language(published: Published, total: int, towers: int) -> tuple[int, list[str]]:
    """Parameters of the language model, and what is to be said of them."""
    summed = "parameters summed from the architecture"
    left_out = [f"{_billions(towers)} parameters for images or sound are left out"] if towers else []
    count = published.parameters
    if count is None:
        return total, [summed, *left_out]
    if published.quantized:
        return total, [f"{summed}: the Hub counts packed numbers", *left_out]
    if not LEAST_OF_SUM * total <= count <= MOST_OF_SUM * total:
        return total, [f"{summed}: the Hub's count of {count:,} is of something else", *left_out]
    differ = f"the Hub counts {_billions(count)} parameters, its architecture sums to {_billions(total)}"
    if not towers or abs(count - total) <= TOWER_TOLD * towers:  # or a checkpoint of the language model alone
        return count, [] if abs(count / total - 1) <= SAME else [differ]
    rest = count - towers
    if rest > 0 and abs(rest / total - 1) <= SAME:
        return rest, left_out
    return total, [f"{differ} and {_billions(towers)} for images or sound", *left_out]
