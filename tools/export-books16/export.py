"""Exports the stand-in, a Llama decoder of 16 blocks trained on sixteen novels, as an ONNX model with a KV cache.

    python3 tools/export-books16/export.py --standin DIR --out models-fixtures/books16

DIR is a Hugging Face folder: config.json, model.safetensors, tokenizer files. Written with torch 1.13's TorchScript
exporter and onnx 1.12; the same inputs and versions give the same bytes.
"""

import argparse
import io
import json
import shutil
import sys
from pathlib import Path

import onnx
import torch

from config_files import generation_config, genai_config, write_json
from llama_torch import LlamaForCausalLM
from tie_head import tie_head

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "reference"))
from safetensors_file import read_safetensors

MODEL_FILE = "model.onnx"
OPSET = 17
TABLE = "model.embed_tokens.weight"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def load_model(weights_file, config):
    model = LlamaForCausalLM(config).eval()
    weights = {name: torch.from_numpy(array.copy()) for name, array in read_safetensors(weights_file).items()}
    weights["lm_head.weight"] = weights[TABLE]
    model.load_state_dict(weights)
    return model


def example_inputs(config):
    """Batch, new tokens and past length all different, so that none is traced for another."""
    batch, new, past = 2, 3, 5
    head_size = config["hidden_size"] // config["num_attention_heads"]
    cache = torch.zeros(batch, config["num_key_value_heads"], past, head_size)
    return (
        torch.ones(batch, new, dtype=torch.int64),
        torch.ones(batch, past + new, dtype=torch.int64),
        torch.arange(past, past + new).expand(batch, new),
        *(cache.clone() for _ in range(2 * config["num_hidden_layers"])),
    )


def cache_ports(prefix, config):
    return [f"{prefix}.{i}.{part}" for i in range(config["num_hidden_layers"]) for part in ("key", "value")]


def dynamic_axes(past, present):
    total = "past_sequence_length + sequence_length"
    tokens = {0: "batch_size", 1: "sequence_length"}
    axes = {"input_ids": tokens, "attention_mask": {0: "batch_size", 1: total}, "position_ids": tokens}
    axes["logits"] = tokens
    axes.update({name: {0: "batch_size", 2: "past_sequence_length"} for name in past})
    axes.update({name: {0: "batch_size", 2: total} for name in present})
    return axes


def export_onnx(model, config):
    past, present = cache_ports("past_key_values", config), cache_ports("present", config)
    exported = io.BytesIO()
    torch.onnx.export(
        model,
        example_inputs(config),
        exported,
        opset_version=OPSET,
        do_constant_folding=True,
        input_names=["input_ids", "attention_mask", "position_ids", *past],
        output_names=["logits", *present],
        dynamic_axes=dynamic_axes(past, present),
    )
    proto = onnx.load_from_string(exported.getvalue())
    tie_head(proto.graph, TABLE)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--standin", type=Path, required=True, help="folder with config.json and model.safetensors")
    parser.add_argument("--out", type=Path, required=True, help="folder to write, made if absent")
    arguments = parser.parse_args()

    config = json.loads((arguments.standin / "config.json").read_text(encoding="utf-8"))
    proto = export_onnx(load_model(arguments.standin / "model.safetensors", config), config)

    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    (out / MODEL_FILE).write_bytes(proto.SerializeToString(deterministic=True))
    write_json(out / "config.json", config)
    write_json(out / "generation_config.json", generation_config(config))
    write_json(out / "genai_config.json", genai_config(config, MODEL_FILE))
    for name in TOKENIZER_FILES:
        shutil.copyfile(arguments.standin / name, out / name)
    print(f"{out / MODEL_FILE}: {len(proto.graph.node)} nodes, {(out / MODEL_FILE).stat().st_size} bytes")


if __name__ == "__main__":
    main()
