#!/usr/bin/env bash
# Burn 0.22.1: WER, CER, BLEU and ROUGE-L cut the predictions into rows by the width of the references: where they are wider, the scores are noise.
#
# Expected: predictions `[batch, 12]` and references `[batch, 8]`, both padded, are compared row by row, each without its padding. Perfect
#   predictions have a WER and CER of 0 %, BLEU and ROUGE-L of 100 %. All four are made for sequences of different lengths.
# Seen: the flattened predictions are read at steps of the references' width. Row 0 is right, row 1 starts within row 0's padding, row 2
#   further to the left, and the last rows of the predictions are never read. The same words padded to 8 instead of 12 give other scores. No
#   error.
# Why it matters: a decoder that writes up to a length of its own, and references padded to their longest, have different widths in nearly every
#   batch; a batch of one, and the first row of each, look right. The score then depends on the padding, falls with the batch size, and picks
#   the wrong checkpoint. Pad both to one width before the metric, and set the pad token.
# Docs: `outputs` is "The predicted token sequences (as a 2-D tensor of token indices)", `targets` "The target token sequences (as a 2-D tensor of
#   token indices)"; not a word on equal widths, and no check. No report found.
# Versions: burn 0.22.1 (burn-train 0.22.1) with flex, stable Rust 1.95. Seen on 2026-11-30. Builds Burn with its trainer: some minutes, unless
#   CARGO_TARGET_DIR names a folder with an earlier build.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "text-metrics"
version = "0.0.0"
edition = "2024"

[dependencies]
burn = { version = "=0.22.1", default-features = false, features = ["std", "flex", "train"] }

[profile.dev]
debug = false
TOML
cat > "$folder/src/main.rs" <<'RUST'
use burn::data::dataloader::Progress;
use burn::tensor::{Device, Int, Tensor};
use burn::train::metric::{
    BleuInput, BleuScore, CerInput, CharErrorRate, Metric, MetricMetadata, Numeric, NumericEntry, RougeLInput, RougeLScore, WerInput, WordErrorRate,
};

const PAD: i32 = 0;

/// The sentences, padded to a width.
fn padded(sentences: &[Vec<i32>], width: usize) -> Tensor<2, Int> {
    let tokens: Vec<i32> = sentences
        .iter()
        .flat_map(|sentence| sentence.iter().copied().chain(std::iter::repeat(PAD)).take(width))
        .collect();
    Tensor::<1, Int>::from_ints(tokens.as_slice(), &Device::flex()).reshape([sentences.len(), width])
}

/// The score of one batch, in percent.
fn score<M: Metric + Numeric>(mut metric: M, input: M::Input) -> String {
    let progress = Progress { items_processed: 0, items_total: 1, unit: None };
    metric.update(&input, &MetricMetadata { progress, iteration: None, lr: None }).unwrap();
    match metric.final_value() {
        NumericEntry::Final(value) => format!("{value:.1}"),
        other => panic!("{other:?}"),
    }
}

fn main() {
    // Eight sentences of 5 to 8 words, all words different.
    let mut word = 0;
    let sentences: Vec<Vec<i32>> = (0..8)
        .map(|i| (0..5 + i % 4).map(|_| { word += 1; word }).collect())
        .collect();
    for (batch, width) in [(8, 8), (8, 9), (8, 12), (8, 16), (1, 12), (2, 12), (4, 12)] {
        let sentences = &sentences[..batch];
        let (outputs, targets) = (padded(sentences, width), padded(sentences, 8));
        let pad = PAD as usize;
        println!(
            "perfect predictions [{batch}, {width}], references [{batch}, 8]: WER {}, CER {}, BLEU-4 {}, ROUGE-L {}",
            score(WordErrorRate::new().with_pad_token(pad), WerInput::new(outputs.clone(), targets.clone())),
            score(CharErrorRate::new().with_pad_token(pad), CerInput::new(outputs.clone(), targets.clone())),
            score(BleuScore::new().with_pad_token(pad), BleuInput::new(outputs.clone(), targets.clone())),
            score(RougeLScore::new().with_pad_token(pad), RougeLInput::new(outputs, targets)),
        );
    }
}
RUST
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$folder/target}"
cargo build --quiet --manifest-path "$folder/Cargo.toml"
"$CARGO_TARGET_DIR/debug/text-metrics" | tee "$folder/seen"
diff - "$folder/seen" > /dev/null <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
perfect predictions [8, 8], references [8, 8]: WER 0.0, CER 0.0, BLEU-4 100.0, ROUGE-L 100.0
perfect predictions [8, 9], references [8, 8]: WER 90.4, CER 73.1, BLEU-4 5.5, ROUGE-L 12.5
perfect predictions [8, 12], references [8, 8]: WER 90.4, CER 90.4, BLEU-4 6.3, ROUGE-L 12.5
perfect predictions [8, 16], references [8, 8]: WER 96.2, CER 90.4, BLEU-4 6.2, ROUGE-L 12.5
perfect predictions [1, 12], references [1, 8]: WER 0.0, CER 0.0, BLEU-4 100.0, ROUGE-L 100.0
perfect predictions [2, 12], references [2, 8]: WER 54.5, CER 54.5, BLEU-4 30.1, ROUGE-L 50.0
perfect predictions [4, 12], references [4, 8]: WER 80.8, CER 80.8, BLEU-4 15.1, ROUGE-L 25.0
SEEN
echo "as described: perfect predictions are perfect at the references' width only"
