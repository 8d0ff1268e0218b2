#!/usr/bin/env bash
# onnxscript 0.7.2: the optimizer draws Bernoulli, and Dropout in training mode, once for all where their input is constant.
#
# Expected: constant folding leaves random operators alone. onnxscript's does so by name for RandomUniform, RandomNormal, their Like
#   forms and Multinomial.
# Seen: Bernoulli and Dropout are not on that list. A Bernoulli whose probabilities are constants or weights, and a Dropout over weights with
#   `training_mode` true, are drawn by onnx's reference evaluator while the model is optimized, and the draw is stored as a constant.
#   Every run then has the same mask, and optimizing the same file again gives another model. It depends on the size: up to 8192 numbers
#   are folded, more stay random. onnxsim 0.8.1, tried apart, leaves both alone.
# Why it matters: DropConnect, dropped embeddings, stochastic depth and sampled gates look so, and `torch.onnx.export` runs this optimizer by
#   default (seen with PyTorch 2.15: `torch.bernoulli(self.keep)` and `F.dropout(self.weight, training=True)` lose their chance, with
#   `optimize=False` they keep it). One network out of many, drawn by accident, is shipped as the model, its spread over runs is 0, and a
#   large layer that works tells nothing about a small one. Write `torch.rand_like(...) < p`, or export with `optimize=False`.
# Docs or reports: nothing in the optimizer's documentation; no report found. onnxsim asks onnx's own schema what is random (onnxsim 448).
# Versions: onnxscript 0.7.2, onnx_ir 1.1.0, onnx 1.23.2, onnxruntime 1.32.0, NumPy 2.4.6, Python 3.11. Seen on 2026-12-01.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check onnxscript==0.7.2 onnx_ir==1.1.0 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/see.py" <<'PY'
import numpy as np
import onnx
import onnxruntime as ort
from onnxscript import optimizer

ort.set_default_logger_severity(4)
CHANCE = {
    "Bernoulli of constants": "p = Expand(half, shape) r = Bernoulli(p)",
    "Bernoulli of weights": "p = Mul(w, half) r = Bernoulli(p)",
    "Dropout of weights": "r = Dropout(w, half, drop)",
    "RandomUniformLike of weights": "u = RandomUniformLike(w) b = Less(u, half) r = Cast <to = 1> (b)",
}


def answers(model):
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    size = session.get_inputs()[0].shape[0]
    return {session.run(None, {"x": np.ones(size, np.float32)})[0].tobytes() for _ in range(20)}


def say(found):
    return "always the same" if len(found) == 1 else "differ"


for size in [64, 8192, 8193]:
    for name, nodes in CHANCE.items():
        weights = onnx.numpy_helper.from_array(np.ones(size, np.float32), "w")
        model = onnx.parser.parse_model(
            f'<ir_version: 9, opset_import: ["": 20]> graph (float[{size}] x) => (float[{size}] y) '
            f"<float half = {{0.5}}, bool drop = {{1}}, int64[1] shape = {{{size}}}> {{ {nodes} y = Mul(x, r) }}"
        )
        model.graph.initializer.append(weights)
        onnx.checker.check_model(model, full_check=True)
        before = answers(model)
        first, second = (optimizer.optimize(model) for _ in range(2))
        after, again = answers(first), answers(second)
        twice = ", two optimized models are " + ("equal" if after == again else "different") if len(after) == len(again) == 1 else ""
        print(f"{name}, {size}: 20 runs {say(before)}, optimized {say(after)}{twice}; left: {' '.join(n.op_type for n in first.graph.node)}")
PY
"$folder/venv/bin/python" "$folder/see.py" > "$folder/seen"
cat "$folder/seen"
sed 's/; left:.*//' "$folder/seen" > "$folder/short"
diff - "$folder/short" <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
Bernoulli of constants, 64: 20 runs differ, optimized always the same, two optimized models are different
Bernoulli of weights, 64: 20 runs differ, optimized always the same, two optimized models are different
Dropout of weights, 64: 20 runs differ, optimized always the same, two optimized models are different
RandomUniformLike of weights, 64: 20 runs differ, optimized differ
Bernoulli of constants, 8192: 20 runs differ, optimized always the same, two optimized models are different
Bernoulli of weights, 8192: 20 runs differ, optimized always the same, two optimized models are different
Dropout of weights, 8192: 20 runs differ, optimized always the same, two optimized models are different
RandomUniformLike of weights, 8192: 20 runs differ, optimized differ
Bernoulli of constants, 8193: 20 runs differ, optimized differ
Bernoulli of weights, 8193: 20 runs differ, optimized differ
Dropout of weights, 8193: 20 runs differ, optimized differ
RandomUniformLike of weights, 8193: 20 runs differ, optimized differ
SEEN
echo "as described: the optimizer draws Bernoulli and Dropout of constants once, and stores the draw"
