"""How many parameters a model has for images and sound, apart from its language model.

A tower is a transformer with plain or gated MLPs; what joins it to the language model is counted as one MLP. The sum
is only asked to tell a tower from a wrong count: within a tenth.
"""

from collections.abc import Mapping

from vapor_core.hub.config_figures import Figures, class_defaults, whole

TOWERS = ("vision_config", "audio_config", "vision_tower_config", "visual", "vision", "vision_model_config")
GATED_TOWERS = ("qwen2_5_vl", "qwen2_5_omni_vision_encoder", "glm4v_vision", "pixtral", "siglip2_gated")
NAMES = {
    "layers": ("num_hidden_layers", "depth", "layers", "num_layers", "encoder_layers"),
    "hidden": ("hidden_size", "embed_dim", "width", "d_model"),
    "wide": ("intermediate_size", "mlp_dim", "encoder_ffn_dim"),
}


def tower_parameters(config: Mapping[str, object], language: Figures, hidden: int) -> int:
    """Parameters of all towers that a config.json describes, and of what joins them; 0 where it describes none."""
    total = 0
    for holder in (config, _inner(config, "thinker_config")):
        for name in TOWERS:
            part = holder.get(name)
            if isinstance(part, Mapping):
                total += _tower({str(key): value for key, value in part.items()}, language.kind, hidden)
    return total


def has_uncounted(config: Mapping[str, object], language: Figures, hidden: int) -> bool:
    """Whether some tower is described in a way that tells no size."""
    parts = [part for name in TOWERS if isinstance(part := config.get(name), Mapping) and part]
    return any(
        _tower({str(key): value for key, value in part.items()}, language.kind, hidden) == 0 for part in parts
    )


def _inner(config: Mapping[str, object], name: str) -> Mapping[str, object]:
    part = config.get(name)
    return part if isinstance(part, Mapping) else {}


def _tower(part: dict[str, object], language: str, hidden: int) -> int:
    kind = str(part.get("model_type", ""))[:60]
    known = {**class_defaults(kind), **{key: value for key, value in part.items() if value is not None}}
    figure = {
        role: next((found for name in names if (found := whole(known.get(name)))), 0)
        for role, names in NAMES.items()
    }
    layers, width = figure["layers"], figure["hidden"]
    if kind.startswith(("qwen2_vl", "qwen2_5_vl")) or language.startswith("qwen2_vl"):
        width = whole(known.get("embed_dim")) or width
    if not layers or not width:
        return 0
    ratio = known.get("mlp_ratio")
    wide = figure["wide"] or int((ratio if isinstance(ratio, int | float) and 0 < ratio < 64 else 4) * width)
    gated = kind.startswith(GATED_TOWERS) or (kind == "" and "swiglu" in str(known.get("hidden_act", "")))
    merge = whole(known.get("spatial_merge_size")) or 1
    patch = (whole(known.get("patch_size")) or 14) ** 2 * 3 * width
    joined = width * merge * merge
    join = (joined * joined if merge > 1 else joined * hidden) + joined * hidden
    stacked = known.get("deepstack_visual_indexes")  # Qwen3-VL joins what some inner layers see too
    join *= 1 + (len(stacked) if isinstance(stacked, list) else 0)
    return layers * (4 * width * width + (3 if gated else 2) * width * wide) + patch + min(join, 10**9)
