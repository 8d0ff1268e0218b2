#!/usr/bin/env bash
# onnxruntime 1.32.0: Relu followed by Clip loads in float32 alone; in float64 and integers the default optimisations refuse it.
#
# Expected: optimisations change speed and no more. A model that onnx's full check accepts, and that runs with them off, loads
#   with them on; a rewrite that does not know a type leaves it alone.
# Seen: at ORT_ENABLE_BASIC, which is part of the default, the rewrite of Relu and Clip into one Clip reads the lower bound, and
#   ends the loading of the whole model where that is float64, int8, int32 or int64. Without a lower bound, in the other order
#   (Clip, Relu), or with optimisations off the same model loads and is right. Open reports go back to onnxruntime 1.10.
# Why it matters: exports that need float64 (ridges, Cholesky, log-likelihoods) clamp after a Relu as others do; tests that
#   turn optimisations off pass, and the user's session does not load. Leave the Relu out: Clip with a lower bound of 0 is both.
# Versions: onnxruntime 1.32.0, onnx 1.19.1, numpy 2.3.5, Python 3.11. Seen on 2026-11-28.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnxruntime==1.32.0 onnx==1.19.1 numpy==2.3.5
cat > "$folder/seen.py" <<'PYTHON'
import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper


def outcome(dtype, order, lower, optimised):
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    bounds = [numpy_helper.from_array(np.array(6, dtype), "upper")]
    inputs = ["", "upper"]
    if lower:
        bounds.append(numpy_helper.from_array(np.array(0, dtype), "lower"))
        inputs[0] = "lower"
    relu = helper.make_node("Relu", ["x" if order == "Relu, Clip" else "h"], ["h" if order == "Relu, Clip" else "y"])
    clip = helper.make_node("Clip", ["h" if order == "Relu, Clip" else "x", *inputs], ["y" if order == "Relu, Clip" else "h"])
    nodes = [relu, clip] if order == "Relu, Clip" else [clip, relu]
    value = lambda name: helper.make_tensor_value_info(name, kind, [4])
    graph = helper.make_graph(nodes, "graph", [value("x")], [value("y")], bounds)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_BASIC if optimised else level.ORT_DISABLE_ALL
    try:
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        return "refused" if "Unexpected data type for Clip" in str(error) else str(error)
    answer = session.run(None, {"x": np.array([-1, 0, 3, 9], dtype)})[0]
    return "right" if answer.tolist() == [0, 0, 3, 6] else f"wrong: {answer}"


for dtype in ["float32", "float64", "int8", "int32", "int64"]:
    print(f"{dtype}: Relu, Clip {outcome(dtype, 'Relu, Clip', True, True)};"
          f" without optimisations {outcome(dtype, 'Relu, Clip', True, False)};"
          f" without a lower bound {outcome(dtype, 'Relu, Clip', False, True)};"
          f" Clip, Relu {outcome(dtype, 'Clip, Relu', True, True)}")
PYTHON
"$folder/venv/bin/python" "$folder/seen.py" > "$folder/seen"
cat "$folder/seen"
diff - "$folder/seen" > /dev/null <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
float32: Relu, Clip right; without optimisations right; without a lower bound right; Clip, Relu right
float64: Relu, Clip refused; without optimisations right; without a lower bound right; Clip, Relu right
int8: Relu, Clip refused; without optimisations right; without a lower bound right; Clip, Relu right
int32: Relu, Clip refused; without optimisations right; without a lower bound right; Clip, Relu right
int64: Relu, Clip refused; without optimisations right; without a lower bound right; Clip, Relu right
SEEN
echo "As seen on 2026-11-28."
