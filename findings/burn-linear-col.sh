#!/usr/bin/env bash
# Burn 0.22.1: `LinearLayout::Col` changes more than the layout: the weights start at another scale, and square ones load transposed.
#
# Expected: row or column is about memory. The documentation calls it the layout in which the parameters are stored, with an effect on
#   performance. The same layer starts with weights from the same distribution, U(-k, k) with k = sqrt(1 / d_input), and a file of
#   weights gives the same function in both layouts, or an error.
# Seen: 1. With Col, k is sqrt(1 / d_output): the initializer is given fan-in and fan-out the wrong way round. (The bias is right.) For
#   784 inputs and 10 outputs the weights, and so the first logits, are nine times too large; for 16 and 1024 eight times too small.
#   Every initializer that looks at fan-in alone is concerned; Xavier's are not.
#   2. A square layer saved with Row and loaded with Col, by record or by safetensors, is transposed: no error, nothing missing, other
#   answers. So is one from PyTorch: PyTorchToBurnAdapter transposes, and Col's own loading does it once more. Col to Row is the same.
#   A layer that is not square gives an error from safetensors.
# Why it matters: one tries Col for speed, since the documentation promises nothing else. The query, key, value and output layers of
#   attention are square: an imported transformer answers nonsense with all tensors "applied". A model trained from scratch starts
#   too hot or too cold, and a comparison of speed becomes one of two initializations. Save and load with one layout, and set
#   the initializer by hand for Col.
# Docs: "The layout in which the linear parameters are stored. This can have performance impacts."; `Linear` states k with d_input.
# Versions: burn 0.22.1 (burn-nn, burn-store 0.22.1) with flex, stable Rust 1.95. Seen on 2026-11-30. Builds Burn: some minutes,
#   unless CARGO_TARGET_DIR names a folder with an earlier build.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "linear-col"
version = "0.0.0"
edition = "2024"

[dependencies]
burn = { version = "=0.22.1", default-features = false, features = ["std", "autodiff", "optim", "flex", "store"] }

[profile.dev]
debug = false
TOML
cat > "$folder/src/main.rs" <<'RUST'
use burn::module::Module;
use burn::nn::{Initializer, Linear, LinearConfig, LinearLayout};
use burn::store::{BurnToPyTorchAdapter, ModuleRecord, ModuleSnapshot, PyTorchToBurnAdapter, SafetensorsStore};
use burn::tensor::{Device, Distribution, Tensor};

fn layer(inputs: usize, outputs: usize, layout: LinearLayout, device: &Device) -> Linear {
    LinearConfig::new(inputs, outputs).with_layout(layout).init(device)
}

fn largest<const D: usize>(tensor: Tensor<D>) -> f64 {
    tensor.abs().max().into_scalar::<f64>()
}

fn normal(rows: usize, columns: usize, device: &Device) -> Tensor<2> {
    Tensor::random([rows, columns], Distribution::Normal(0.0, 1.0), device)
}

