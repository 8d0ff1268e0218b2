#!/usr/bin/env bash
# Burn 0.22.1: the order of a data loader's batches depends on the number of workers, and with two or more on chance, even unshuffled.
#
# Expected: workers only fetch ahead. As with PyTorch's loader, the batches come in the order of the shuffle's seed, whatever the number
#   of workers is, and in the order of the dataset without a shuffle.
# Seen: `.shuffle(7)` gives one epoch without workers, another one with one worker, and others again with two and with four, though
#   the dataset and the batch size are the same. With four workers it is another epoch in almost every run: each worker has a part
#   of the dataset, and batches arrive as they are ready, small last ones in the middle. The same goes for a loader that does not
#   shuffle at all: its batches come out of order. Nothing is lost or doubled.
# Why it matters: a run with a fixed seed is not reproducible once it has two workers, nor comparable with one on a machine where somebody
#   chose another number. Worse for an evaluation: predictions that are written in the order of the batches, and then laid
#   beside the dataset's rows, belong to other rows. Use no worker or one, or carry each item's index through the batch.
# Docs: the loader's builder says only that workers are background threads.
# Versions: burn 0.22.1 (backend flex), stable Rust 1.95. Seen on 2026-11-30. Builds Burn: some minutes, unless CARGO_TARGET_DIR names
#   a folder with an earlier build.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "loader-workers"
version = "0.0.0"
edition = "2024"

[dependencies]
burn = { version = "=0.22.1", default-features = false, features = ["std", "flex", "dataset"] }

[profile.dev]
debug = false
TOML
cat > "$folder/src/main.rs" <<'RUST'
use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use burn::data::dataloader::{DataLoaderBuilder, batcher::Batcher};
use burn::data::dataset::InMemDataset;
use burn::tensor::Device;

const ITEMS: u32 = 202;
const RUNS: usize = 20;

#[derive(Clone)]
struct Batches;

impl Batcher<u32, Vec<u32>> for Batches {
    fn batch(&self, items: Vec<u32>, _: &Device) -> Vec<u32> {
        // stands for decoding
        sleep(Duration::from_micros(200));
        items
    }
}

fn epoch(workers: usize, shuffled: bool) -> Vec<Vec<u32>> {
    let mut builder = DataLoaderBuilder::new(Batches).batch_size(10).num_workers(workers).set_device(Device::flex());
    if shuffled {
        builder = builder.shuffle(7);
    }
    builder.build(InMemDataset::new((0..ITEMS).collect())).iter().map(|batch| batch.unwrap()).collect()
}

fn main() {
    let alone = epoch(0, true);
    for (shuffled, workers) in [(true, 0), (true, 1), (true, 2), (true, 4), (false, 0), (false, 1), (false, 4)] {
        let epochs: Vec<_> = (0..RUNS).map(|_| epoch(workers, shuffled)).collect();
        let whole = epochs.iter().all(|epoch| {
            let mut items = epoch.concat();
            items.sort();
            items.into_iter().eq(0..ITEMS)
        });
        let orders = epochs.iter().collect::<BTreeSet<_>>().len();
        let wanted = if shuffled { alone.clone() } else { epoch(0, false) };
        let right = epochs.iter().filter(|epoch| **epoch == wanted).count();
        let sizes: Vec<_> = epochs[0].iter().map(|batch| batch.len().to_string()).collect();
        println!("{} {workers} {orders} {right} {whole} {}", if shuffled { "shuffled" } else { "plain" }, sizes.join(","));
    }
}
RUST
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$folder/target}"
cargo build --quiet --manifest-path "$folder/Cargo.toml"
"$CARGO_TARGET_DIR/debug/loader-workers" > "$folder/seen"
while read -r kind workers orders right whole sizes; do
    echo "$kind, $workers workers, 20 runs: $orders order(s), $right as without workers, every item once: $whole; sizes of batches: $sizes"
done < "$folder/seen"
field() { grep "^$1 $2 " "$folder/seen" | cut -d' ' -f"$3"; }
steady="$(field shuffled 0 3) $(field shuffled 0 4) $(field shuffled 1 3) $(field shuffled 1 4) $(field plain 0 3) $(field plain 1 4)"
if [ "$steady" != "1 20 1 0 1 20" ] || [ "$(field shuffled 4 3)" -lt 2 ] || [ "$(field shuffled 4 4)" != 0 ] ||
    [ "$(field plain 4 3)" -lt 2 ] || [ "$(field plain 4 4)" = 20 ] || grep -q false "$folder/seen"; then
    echo "changed: expected one order without workers, another with one, and several with four, shuffled or not"
    exit 1
fi
echo "as described: workers change the order, and from two on it is left to chance"
