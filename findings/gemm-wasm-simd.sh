#!/usr/bin/env bash
# gemm 0.19.0 on wasm32: a program compiled with `-Ctarget-feature=+simd128` multiplies its matrices one number at a time all the same.
#
# Expected: what is compiled for a machine with SIMD uses it. On WebAssembly there is nothing to find out at run time: a module that
#   holds one SIMD instruction runs only where there is SIMD, and this one holds many (rustc makes vectors of any plain loop).
# Seen: gemm compiles its kernels for simd128 and never calls them. Its own switch is off on WebAssembly, and neither the target
#   feature nor std's `cfg(target_feature = "simd128")` turns it on; only the cargo feature `wasm-simd128-enable` or a call of
#   `set_wasm_simd128(true)` of the crate gemm-common does, which gemm does not hand on. Products take several times as long as with
#   the feature (2.3 against 8.7 GFLOP/s here). Nothing says so.
# Why it matters: candle's CPU backend and Burn's flex backend multiply with gemm. Who runs one of these in a browser, and has set the target
#   feature as every guide says, loses most of the speed that the page could have. Depend on gemm yourself with the feature
#   `wasm-simd128-enable`, for the target wasm32 alone.
# Versions: gemm 0.19.0 (gemm-common 0.19.0), Rust 1.95 with the target wasm32-unknown-unknown, Node.js 20. Seen on 2026-11-29.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "product"
version = "0.0.0"
edition = "2024"

[lib]
crate-type = ["cdylib"]

[features]
switched = ["gemm/wasm-simd128-enable"]

[dependencies]
gemm = { version = "=0.19.0", default-features = false, features = ["std"] }
gemm-common = { version = "=0.19.0", default-features = false }

[profile.release]
debug = false
TOML
cat > "$folder/src/lib.rs" <<'RUST'
/// Whether gemm takes its SIMD kernels.
#[unsafe(no_mangle)]
pub extern "C" fn switch() -> bool {
    gemm_common::get_wasm_simd128()
}

/// `times` products of two n × n matrices; gives the last entry, so that none is left out.
#[unsafe(no_mangle)]
pub extern "C" fn products(n: usize, times: usize) -> f32 {
    let make = |seed: f32| (0..n * n).map(|i| (i as f32 * seed).sin()).collect::<Vec<f32>>();
    let (a, b, mut c) = (make(0.37), make(0.71), vec![0f32; n * n]);
    for _ in 0..times {
        // SAFETY: three n × n matrices, each in a vector of its own.
        unsafe {
            gemm::gemm(
                n, n, n, c.as_mut_ptr(), 1, n as isize, false, a.as_ptr(), 1, n as isize, b.as_ptr(), 1, n as isize,
                0.0, 1.0, false, false, false, gemm::Parallelism::None,
            );
        }
    }
    c[n * n - 1]
}
RUST
cat > "$folder/run.mjs" <<'JS'
import { readFileSync } from "node:fs";
const [n, times] = [128, 100];
const load = async (path) => (await WebAssembly.instantiate(readFileSync(path), {})).instance.exports;
const time = ({ products }) => {
  products(n, 10);
  const runs = [1, 2, 3, 4, 5].map(() => {
    const begin = performance.now();
    products(n, times);
    return performance.now() - begin;
  });
  return Math.min(...runs);
};
const gflops = (ms) => ((2 * n ** 3 * times) / ms / 1e6).toFixed(1);
const [plain, switched] = [await load(process.argv[2]), await load(process.argv[3])];
const [slow, fast] = [time(plain), time(switched)];
console.log(`+simd128 alone: the switch is ${plain.switch() ? "on" : "off"}, ${gflops(slow)} GFLOP/s`);
console.log(`+simd128 and the cargo feature: the switch is ${switched.switch() ? "on" : "off"}, ${gflops(fast)} GFLOP/s, ${(slow / fast).toFixed(1)} times as fast`);
const same = Math.abs(plain.products(n, 1) - switched.products(n, 1)) < 1e-3;
if (plain.switch() || !switched.switch() || slow / fast < 2 || !same) {
  console.log("not as described");
  process.exit(1);
}
console.log("as described");
JS
cd "$folder"
rustup target add wasm32-unknown-unknown > rustup.log 2>&1 || true
export RUSTFLAGS="-Ctarget-feature=+simd128" CARGO_TARGET_DIR="$folder/target"
for features in "" switched; do
  cargo build --quiet --release --target wasm32-unknown-unknown --features "$features"
  cp target/wasm32-unknown-unknown/release/product.wasm "product$features.wasm"
done
node run.mjs product.wasm productswitched.wasm
