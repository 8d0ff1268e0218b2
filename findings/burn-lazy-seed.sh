#!/usr/bin/env bash
# Burn 0.22.1: weights come from the seed in force at a layer's first use, not from the one in force when it was built.
#
# Expected: `device.seed(1)` and then `config.init(&device)` draw the weights from seed 1, as it is where layers are filled when they are
#   built. Another seed gives another model, and what is seeded afterwards (data, dropout) does not touch the weights.
# Seen: `init` draws nothing. Each parameter is drawn when somebody first reads it, from the generator as it stands by then. Models
#   built with the seeds 1, 2 and 3 have the same weights to the last bit if one common seed is set before their first forward pass.
#   A model with one seed gets other weights if its layers are read in another order. Counting the parameters does not draw them,
#   reading them does: `model.clone().into_record()` right after `init` mends both.
# Why it matters: an ensemble over seeds, or a table of mean and spread over five seeds, whose runs set a common seed for the data, is
#   one model five times: the spread is too small or zero, and nothing warns. A seed in a log does not bring the weights back once a
#   debug print, another order of layers, or a random batch that is made before the first pass moves the generator.
# Docs: `Device::seed` says nothing of it; `Param` is said to be initialised lazily, without the consequence for seeds.
# Versions: burn 0.22.1 (backend flex), stable Rust 1.95. Seen on 2026-11-30. Builds Burn: some minutes, unless CARGO_TARGET_DIR names
#   a folder with an earlier build.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "lazy-seed"
version = "0.0.0"
edition = "2024"

[dependencies]
burn = { version = "=0.22.1", default-features = false, features = ["std", "flex", "dataset"] }

[profile.dev]
debug = false
TOML
cat > "$folder/src/main.rs" <<'RUST'
use burn::module::Module;
use burn::nn::{Linear, LinearConfig, Relu};
use burn::tensor::{Device, Distribution, Tensor};

#[derive(Module, Debug)]
struct Net {
    first: Linear,
    second: Linear,
}

impl Net {
    fn new(device: &Device) -> Self {
        Self { first: LinearConfig::new(3, 4).init(device), second: LinearConfig::new(4, 2).init(device) }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.second.forward(Relu::new().forward(self.first.forward(x)))
    }
}

fn text<const D: usize>(tensor: Tensor<D>) -> String {
    tensor.into_data().iter::<f32>().map(|value| format!("{value:.5}")).collect::<Vec<_>>().join(" ")
}

fn main() {
    let device = Device::flex();
    for how in ["common", "counted", "read", "alone"] {
        for seed in 1..=3 {
            device.seed(seed);
            let net = Net::new(&device);
            match how {
                "counted" => assert_eq!(net.num_params(), 26),
                "read" => drop(net.clone().into_record()),
                _ => {}
            }
            if how != "alone" {
                // the data of every run are the same
                device.seed(100);
            }
            let x = Tensor::<2>::random([1, 3], Distribution::Default, &device);
            println!("{how} {seed}: {}", text(net.forward(x)));
        }
    }
    for order in ["forward", "second"] {
        device.seed(1);
        let net = Net::new(&device);
        if order == "second" {
            net.second.weight.val();
        }
        println!("order {order}: {}", text(net.first.weight.val()));
    }
}
RUST
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$folder/target}"
cargo build --quiet --manifest-path "$folder/Cargo.toml"
"$CARGO_TARGET_DIR/debug/lazy-seed" > "$folder/seen"
different() { grep "^$1 " "$folder/seen" | cut -d: -f2 | sort -u | wc -l; }
echo "answers of models built with the seeds 1, 2 and 3 to the same question:"
cat "$folder/seen"
common=$(different common) counted=$(different counted) read=$(different read) alone=$(different alone) order=$(different order)
echo "different answers: $common with a common seed set after the models were built, $counted if the parameters were counted before," \
    "$read if they were read before, $alone without a common seed; first layers of seed 1, read in two orders: $order"
if [ "$common" != 1 ] || [ "$counted" != 1 ] || [ "$read" != 3 ] || [ "$alone" != 3 ] || [ "$order" != 2 ]; then
    echo "changed: expected 1, 1, 3, 3 and 2"
    exit 1
fi
echo "as described: three seeds, one model"
