"""Makes the calibration and held-back texts that the tool carries: passages of sixteen public-domain novels.

    python3 tools/make-calibration-text/make.py --source DIR --out src/OnnxMka/Running/Tokens/Text

DIR holds valid.txt and test.txt: two disjoint 5 % parts of every novel, book after book, Project Gutenberg headers
removed, ASCII. Passages begin at evenly spaced places, at the start of a paragraph, and end with a paragraph or,
where one is long, a sentence; so every book is in, and equal inputs give equal bytes.
"""

import argparse
import re
from pathlib import Path

# output file, source file, number of passages, their greatest length in characters
TEXTS = (
    ("calibration.txt", "valid.txt", 60, 5300),
    ("heldback.txt", "test.txt", 48, 2700),
)

PARAGRAPH_BREAK = "\n\n"
PARAGRAPH_END = re.compile(r"""[.!?]["')]*(?=\n\n)""")  # not a chapter heading
# A full stop after a title is no end of a sentence.
SENTENCE_END = re.compile(r"""(?<!\bMr)(?<!\bMrs)(?<!\bDr)(?<!\bSt)[.!?]["')]*(?=\s+["'(]*[A-Z])""")


def passages(text, count, length):
    """Evenly spaced passages of at most length characters, in order, none overlapping another."""
    end = 0
    for number in range(count):
        at = max(end, number * len(text) // count)
        start = text.index(PARAGRAPH_BREAK, at) + len(PARAGRAPH_BREAK) if at else 0
        passage = cut(text[start : start + length])
        end = start + len(passage)
        yield passage.strip()


def cut(piece):
    """Ends a piece with its last paragraph, or with its last sentence if that would lose over a third of it."""
    paragraphs, sentences = (
        [match.end() for match in pattern.finditer(piece)] for pattern in (PARAGRAPH_END, SENTENCE_END)
    )
    end = max(paragraphs, default=0)
    return piece[: end if end >= len(piece) * 2 // 3 else max(sentences)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, required=True, help="folder with valid.txt and test.txt")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    arguments = parser.parse_args()

    for out_name, source_name, count, length in TEXTS:
        source = (arguments.source / source_name).read_text(encoding="ascii")
        text = PARAGRAPH_BREAK.join(passages(source, count, length)) + "\n"
        (arguments.out / out_name).write_text(text, encoding="ascii", newline="\n")
        print(f"{out_name}: {count} passages, {len(text)} bytes")


if __name__ == "__main__":
    main()
