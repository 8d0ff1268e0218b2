#!/usr/bin/env bash
# jax-js 0.1.25: -1 in an array of indices is not the last element but an offset that is taken as it is, without an error;
#   `oneHot(-1)` is a row of ones, and ONNX's Gather of the last token gives numbers that are not in the tensor.
#
# Expected: as in JAX, whose names and semantics jax-js takes over. `take(x, [-1])` is the last row, `one_hot` of a label outside the
#   classes is a row of zeros (JAX documents both), and `argmax` gives a valid index. The documentation of `slice` says "negative
#   indices are supported, which count from the end of the axis". ONNX defines Gather for indices from -size to size - 1.
# Seen, on the WebAssembly device in Node: plain numbers count from the end. In an array of indices -1 is used as an offset as it is. Where
#   the data lies in memory, one reads the first number of the whole tensor instead, over and over; where it is a lazy `arange` or
#   `eye`, the formula goes on outside: rows of -1, -2, ..., a one-hot row of ones for -1 and a second "class 0" for label 4 of 3
#   classes. The same call gives another answer under `jit`. `argmax` of a row with a NaN is the length of the row, so that what is
#   looked up with it is outside, too. @jax-js/onnx hands Gather's indices on as they are. The slow "cpu" device throws.
# Why it matters: `x[:, -1]`, the last token or time step, is exported from PyTorch as a Gather with -1: a classifier in the browser answers
#   from the first number of its input. Padding labels of -1 (or -100) are meant to vanish from a cross-entropy by one-hot rows of
#   zeros; here each adds the loss of all classes. Add the size to negative indices by hand, and multiply by a mask.
# Docs: the compatibility table has take, take_along_axis, one_hot and argmax as supported, with no remark. No report found.
# Versions: @jax-js/jax 0.1.25, @jax-js/onnx 0.1.2, Node 20; JAX 0.10.2, onnx 1.23.2, onnxruntime 1.32.0, Python 3.11. Seen on 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check jax==0.10.2 onnx==1.23.2 onnxruntime==1.32.0
npm install --silent --no-audit --no-fund --prefix "$folder" @jax-js/jax@0.1.25 @jax-js/onnx@0.1.2
cat > "$folder/see.py" <<'PY'
import sys

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

x = np.array([[10, 11], [20, 21], [30, 31]], np.float32)
logits = jnp.array([[2.0, 1, 0], [0, 3, 0]])
say = lambda what, value: print(f"{what}: {value if isinstance(value, str) else str(np.asarray(value).tolist()).replace('.0', '').replace(' ', '')}")
say("take [-1, 2]", jnp.take(x, jnp.array([-1, 2]), axis=0))
say("takeAlongAxis -1", jnp.take_along_axis(x, jnp.array([[-1], [-1], [-1]]), axis=1))
say("take [-1] of arange", jnp.take(jnp.arange(6).reshape(3, 2), jnp.array([-1]), axis=0))
say("oneHot [0, 2, -1, 4]", jax.nn.one_hot(jnp.array([0, 2, -1, 4]), 3))
loss = lambda labels: -(jax.nn.one_hot(labels, 3) * jax.nn.log_softmax(logits)).sum()
say("loss of labels [0, -1]", f"{loss(jnp.array([0, -1])):.3f}")
say("argmax with a NaN", jnp.argmax(jnp.array([1, jnp.nan, 3])))
value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
node = helper.make_node("Gather", ["x", "last"], ["y"], axis=1)
tokens = np.arange(100, 112, dtype=np.float32).reshape(1, 4, 3)
graph = helper.make_graph([node], "graph", [value("x", [1, 4, 3])], [value("y", [1, 3])], [numpy_helper.from_array(np.array(-1), "last")])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
onnx.save(model, sys.argv[1])
say("ONNX last token", ort.InferenceSession(sys.argv[1]).run(None, {"x": tokens})[0])
say("oneHot under jit", jax.jit(lambda labels: jax.nn.one_hot(labels, 3))(jnp.array([0, 2, -1, 4])))
say("a plain -1", x[-1])
PY
cat > "$folder/see.mjs" <<'JS'
import { readFileSync } from "node:fs";
import { init, defaultDevice, jit, nn, numpy as np } from "@jax-js/jax";
import { ONNXModel } from "@jax-js/onnx";

await init("wasm");
defaultDevice("wasm");
const ints = (values) => np.array(values, { dtype: np.int32 });
const say = (what, value) => console.log(`${what}: ${typeof value === "string" ? value : JSON.stringify(value.js())}`);
const x = () => np.array([[10, 11], [20, 21], [30, 31]]);
say("take [-1, 2]", np.take(x(), ints([-1, 2]), 0));
say("takeAlongAxis -1", np.takeAlongAxis(x(), ints([[-1], [-1], [-1]]), 1));
say("take [-1] of arange", np.take(np.arange(6).reshape([3, 2]), ints([-1]), 0));
say("oneHot [0, 2, -1, 4]", nn.oneHot(ints([0, 2, -1, 4]), 3));
const loss = (labels) => nn.oneHot(labels, 3).mul(nn.logSoftmax(np.array([[2, 1, 0], [0, 3, 0]]))).sum().neg();
say("loss of labels [0, -1]", loss(ints([0, -1])).js().toFixed(3));
say("argmax with a NaN", np.argmax(np.array([1, NaN, 3])));
const model = new ONNXModel(new Uint8Array(readFileSync(process.argv[2])));
const tokens = np.array(Array.from({ length: 12 }, (_, i) => 100 + i)).reshape([1, 4, 3]);
say("ONNX last token", model.run({ x: tokens }).y);
say("oneHot under jit", jit((labels) => nn.oneHot(labels, 3))(ints([0, 2, -1, 4])));
say("a plain -1", x().slice(-1));
JS
"$folder/venv/bin/python" "$folder/see.py" "$folder/last.onnx" > "$folder/jax"
(cd "$folder" && node see.mjs last.onnx) > "$folder/jax-js"
awk -F ': ' 'NR == FNR { jax[$1] = $2; next } { print $1 ": " jax[$1] " in JAX or onnxruntime, " $2 " in jax-js" }' "$folder/jax" "$folder/jax-js" > "$folder/seen"
cat "$folder/seen"
diff - "$folder/seen" > /dev/null <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
take [-1, 2]: [[30,31],[30,31]] in JAX or onnxruntime, [[10,10],[30,31]] in jax-js
takeAlongAxis -1: [[11],[21],[31]] in JAX or onnxruntime, [[10],[11],[21]] in jax-js
take [-1] of arange: [[4,5]] in JAX or onnxruntime, [[-2,-1]] in jax-js
oneHot [0, 2, -1, 4]: [[1,0,0],[0,0,1],[0,0,0],[0,0,0]] in JAX or onnxruntime, [[1,0,0],[0,0,1],[1,1,1],[1,0,0]] in jax-js
loss of labels [0, -1]: 0.408 in JAX or onnxruntime, 6.692 in jax-js
argmax with a NaN: 1 in JAX or onnxruntime, 3 in jax-js
ONNX last token: [[109,110,111]] in JAX or onnxruntime, [[100,100,100]] in jax-js
oneHot under jit: [[1,0,0],[0,0,1],[0,0,0],[0,0,0]] in JAX or onnxruntime, [[1,0,0],[0,0,1],[1,1,1],[0,1,0]] in jax-js
a plain -1: [30,31] in JAX or onnxruntime, [30,31] in jax-js
SEEN
echo "As seen on 2026-11-30."
