#!/usr/bin/env bash
# onnxruntime 1.32.0: a Dropout that is told to drop (`training_mode` true) does nothing inside a graph, even if the caller feeds the `true`.
#
# Expected: since opset 12 Dropout has an input `training_mode`: true drops at random and scales what is left, false or none passes
#   everything. onnxruntime's CPU kernel does so, and optimisations don't change a model's answers.
# Seen: with optimisations off the kernel drops. From the lowest level on (ORT_ENABLE_BASIC, and so by default) the optimiser removes each
#   Dropout that follows another node, whatever `training_mode` is: a constant, or an input of the graph that the caller sets to true at each
#   run. A `seed` does not help. It stays if it is first or last in the graph or if its mask is used, so that the test of one Dropout alone
#   passes. Nothing is said, and onnx's full check takes the models.
# Why it matters: Monte Carlo dropout asks a network many times and takes the spread as its doubt. PyTorch exports such a network with
#   Dropout in training mode, and onnxruntime then gives the same answer each time: the doubt is exactly 0, so the model looks sure of
#   everything. Say `InferenceSession(..., disabled_optimizers=["EliminateDropout"])`, or write the mask out (RandomUniformLike, Less),
#   and test that two answers differ.
# Docs or reports: the operator's page promises random dropping for true. Asked since 2021 (onnx 3753 and onnxruntime 9333, both open: by
#   design, says a maintainer); neither has the input fed by the caller.
# Versions: onnxruntime 1.32.0, onnx 1.23.2, NumPy 2.4.6, Python 3.11. Seen on 2026-12-01, with opsets 12, 13, 20 and 22 alike.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/see.py" <<'PY'
import numpy as np
import onnx
import onnxruntime as ort

LEVELS = ort.GraphOptimizationLevel
WAYS = {
    "off": (LEVELS.ORT_DISABLE_ALL, []), "basic": (LEVELS.ORT_ENABLE_BASIC, []), "default": (LEVELS.ORT_ENABLE_ALL, []),
    "default less EliminateDropout": (LEVELS.ORT_ENABLE_ALL, ["EliminateDropout"]),
}
CONSTANT = "float half = {0.5}, bool drop = {1}, float two = {2.0}"
MODELS = {
    "Dropout between two nodes": ("", CONSTANT, "a = Add(x, two) b = Dropout(a, half, drop) y = Mul(b, two)"),
    "the same with a seed": ("", CONSTANT, "a = Add(x, two) b = Dropout <seed = 7> (a, half, drop) y = Mul(b, two)"),
    "the same, true fed at each run": (", bool drop", "float half = {0.5}, float two = {2.0}", "a = Add(x, two) b = Dropout(a, half, drop) y = Mul(b, two)"),
    "Dropout first": ("", CONSTANT, "b = Dropout(x, half, drop) y = Mul(b, two)"),
    "Dropout last": ("", CONSTANT, "a = Add(x, two) y = Dropout(a, half, drop)"),
    "Dropout with its mask used": ("", CONSTANT, "a = Add(x, two) b, mask = Dropout(a, half, drop) c = Cast <to = 1> (mask) y = Mul(b, c)"),
}
for name, (more, constants, nodes) in MODELS.items():
    model = onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["": 20]> graph (float[64] x{more}) => (float[64] y) <{constants}> {{ {nodes} }}')
    onnx.checker.check_model(model, full_check=True)
    feeds = {"x": np.ones(64, np.float32)} | ({"drop": np.array(True)} if more else {})
    seen = []
    for way, (level, without) in WAYS.items():
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = level
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"], disabled_optimizers=without)
        answers = [session.run(None, feeds)[0] for _ in range(20)]
        zeros = np.mean(np.array(answers) == 0)
        same = all((answer == answers[0]).all() for answer in answers)
        seen.append(f"{way} {'nothing dropped' if zeros == 0 else 'always the same' if same else 'drops'}")
    print(f"{name}: {', '.join(seen)}")
PY
"$folder/venv/bin/python" "$folder/see.py" > "$folder/seen"
cat "$folder/seen"
diff - "$folder/seen" <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
Dropout between two nodes: off drops, basic nothing dropped, default nothing dropped, default less EliminateDropout drops
the same with a seed: off drops, basic nothing dropped, default nothing dropped, default less EliminateDropout drops
the same, true fed at each run: off drops, basic nothing dropped, default nothing dropped, default less EliminateDropout drops
Dropout first: off drops, basic drops, default drops, default less EliminateDropout drops
Dropout last: off drops, basic drops, default drops, default less EliminateDropout drops
Dropout with its mask used: off drops, basic drops, default drops, default less EliminateDropout drops
SEEN
echo "as described: inside a graph the default optimisations take Dropout out, even one that is told to drop"
