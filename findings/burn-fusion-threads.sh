#!/usr/bin/env bash
# Burn 0.22.1, backend wgpu with `fusion`: a thread that computes gradients, and is joined, makes training go wrong without a word.
#
# Expected: tensors are Send. A thread that computes loss and gradients and is joined before anyone uses them changes nothing: the
#   losses are those of the same program in one thread.
# Seen: they are, if the loss of each step is read at once. If the losses are kept and read later, so that no step waits for the
#   device, every loss from the second step on is another one, the same wrong ones at every run. No error, no NaN, and the weights
#   are wrong, too. Reading the gradients in the thread that made them does not help. In one thread, or with
#   BURN_FUSION_MAX_EXPLORATIONS=0 (nothing is fused), all is right.
# Why it matters: worker threads for parts of a batch are how training loops are built, and losses that are read late are how a GPU
#   is kept busy. A perceptron of two matrices is enough. What comes out is a worse model that nobody suspects; with a deeper graph
#   we saw gradients some five thousand times too long. Compute gradients in the thread that takes the steps.
# Versions: burn 0.22.1 (burn-fusion 0.22.1, cubecl 0.11.3, wgpu 30.0.1 and 30.0.2), stable Rust 1.95, llvmpipe of Mesa 22.3 as the adapter (Debian's
#   mesa-vulkan-drivers; any adapter of Vulkan will do). Seen on 2026-11-29. Builds Burn: some 15 minutes on two cores, unless
#   CARGO_TARGET_DIR names a folder with an earlier build.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "fusion-threads"
version = "0.0.0"
edition = "2024"

[dependencies]
burn = { version = "=0.22.1", default-features = false, features = ["std", "autodiff", "wgpu", "fusion"] }

[profile.dev]
debug = false
TOML
cat > "$folder/src/main.rs" <<'RUST'
use burn::tensor::{Device, DeviceKind, Tensor, TensorData, activation};

fn tensor(shape: [usize; 2], seed: f32, device: &Device) -> Tensor<2> {
    let values: Vec<f32> = (0..shape[0] * shape[1]).map(|i| ((i as f32 + 1.0) * 12.9898 + seed).sin()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Loss and gradients of a perceptron; `read` reads the gradients here.
fn gradient(weights: [Tensor<2>; 2], step: usize, read: bool, device: &Device) -> (Tensor<1>, [Tensor<2>; 2]) {
    let [first, second] = weights.map(|weights| Tensor::from_inner(weights).require_grad());
    let hidden = activation::relu(tensor([8, 16], step as f32, device).matmul(first.clone()));
    let error = hidden.matmul(second.clone()) - tensor([8, 4], step as f32 + 0.5, device);
    let loss = (error.clone() * error).mean();
    let gradients = loss.backward();
    let both = [first.grad(&gradients).unwrap(), second.grad(&gradients).unwrap()];
    if read {
        both.iter().for_each(|gradient| drop(gradient.clone().into_data()));
    }
    (loss.inner(), both)
}

fn main() {
    let mode = std::env::args().nth(1).unwrap();
    let plain = Device::wgpu(DeviceKind::DefaultDevice);
    let device = plain.clone().autodiff();
    let mut weights = [tensor([16, 32], 0.1, &plain) * 0.2, tensor([32, 4], 0.2, &plain) * 0.2];
    let mut losses = Vec::new();
    for step in 0..6 {
        let own = weights.clone();
        let work = || gradient(own, step, mode == "thread-read", &device);
        let (loss, [first, second]) = match mode.as_str() {
            "same" => work(),
            _ => std::thread::scope(|scope| scope.spawn(work).join().unwrap()),
        };
        let [one, two] = weights;
        weights = [one - first * 0.5, two - second * 0.5];
        match mode.as_str() {
            "thread-now" => print!(" {:.4}", loss.into_data().iter::<f32>().next().unwrap()),
            _ => losses.push(loss),
        }
    }
    losses.into_iter().for_each(|loss| print!(" {:.4}", loss.into_data().iter::<f32>().next().unwrap()));
    println!();
}
RUST
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$folder/target}"
cargo build --quiet --manifest-path "$folder/Cargo.toml"
program="$CARGO_TARGET_DIR/debug/fusion-threads"
same=$("$program" same 2>/dev/null)
now=$("$program" thread-now 2>/dev/null)
late=$("$program" thread 2>/dev/null)
read=$("$program" thread-read 2>/dev/null)
unfused=$(BURN_FUSION_MAX_EXPLORATIONS=0 "$program" thread 2>/dev/null)
echo "gradients in the same thread:                          $same"
echo "in a joined thread, each loss read at once:            $now"
echo "in a joined thread, losses read in the end:            $late"
echo "the same, gradients read in the thread that made them: $read"
echo "in a joined thread, losses read in the end, not fused: $unfused"
if [ "$now" != "$same" ] || [ "$unfused" != "$same" ] || [ "$late" = "$same" ] || [ "$read" = "$same" ]; then
    echo "changed: expected the third and fourth line alone to differ from the first"
    exit 1
fi
echo "as described: the third and fourth line differ from the others"
