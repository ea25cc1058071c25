"""An independent forward pass of the Llama architecture in numpy, straight from safetensors weights.

It shares no code with the exporter or with the product, runs without a cache, and computes in float64, so that
it can say what a model with dropped or merged blocks should answer. Not a program of its own: check_golden.py and
make_reference_logits.py import it.

    model = load("folder with config.json and model.safetensors")
    model = merge(model, [9, 10], [0.8, 0.2])
    logits = forward(model, [[0, 667, 1024]])       # [batch, sequence, vocabulary], float64
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from safetensors_file import read_safetensors

_LAYER = "model.layers."


@dataclass(frozen=True)
class Llama:
    config: dict
    outside: dict  # tensors outside the blocks, by full name
    blocks: dict  # original block number -> {name inside the block: tensor}, in running order


def load(folder):
    folder = Path(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    outside, blocks = {}, {i: {} for i in range(config["num_hidden_layers"])}
    for name, tensor in read_safetensors(folder / "model.safetensors").items():
        if name.startswith(_LAYER):
            number, inner = name[len(_LAYER) :].split(".", 1)
            blocks[int(number)][inner] = tensor
        else:
            outside[name] = tensor
    return Llama(config, outside, blocks)


def drop(model, numbers):
    """Removes blocks; numbers are those of the original model."""
    return replace(model, blocks={i: block for i, block in model.blocks.items() if i not in numbers})


def merge(model, numbers, weights):
    """Puts one block in the place of several: the convex combination of every tensor, norms included.

    Summed in float64 and rounded once, to the dtype of the originals. The new block stands where the first stood.
    """
    if len(numbers) != len(weights) or min(weights) < 0 or abs(sum(weights) - 1) > 1e-12:
        raise ValueError("a merge needs one weight for each block, none negative, and their sum must be 1")
    merged = {
        name: sum(w * model.blocks[i][name].astype(np.float64) for i, w in zip(numbers, weights)).astype(first.dtype)
        for name, first in model.blocks[numbers[0]].items()
    }
    rest = drop(model, numbers[1:])
    return replace(rest, blocks={**rest.blocks, numbers[0]: merged})


def forward(model, ids, dtype=np.float64):
    """Token ids [batch, sequence], all real tokens from position 0 -> logits [batch, sequence, vocabulary]."""
    eps = model.config["rms_norm_eps"]
    outside = {name: tensor.astype(dtype) for name, tensor in model.outside.items()}
    table = outside["model.embed_tokens.weight"]
    x = table[np.asarray(ids)]
    cos, sin = _rotary_angles(model.config, x.shape[1], dtype)
    for block in model.blocks.values():
        block = {name: tensor.astype(dtype) for name, tensor in block.items()}
        x = x + _attention(model.config, block, _rms_norm(x, block["input_layernorm.weight"], eps), cos, sin)
        x = x + _mlp(block, _rms_norm(x, block["post_attention_layernorm.weight"], eps))
    head = outside.get("lm_head.weight", table)
    return _rms_norm(x, outside["model.norm.weight"], eps) @ head.T


def perplexity(model, windows, dtype=np.float64):
    """exp of the mean negative log-likelihood, in nats, of tokens 1..T-1 of every window given those before."""
    losses = []
    for window in windows:
        logits = forward(model, [window], dtype)[0, :-1].astype(np.float64)
        peak = logits.max(axis=-1)
        log_total = peak + np.log(np.exp(logits - peak[:, None]).sum(axis=-1))
        losses.append(log_total - logits[np.arange(len(logits)), window[1:]])
    return float(np.exp(np.mean(losses)))


def _rms_norm(x, weight, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight


def _rotary_angles(config, length, dtype):
    """cos and sin of position * frequency, one column for each pair of coordinates: [length, head size / 2]."""
    head_size = config["hidden_size"] // config["num_attention_heads"]
    frequencies = config["rope_theta"] ** -(np.arange(0, head_size, 2) / head_size)
    angles = np.outer(np.arange(length), frequencies)
    return np.cos(angles).astype(dtype), np.sin(angles).astype(dtype)


def _rotate(x, cos, sin):
    """Coordinate i of a head is paired with i + head size / 2; each pair turns by its angle."""
    first, second = np.split(x, 2, axis=-1)
    return np.concatenate((first * cos - second * sin, second * cos + first * sin), axis=-1)


def _heads(x, weight, count):
    """[batch, length, width] -> [batch, heads, length, head size]"""
    batch, length, _ = x.shape
    return (x @ weight.T).reshape(batch, length, count, -1).transpose(0, 2, 1, 3)


def _attention(config, block, x, cos, sin):
    batch, length, _ = x.shape
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    query = _rotate(_heads(x, block["self_attn.q_proj.weight"], heads), cos, sin)
    key = _rotate(_heads(x, block["self_attn.k_proj.weight"], kv_heads), cos, sin)
    value = _heads(x, block["self_attn.v_proj.weight"], kv_heads)
    key, value = (np.repeat(t, heads // kv_heads, axis=1) for t in (key, value))

    scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(query.shape[-1]).astype(x.dtype)
    scores[..., np.triu(np.ones((length, length), bool), 1)] = -np.inf
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    scores /= scores.sum(axis=-1, keepdims=True)
    mixed = (scores @ value).transpose(0, 2, 1, 3).reshape(batch, length, -1)
    return mixed @ block["self_attn.o_proj.weight"].T


def _mlp(block, x):
    gate = x @ block["mlp.gate_proj.weight"].T
    gate = gate / (1 + np.exp(-gate))
    return (gate * (x @ block["mlp.up_proj.weight"].T)) @ block["mlp.down_proj.weight"].T
