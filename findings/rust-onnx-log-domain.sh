#!/usr/bin/env bash
# tract 0.23.9 and rten 0.27.0: ONNX operators that exist for stability are computed by their textbook formula, and end at infinity.
#
# Expected: Softplus, LogSoftmax and ReduceLogSumExp are operators of their own because exp and log in a row overflow; a runtime computes
#   them with the maximum taken out, as PyTorch, which exports them, onnxruntime and NumPy's `logaddexp` do.
# Seen: Softplus is ln(exp(x) + 1) in both runtimes: softplus(100) is infinity, not 100. In tract LogSoftmax is the logarithm of the softmax,
#   so a class 120 below the best one gets -infinity, not -120; and ReduceLogSumExp sums the bare exponentials: of the two
#   log-likelihoods -200 and -201 it makes -infinity, not -199.69, and of 100 and 99 infinity. rten has the latter two right.
#   onnxruntime has all of them right. There is no error and no warning, with tract's optimizations or without.
# Why it matters: log-likelihoods of sequences, mixtures, CTC and ensembles lie below -100 as a rule, and a model in the log domain is made
#   so that this does no harm. A mask of -1e9 before LogSoftmax gives -infinity, and 0 times that is NaN in an entropy. Tests with
#   small random inputs agree to the last digits, so the export seems right until real data come. Export max + log(sum(exp(x - max)))
#   and max(x, 0) + log(1 + exp(-|x|)) as plain operators for these runtimes, and test with large inputs.
# Docs: ONNX defines Softplus as ln(exp(x) + 1) and leaves open how to compute it; the documentation of neither runtime mentions a limit.
#   tract's core has a LogSoftmax that is stable, but its ONNX loader puts Softmax and Log in its place (by the source).
#   Similar faults are reported for other software (onnx-mlir 365 and OpenVINO 32839 for the sum, torch-mlir 4752 for Softplus).
# Versions: tract-onnx 0.23.9, rten 0.27.0, onnx 1.23.2, onnxruntime 1.32.0, NumPy 2.4.6, Python 3.11, stable Rust 1.95. Seen on 2026-11-30.
#   Builds tract and rten: some minutes, unless CARGO_TARGET_DIR names a folder with an earlier build.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cat > "$folder/models.py" <<'PY'
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

folder = sys.argv[1]
for name, operator, inputs, shape, attributes in [
    ("softplus-small", "Softplus", [2.0, -3.0], [1, 2], {}),
    ("softplus-large", "Softplus", [2.0, 100.0], [1, 2], {}),
    ("logsoftmax-small", "LogSoftmax", [2.0, -3.0], [1, 2], {"axis": 1}),
    ("logsoftmax-large", "LogSoftmax", [0.0, -120.0], [1, 2], {"axis": 1}),
    ("logsumexp-small", "ReduceLogSumExp", [2.0, -3.0], [1, 1], {"axes": [1]}),
    ("logsumexp-large", "ReduceLogSumExp", [100.0, 99.0], [1, 1], {"axes": [1]}),
    ("logsumexp-likelihoods", "ReduceLogSumExp", [-200.0, -201.0], [1, 1], {"axes": [1]}),
]:
    x = np.array([inputs], np.float32)
    graph = helper.make_graph(
        [helper.make_node(operator, ["x"], ["y"], **attributes)], "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, f"{folder}/{name}.onnx")
    [y] = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})
    exact = x.astype(float)
    exact = {
        "Softplus": np.logaddexp(exact, 0), "LogSoftmax": exact - np.logaddexp(*exact[0]), "ReduceLogSumExp": np.logaddexp(*exact[0])
    }[operator]
    print(name, *inputs, ";", *np.broadcast_to(exact, shape).ravel().tolist(), ";", *y.ravel().tolist())
PY
"$folder/venv/bin/python" "$folder/models.py" "$folder" > "$folder/cases.txt"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "log-domain"
version = "0.0.0"
edition = "2024"

