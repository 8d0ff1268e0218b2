#!/usr/bin/env bash
# transformers.js 4.3.2: the sum of a mask is counted modulo 256, the L1 norm adds signed numbers, and `interpolate` ignores its mode.
#
# Expected: `Tensor` has PyTorch's names and PyTorch's meaning. A sum of bool or 8-bit numbers is a count; `norm(p)` adds |x|^p; `interpolate`
#   and `layer_norm` do what their arguments say, or refuse them. Arguments that are not supported give an error, as argmax's dim does.
# Seen: sums over bool, uint8 and int8 are kept in 8 bits: of 300 numbers 44 are "greater than 0", 100 + 100 is -56, the mean of a row
#   of pixels is 26, while the mean without `dim` is 90. `norm(1)` is the sum itself, so two rows at a Manhattan distance of 4 are at
#   distance 0; `norm(3)` is NaN or too small for negative numbers, and `norm(Infinity)` is 1. `normalize(1, 1)` divides by these.
#   `interpolate` is bilinear with pixel centres for every mode and for align_corners. `layer_norm` adds its eps to the deviation,
#   not to the variance, which lets rows through three times as large as PyTorch does, if they hardly vary. No error, no warning.
# Why it matters: `mask.sum()` is how one counts tokens, pixels or hits, and `a.sub(b).norm(1, 1)` how one looks for the nearest class.
#   Masks and label maps are scaled by "nearest", so that no label in between arises. Convert with `.to("float32")` before sums,
#   square or take `map(Math.abs)` before norms, and use `interpolate_4d`, which runs a model and knows the modes.
# Docs: `norm` is "the matrix norm or vector norm", `mode` "The interpolation mode"; the source has a "TODO use mode and align_corners".
# Versions: @huggingface/transformers 4.3.2, Node 20. Seen on 2026-11-30. Installs some hundred megabytes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$folder" @huggingface/transformers@4.3.2
cat > "$folder/see.mjs" <<'JS'
import { interpolate, layer_norm, Tensor } from "@huggingface/transformers";

const kinds = { float32: Float32Array, uint8: Uint8Array, int8: Int8Array };
const tensor = (values, dims = [1, values.length], kind = "float32") => new Tensor(kind, kinds[kind].from(values), dims);
const short = (value) => (Array.isArray(value) ? `[${value.map(short).join(" ")}]` : `${Number(Number(value).toPrecision(4))}`);
const say = (what, expected, result) => console.log(`${what}: expected ${short(expected)}, seen ${short(result.dims.length ? result.tolist() : result.item())}`);

const many = tensor(Array(300).fill(0.5));
say("300 numbers greater than 0", 300, many.gt(0).sum());
say("the same by row", [300], many.gt(0).sum(1));
say("the same as float32", 300, many.gt(0).to("float32").sum());
say("sum of int8 100, 100", 200, tensor([100, 100], [2], "int8").sum());
const pixels = tensor([200, 100, 50, 10], [1, 4], "uint8");
say("mean of four pixels", 90, pixels.mean());
say("mean of four pixels by row", [90], pixels.mean(1));

const difference = tensor([1, 2, 3]).map((x, i) => x - [2, 0, 4][i]);
for (const [p, expected] of [[1, 4], [2, Math.sqrt(6)], [3, 10 ** (1 / 3)], [Infinity, 2]]) {
  say(`norm(${p}) of -1, 2, -1`, [expected], difference.norm(p, 1));
}
say("normalize(1, 1) of 3, -1", [[0.75, -0.25]], tensor([3, -1]).normalize(1, 1));

const labels = tensor([0, 10, 20, 30], [1, 2, 2]);
const row = (...settings) => tensor(interpolate(labels, [2, 4], ...settings).tolist()[0][0], [4]);
say("interpolate bilinear, first row", [0, 2.5, 7.5, 10], row("bilinear"));
say("interpolate nearest, first row", [0, 0, 10, 10], row("nearest"));
say("interpolate bilinear align_corners, first row", [0, 10 / 3, 20 / 3, 10], row("bilinear", true));

for (const x of [3, 0.001]) say(`layer_norm of ${x}, -${x}`, [[x, -x].map((y) => y / Math.sqrt(x * x + 1e-5))], layer_norm(tensor([x, -x]), [2]));
JS
(cd "$folder" && node see.mjs) > "$folder/seen"
cat "$folder/seen"
diff - "$folder/seen" > /dev/null <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
300 numbers greater than 0: expected 300, seen 44
the same by row: expected [300], seen [44]
the same as float32: expected 300, seen 300
sum of int8 100, 100: expected 200, seen -56
mean of four pixels: expected 90, seen 90
mean of four pixels by row: expected [90], seen [26]
norm(1) of -1, 2, -1: expected [4], seen [0]
norm(2) of -1, 2, -1: expected [2.449], seen [2.449]
norm(3) of -1, 2, -1: expected [2.154], seen [1.817]
norm(Infinity) of -1, 2, -1: expected [2], seen [1]
normalize(1, 1) of 3, -1: expected [[0.75 -0.25]], seen [[1.5 -0.5]]
interpolate bilinear, first row: expected [0 2.5 7.5 10], seen [0 2.5 7.5 10]
interpolate nearest, first row: expected [0 0 10 10], seen [0 2.5 7.5 10]
interpolate bilinear align_corners, first row: expected [0 3.333 6.667 10], seen [0 2.5 7.5 10]
layer_norm of 3, -3: expected [[1 -1]], seen [[1 -1]]
layer_norm of 0.001, -0.001: expected [[0.3015 -0.3015]], seen [[0.9901 -0.9901]]
SEEN
echo "As seen on 2026-11-30."
