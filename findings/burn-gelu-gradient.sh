#!/usr/bin/env bash
# Burn 0.22.1: `gelu` is the exact one, but outside flex and LibTorch its gradient is that of the tanh approximation, another function.
#
# Expected: the gradient of `gelu` is that of the function that is evaluated, on every backend; `gelu_approximate` is there for the other.
# Seen: forward, flex and ndarray both give the exact x Φ(x). Backward, flex gives its derivative; ndarray gives the derivative of the tanh
#   form, the same numbers as `gelu_approximate` does. They differ by up to 0.0009, by 3 % at -3 and by a third at -4, where the
#   gradient is small. It is the default of Burn's backend trait, which ndarray and, by the source, all GPU backends keep (seen on
#   wgpu, too: -0.011584 at -3 in the place of -0.011946); flex and LibTorch have their own.
# Why it matters: a gradient check by finite differences, or against PyTorch, fails on the GPU by far more than rounding and passes on
#   the CPU. A run on flex and the same run on a GPU part from the first step on, and one looks for the fault in one's own kernels
#   or in the device. An own backward pass that is right does not agree. Compare with ReLU first, or take `gelu_approximate`.
# Docs: `activation::gelu` gives the exact formula; a comment in the source of the trait alone names the tanh.
# Versions: burn 0.22.1 (burn-flex, burn-ndarray, burn-backend 0.22.1), stable Rust 1.95. Seen on 2026-11-30. Builds Burn: some
#   minutes, unless CARGO_TARGET_DIR names a folder with an earlier build.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "gelu-gradient"
version = "0.0.0"
edition = "2024"

[dependencies]
burn = { version = "=0.22.1", default-features = false, features = ["std", "autodiff", "flex", "ndarray"] }

[profile.dev]
debug = false
TOML
cat > "$folder/src/main.rs" <<'RUST'
use burn::tensor::{Device, Tensor, TensorData, activation};

fn density(x: f64) -> f64 {
    (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// The distribution function of the normal distribution, by Simpson's rule.
fn normal(x: f64) -> f64 {
    const STEPS: usize = 1000;
    let step = x / STEPS as f64;
    let inner: f64 = (1..STEPS).map(|i| density(i as f64 * step) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
    0.5 + step / 3.0 * (density(0.0) + inner + density(x))
}

fn run(function: fn(Tensor<1>) -> Tensor<1>, points: &[f32], device: &Device) -> [Vec<f64>; 2] {
    let x = Tensor::<1>::from_data(TensorData::new(points.to_vec(), [points.len()]), device).require_grad();
    let y = function(x.clone());
    let gradients = y.clone().sum().backward();
    [y.inner(), x.grad(&gradients).unwrap()].map(|tensor| tensor.into_data().iter::<f64>().collect())
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[allow(deprecated)]
fn main() {
    let points: Vec<f32> = (-100..=100).map(|i| i as f32 / 20.0).collect();
    let exact: [Vec<f64>; 2] = [
        points.iter().map(|&x| f64::from(x) * normal(x.into())).collect(),
        points.iter().map(|&x| normal(x.into()) + f64::from(x) * density(x.into())).collect(),
    ];
    for (name, device) in [("flex", Device::flex().autodiff()), ("ndarray", Device::ndarray().autodiff())] {
        let [values, gradients] = run(activation::gelu, &points, &device);
        let [tanh_values, tanh_gradients] = run(activation::gelu_approximate, &points, &device);
        println!(
            "{name}: gelu is off the exact one by {:.6} and its gradient by {:.6}; from gelu_approximate they are {:.6} and {:.6} apart",
            apart(&values, &exact[0]), apart(&gradients, &exact[1]), apart(&values, &tanh_values), apart(&gradients, &tanh_gradients)
        );
        for x in [-4.0, -3.0] {
            let at = points.iter().position(|&point| point == x).unwrap();
            println!("{name}: gradient at {x}: {:.6}, exact {:.6}", gradients[at], exact[1][at]);
        }
        let close = |a: &[f64], b: &[f64]| apart(a, b) < 2e-5;
        println!(
            "verdict {name} value {} gradient {} tanh {}",
            close(&values, &exact[0]), close(&gradients, &exact[1]), close(&gradients, &tanh_gradients)
        );
    }
}
RUST
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$folder/target}"
cargo build --quiet --manifest-path "$folder/Cargo.toml"
"$CARGO_TARGET_DIR/debug/gelu-gradient" > "$folder/seen"
grep -v '^verdict' "$folder/seen"
diff - <(grep '^verdict' "$folder/seen") <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
verdict flex value true gradient true tanh false
verdict ndarray value true gradient false tanh true
SEEN
echo "as described: ndarray's gelu has the gradient of gelu_approximate"
