#!/usr/bin/env bash
# onnxruntime 1.32.0, onnxscript 0.7.2, onnxslim 0.1.98, onnxsim 0.8.1, onnxoptimizer 0.4.2: two random draws in a graph become one.
#
# Expected: two random nodes with the same input are two independent draws. Common subexpressions are merged only where equal inputs mean
#   equal outputs; onnxruntime and onnx_ir (for onnxscript) spare random operators.
# Seen: they spare RandomNormal, RandomUniform, their Like forms and Multinomial, but not Bernoulli. onnxruntime, by default and at the
#   level "basic" already, computes one Bernoulli for two over the same probabilities. onnxscript's optimizer does the same to Bernoulli
#   and to Dropout in training mode. onnxslim, onnxsim and onnxoptimizer merge every kind of noise without asking. (Of noise
#   without an input onnxslim draws and stores the numbers, and it takes Dropout out.) The number of draws left of 2 is shown below.
# Why it matters: `mu + std * torch.randn_like(std)` twice, two dropout passes for consistency or Monte Carlo, two samples of a gate, one mask
#   for each of several heads: all are perfectly correlated after export, each of them looks random, and a spread between samples of one
#   run is 0. `torch.onnx.export` runs onnxscript's optimizer by default (seen with PyTorch 2.15: two `torch.bernoulli(p)` and two
#   `F.dropout(x, training=True)` are one node in the file; with `optimize=False` they are two). Draw once with one more axis and split.
# Docs or reports: no documentation names it. Not found in the trackers of the five; onnx/optimizer 254 reports mismatches of this pass in
#   fuzzed models without naming a cause. What onnxscript folds into constants is another pass: onnxscript-folded-chance.sh.
# Versions: onnxruntime 1.32.0, onnxscript 0.7.2, onnx_ir 1.1.0, onnxslim 0.1.98, onnxsim 0.8.1, onnxoptimizer 0.4.2, onnx 1.23.2,
#   NumPy 2.4.6, Python 3.11. Seen on 2026-12-01.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check onnxruntime==1.32.0 onnxscript==0.7.2 onnx_ir==1.1.0 \
  onnxslim==0.1.98 onnxsim==0.8.1 onnxoptimizer==0.4.2 onnx==1.23.2 numpy==2.4.6
cat > "$folder/see.py" <<'PY'
import contextlib
import io

import numpy as np
import onnx
import onnxoptimizer
import onnxruntime as ort
import onnxsim
import onnxslim
from onnxscript import optimizer

ort.set_default_logger_severity(4)
OFF, BASIC, ALL = ort.GraphOptimizationLevel.ORT_DISABLE_ALL, ort.GraphOptimizationLevel.ORT_ENABLE_BASIC, ort.GraphOptimizationLevel.ORT_ENABLE_ALL
# two draws, a and b; x is used once more so that it stays an input
DRAWS = {
    "Bernoulli": "p = Sigmoid(x) a = Bernoulli(p) b = Bernoulli(p)",
    "Dropout": "a = Dropout(x, half, yes) b = Dropout(x, half, yes)",
    "Multinomial": "i = Multinomial<sample_size = 512>(x) j = Multinomial<sample_size = 512>(x) a = Cast<to = 1>(i) b = Cast<to = 1>(j)",
    "RandomUniformLike": "a = RandomUniformLike(x) b = RandomUniformLike(x)",
    "RandomNormalLike": "a = RandomNormalLike(x) b = RandomNormalLike(x)",
    "RandomNormal": "a = RandomNormal<shape = [4, 512]>() b = RandomNormal<shape = [4, 512]>()",
}
x = np.random.default_rng(0).standard_normal((4, 512)).astype(np.float32)


def draws(model, level):
    """How many independent draws there are: 0 if every run gives the same."""
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    runs = [session.run(None, {"x": x}) for _ in range(3)]
    if all(np.array_equal(runs[0][0], a) for a, _, _ in runs):
        return 0
    return 1 if all(np.array_equal(a, b) for a, b, _ in runs) else 2


for name, nodes in DRAWS.items():
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["": 17]> graph (float[4,512] x) => (float[4,512] u, float[4,512] v, float[4,512] w) '
        f"<float half = {{0.5}}, bool yes = {{1}}, float two = {{2}}> {{ {nodes} u = Mul(a, two) v = Mul(b, two) w = Mul(x, two) }}"
    )
    onnx.checker.check_model(model, full_check=True)
    copy = lambda: onnx.ModelProto.FromString(model.SerializeToString())
    seen = {"as written": draws(model, OFF), "onnxruntime basic": draws(model, BASIC), "onnxruntime": draws(model, ALL)}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        tools = {"onnxscript": optimizer.optimize(copy()), "onnxslim": onnxslim.slim(copy()), "onnxsim": onnxsim.simplify(copy())[0],
                 "onnxoptimizer": onnxoptimizer.optimize(copy())}
    seen |= {tool: draws(optimized, OFF) for tool, optimized in tools.items()}
    print(f"{name}: " + ", ".join(f"{who} {what}" for who, what in seen.items()))
PY
"$folder/venv/bin/python" "$folder/see.py" > "$folder/seen"
cat "$folder/seen"
diff - "$folder/seen" <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
Bernoulli: as written 2, onnxruntime basic 1, onnxruntime 1, onnxscript 1, onnxslim 1, onnxsim 1, onnxoptimizer 1
Dropout: as written 2, onnxruntime basic 2, onnxruntime 2, onnxscript 1, onnxslim 0, onnxsim 1, onnxoptimizer 1
Multinomial: as written 2, onnxruntime basic 2, onnxruntime 2, onnxscript 2, onnxslim 1, onnxsim 1, onnxoptimizer 1
RandomUniformLike: as written 2, onnxruntime basic 2, onnxruntime 2, onnxscript 2, onnxslim 1, onnxsim 1, onnxoptimizer 1
RandomNormalLike: as written 2, onnxruntime basic 2, onnxruntime 2, onnxscript 2, onnxslim 1, onnxsim 1, onnxoptimizer 1
RandomNormal: as written 2, onnxruntime basic 2, onnxruntime 2, onnxscript 2, onnxslim 0, onnxsim 1, onnxoptimizer 1
SEEN
echo "as described: two draws over the same input become one, Bernoulli's in onnxruntime by default"
