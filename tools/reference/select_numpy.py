"""Greedy removal by loss in numpy, float64, of blocks and of their halves: the oracle for the product's greedy selection.

    python3 tools/reference/select_numpy.py --standin DIR --windows models-fixtures/books16-reference.json \\
        --out tests/OnnxMka.Tests/Selection/oracle.json

Every candidate is a whole forward pass over the last two windows. It shares no code with the product.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from llama_numpy import drop, load, perplexity

TEST = slice(6, 8)
BLOCKS, HALVES = range(1, 15), [(layer, half) for layer in range(6, 11) for half in ("attention", "mlp")]
OUTPUT = {"attention": "self_attn.o_proj.weight", "mlp": "mlp.down_proj.weight"}


def without_half(model, half):
    """A half whose output weights are zero adds nothing to the stream."""
    layer, kind = half
    name = OUTPUT[kind]
    block = dict(model.blocks[layer], **{name: np.zeros_like(model.blocks[layer][name])})
    return replace(model, blocks={**model.blocks, layer: block})


def greedy(model, candidates, remove, windows, rounds):
    """[{choice, losses: {candidate: nats a token}}], one a round."""
    found, left = [], list(candidates)
    for _ in range(rounds):
        losses = {c: float(np.log(perplexity(remove(model, c), windows))) for c in left}
        best = min(left, key=losses.get)
        found.append({"choice": label(best), "losses": {label(c): loss for c, loss in losses.items()}})
        model = remove(model, best)
        left.remove(best)
    return found


def label(candidate):
    return ".".join(map(str, candidate)) if isinstance(candidate, tuple) else str(candidate)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--standin", type=Path, required=True)
    parser.add_argument("--windows", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    windows = json.loads(arguments.windows.read_text(encoding="utf-8"))["windows"][TEST]
    model = load(arguments.standin)
    oracle = {
        "blocks": greedy(model, BLOCKS, lambda m, b: drop(m, [b]), windows, 3),
        "halves": greedy(model, HALVES, without_half, windows, 2),
    }
    arguments.out.write_text(json.dumps(oracle, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
