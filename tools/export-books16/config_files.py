"""The config files beside an exported decoder, all derived from its Hugging Face `config.json`.

Not a program of its own: export.py imports it.
"""

import json


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8", newline="\n")


def pad_id(config):
    return config.get("pad_token_id", config["eos_token_id"])


def generation_config(config):
    return {
        "bos_token_id": config["bos_token_id"],
        "eos_token_id": config["eos_token_id"],
        "pad_token_id": pad_id(config),
        "do_sample": False,
        "max_length": config["max_position_embeddings"],
    }


def genai_config(config, model_file):
    """What ONNX Runtime GenAI reads: how to feed the decoder's ports, and how to search."""
    context = config["max_position_embeddings"]
    decoder = {
        "session_options": {"provider_options": []},
        "filename": model_file,
        "head_size": config["hidden_size"] // config["num_attention_heads"],
        "hidden_size": config["hidden_size"],
        "inputs": {
            "input_ids": "input_ids",
            "attention_mask": "attention_mask",
            "position_ids": "position_ids",
            "past_key_names": "past_key_values.%d.key",
            "past_value_names": "past_key_values.%d.value",
        },
        "outputs": {
            "logits": "logits",
            "present_key_names": "present.%d.key",
            "present_value_names": "present.%d.value",
        },
        "num_attention_heads": config["num_attention_heads"],
        "num_hidden_layers": config["num_hidden_layers"],
        "num_key_value_heads": config["num_key_value_heads"],
    }
    return {
        "model": {
            "type": config["model_type"],
            "bos_token_id": config["bos_token_id"],
            "eos_token_id": config["eos_token_id"],
            "pad_token_id": pad_id(config),
            "context_length": context,
            "vocab_size": config["vocab_size"],
            "decoder": decoder,
        },
        "search": {
            "do_sample": False,
            "max_length": context,
            "min_length": 0,
            "num_beams": 1,
            "num_return_sequences": 1,
            "past_present_share_buffer": False,
            "repetition_penalty": 1.0,
            "temperature": 1.0,
            "top_k": 1,
            "top_p": 1.0,
        },
    }
