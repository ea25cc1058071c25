"""The edited models that the reference logits cover, named as in the stand-in's golden file.

Not a program of its own: check_golden.py and make_reference_logits.py import it.
"""

from dataclasses import dataclass

from llama_numpy import drop, merge


@dataclass(frozen=True)
class Case:
    name: str
    removed: tuple = ()  # blocks dropped
    merged: tuple = ()  # blocks merged into the first of them ...
    weights: tuple = ()  # ... with these shares

    def apply(self, model):
        model = drop(model, self.removed)
        return merge(model, self.merged, self.weights) if self.merged else model


CASES = (
    Case("dense"),
    Case("drop 5", removed=(5,)),
    Case("drop 7,8,9,10", removed=(7, 8, 9, 10)),
    Case("drop 12,13,14,15 (tail)", removed=(12, 13, 14, 15)),
    Case("merge 9+10 alpha 0.8", merged=(9, 10), weights=(0.8, 0.2)),
    Case("merge 5+6+7 weights 0.5,0.3,0.2", merged=(5, 6, 7), weights=(0.5, 0.3, 0.2)),
)
