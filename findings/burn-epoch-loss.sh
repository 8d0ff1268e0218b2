#!/usr/bin/env bash
# Burn 0.22.1: the learner's loss of an epoch is a mean over batches, its accuracy a mean over examples: a short last batch counts as a full one.
#
# Expected: `LossMetric` and `AccuracyMetric` weigh batches by their size, as the documentation of their common state says. The loss of a
#   validation set does not depend on the batch size, and perplexity is its exponential.
# Seen: accuracy and perplexity are weighted. The loss takes the batch size from the shape of the loss tensor, and a loss that is a mean
#   has the shape [1], so every batch counts 1. With 65 examples in batches of 64, the last example counts as much as the 64 before
#   it. On the same 65 examples the "loss" is 0.12 with batches of 13 and 2.53 with batches of 64, accuracy is the same, and the model
#   with the better loss becomes the one with the worse loss. A loss without reduction, [batch], gives the true mean.
# Why it matters: early stopping and the choice of the best checkpoint look at this number. Validation loss changes with the batch size
#   that fits the device, and noise of a few examples decides. A loss table made with Burn cannot be compared with one of Keras or
#   PyTorch Lightning, which weigh by size. Choose a batch size that divides the set, or give `LossInput` the losses one by one.
# Docs: `NumericMetricState::update` says "This is typically the batch size (e.g. for accuracy, loss)"; `LossMetric` only "The loss metric".
# Versions: burn 0.22.1 (burn-train 0.22.1) with flex, stable Rust 1.95. Seen on 2026-11-30. Builds Burn: some minutes, unless
#   CARGO_TARGET_DIR names a folder with an earlier build.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "epoch-loss"
version = "0.0.0"
edition = "2024"

[dependencies]
burn = { version = "=0.22.1", default-features = false, features = ["std", "flex", "train"] }

[profile.dev]
debug = false
TOML
cat > "$folder/src/main.rs" <<'RUST'
use burn::data::dataloader::Progress;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use burn::train::ClassificationOutput;
use burn::train::metric::{
    AccuracyMetric, Adaptor, LossInput, LossMetric, Metric, MetricMetadata, Numeric, NumericEntry, PerplexityMetric,
};

/// An epoch's final number of a metric.
fn end(metric: &mut (impl Metric + Numeric)) -> f64 {
    metric.compute().unwrap();
    match metric.final_value() {
        NumericEntry::Final(value) => value,
        other => panic!("not a final value: {other:?}"),
    }
}

/// What the metrics say of examples of class 0 of two, whose logit of class 0 is given: loss, loss from single losses, accuracy, perplexity.
fn epoch(logits: &[f32], batch: usize, device: &Device) -> [f64; 4] {
    let metadata = || MetricMetadata {
        progress: Progress { items_processed: 0, items_total: logits.len(), unit: None },
        iteration: None,
        lr: None,
    };
    let (mut loss, mut single, mut accuracy, mut perplexity) =
        (LossMetric::new(), LossMetric::new(), AccuracyMetric::new(), PerplexityMetric::new());
    for part in logits.chunks(batch) {
        let rows: Vec<f32> = part.iter().flat_map(|&logit| [logit, 0.0]).collect();
        let output = Tensor::<2>::from_data(TensorData::new(rows, [part.len(), 2]), device);
        let targets = Tensor::<1, Int>::zeros([part.len()], device);
        let mean = CrossEntropyLossConfig::new().init(device).forward(output.clone(), targets.clone());
        let each = activation::log_softmax(output.clone(), 1).narrow(1, 0, 1).reshape([part.len()]).neg();
        let output = ClassificationOutput::new(mean, output, targets);
        loss.update(&output.adapt(), &metadata()).unwrap();
        single.update(&LossInput::new(each), &metadata()).unwrap();
        accuracy.update(&output.adapt(), &metadata()).unwrap();
        perplexity.update(&output.adapt(), &metadata()).unwrap();
    }
    [end(&mut loss), end(&mut single), end(&mut accuracy), end(&mut perplexity)]
}

fn main() {
    let device = Device::flex();
    // One model is sure and right but for the last example, the other one is never sure.
    let [mut sure, unsure] = [3.0f32, 0.8].map(|logit| vec![logit; 65]);
    sure[64] = -5.0;
    let mut losses = Vec::new();
    for (name, logits) in [("sure", &sure), ("unsure", &unsure)] {
        let truth = logits.iter().map(|&logit| f64::from(-logit).exp().ln_1p()).sum::<f64>() / logits.len() as f64;
        for batch in [13, 64] {
            let [loss, single, accuracy, perplexity] = epoch(logits, batch, &device);
            println!(
                "{name}, 65 examples in batches of {batch}: loss {loss:.4} (true mean {truth:.4}, from single losses {single:.4}), \
                 accuracy {accuracy:.2} %, log of the perplexity {:.4}",
                perplexity.ln()
            );
            let close = |value: f64| (value - truth).abs() < 1e-4;
            println!(
                "verdict {name} {batch}: loss {} single {} perplexity {}",
                close(loss), close(single), close(perplexity.ln())
            );
            losses.push((loss, accuracy));
        }
    }
    println!("verdict the accuracy is the same for both batch sizes: {}", (losses[0].1 - losses[1].1).abs() < 1e-3);
    println!("verdict the better loss is that of: {} {}", better(losses[0].0, losses[2].0), better(losses[1].0, losses[3].0));
}

fn better(sure: f64, unsure: f64) -> &'static str {
    if sure < unsure { "sure" } else { "unsure" }
}
RUST
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$folder/target}"
cargo build --quiet --manifest-path "$folder/Cargo.toml"
"$CARGO_TARGET_DIR/debug/epoch-loss" > "$folder/seen"
grep -v '^verdict' "$folder/seen"
diff - <(grep '^verdict' "$folder/seen") <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
verdict sure 13: loss true single true perplexity true
verdict sure 64: loss false single true perplexity true
verdict unsure 13: loss true single true perplexity true
verdict unsure 64: loss true single true perplexity true
verdict the accuracy is the same for both batch sizes: true
verdict the better loss is that of: sure unsure
SEEN
echo "as described: the loss of an epoch weighs batches alike"
