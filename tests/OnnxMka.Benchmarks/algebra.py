"""The rivals of OnnxMka.Numerics: numpy and scipy on the same matrices.

Lines in: gram|ridge|eigh|compare FILE N K; lines out: JSON. What is compared is a file of our result with the one before, by Frobenius norms.
"""
import json
import sys
import time

import numpy
import scipy.linalg

last = None
for line in sys.stdin:
    work, path, n, k = line.split()
    n, k = int(n), int(k)
    values = numpy.fromfile(path)
    answer = {}
    start = time.perf_counter()
    if work == "gram":  # rows [k, n]
        values = values.reshape(k, n)
        start = time.perf_counter()
        last = values.T @ values
    elif work == "ridge":  # [n, n], then k right sides
        matrix, rights = values[: n * n].reshape(n, n), values[n * n :].reshape(k, n).T.copy()
        start = time.perf_counter()
        last = scipy.linalg.cho_solve(scipy.linalg.cho_factor(matrix, lower=True), rights).T
    elif work == "eigh":  # [n, n]: what the k largest leave out
        matrix = values.reshape(n, n)
        start = time.perf_counter()
        answer["least"] = float(scipy.linalg.eigh(matrix)[0][: n - k].sum())
    else:
        answer["difference"] = float(numpy.linalg.norm(values.reshape(last.shape) - last) / numpy.linalg.norm(last))
    answer["seconds"] = time.perf_counter() - start
    print(json.dumps(answer), flush=True)