fn main() {
    use LinearLayout::{Col, Row};
    let device = Device::flex();
    device.seed(7);

    for (inputs, outputs) in [(784, 10), (16, 1024)] {
        for layout in [Row, Col] {
            let layer = layer(inputs, outputs, layout, &device);
            let answers = layer.forward(normal(500, inputs, &device));
            let spread = answers.powi_scalar(2).mean().sqrt().into_scalar::<f64>();
            let (weight, bias) = (largest(layer.weight.val()), largest(layer.bias.as_ref().unwrap().val()));
            let [by_inputs, by_outputs] = [inputs, outputs].map(|fan| (1.0 / fan as f64).sqrt());
            println!("{inputs} -> {outputs} {layout:?}: |weight| up to {weight:.4}, |bias| up to {bias:.4}, outputs' spread {spread:.2}");
            let near = |bound: f64| weight <= bound * 1.0001 && weight > bound * 0.95;
            let rule = if near(by_inputs) { "inputs" } else if near(by_outputs) { "outputs" } else { "neither" };
            println!("verdict {inputs} -> {outputs} {layout:?}: scale by {rule}, bias by inputs {}", bias <= by_inputs * 1.0001);
        }
    }
    let by_xavier = LinearConfig::new(784, 10).with_initializer(Initializer::XavierUniform { gain: 1.0 }).with_layout(Col);
    let bound = (6.0f64 / 794.0).sqrt();
    let weight = largest(by_xavier.init(&device).weight.val());
    println!("verdict Xavier Col: right {}", weight <= bound * 1.0001 && weight > bound * 0.95);

    let file = std::env::temp_dir().join(format!("linear-col-{}.safetensors", std::process::id()));
    let square = |layout| layer(6, 6, layout, &device);
    let x = normal(4, 6, &device);
    for (from, to) in [(Row, Row), (Col, Col), (Row, Col), (Col, Row)] {
        let saved = square(from);
        let wanted = saved.forward(x.clone());
        let straight = saved.weight.val();
        let record = saved.clone().into_record().into_bytes().unwrap();
        let by_record = square(to).load_record(ModuleRecord::from_bytes(record).unwrap());
        saved.save_into(&mut SafetensorsStore::from_file(&file).overwrite(true)).unwrap();
        let mut by_file = square(to);
        let result = by_file.load_from(&mut SafetensorsStore::from_file(&file)).unwrap();
        assert!(result.applied.len() == 2 && result.missing.is_empty() && result.unused.is_empty() && result.errors.is_empty());
        for (way, loaded) in [("record", by_record), ("safetensors", by_file)] {
            let error = largest(loaded.forward(x.clone()) - wanted.clone());
            let turned = largest(loaded.weight.val() - straight.clone().transpose()) == 0.0;
            println!("{way} {from:?} to {to:?}: answers differ by {error:.4}");
            println!("verdict {way} {from:?} to {to:?}: {}", if error < 1e-6 { "the same" } else if turned { "transposed" } else { "else" });
        }
    }
    for to in [Row, Col] {
        // The file is as PyTorch writes it: weights [output, input].
        let saved = square(Row);
        saved.save_into(&mut SafetensorsStore::from_file(&file).overwrite(true).with_to_adapter(BurnToPyTorchAdapter)).unwrap();
        let mut loaded = square(to);
        loaded.load_from(&mut SafetensorsStore::from_file(&file).with_from_adapter(PyTorchToBurnAdapter)).unwrap();
        let error = largest(loaded.forward(x.clone()) - saved.forward(x.clone()));
        println!("PyTorch's to {to:?}: answers differ by {error:.4}");
        println!("verdict PyTorch's to {to:?}: {}", if error < 1e-6 { "the same" } else { "another function" });
    }
    layer(6, 3, Row, &device).save_into(&mut SafetensorsStore::from_file(&file).overwrite(true)).unwrap();
    let oblong = layer(6, 3, Col, &device).load_from(&mut SafetensorsStore::from_file(&file));
    println!("verdict not square: {}", if oblong.is_err() { "an error" } else { "no error" });
    std::fs::remove_file(file).unwrap();
}
RUST
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$folder/target}"
cargo build --quiet --manifest-path "$folder/Cargo.toml"
"$CARGO_TARGET_DIR/debug/linear-col" > "$folder/seen"
grep -v '^verdict' "$folder/seen"
diff - <(grep '^verdict' "$folder/seen") <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
verdict 784 -> 10 Row: scale by inputs, bias by inputs true
verdict 784 -> 10 Col: scale by outputs, bias by inputs true
verdict 16 -> 1024 Row: scale by inputs, bias by inputs true
verdict 16 -> 1024 Col: scale by outputs, bias by inputs true
verdict Xavier Col: right true
verdict record Row to Row: the same
verdict safetensors Row to Row: the same
verdict record Col to Col: the same
verdict safetensors Col to Col: the same
verdict record Row to Col: transposed
verdict safetensors Row to Col: transposed
verdict record Col to Row: transposed
verdict safetensors Col to Row: transposed
verdict PyTorch's to Row: the same
verdict PyTorch's to Col: another function
verdict not square: an error
SEEN
echo "as described: Col starts at another scale, and turns square weights of another layout round"
