#!/usr/bin/env bash
# Burn 0.22.1: one example turns the gradients into NaN, where PyTorch has numbers: elu, celu and selu beyond 88.7, a triplet with positive =
# anchor, CTC with an empty target.
#
# Expected: what PyTorch has. elu(100) is 100 with a gradient of 1, celu likewise, selu 1.05 times that. A triplet whose positive equals its
#   anchor, far from the negative, has loss 0 and gradient 0 (PyTorch adds 1e-6 to the difference). The mean of CTC losses over a batch with
#   an empty target is finite (PyTorch divides by max(length, 1)), and `zero_infinity` keeps out what is infinite.
# Seen: 1. The values of elu, celu and selu are right, their gradients NaN above 88.72 in float32, above 11.09 in float16: exp of the whole
#   input is computed, is infinite, and its share of the gradient is infinity times 0. One example of 64 with a feature of 1000, in the units
#   of the data, turns every weight and bias of that unit into NaN in one step; the loss before the step is finite.
#   2. TripletMarginLoss: the derivative of a square root at 0 times 0. It needs no violated margin: the loss is exactly 0, and the weights are
#   NaN after the step. One such triplet in the batch is enough.
#   3. CTC with `Reduction::Mean` divides by the length of the target: one empty transcript gives a loss of infinity and gradients with NaN and
#   infinity, with `zero_infinity` too, which looks at the losses before they are divided. The single losses (`forward`) are finite.
# Why it matters: all weights behind are lost, by one example, and it looks like a learning rate that is too high. Inputs beyond 88 are common in
#   tables that are not scaled, beyond 11 in half precision everywhere; a triplet with anchor = positive comes from duplicates, from classes with
#   one picture, and from embeddings that have collapsed; silence is an empty transcript. Clamp what goes into elu from above and add the
#   identity back (`elu(x.clamp_max(0)) + relu(x)`); use the difference of `PairwiseDistance`, which has the 1e-6; leave empty transcripts out of
#   the batch.
# Docs: TripletMarginLoss is said to follow torch.nn.TripletMarginLoss, the mean of CTC: "This follows PyTorch's behavior", `zero_infinity`:
#   "Whether to zero infinite losses and the associated gradients". The source of softplus avoids the very fault of elu, with a comment that
#   explains it. No report on Burn found; candle and tinygrad have mended the same in their elu.
# Versions: burn 0.22.1 (burn-nn 0.22.1) with flex, stable Rust 1.95; PyTorch 2.15 for what is expected. Seen on 2026-11-30. Builds Burn: some
#   minutes, unless CARGO_TARGET_DIR names a folder with an earlier build.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "nan-gradients"
version = "0.0.0"
edition = "2024"

[dependencies]
burn = { version = "=0.22.1", default-features = false, features = ["std", "autodiff", "optim", "flex"] }

