"""Ties the language-model head of an exported decoder to its embedding table again.

Constant folding replaces "transpose of the embedding table" by a second, transposed copy of it. Exporters that
care about size undo that afterwards; so does this. Not a program of its own: export.py imports it.
"""

import numpy as np
from onnx import helper, numpy_helper

_TRANSPOSED = "/lm_head/Transpose_output_0"


def tie_head(graph, table_name):
    """Feeds the head's MatMul from a Transpose of the table, and drops the copy, in place."""
    initializers = {tensor.name: tensor for tensor in graph.initializer}
    table = numpy_helper.to_array(initializers[table_name])
    position, head = next((i, node) for i, node in enumerate(graph.node) if node.name == "/lm_head/MatMul")
    copy = initializers[head.input[1]]
    if not np.array_equal(numpy_helper.to_array(copy), table.T):
        raise ValueError(f"{copy.name} is not the transpose of {table_name}")

    graph.initializer.remove(copy)
    head.input[1] = _TRANSPOSED
    graph.node.insert(
        position, helper.make_node("Transpose", [table_name], [_TRANSPOSED], name="/lm_head/Transpose", perm=[1, 0])
    )
