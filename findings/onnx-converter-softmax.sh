#!/usr/bin/env bash
# onnx 1.23.2: the version converter lowers a Softmax over an inner axis to another function, and raises Hardmax so, without an error.
#
# Expected: `onnx.version_converter` gives a model with the same answers, or says that it has no adapter. Opset 13 changed what the axis
#   of Softmax, LogSoftmax and Hardmax means (before: everything from there on, flattened; since: that axis alone). The converter
#   knows it: upwards it puts Flatten and Reshape around a Softmax, and downwards it has an adapter, too.
# Seen: upwards, Softmax and LogSoftmax keep their answers. Downwards (13 to 12 or 11) both keep the node and its axis, so a softmax over
#   axis 1 of [2, 3, 4] becomes one over all twelve numbers of a batch item: its rows no longer add up to 1. Hardmax is so broken
#   upwards (12 to 13): one winner of twelve becomes one per row. onnx's full check and onnxruntime take the converted models.
#   With the last axis all are right.
# Why it matters: attention over slots, heads or features is a softmax over an inner axis. Whoever lowers an export for an older runtime
#   gets probabilities that are too small by a factor, and often the same argmax, so that a test of classes passes. Put Transposes
#   around the softmax, so that its axis is the last one, before lowering; compare answers, not only the check.
# Docs: nothing in the converter's documentation. Resize's adapter from 10 to 11 has a similar fault, which is reported (onnx 8480).
# Versions: onnx 1.23.2, onnxruntime 1.32.0, NumPy 2.4.6, Python 3.11. Seen on 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/see.py" <<'PY'
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, version_converter

x = (np.arange(24).reshape(2, 3, 4) * 7 % 11).astype(np.float32) / 4
options = ort.SessionOptions()
options.log_severity_level = 4


def answer(model):
    onnx.checker.check_model(model, full_check=True)
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


for operator, before, after in [
    ("Softmax", 12, 13), ("LogSoftmax", 12, 13), ("Hardmax", 12, 13), ("Softmax", 13, 12), ("Softmax", 13, 11), ("LogSoftmax", 13, 12)
]:
    for axis in [1, 2]:
        value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, x.shape)
        graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"], axis=axis)], "graph", [value("x")], [value("y")])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", before)], ir_version=7)
        converted = version_converter.convert_version(model, after)
        old, new = answer(model), answer(converted)
        same = "the same" if np.allclose(old, new, atol=1e-6) else "another"
        probability = np.exp if operator == "LogSoftmax" else np.asarray
        sums = [f"{probability(y).sum(axis)[0, 0]:.3f}" for y in (old, new)]
        arrow = f"{operator} {before} to {after}, axis {axis} of 3"
        print(f"{arrow}: {same} answer, nodes {' '.join(n.op_type for n in converted.graph.node)}, first sum over the axis {' then '.join(sums)}")
PY
"$folder/venv/bin/python" "$folder/see.py" > "$folder/seen"
cat "$folder/seen"
sed 's/ answer,.*//' "$folder/seen" > "$folder/short"
diff - "$folder/short" <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
Softmax 12 to 13, axis 1 of 3: the same
Softmax 12 to 13, axis 2 of 3: the same
LogSoftmax 12 to 13, axis 1 of 3: the same
LogSoftmax 12 to 13, axis 2 of 3: the same
Hardmax 12 to 13, axis 1 of 3: another
Hardmax 12 to 13, axis 2 of 3: the same
Softmax 13 to 12, axis 1 of 3: another
Softmax 13 to 12, axis 2 of 3: the same
Softmax 13 to 11, axis 1 of 3: another
Softmax 13 to 11, axis 2 of 3: the same
LogSoftmax 13 to 12, axis 1 of 3: another
LogSoftmax 13 to 12, axis 2 of 3: the same
SEEN
echo "As seen on 2026-11-30."
