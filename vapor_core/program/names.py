"""What the program calls things that the Hub and model families call otherwise. Plain values: the app may read them."""

EVENT = "vapor-event"  # what a line begins with that tells an event: then attempt, number and JSON
STANDARD_LIBRARY = "python/standard-library"  # the data set that is always there
# Of a catalog's model, what one is made from that begins from random weights.
SHAPE = (
    *("vocabulary_size", "hidden_size", "intermediate_size", "layers", "attention_heads", "kv_heads"),
    *("context_length", "tied_embeddings"),
)

# Where a Hub data set asks for the name of a part, or calls its training split otherwise: (part, training split).
SUBSETS: dict[str, tuple[str | None, str]] = {
    "openai/gsm8k": ("main", "train"),
    "Salesforce/wikitext": ("wikitext-103-raw-v1", "train"),
    "allenai/c4": ("en", "train"),
    "HuggingFaceFW/fineweb": ("sample-10BT", "train"),
    "HuggingFaceFW/fineweb-edu": ("sample-10BT", "train"),
    "HuggingFaceH4/ultrachat_200k": (None, "train_sft"),
}

# Each target of `lora_targets` by the names that model families give its matrix; the first that a model has counts.
MODULES: dict[str, tuple[str, ...]] = {
    "q_proj": ("q_proj", "query_key_value", "qkv_proj", "c_attn", "Wqkv"),
    "k_proj": ("k_proj", "query_key_value", "qkv_proj", "c_attn", "Wqkv"),
    "v_proj": ("v_proj", "query_key_value", "qkv_proj", "c_attn", "Wqkv"),
    "o_proj": (
        *("o_proj", "self_attn.out_proj", "attention.out_proj", "attn.out_proj"),
        *("attention.dense", "self_attention.dense", "self_attn.dense", "attn.c_proj"),
    ),
    "gate_proj": ("gate_proj", "gate_up_proj", "feed_forward.w1"),
    "up_proj": ("up_proj", "gate_up_proj", "feed_forward.w3", "fc1", "fc_in", "dense_h_to_4h", "c_fc"),
    "lm_head": ("lm_head", "embed_out", "output"),
    "down_proj": ("down_proj", "feed_forward.w2", "fc2", "fc_out", "dense_4h_to_h", "mlp.c_proj"),
}
