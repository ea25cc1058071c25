"""Closed-form compensation and seam scores in numpy, float64: the oracle for what the product makes of the same formulas.

    python3 tools/reference/compensate_numpy.py --standin DIR --windows models-fixtures/books16-reference.json \\
        --out tests/OnnxMka.Tests/Compensation/oracle.json

Fits on the first six windows and measures on the last two. No step is guarded. It shares no code with the product.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from llama_numpy import _attention, _rms_norm, _rotary_angles, drop, load, perplexity

REMOVED = [6, 7, 9, 10]
FIT, TEST = slice(0, 6), slice(6, 8)


def run_block(config, block, x):
    """What a block leaves, and the inputs of its output and down projections: all [windows, tokens, width]."""
    eps = config["rms_norm_eps"]
    cos, sin = _rotary_angles(config, x.shape[1], x.dtype)
    identity = dict(block, **{"self_attn.o_proj.weight": np.eye(block["self_attn.o_proj.weight"].shape[1])})
    heads = _attention(config, identity, _rms_norm(x, block["input_layernorm.weight"], eps), cos, sin)
    middle = x + heads @ block["self_attn.o_proj.weight"].T
    normed = _rms_norm(middle, block["post_attention_layernorm.weight"], eps)
    gate = normed @ block["mlp.gate_proj.weight"].T
    features = gate / (1 + np.exp(-gate)) * (normed @ block["mlp.up_proj.weight"].T)
    return middle + features @ block["mlp.down_proj.weight"].T, heads, features


def flat(x):
    return x.reshape(-1, x.shape[-1])


def ridge_solve(x, r, ridge):
    gram = x.T @ x
    return np.linalg.solve(gram + ridge * np.mean(np.diag(gram)) * np.eye(len(gram)), x.T @ r)


def weighted(x, target):
    """Rows divided by the root mean square of the target's."""
    return flat(x) / np.sqrt((flat(target) ** 2).mean(axis=1, keepdims=True))


def hadamard(n):
    h = np.ones((1, 1))
    while len(h) < n:
        h = np.block([[h, h], [h, -h]])
    return h / np.sqrt(n)


def compensate(dense, seams, kind):
    """The dropped model corrected from its first cut on; {place: matrix} for maps of the stream behind a block."""
    model = drop(dense, REMOVED)
    kept = list(model.blocks)
    blocks = {i: dict(b) for i, b in model.blocks.items()}
    maps = {}
    x = None
    for place, number in enumerate(kept):
        following = kept[place + 1] if place + 1 < len(kept) else len(dense.blocks)
        is_cut = following > number + 1
        if x is None and not is_cut:
            continue
        if x is None:
            x = seams[number]
        block, target = blocks[number], seams[following]
        left, heads, features = run_block(dense.config, block, x)
        if kind.startswith("refit"):
            for _ in range(2 if kind == "refit, two passes" else 1):
                for name, index in (("self_attn.o_proj.weight", 1), ("mlp.down_proj.weight", 2)):
                    outcome = run_block(dense.config, block, x)
                    change = ridge_solve(weighted(outcome[index], target), weighted(target - outcome[0], target), 1e-2)
                    block[name] = block[name] + change.T
        elif kind == "fold" and is_cut:
            product = flat(features @ block["mlp.down_proj.weight"].T)
            change = np.eye(product.shape[1]) + ridge_solve(product, flat(target - left), 1e-3)
            block["mlp.down_proj.weight"] = change.T @ block["mlp.down_proj.weight"]
        elif kind == "linear" and is_cut:
            maps[number] = np.eye(left.shape[-1]) + ridge_solve(flat(left), flat(target - left), 1e-3)
        elif kind == "hadamard" and is_cut:
            h = hadamard(left.shape[-1])
            scales = np.abs(flat(target) @ h).mean(axis=0) / np.abs(flat(left) @ h).mean(axis=0)
            maps[number] = h @ np.diag(scales) @ h.T
        elif kind == "scale" and is_cut:
            maps[number] = np.eye(left.shape[-1]) * (np.abs(target).mean() / np.abs(left).mean())
        x = run_block(dense.config, block, x)[0]
        if number in maps:
            x = x @ maps[number]
    return blocks, maps


def chain_perplexity(dense, blocks, maps, windows):
    """As perplexity() of the plain model, with maps of the stream behind some blocks."""
    table = dense.outside["model.embed_tokens.weight"].astype(np.float64)
    x = table[np.asarray(windows)]
    for number, block in blocks.items():
        x = run_block(dense.config, block, x)[0]
        if number in maps:
            x = x @ maps[number]
    logits = _rms_norm(x, dense.outside["model.norm.weight"], dense.config["rms_norm_eps"]) @ table.T
    peak = logits.max(axis=-1)
    total = peak + np.log(np.exp(logits - peak[..., None]).sum(axis=-1))
    ids = np.asarray(windows)
    chosen = np.take_along_axis(logits[:, :-1], ids[:, 1:, None], axis=-1)[..., 0]
    return float(np.exp(np.mean(total[:, :-1] - chosen)))


def scores(seams):
    """Block influence, angle of the last token, and linear CKA of pooled windows, for every block."""

    def cosine(a, b):
        return (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)

    def cka(a, b):
        a, b = (s.mean(axis=1) - s.mean(axis=1).mean(axis=0) for s in (a, b))
        return np.linalg.norm(a.T @ b) ** 2 / np.linalg.norm(a.T @ a) / np.linalg.norm(b.T @ b)

    pairs = list(zip(seams, seams[1:]))
    return {
        "influence": [float(1 - cosine(a, b).mean()) for a, b in pairs],
        "angleOfFour": [float(np.mean(np.arccos(cosine(a[:, -1], b[:, -1])) / np.pi)) for a, b in zip(seams, seams[4:])],
        "cka": [float(cka(a, b)) for a, b in pairs],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--standin", required=True, type=Path)
    parser.add_argument("--windows", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    arguments = parser.parse_args()
    dense = load(arguments.standin)
    dense.blocks.update({i: {k: v.astype(np.float64) for k, v in b.items()} for i, b in dense.blocks.items()})
    windows = json.loads(arguments.windows.read_text(encoding="utf-8"))["windows"]
    seams = [dense.outside["model.embed_tokens.weight"].astype(np.float64)[np.asarray(windows[FIT])]]
    for block in dense.blocks.values():
        seams.append(run_block(dense.config, block, seams[-1])[0])
    plain = perplexity(drop(dense, REMOVED), windows[TEST])
    assert abs(chain_perplexity(dense, drop(dense, REMOVED).blocks, {}, windows[TEST]) / plain - 1) < 1e-9
    result = {
        "about": "Perplexities of the last two reference windows with blocks 6, 7, 9, 10 dropped and corrected on the first six, and scores of "
        "the seams of those six, by tools/reference/compensate_numpy.py",
        "perplexity": {"none": plain},
        "scores": scores(seams),
    }
    for kind in ("refit", "refit, two passes", "fold", "linear", "hadamard", "scale"):
        result["perplexity"][kind] = chain_perplexity(dense, *compensate(dense, seams, kind), windows[TEST])
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