[profile.dev]
debug = false
TOML
cat > "$folder/src/main.rs" <<'RUST'
use burn::nn::loss::{CTCLossConfig, Reduction, TripletMarginLossConfig};
use burn::nn::{Linear, LinearConfig};
use burn::optim::{GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::activation::{celu, elu, log_softmax, relu, selu};
use burn::tensor::{DType, Device, Distribution, Int, Tensor, TensorData};

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// The loss, and how many of the layer's 8 weights are NaN after a step of SGD with rate 0.01.
fn step(name: &str, layer: &Linear, loss: Tensor<1>) {
    let value = numbers(loss.clone())[0];
    let gradients = GradientsParams::from_grads(loss.backward(), layer);
    let mut optimizer: ModuleOptimizer = SgdConfig::new().init();
    let layer = optimizer.step(0.01, layer.clone(), gradients);
    let weights = numbers(layer.weight.val());
    let lost = weights.iter().filter(|w| w.is_nan()).count();
    println!("{name}: loss {value:.3}, {lost} of {} weights are NaN after one step", weights.len());
    println!("verdict {name}: loss finite {}, zero {}, {lost} of 8 weights lost", value.is_finite(), value == 0.0);
}

fn main() {
    let device = Device::flex().autodiff();
    device.seed(5);

    type Function = fn(Tensor<1>) -> Tensor<1>;
    let functions: [(&str, Function); 4] = [
        ("elu", |x| elu(x, 1.0)),
        ("celu", |x| celu(x, 1.0)),
        ("selu", selu),
        ("elu of x below 0, relu above", |x| elu(x.clone().clamp_max(0.0), 1.0) + relu(x)),
    ];
    for (name, function) in functions {
        for (kind, inputs) in [(DType::F32, [88.0, 89.0]), (DType::F16, [11.0, 12.0])] {
            let x = Tensor::<1>::from_data(TensorData::from(inputs), (&device, kind)).require_grad();
            let y = function(x.clone());
            let gradients = y.clone().sum().backward();
            println!("verdict {name} {kind:?}: {:.2?} of {inputs:?}, gradient {:.2?}", numbers(y), numbers(x.grad(&gradients).unwrap()));
        }
    }

    // One hidden unit of eight inputs, 64 examples; in one of them a feature of 1000.
    let init = || LinearConfig::new(8, 1).init(&device);
    let x = Tensor::<2>::random([64, 8], Distribution::Normal(0.0, 1.0), &device);
    for (name, feature) in [("elu, features near 1", 1.0), ("elu, one feature of 1000", 1000.0)] {
        let layer = init();
        let sign = numbers(layer.weight.val())[0].signum();
        let x = x.clone().slice_assign([0..1, 0..1], Tensor::<2>::full([1, 1], feature * sign, &device));
        step(name, &layer, elu(layer.forward(x), 1.0).mean());
    }

    // Four triplets, in the first one the positive is the anchor. The negatives are far: no margin is violated.
    let x = Tensor::<2>::random([4, 2], Distribution::Normal(0.0, 1.0), &device);
    let near = x.clone() + Tensor::<2>::from_floats([[0.0, 0.0], [0.001, 0.0], [0.0, 0.001], [0.001, 0.001]], &device);
    let layer: Linear = LinearConfig::new(2, 4).init(&device);
    let loss = |positive: Tensor<2>| {
        let triplet = TripletMarginLossConfig::new().init();
        let [anchor, positive, negative] = [x.clone(), positive, x.clone() + 1000.0].map(|x| layer.forward(x));
        triplet.forward(anchor, positive, negative, Reduction::Mean)
    };
    step("triplets, none alike", &layer, loss(near.clone() + 0.001));
    step("triplets, one with positive = anchor", &layer, loss(near));

    // Two utterances of 6 and 5 frames, the second one without a word.
    let logits = Tensor::<3>::random([6, 2, 4], Distribution::Normal(0.0, 1.0), &device);
    for (words, zero_infinity) in [(1, false), (0, false), (0, true)] {
        let logits = logits.clone().require_grad();
        let ctc = CTCLossConfig::new().with_zero_infinity(zero_infinity).init();
        let int = |values: [i32; 2]| Tensor::<1, Int>::from_ints(values, &device);
        let targets = Tensor::<2, Int>::from_ints([[1, 2, 3], [2, 0, 0]], &device);
        let (frames, words_of) = (int([6, 5]), int([3, words]));
        let log_probs = log_softmax(logits.clone(), 2);
        let single = numbers(ctc.forward(log_probs.clone(), targets.clone(), frames.clone(), words_of.clone()));
        let loss = ctc.forward_with_reduction(log_probs, targets, frames, words_of, Reduction::Mean);
        let gradient = numbers(logits.grad(&loss.clone().backward()).unwrap());
        let loss = numbers(loss)[0];
        let lost = gradient.iter().filter(|g| !g.is_finite()).count();
        let name = format!("CTC, 3 and {words} labels, zero_infinity {zero_infinity}");
        println!("{name}: losses {single:.3?}, mean {loss:.3}, {lost} of {} gradients NaN or infinite", gradient.len());
        let finite = single.iter().all(|loss| loss.is_finite());
        println!("verdict {name}: losses finite {finite}, mean finite {}, {lost} gradients lost", loss.is_finite());
    }
}
RUST
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$folder/target}"
cargo build --quiet --manifest-path "$folder/Cargo.toml"
"$CARGO_TARGET_DIR/debug/nan-gradients" > "$folder/seen"
sed 's/^verdict //' "$folder/seen"
diff - <(grep '^verdict' "$folder/seen") > /dev/null <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
verdict elu F32: [88.00, 89.00] of [88.0, 89.0], gradient [1.00, NaN]
verdict elu F16: [11.00, 12.00] of [11.0, 12.0], gradient [1.00, NaN]
verdict celu F32: [88.00, 89.00] of [88.0, 89.0], gradient [1.00, NaN]
verdict celu F16: [11.00, 12.00] of [11.0, 12.0], gradient [1.00, NaN]
verdict selu F32: [92.46, 93.51] of [88.0, 89.0], gradient [1.05, NaN]
verdict selu F16: [11.56, 12.61] of [11.0, 12.0], gradient [1.05, NaN]
verdict elu of x below 0, relu above F32: [88.00, 89.00] of [88.0, 89.0], gradient [1.00, 1.00]
verdict elu of x below 0, relu above F16: [11.00, 12.00] of [11.0, 12.0], gradient [1.00, 1.00]
verdict elu, features near 1: loss finite true, zero false, 0 of 8 weights lost
verdict elu, one feature of 1000: loss finite true, zero false, 8 of 8 weights lost
verdict triplets, none alike: loss finite true, zero true, 0 of 8 weights lost
verdict triplets, one with positive = anchor: loss finite true, zero true, 8 of 8 weights lost
verdict CTC, 3 and 1 labels, zero_infinity false: losses finite true, mean finite true, 0 gradients lost
verdict CTC, 3 and 0 labels, zero_infinity false: losses finite true, mean finite false, 20 gradients lost
verdict CTC, 3 and 0 labels, zero_infinity true: losses finite true, mean finite false, 20 gradients lost
SEEN
echo "as described: one example is enough for gradients of NaN"
