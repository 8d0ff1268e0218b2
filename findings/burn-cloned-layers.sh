#!/usr/bin/env bash
# Burn 0.22.1: of cloned layers in one model the optimizer trains the first one only, and with the gradient of the others.
#
# Expected: `vec![layer; 3]` gives three layers that start alike and learn on their own, as copies do in Rust; the documentation of
#   `Param` says that clones are "independent parameter values". Or else they stay one layer, as shared modules in PyTorch do.
# Seen: neither. Clones keep the parameter's id, and gradients, optimizer and its state are kept by id, one entry each. In the first
#   step the three are still one tensor: the first layer moves by the sum of their gradients, the others do not move. From the second
#   step on the first layer is a tensor of its own; the other two are still one, and the sum of their gradients replaces the first
#   layer's own. So the first layer is moved by gradients of the others, and those keep their initial weights for good. Three
#   layers give two gradients, a weight's and a bias's. No error, no warning; here the loss rises from 0.51 to 0.66, where layers
#   from `init` reach 0.09.
# Why it matters: `vec![block; n]`, or a block made once and cloned for each head or tower, is how one stacks layers in Rust, and a
#   clone of the embedding as the output layer is how one would tie weights. Such a model trains as one layer with wrong gradients.
#   Call `init` for each layer, and keep a shared layer once, used twice in `forward`.
# Docs: `Param`: "Subsequent transformations operate on independent parameter values and never propagate across clones"; of ids it says
#   that optimizers associate gradients by them. The Burn book has nothing on it. No report found.
# Versions: burn 0.22.1 (burn-optim 0.22.1) with flex, stable Rust 1.95. Seen on 2026-11-30. Builds Burn: some minutes, unless
#   CARGO_TARGET_DIR names a folder with an earlier build.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "cloned-layers"
version = "0.0.0"
edition = "2024"

[dependencies]
burn = { version = "=0.22.1", default-features = false, features = ["std", "autodiff", "optim", "flex"] }

[profile.dev]
debug = false
TOML
cat > "$folder/src/main.rs" <<'RUST'
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{Device, Distribution, Tensor};

#[derive(Module, Debug)]
struct Stack {
    layers: Vec<Linear>,
}

impl Stack {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.layers.iter().fold(x, |x, layer| layer.forward(x).tanh())
    }
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

fn main() {
    let device = Device::flex().autodiff();
    device.seed(7);
    let x = Tensor::<2>::random([64, 4], Distribution::Normal(0.0, 1.0), &device);
    let y = x.clone().flip([1]).sin();
    let init = || LinearConfig::new(4, 4).init(&device);
    for (name, layers) in [("vec![layer; 3]", vec![init(); 3]), ("three times init", vec![init(), init(), init()])] {
        let mut model = Stack { layers };
        let mut optimizer: ModuleOptimizer = SgdConfig::new().init();
        for step in 1..=400 {
            let before: Vec<_> = model.layers.iter().map(|layer| numbers(layer.weight.val())).collect();
            let loss = (model.forward(x.clone()) - y.clone()).square().mean();
            let value = loss.clone().into_scalar::<f64>();
            let gradients = loss.backward();
            let own: Vec<_> = model.layers.iter().map(|layer| numbers(layer.weight.val().grad(&gradients).unwrap())).collect();
            let gradients = GradientsParams::from_grads(gradients, &model);
            let count = gradients.len();
            model = optimizer.step(0.1, model, gradients);
            if ![1, 2, 3, 400].contains(&step) {
                continue;
            }
            println!("{name}, step {step}: loss {value:.3}");
            println!("verdict {name}, step {step}: {count} gradients");
            for (i, layer) in model.layers.iter().enumerate() {
                let change: Vec<_> = numbers(layer.weight.val()).iter().zip(&before[i]).map(|(new, old)| (old - new) / 0.1).collect();
                let is = |other: &[f64]| change.iter().zip(other).all(|(a, b)| (a - b).abs() < 1e-4 + 1e-2 * b.abs());
                let by = if change.iter().all(|&c| c == 0.0) {
                    "not at all".to_string()
                } else {
                    let found: Vec<_> = (0..3).filter(|&j| is(&own[j])).map(|j| (j + 1).to_string()).collect();
                    format!("by the gradient of layer {}", found.join(" or "))
                };
                println!("verdict   layer {} moves {by}", i + 1);
            }
        }
    }
}
RUST
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$folder/target}"
cargo build --quiet --manifest-path "$folder/Cargo.toml"
"$CARGO_TARGET_DIR/debug/cloned-layers" > "$folder/seen"
sed 's/^verdict //' "$folder/seen"
diff - <(grep '^verdict' "$folder/seen") > /dev/null <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
verdict vec![layer; 3], step 1: 2 gradients
verdict   layer 1 moves by the gradient of layer 1 or 2 or 3
verdict   layer 2 moves not at all
verdict   layer 3 moves not at all
verdict vec![layer; 3], step 2: 2 gradients
verdict   layer 1 moves by the gradient of layer 2 or 3
verdict   layer 2 moves not at all
verdict   layer 3 moves not at all
verdict vec![layer; 3], step 3: 2 gradients
verdict   layer 1 moves by the gradient of layer 2 or 3
verdict   layer 2 moves not at all
verdict   layer 3 moves not at all
verdict vec![layer; 3], step 400: 2 gradients
verdict   layer 1 moves by the gradient of layer 2 or 3
verdict   layer 2 moves not at all
verdict   layer 3 moves not at all
verdict three times init, step 1: 6 gradients
verdict   layer 1 moves by the gradient of layer 1
verdict   layer 2 moves by the gradient of layer 2
verdict   layer 3 moves by the gradient of layer 3
verdict three times init, step 2: 6 gradients
verdict   layer 1 moves by the gradient of layer 1
verdict   layer 2 moves by the gradient of layer 2
verdict   layer 3 moves by the gradient of layer 3
verdict three times init, step 3: 6 gradients
verdict   layer 1 moves by the gradient of layer 1
verdict   layer 2 moves by the gradient of layer 2
verdict   layer 3 moves by the gradient of layer 3
verdict three times init, step 400: 6 gradients
verdict   layer 1 moves by the gradient of layer 1
verdict   layer 2 moves by the gradient of layer 2
verdict   layer 3 moves by the gradient of layer 3
SEEN
echo "as described: of cloned layers only the first one learns, by the gradients of the others"
