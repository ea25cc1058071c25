"""Checks the numpy forward pass against logits and perplexities recorded from a PyTorch forward pass in float32.

    python3 tools/reference/check_golden.py --standin DIR --golden DIR/golden/logits.json

Prints one line for each case; ends with 1 if any is further off than float32 explains.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from cases import CASES
from llama_numpy import forward, load, perplexity

LOGIT_TOLERANCE = 1e-5  # of the largest logit
PERPLEXITY_TOLERANCE = 1e-5  # relative


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--standin", type=Path, required=True, help="folder with config.json and model.safetensors")
    parser.add_argument("--golden", type=Path, required=True, help="the recorded logits, JSON")
    arguments = parser.parse_args()

    dense = load(arguments.standin)
    golden = json.loads(arguments.golden.read_text(encoding="utf-8"))
    prompt = golden["ids"][0][: golden["prompt_tokens"]]
    agree = True
    for case in CASES:
        model, expected = case.apply(dense), golden["cases"][case.name]
        logits = np.array(expected["last_logits"])
        logit_error = np.abs(forward(model, [prompt])[0, -1] - logits).max() / np.abs(logits).max()
        measured = perplexity(model, golden["ids"])
        perplexity_error = abs(measured / expected["perplexity"] - 1)
        agree &= logit_error <= LOGIT_TOLERANCE and perplexity_error <= PERPLEXITY_TOLERANCE
        print(
            f"{case.name:34} logits off by {logit_error:.1e}   perplexity {measured:.6f}, off by {perplexity_error:.1e}"
        )
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
