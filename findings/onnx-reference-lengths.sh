#!/usr/bin/env bash
# onnx 1.23.2: the reference evaluator reads past the ends that LSTM, GRU and RNN are told, and says nothing.
#
# Expected: `onnx.reference` is what the operators mean, written in NumPy; what it can't do, it refuses. So it is what an export, or
#   another runtime, is tested against.
# Seen: the input `sequence_lens` of LSTM, GRU and RNN is taken and not looked at. For a sequence of 3 in a batch of 5 steps the outputs
#   after its end are not 0, and the last state is that of the padding. A reverse pass begins in the padding, so that its first
#   real steps are wrong, too. onnxruntime gives zeros, and the steps and state that the sequence has alone.
# Why it matters: ink and other sequences of different lengths run in padded batches. A right export of an encoder fails against the
#   reference, and one that forgets the lengths agrees with it to the last digit; so does a test that gives every sequence the
#   same length. Compare with onnxruntime, or with each sequence alone.
# Docs: the page of the reference evaluator names no such limit, and the operators' pages describe the input.
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
from onnx import helper
from onnx.reference import ReferenceEvaluator

options = ort.SessionOptions()
options.log_severity_level = 4
random = np.random.default_rng(0)
STEPS, INPUTS, HIDDEN = 5, 3, 4


def run(node, feeds):
    kind = lambda array: helper.np_dtype_to_tensor_dtype(array.dtype)
    inputs = [helper.make_tensor_value_info(name, kind(array), array.shape) for name, array in feeds.items()]
    graph = helper.make_graph([node], "graph", inputs, [onnx.ValueInfoProto(name=name) for name in node.output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    model = onnx.shape_inference.infer_shapes(model)
    onnx.checker.check_model(model, full_check=True)
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return ReferenceEvaluator(model).run(None, feeds), session.run(None, feeds)


def verdict(answer, wanted):
    return "right" if all(np.allclose(a, w, atol=1e-5) for a, w in zip(answer, wanted)) else "wrong"


for operator, gates in [("LSTM", 4), ("GRU", 3), ("RNN", 1)]:
    for direction in ["forward", "reverse"]:
        draw = lambda *shape: random.standard_normal(shape).astype(np.float32)
        rows = gates * HIDDEN
        feeds = {"x": draw(STEPS, 2, INPUTS), "w": draw(1, rows, INPUTS), "r": draw(1, rows, HIDDEN), "b": draw(1, 2 * rows)}
        attributes = {"hidden_size": HIDDEN, "direction": direction}
        node = lambda *lengths: helper.make_node(operator, ["x", "w", "r", "b", *lengths], ["y", "last"], **attributes)
        (_, _), (full, full_last) = run(node(), feeds)
        # the second sequence alone, without its padding
        (alone, alone_last), _ = run(node(), {**feeds, "x": feeds["x"][:3, 1:]})
        wanted = full.copy(), full_last.copy()
        wanted[0][:3, :, 1:], wanted[0][3:, :, 1:], wanted[1][:, 1:] = alone, 0, alone_last
        seen = [run(node("lengths"), {**feeds, "lengths": np.array(lengths, np.int32)}) for lengths in ([5, 5], [5, 3])]
        ignored = all(np.array_equal(a, b) for a, b in zip(seen[0][0], seen[1][0]))
        print(f"{operator} {direction}, lengths 5 and 3: reference {verdict(seen[1][0], wanted)}, onnxruntime {verdict(seen[1][1], wanted)};"
              f" reference as for lengths 5 and 5: {ignored}")
PY
"$folder/venv/bin/python" "$folder/see.py" > "$folder/seen"
cat "$folder/seen"
diff - "$folder/seen" <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
LSTM forward, lengths 5 and 3: reference wrong, onnxruntime right; reference as for lengths 5 and 5: True
LSTM reverse, lengths 5 and 3: reference wrong, onnxruntime right; reference as for lengths 5 and 5: True
GRU forward, lengths 5 and 3: reference wrong, onnxruntime right; reference as for lengths 5 and 5: True
GRU reverse, lengths 5 and 3: reference wrong, onnxruntime right; reference as for lengths 5 and 5: True
RNN forward, lengths 5 and 3: reference wrong, onnxruntime right; reference as for lengths 5 and 5: True
RNN reverse, lengths 5 and 3: reference wrong, onnxruntime right; reference as for lengths 5 and 5: True
SEEN
echo "As seen on 2026-11-30."
