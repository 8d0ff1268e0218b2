#!/usr/bin/env bash
# Burn 0.22.1 on GPUs: `log1p` is ln(1 + x), so it is 0 for small x; `log_sigmoid` ends at 0 in the same way, and its gradient with it.
#
# Expected: `log1p` exists for x near 0, where ln(1 + x) has lost x: to float32's rounding log1p(1e-8) is 1e-8 on every backend. And
#   log_sigmoid, of which Burn's binary cross-entropy on logits is made, gives -4.1e-8 for 17 and has a gradient there.
# Seen: flex is right to the last digits. On wgpu log1p(1e-8) is 0, log1p(1e-7) is off by 19 %, and at 1e-4 four digits are left.
#   log_sigmoid(17) is 0 with the gradient 0; at 15 both are off by a sixth. Neither is the driver's doing: CubeCL puts the
#   logarithm of 1 + x in the place of `log1p` for wgpu, Vulkan, CUDA, ROCm and Metal alike (by its source), and log_sigmoid's default
#   takes the logarithm of 1 + exp(-x), and backwards (z - 1) / z with z = 1 + exp(-x); flex has its own of both.
# Why it matters: log-likelihoods of rare events (the logarithm of 1 - p), log-scaled features of small rates, and the loss of examples
#   that the model is sure of are wrong or exactly 0 on the GPU alone, without a NaN. What is tested on the CPU is right.
#   Use x - x²/2 + x³/3 below 0.01, and check such losses on the device that trains.
# Docs: `log1p` promises ln(x + 1) without a word on precision; the comment at log_sigmoid speaks of accurate results.
# Versions: burn 0.22.1 (cubecl 0.11.3, wgpu 30), stable Rust 1.95, llvmpipe of Mesa 22.3 as the adapter (Debian's mesa-vulkan-drivers;
#   any adapter of Vulkan will do). Seen on 2026-11-30. Builds Burn: four to fifteen minutes, unless CARGO_TARGET_DIR names a
#   folder with an earlier build.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "gpu-log1p"
version = "0.0.0"
edition = "2024"

[dependencies]
burn = { version = "=0.22.1", default-features = false, features = ["std", "autodiff", "flex", "wgpu"] }

[profile.dev]
debug = false
TOML
cat > "$folder/src/main.rs" <<'RUST'
use burn::tensor::{Device, DeviceKind, Tensor, TensorData, activation};

fn tensor(values: &[f32], device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}

fn show(device: &str, what: &str, points: &[f32], values: Tensor<1>, exact: fn(f64) -> f64, factor: f64) {
    let mut right = Vec::new();
    for (&x, value) in points.iter().zip(values.into_data().iter::<f64>()) {
        let wanted = exact(x.into());
        let error = (value / wanted - 1.0).abs();
        println!("{device}: {what}({x}) = {value:.4e}, right {wanted:.4e}, off by {:.3} %", error * 100.0);
        right.push(if value == 0.0 { "zero" } else if error < factor { "right" } else { "wrong" });
    }
    println!("verdict {device} {what}: {}", right.join(" "));
}

fn main() {
    for (name, device) in [("flex", Device::flex()), ("wgpu", Device::wgpu(DeviceKind::DefaultDevice))] {
        let small = [1e-8, 1e-7, 1e-4];
        show(name, "log1p", &small, tensor(&small, &device).log1p(), f64::ln_1p, 1e-5);
        let sure = [15.0, 17.0, 20.0];
        show(name, "log_sigmoid", &sure, activation::log_sigmoid(tensor(&sure, &device)), |x| -(-x).exp().ln_1p(), 0.01);
        let x = tensor(&sure, &device.autodiff()).require_grad();
        let gradients = activation::log_sigmoid(x.clone()).sum().backward();
        show(name, "gradient", &sure, x.grad(&gradients).unwrap(), |x| 1.0 / (1.0 + x.exp()), 0.01);
    }
}
RUST
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$folder/target}"
cargo build --quiet --manifest-path "$folder/Cargo.toml"
"$CARGO_TARGET_DIR/debug/gpu-log1p" > "$folder/seen" 2> "$folder/notes" || { cat "$folder/notes"; exit 1; }
grep -v '^verdict' "$folder/seen"
diff - <(grep '^verdict' "$folder/seen") <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
verdict flex log1p: right right right
verdict flex log_sigmoid: right right right
verdict flex gradient: right right right
verdict wgpu log1p: zero wrong wrong
verdict wgpu log_sigmoid: wrong zero zero
verdict wgpu gradient: wrong zero zero
SEEN
echo "as described: on the GPU both lose what is small"
