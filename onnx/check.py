"""Compares ONNX files with the engine on the CPU, in onnxruntime.

Usage: check.py FOLDER [--times]

FOLDER is what `cargo test --release -p onnx` leaves in the target folder under tmp/onnx/. Each file must pass onnx's checker with shape inference, state
the opset that was promised, use ONNX's own operators alone, and answer every episode within TOLERANCE of the engine's
probabilities. Prints a line for each case and ends with an error if one is off.
"""

import json
import math
import pathlib
import sys
import time

import numpy as np
import onnx
import onnxruntime

TOLERANCE = 1e-4


def check_file(path, told):
    """Faults of a file by itself."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    versions = {opset.domain: opset.version for opset in model.opset_import}
    if versions != {"": told["opset"]} or model.ir_version != told["ir_version"]:
        return [f"{path.name}: opsets {versions}, IR version {model.ir_version}"]
    return [f"{path.name}: {node.op_type} is of {node.domain}" for node in model.graph.node if node.domain]


def session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # as the engine, so that times compare
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def feeds(folder, case):
    n, width = case["examples"], case["inputs"]
    inputs = np.fromfile(folder / f"{case['file']}.inputs", "<f4").reshape(-1, width)
    labels = np.fromfile(folder / f"{case['file']}.labels", "<i8")
    fed = {"context_x": inputs[:n], "context_y": labels, "query_x": inputs[n:]}
    if case["has_classes"]:
        fed["classes"] = np.array(case["classes"], np.int64)
    if case["has_images"]:
        fed["images"] = np.array(case["images"])
    return fed


def milliseconds(run):
    """The median of some runs."""
    run()
    taken = []
    while len(taken) < 5 and sum(taken) < 5:
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return 1000 * float(np.median(taken))


def main():
    folder, timed = pathlib.Path(sys.argv[1]), "--times" in sys.argv
    told = json.loads((folder / "cases.json").read_text())
    faults, sessions, worst = [], {}, {}
    for path in sorted(folder.glob("*.onnx")):
        faults += check_file(path, told)
        sessions[path.name] = session(path)
    for case in told["cases"]:
        fed = feeds(folder, case)
        shape = (case["queries"], case["classes"])
        expected = np.fromfile(folder / f"{case['file']}.answers", "<f4").reshape(shape)
        names = [f"{case['model']}.onnx"]
        if [case["examples"], case["queries"]] == told["fixed"]:
            names.append(f"{case['model']}.fixed.onnx")
        for name in names:
            run = lambda: sessions[name].run(["probabilities", "log_probabilities"], fed)
            found, logs = run()
            off = float(np.abs(found - np.exp(expected)).max()) if found.shape == shape else math.inf
            logs_off = float(np.abs(logs - expected).max()) if found.shape == shape else math.inf
            line = f"{name:<20} N {case['examples']:>4}  Q {case['queries']}  C {case['classes']:>2}"
            line += f"  probabilities {off:.1e}  logarithms {logs_off:.1e}"
            if timed:
                line += f"  {milliseconds(run):8.2f} ms  engine {1000 * case['seconds']:8.2f} ms"
            said = [case["about"], "pictures" if case["images"] else "", f"{case['inputs']} inputs"]
            print(line + "  " + ", ".join(word for word in said if word))
            worst[name] = max(worst.get(name, 0), off)
            # also true of NaN
            if not off <= TOLERANCE:
                faults.append(f"{name}, {case['file']}: off by {off}")
    print(f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}: " + str(worst))
    if not told["cases"]:
        faults.append("no cases")
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
