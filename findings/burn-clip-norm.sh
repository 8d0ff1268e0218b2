#!/usr/bin/env bash
# Burn 0.22.1: clipping by norm bounds every tensor by itself, not the gradient; and set after the state is loaded, it is not used at all.
#
# Expected: `GradientClippingConfig::Norm(1.0)` is what papers and recipes mean by "clip to norm 1": the norm of the whole gradient, as
#   `clip_grad_norm_` of PyTorch and `clip_by_global_norm` of optax compute it. The direction stays. `with_grad_clipping` on an optimizer
#   is in force from the next step on, and `has_gradient_clipping` tells whether it is.
# Seen: 1. Each parameter tensor is clipped by its own norm. An LSTM is 16 tensors in Burn (4 in PyTorch), so with its read-out of 2 a
#   step of SGD with rate 1 is up to sqrt(18) = 4.24 long, not 1, and points elsewhere: small biases weigh as much as large weights.
#   2. Parameters that have a state already keep the clipping that was set when the state was made or loaded. `init().load(file)` and
#   then `with_grad_clipping` steps as without any, to the bit, while `has_gradient_clipping` says true. So does clipping switched on
#   after the first step. It is so with plain SGD, too, which has nothing to remember. In the configuration, before loading, it works.
# Why it matters: a number for clipping from a paper or from PyTorch is another number here, and changes with how a layer is cut into
#   tensors. Recurrent nets and reinforcement learning live on it, and a run that explodes after being resumed looks like a fault of
#   the data. For the global norm, sum the squares over all tensors and scale the gradients by hand before the step; give clipping in the
#   configuration only.
# Docs: "by clipping every component of the gradient by value or by norm"; `with_grad_clipping` "Sets the gradient clipping".
# Versions: burn 0.22.1 (burn-optim 0.22.1) with flex, stable Rust 1.95. Seen on 2026-11-30. Builds Burn: some minutes, unless
#   CARGO_TARGET_DIR names a folder with an earlier build.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "clip-norm"
version = "0.0.0"
edition = "2024"

[dependencies]
burn = { version = "=0.22.1", default-features = false, features = ["std", "autodiff", "optim", "flex", "store"] }

[profile.dev]
debug = false
TOML
cat > "$folder/src/main.rs" <<'RUST'
use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::{Linear, LinearConfig, Lstm, LstmConfig};
use burn::optim::grad_clipping::GradientClippingConfig;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{Device, Tensor, TensorData};

#[derive(Module, Debug)]
struct Net {
    lstm: Lstm,
    out: Linear,
}

/// The parameters, tensor by tensor.
#[derive(Default)]
struct Values(Vec<Vec<f64>>);

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.val().into_data().iter::<f64>().collect());
    }
}

fn values(net: &Net) -> Vec<Vec<f64>> {
    let mut values = Values::default();
    net.visit(&mut values);
    values.0
}

/// The net after a step with a gradient that is large.
fn step(net: &Net, optimizer: &mut ModuleOptimizer, rate: f64, device: &Device) -> Net {
    let points: Vec<f32> = (0..60).map(|i| (i as f32 * 0.7).sin()).collect();
    let x = Tensor::<3>::from_data(TensorData::new(points, [4, 5, 3]), device);
    let (y, _) = net.lstm.forward(x, None);
    let loss = (net.out.forward(y) - 3.0).powi_scalar(2).sum();
    let gradients = GradientsParams::from_grads(loss.backward(), net);
    optimizer.step(rate, net.clone(), gradients)
}

fn moved(before: &Net, after: &Net) -> Vec<Vec<f64>> {
    let pairs = values(before).into_iter().zip(values(after));
    pairs.map(|(a, b)| a.iter().zip(&b).map(|(a, b)| a - b).collect()).collect()
}

fn dot(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| a * b).sum()
}

fn main() {
    let device = Device::flex().autodiff();
    device.seed(3);
    let net = Net { lstm: LstmConfig::new(3, 8, true).init(&device), out: LinearConfig::new(8, 1).init(&device) };
    values(&net);
    let clipping = || GradientClippingConfig::Norm(1.0);

    let gradient = moved(&net, &step(&net, &mut SgdConfig::new().init(), 1.0, &device));
    let mut clipped = SgdConfig::new().with_gradient_clipping(Some(clipping())).init();
    let clipped = moved(&net, &step(&net, &mut clipped, 1.0, &device));
    let length = |step: &[Vec<f64>]| dot(step, step).sqrt();
    let cosine = dot(&gradient, &clipped) / (length(&gradient) * length(&clipped));
    let lengths: Vec<f64> = clipped.iter().map(|tensor| length(std::slice::from_ref(tensor))).collect();
    println!(
        "{} tensors: gradient of norm {:.3}, clipped to 1 it is {:.3} long (cosine {cosine:.3}), its tensors up to {:.3}",
        gradient.len(), length(&gradient), length(&clipped), lengths.iter().copied().fold(0.0, f64::max)
    );
    let own = gradient.iter().zip(&lengths).all(|(tensor, clipped)| {
        (clipped - length(std::slice::from_ref(tensor)).min(1.0)).abs() < 1e-4
    });
    println!("verdict {} tensors, each clipped by itself {own}, whole step longer than 3 {}", gradient.len(), length(&clipped) > 3.0);

    let file = std::env::temp_dir().join(format!("clip-norm-{}.bpk", std::process::id()));
    for (name, init) in [
        ("Adam", (|clip| AdamConfig::new().with_grad_clipping(clip).init()) as fn(Option<GradientClippingConfig>) -> ModuleOptimizer),
        ("SGD", |clip| SgdConfig::new().with_gradient_clipping(clip).init()),
    ] {
        // A step made without clipping, and its state; then another one.
        let mut first = init(None);
        let start = step(&net, &mut first, 0.001, &device);
        first.save(&file).unwrap();
        let next = |mut optimizer: ModuleOptimizer| values(&step(&start, &mut optimizer, 0.001, &device));
        let without = next(init(None).load(&file).unwrap());
        let later = init(None).load(&file).unwrap().with_grad_clipping(clipping().init());
        println!("verdict {name}: has clipping {}", later.has_gradient_clipping());
        println!("verdict {name}: set after loading, as without {}", next(later) == without);
        println!("verdict {name}: set after a step, as without {}", next(first.with_grad_clipping(clipping().init())) == without);
        println!("verdict {name}: configured, as without {}", next(init(Some(clipping())).load(&file).unwrap()) == without);
    }
    std::fs::remove_file(file).unwrap();
}
RUST
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$folder/target}"
cargo build --quiet --manifest-path "$folder/Cargo.toml"
"$CARGO_TARGET_DIR/debug/clip-norm" > "$folder/seen"
grep -v '^verdict' "$folder/seen"
diff - <(grep '^verdict' "$folder/seen") <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
verdict 18 tensors, each clipped by itself true, whole step longer than 3 true
verdict Adam: has clipping true
verdict Adam: set after loading, as without true
verdict Adam: set after a step, as without true
verdict Adam: configured, as without false
verdict SGD: has clipping true
verdict SGD: set after loading, as without true
verdict SGD: set after a step, as without true
verdict SGD: configured, as without false
SEEN
echo "as described: each tensor is clipped by itself, and clipping that comes after the state is left out"
