#!/usr/bin/env bash
# Burn 0.22.1: an optimizer's state, loaded beside weights from safetensors, is never used: training goes on with a fresh Adam.
#
# Expected: a checkpoint of weights (safetensors) and optimizer state (`save`), both loaded without an error, goes on as the run would
#   have: the same loss after the next step. In PyTorch the state belongs to the parameter's place in the model.
# Seen: with weights from a `ModuleRecord` the next steps are the same to the bit. With the same weights from safetensors the
#   optimizer's file is read without an error, and its moments are not used: the state is kept by parameter id, safetensors holds no
#   ids (names and values alone), and a new model draws new ones. Adam begins anew, with its first step as long as the learning rate.
#   Burn's own .bpk file of `BurnpackStore` holds the ids and gives them to the weights that it loads.
# Why it matters: safetensors is the format in which weights are kept and shared, and "resume" seems to work: no error, no warning, a
#   loss that goes on from where it was, then jumps. Runs that are resumed often (a cluster's time limit, spot machines) train worse
#   than those that are not. Keep weights and state together as Burn's records, or give parameters ids of your own that do not change.
# Docs: the optimizer says that it keeps its state by parameter id, and `load` what it reads; burn-store's README says of Burnpack
#   alone that it keeps ids. What the two mean together is said nowhere.
# Versions: burn 0.22.1 with flex, stable Rust 1.95. Seen on 2026-11-30. Builds Burn: some five minutes, unless CARGO_TARGET_DIR names
#   a folder with an earlier build.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "optimizer-resume"
version = "0.0.0"
edition = "2024"

[dependencies]
burn = { version = "=0.22.1", default-features = false, features = ["std", "autodiff", "optim", "flex", "store"] }

[profile.dev]
debug = false
TOML
cat > "$folder/src/main.rs" <<'RUST'
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::store::{BurnpackStore, ModuleRecord, ModuleSnapshot, SafetensorsStore};
use burn::tensor::{Device, Tensor, TensorData};

/// The squared error of a linear model on four fixed points, and the model after a step of Adam with rate 0.1.
fn step(model: Linear, optimizer: &mut ModuleOptimizer, device: &Device) -> (f64, Linear) {
    let x = Tensor::<2>::from_data(TensorData::new(vec![1f32, 2., 3., -1., 0.5, 2., -2., 1.], [4, 2]), device);
    let y = Tensor::<2>::from_data(TensorData::new(vec![4f32, 2., 1., -3.], [4, 1]), device);
    let loss = (model.forward(x) - y).powi_scalar(2).mean();
    let value = loss.clone().into_scalar::<f64>();
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    (value, optimizer.step(0.1, model, gradients))
}

/// Losses of six steps.
fn go_on(mut model: Linear, mut optimizer: ModuleOptimizer, device: &Device) -> Vec<f64> {
    (0..6)
        .map(|_| {
            let (loss, next) = step(model.clone(), &mut optimizer, device);
            model = next;
            loss
        })
        .collect()
}

fn show(what: &str, losses: &[f64], whole: &[f64]) {
    let text: Vec<String> = losses.iter().map(|loss| format!("{loss:.5}")).collect();
    println!("{what:<44} {}", text.join(" "));
    let same = losses.iter().zip(whole).all(|(a, b)| a == b);
    println!("verdict {what}: {}", if same { "goes on" } else { "another run" });
}

fn main() {
    let device = Device::flex().autodiff();
    let new = || LinearConfig::new(2, 1).init(&device);
    let folder = std::env::temp_dir().join(format!("optimizer-resume-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (tensors, pack, state) = (folder.join("w.safetensors"), folder.join("w.bpk"), folder.join("adam.bpk"));

    let (mut model, mut optimizer) = (new(), AdamConfig::new().init());
    for _ in 0..40 {
        model = step(model, &mut optimizer, &device).1;
    }
    let record = model.clone().into_record().into_bytes().unwrap();
    model.save_into(&mut SafetensorsStore::from_file(&tensors)).unwrap();
    model.save_into(&mut BurnpackStore::from_file(&pack)).unwrap();
    optimizer.save(&state).unwrap();
    let whole = go_on(model, optimizer, &device);
    show("not interrupted", &whole, &whole);

    let adam = || AdamConfig::new().init().load(&state).expect("the optimizer's file loads");
    let from_record = new().load_record(ModuleRecord::from_bytes(record).unwrap());
    show("weights by record, optimizer loaded", &go_on(from_record, adam(), &device), &whole);
    let mut from_pack = new();
    from_pack.load_from(&mut BurnpackStore::from_file(&pack)).unwrap();
    show("weights by bpk, optimizer loaded", &go_on(from_pack, adam(), &device), &whole);
    let mut from_tensors = new();
    let loaded = from_tensors.load_from(&mut SafetensorsStore::from_file(&tensors)).unwrap();
    println!("safetensors: {} applied, {} missing, {} unused", loaded.applied.len(), loaded.missing.len(), loaded.unused.len());
    let resumed = go_on(from_tensors.clone(), adam(), &device);
    show("weights by safetensors, optimizer loaded", &resumed, &whole);
    let fresh = go_on(from_tensors, AdamConfig::new().init(), &device);
    println!("verdict safetensors as with a new optimizer: {}", resumed == fresh);
    std::fs::remove_dir_all(folder).unwrap();
}
RUST
cd "$folder"
cargo run --quiet > out.txt
cat out.txt
check() { grep -qxF "verdict $1" out.txt || { echo "changed: expected \"$1\""; exit 1; }; }
check "weights by record, optimizer loaded: goes on"
check "weights by bpk, optimizer loaded: goes on"
check "weights by safetensors, optimizer loaded: another run"
check "safetensors as with a new optimizer: true"
echo "as stated above"
