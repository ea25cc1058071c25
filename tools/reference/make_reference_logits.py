"""Writes the oracle for dropped and merged models: last logits and perplexities from the numpy forward pass.

    python3 tools/reference/make_reference_logits.py --standin DIR --windows DIR/golden/logits.json \\
        --out models-fixtures/books16-reference.json

The windows file gives token ids of test text under "ids"; the prompt is the start of the first window, the windows
measured are every twelfth.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from cases import CASES
from llama_numpy import forward, load, perplexity

PROMPT_TOKENS = 32
WINDOWS = 8

MEANINGS = {
    "about": "Logits and perplexities of the books16 model with blocks dropped or merged, from an independent numpy "
    "forward pass over the original weights. Block numbers are those of the original model.",
    "drop": "blocks removed, the others untouched",
    "merge": "blocks replaced by one, at the place of the first: the weighted sum of every parameter, norms included, "
    "in float64, rounded once to float32",
    "last_logits": "after the last token of the prompt, computed in float64, rounded to float32, 9 significant digits",
    "perplexity": "exp of the mean, over the windows and over positions 1..127 of each, of the negative natural log of "
    "the probability of that token given the tokens before it in its window; no token is put before a window",
}


def float32_digits(values):
    """float32 values as Python floats that print with at most 9 significant digits and read back the same."""
    return [float(f"{value:.9g}") for value in np.asarray(values, np.float32).tolist()]


def case_entry(case, dense, prompt, windows):
    model = case.apply(dense)
    return {
        "name": case.name,
        "drop": list(case.removed),
        "merge": {"blocks": list(case.merged), "weights": list(case.weights)} if case.merged else None,
        "perplexity": float(f"{perplexity(model, windows):.12g}"),
        "last_logits": float32_digits(forward(model, [prompt])[0, -1]),
    }


def json_lines(document):
    """JSON with one line for every member, and for every item of "windows" and "cases"."""
    members = []
    for key, value in document.items():
        if key in ("windows", "cases"):
            text = "[\n  " + ",\n  ".join(json.dumps(item) for item in value) + "\n ]"
        else:
            text = json.dumps(value)
        members.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(members) + "\n}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--standin", type=Path, required=True, help="folder with config.json and model.safetensors")
    parser.add_argument("--windows", type=Path, required=True, help='JSON with token id windows under "ids"')
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    arguments = parser.parse_args()

    dense = load(arguments.standin)
    ids = json.loads(arguments.windows.read_text(encoding="utf-8"))["ids"]
    prompt, windows = ids[0][:PROMPT_TOKENS], ids[:: len(ids) // WINDOWS][:WINDOWS]
    document = {
        "meanings": MEANINGS,
        "prompt": prompt,
        "windows": windows,
        "cases": [case_entry(case, dense, prompt, windows) for case in CASES],
    }
    arguments.out.write_text(json_lines(document), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
