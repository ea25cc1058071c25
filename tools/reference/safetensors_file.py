"""Reads the tensors of a `.safetensors` file into numpy arrays, with nothing but numpy.

Layout: 8 bytes little-endian length n, n bytes of JSON {name: {dtype, shape, data_offsets}}, then the data;
offsets count from the end of the JSON. Not a program of its own: the other tools import `read_safetensors`.
"""

import json
import struct
from pathlib import Path

import numpy as np

_DTYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32}


def read_safetensors(path):
    """Returns {tensor name: array}, in the order of the file's header."""
    data = Path(path).read_bytes()
    (header_length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + header_length])
    header.pop("__metadata__", None)
    base = 8 + header_length
    return {name: _read_tensor(data, base, name, entry) for name, entry in header.items()}


def _read_tensor(data, base, name, entry):
    if entry["dtype"] not in _DTYPES:
        raise ValueError(f"tensor {name} has dtype {entry['dtype']}, which this reader does not know")
    dtype = np.dtype(_DTYPES[entry["dtype"]]).newbyteorder("<")
    begin, end = entry["data_offsets"]
    flat = np.frombuffer(data, dtype, (end - begin) // dtype.itemsize, base + begin)
    return flat.reshape(entry["shape"])
