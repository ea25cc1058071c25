"""The scoring stage as the paper's released script computes it, for timing only: the same numpy and scikit-learn calls on the same shapes.

    paper_scoring.py L N H     prints seconds: of the imports, of all layers, of all pairs, and of processor time for both of these

Per layer: distances in square chunks, a kernel, two normalisations, the condition number, a full singular value decomposition, ranks.
Per pair of layers: mutual_info_regression of all columns against each column, and two nearest-neighbour searches for the entropies.
The numbers that come out are not an oracle (see the README); nothing is compared but the time.
"""

import sys
import time

STARTED = time.perf_counter()

import numpy as np
from sklearn.feature_selection import mutual_info_regression
from sklearn.neighbors import NearestNeighbors

IMPORTS = time.perf_counter() - STARTED
SIGMA, ALPHA, DIMENSION, NEIGHBOURS, ENTROPY_NEIGHBOURS = 8.0, 0.5, 2, 5, 50


def chunk_length(samples):
    return max(size for size in range(1, 101) if samples % size == 0)


def embed(activations):
    samples = len(activations)
    step = chunk_length(samples)
    kernel = np.zeros((samples, samples), dtype=np.float32)
    for row in range(0, samples, step):
        for column in range(0, samples, step):
            left, right = activations[row : row + step], activations[column : column + step]
            squares = np.sum(left**2, axis=1, keepdims=True) + np.sum(right**2, axis=1, keepdims=True).T
            distance = np.sqrt(np.abs(squares - 2 * (left @ right.T)))
            kernel[row : row + step, column : column + step] = np.exp(-((distance / SIGMA) ** 0.5))
    density = np.sum(kernel, axis=0)
    scaled = kernel / (density * density.reshape(-1, 1)) ** ALPHA
    root = np.sqrt(np.sum(scaled, axis=0))
    operator = scaled / np.outer(root, root)
    np.linalg.cond(operator)
    vectors = np.linalg.svd(operator, full_matrices=False)[0][:, : DIMENSION + 1]
    coordinates = (vectors / vectors[:, :1])[:, 1:]
    return np.argsort(np.argsort(coordinates, axis=0), axis=0) / samples


def entropy(points):
    k = min(ENTROPY_NEIGHBOURS, len(points) - 1)
    distance = NearestNeighbors(n_neighbors=k + 1).fit(points).kneighbors(points)[0][:, -1]
    return -np.mean(np.log(k / (len(points) * distance ** points.shape[1])))


def similarity(left, right):
    information = np.mean(
        [np.mean(mutual_info_regression(left, column, discrete_features=False, n_neighbors=NEIGHBOURS)) for column in right.T]
    )
    return information / np.sqrt(entropy(left) * entropy(right))


def main():
    layers, samples, features = (int(argument) for argument in sys.argv[1:4])
    random = np.random.default_rng(1)
    directions = random.standard_normal((4, features)) * (2 / np.arange(1, 5))[:, None]
    stream = (random.standard_normal((samples, 4)) @ directions).astype(np.float32)
    activations = []
    for _ in range(layers):
        stream = stream + 0.4 * random.standard_normal((samples, features), dtype=np.float32)
        activations.append(stream)
    started, processor = time.perf_counter(), time.process_time()
    embedded = [embed(layer) for layer in activations]
    halfway = time.perf_counter()
    matrix = np.zeros((layers, layers))
    for row in range(layers):
        for column in range(row, layers):
            matrix[row, column] = matrix[column, row] = similarity(embedded[row], embedded[column])
    ended = time.perf_counter()
    print(IMPORTS, halfway - started, ended - halfway, time.process_time() - processor)


main()