[dependencies]
rten = "=0.27.0"
tract-onnx = "=0.23.9"

[profile.dev]
debug = false
opt-level = 1
TOML
cat > "$folder/src/main.rs" <<'RUST'
use std::error::Error;

use rten::{Model, Value};
use tract_onnx::prelude::*;

fn tract(path: &str, x: &[f32], optimized: bool) -> Result<Vec<f32>, Box<dyn Error>> {
    let model = tract_onnx::onnx().model_for_path(path)?;
    let model = if optimized { model.into_optimized()? } else { model.into_typed()? };
    let x: Tensor = tract_ndarray::Array2::from_shape_vec((1, 2), x.to_vec())?.into();
    let y = model.into_runnable()?.run(tvec!(x.into()))?;
    Ok(y[0].to_plain_array_view::<f32>()?.iter().copied().collect())
}

fn rten(path: &str, x: &[f32]) -> Result<Vec<f32>, Box<dyn Error>> {
    let y = Model::load_file(path)?.run_one(Value::from_shape([1, 2], x.to_vec())?.into(), None)?;
    let (_, y) = y.into_shape_vec::<f32, 2>()?;
    Ok(y)
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).unwrap();
    for line in std::fs::read_to_string(format!("{folder}/cases.txt"))?.lines() {
        let (name, numbers) = line.split_once(' ').unwrap();
        let parts: Vec<Vec<f32>> =
            numbers.split(';').map(|part| part.split_whitespace().map(|number| number.parse().unwrap()).collect()).collect();
        let [x, exact, onnxruntime] = &parts[..] else { panic!("three parts: {line}") };
        let path = format!("{folder}/{name}.onnx");
        let answers =
            [("onnxruntime", onnxruntime.clone()), ("tract", tract(&path, x, true)?), ("tract, plain", tract(&path, x, false)?), ("rten", rten(&path, x)?)];
        for (runtime, y) in answers {
            let right = y.iter().zip(exact).all(|(y, exact)| (y - exact).abs() < 1e-3);
            println!("{name} of {x:?} by {runtime}: {y:?}, exact {exact:?}");
            println!("verdict {name} {runtime}: {}", if right { "right" } else if y.iter().any(|y| y.is_infinite()) { "infinite" } else { "wrong" });
        }
    }
    Ok(())
}
RUST
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$folder/target}"
cargo build --quiet --manifest-path "$folder/Cargo.toml"
"$CARGO_TARGET_DIR/debug/log-domain" "$folder" > "$folder/seen"
grep -v '^verdict' "$folder/seen"
diff - <(grep '^verdict' "$folder/seen") <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
verdict softplus-small onnxruntime: right
verdict softplus-small tract: right
verdict softplus-small tract, plain: right
verdict softplus-small rten: right
verdict softplus-large onnxruntime: right
verdict softplus-large tract: infinite
verdict softplus-large tract, plain: infinite
verdict softplus-large rten: infinite
verdict logsoftmax-small onnxruntime: right
verdict logsoftmax-small tract: right
verdict logsoftmax-small tract, plain: right
verdict logsoftmax-small rten: right
verdict logsoftmax-large onnxruntime: right
verdict logsoftmax-large tract: infinite
verdict logsoftmax-large tract, plain: infinite
verdict logsoftmax-large rten: right
verdict logsumexp-small onnxruntime: right
verdict logsumexp-small tract: right
verdict logsumexp-small tract, plain: right
verdict logsumexp-small rten: right
verdict logsumexp-large onnxruntime: right
verdict logsumexp-large tract: infinite
verdict logsumexp-large tract, plain: infinite
verdict logsumexp-large rten: right
verdict logsumexp-likelihoods onnxruntime: right
verdict logsumexp-likelihoods tract: infinite
verdict logsumexp-likelihoods tract, plain: infinite
verdict logsumexp-likelihoods rten: right
SEEN
echo "as described: three stable operators overflow in Rust's runtimes"
