"""check-onnx.py MODEL [--cut]: ONNX's own checker. With --cut the model's first node is taken out first, which it must notice."""
import sys

import onnx

if sys.argv[2:] == ["--cut"]:
    model = onnx.load(sys.argv[1])
    del model.graph.node[0]
    onnx.checker.check_model(model)
else:
    # By path: external data are looked for beside the model.
    onnx.checker.check_model(sys.argv[1])
print(onnx.__version__)
