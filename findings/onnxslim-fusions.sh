#!/usr/bin/env bash
# onnxslim 0.1.98: `slim` changes what ordinary models compute: a scaled view of a linear layer, and a position window after a convolution.
#
# Expected: a slimmed model answers as the model does. A factor is moved into the weights of a layer only if nobody else reads that layer, and
#   into the channels of a convolution only if it is a factor for channels. Its own fusions of Add and of BatchNormalization check both.
# Seen: 1. Gemm, Reshape, Mul by a constant: the factor goes into the Gemm's weights even if the Gemm has other readers, and these get it,
#   too. With `h = linear(x)`, `q = h.view(n, heads, d) * scale` and `q + h`, the second h is scaled.
#   2. Conv, Mul by a constant whose length, with axes of 1 removed, is the number of output channels: it becomes a factor for the
#   channels, whichever axis it is for. A window of 16 steps over the time axis, after a convolution with 16 channels, scales the
#   channels. With 15 or 17 channels the answer is right. No error, no warning; the shapes stay.
# Why it matters: attention and FiLM look like the first, tapers, masks and coordinate weights like the second, and exporters (Ultralytics'
#   YOLO among them) slim files as a last step. The model is wrong by a factor, gets worse instead of failing, and a wider or narrower
#   layer heals it. `--model-check` finds it and writes no file then (with exit code 0), but it is off by default. Skip the fusions, as
#   below (and "FusionConvTransposeMul", which shares the code), and compare the outputs.
# Docs or reports: none found for either; OnnxSlim 160, 210 and 323 are about MatMul + Add and the shape of a bias. PyTorch 2.15's own
#   export of both models, then slim, gives the same wrong answers (seen apart); onnxsim 0.8.1 keeps them right.
# Versions: onnxslim 0.1.98, onnx 1.23.2, onnxruntime 1.32.0, NumPy 2.4.6, Python 3.11. Seen on 2026-12-01.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check onnxslim==0.1.98 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/see.py" <<'PY'
import contextlib
import io

import numpy as np
import onnx
import onnxruntime as ort
import onnxslim

ort.set_default_logger_severity(4)
random = np.random.default_rng(0)
draw = lambda *shape: random.standard_normal(shape).astype(np.float32)
whole = lambda *values: np.array(values, np.int64)


def run(model, x):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


def see(name, graph, weights, x, wanted, wrong):
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> graph {graph}')
    model.graph.initializer.extend(onnx.numpy_helper.from_array(array, key) for key, array in weights.items())
    onnx.checker.check_model(model, full_check=True)
    close = lambda a, b: np.allclose(a, b, rtol=1e-4, atol=1e-4)
    assert close(run(model, x), wanted), "the model itself"
    answers = []
    for skip in [None, ["FusionGemmMul", "FusionConvMul"]]:
        with contextlib.redirect_stdout(io.StringIO()):
            slim = onnxslim.slim(onnx.ModelProto.FromString(model.SerializeToString()), skip_fusion_patterns=skip)
        seen = run(slim, x)
        answers.append("right" if close(seen, wanted) else "wrong, as guessed" if wrong is not None and close(seen, wrong) else "wrong")
    print(f"{name}: slim {answers[0]}, without the two fusions {answers[1]}")


# 1. A linear layer, read by heads that scale it and by a residual path; n is dynamic.
x, w, b = draw(5, 8), draw(8, 8), draw(8)
h = x @ w.T + b
weights = {"w": w, "b": b, "scale": np.float32(0.5), "heads": whole(-1, 2, 4), "flat": whole(-1, 8)}
body = "h = Gemm<transB = 1>(x, w, b) v = Reshape(h, heads) q = Mul(v, scale) f = Reshape(q, flat)"
see("linear, scaled heads, other reader", f"(float[n,8] x) => (float[n,8] y) {{ {body} y = Add(f, h) }}", weights, x, 1.5 * h, h)
see("linear, scaled heads, no other reader", f"(float[n,8] x) => (float[n,8] y) {{ {body} y = Add(f, x) }}", weights, x, 0.5 * h + x, None)

# 2. A convolution over 16 steps and a window over the steps.
window = np.hanning(18)[1:17].astype(np.float32)
for channels in [15, 16, 17]:
    x, w, b = draw(2, 3, 16), draw(channels, 3, 3), draw(channels)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1)))
    conv = sum(np.einsum("oi,nit->not", w[:, :, k], padded[:, :, k : k + 16]) for k in range(3)) + b[:, None]
    guess = conv * window[:, None] if channels == 16 else None
    graph = f"(float[n,3,16] x) => (float[n,{channels},16] y) {{ c = Conv<pads = [1, 1]>(x, w, b) y = Mul(c, window) }}"
    see(f"convolution of {channels} channels, window over 16 steps", graph, {"w": w, "b": b, "window": window}, x, conv * window, guess)
PY
"$folder/venv/bin/python" "$folder/see.py" > "$folder/seen"
cat "$folder/seen"
diff - "$folder/seen" <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
linear, scaled heads, other reader: slim wrong, as guessed, without the two fusions right
linear, scaled heads, no other reader: slim right, without the two fusions right
convolution of 15 channels, window over 16 steps: slim right, without the two fusions right
convolution of 16 channels, window over 16 steps: slim wrong, as guessed, without the two fusions right
convolution of 17 channels, window over 16 steps: slim right, without the two fusions right
SEEN
echo "as described: slim scales the other readers of a linear layer, and channels in the place of steps"
