#!/usr/bin/env bash
# candle 0.11.1: the gradient of max_pool2d is divided by the size of the window, and sizes with a rest send gradients of both poolings astray.
#
# Expected: the gradient of a maximum is 1 for the largest number and 0 for the others. A pooling window that does not fit leaves rows and
#   columns at the edge out, so that their gradient is 0. Each gradient agrees with differences of the loss.
# Seen: 1. max_pool2d over windows of 2 x 2 gives a quarter of the gradient, over 3 x 3 a ninth. The reverse pass means to share the
#   gradient between equal maxima, and multiplies by their share of the window instead of dividing by their number: with four equal
#   numbers each has the whole gradient, four times too much together. So flat areas, such as the zeros after a relu, outweigh edges.
#   2. With 5 x 5 numbers and windows of 2 x 2 the reverse pass stretches the gradients over all rows and columns, not over the windows.
#   avg_pool2d gives them to numbers in other windows and to the edge that no window covers; max_pool2d loses some for good.
# Why it matters: a network of convolutions and pooling is the first thing one trains, and 28 x 28 images get to 7 x 7 by two poolings, and
#   with a third one to a size with a rest. Nothing fails: SGD moves layers below n poolings 4^n times too slowly, clipping by the norm
#   sees other norms, Adam hides the factor but not the wrong places. Take `reshape` and `max` for max_pool2d (below), and cut
#   the edge off by `narrow` before pooling.
# Docs: nothing; the crate's tests of gradients have no pooling. No report found (upsampling, which forgets gradients, has one: 3507).
# Versions: candle-core 0.11.1 on the CPU, stable Rust 1.95. Seen on 2026-11-30. Builds candle: some minutes, unless CARGO_TARGET_DIR
#   names a folder with an earlier build.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "pool-gradient"
version = "0.0.0"
edition = "2024"

[dependencies]
candle-core = "=0.11.1"

[profile.dev]
debug = false
TOML
cat > "$folder/src/main.rs" <<'RUST'
use candle_core::{D, Device, Result, Tensor, Var};

type Pool = fn(&Tensor) -> Result<Tensor>;

/// A loss with another weight for each output: 1, 2, 3, ...
fn loss(pool: Pool, x: &Tensor) -> Result<Tensor> {
    let y = pool(x)?.flatten_all()?;
    let weights = Tensor::arange(1.0, 1.0 + y.elem_count() as f64, &Device::Cpu)?;
    (y * weights)?.sum_all()
}

fn see(name: &str, pool: Pool, side: usize, numbers: fn(usize) -> f64) -> Result<()> {
    let numbers: Vec<f64> = (0..side * side).map(numbers).collect();
    let tensor = |numbers: &[f64]| Tensor::from_slice(numbers, (1, 1, side, side), &Device::Cpu);
    let x = Var::from_tensor(&tensor(&numbers)?)?;
    let gradient = loss(pool, &x)?.backward()?.get(&x).unwrap().flatten_all()?.to_vec1::<f64>()?;
    let mut truth = Vec::new();
    for i in 0..numbers.len() {
        let at = |step: f64| {
            let mut moved = numbers.clone();
            moved[i] += step;
            loss(pool, &tensor(&moved)?)?.to_scalar::<f64>()
        };
        truth.push((at(1e-4)? - at(-1e-4)?) / 2e-4);
    }
    let rows = |values: &[f64]| {
        let row = |row: &[f64]| row.iter().map(|v| format!("{:.3}", v + 0.0).trim_end_matches(['0']).trim_end_matches('.').to_string()).collect::<Vec<_>>().join(" ");
        values.chunks(side).map(row).collect::<Vec<_>>().join(" | ")
    };
    println!("{name}\n  gradient    {}\n  differences {}", rows(&gradient), rows(&truth));
    Ok(())
}

fn main() -> Result<()> {
    let mixed = |i| ((i * 7 + 3) % 26) as f64;
    see("max_pool2d(2) of 2 x 2", |x| x.max_pool2d(2), 2, |i| i as f64)?;
    see("max_pool2d(3) of 3 x 3", |x| x.max_pool2d(3), 3, |i| i as f64)?;
    see("max_pool2d(2) of 2 x 2 equal numbers", |x| x.max_pool2d(2), 2, |_| 1.0)?;
    see("max_pool2d(2) of 4 x 4", |x| x.max_pool2d(2), 4, mixed)?;
    see("max by reshape, 4 x 4", |x| x.reshape((1, 1, 2, 2, 2, 2))?.max(5)?.max(3), 4, mixed)?;
    see("max_pool2d(2) of 5 x 5", |x| x.max_pool2d(2), 5, mixed)?;
    see("avg_pool2d(2) of 4 x 4", |x| x.avg_pool2d(2), 4, mixed)?;
    see("avg_pool2d(2) of 5 x 5", |x| x.avg_pool2d(2), 5, mixed)?;
    see("avg_pool2d(2) of 5 x 5, cut to 4 x 4", |x| x.narrow(2, 0, 4)?.narrow(D::Minus1, 0, 4)?.avg_pool2d(2), 5, mixed)
}
RUST
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$folder/target}"
cargo build --quiet --manifest-path "$folder/Cargo.toml"
"$CARGO_TARGET_DIR/debug/pool-gradient" > "$folder/seen"
cat "$folder/seen"
diff - "$folder/seen" > /dev/null <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
max_pool2d(2) of 2 x 2
  gradient    0 0 | 0 0.25
  differences 0 0 | 0 1
max_pool2d(3) of 3 x 3
  gradient    0 0 0 | 0 0 0 | 0 0 0.111
  differences 0 0 0 | 0 0 0 | 0 0 1
max_pool2d(2) of 2 x 2 equal numbers
  gradient    1 1 | 1 1
  differences 0.5 0.5 | 0.5 0.5
max_pool2d(2) of 4 x 4
  gradient    0 0 0 0.5 | 0 0.25 0 0 | 0 0 0 0 | 0 0.75 1 0
  differences 0 0 0 2 | 0 1 0 0 | 0 0 0 0 | 0 3 4 0
max by reshape, 4 x 4
  gradient    0 0 0 2 | 0 1 0 0 | 0 0 0 0 | 0 3 4 0
  differences 0 0 0 2 | 0 1 0 0 | 0 0 0 0 | 0 3 4 0
max_pool2d(2) of 5 x 5
  gradient    0 0 0 0.5 0 | 0 0.25 0 0 0 | 0 0 0 0 0 | 0 0 0 1 0 | 0 0 0 0 0
  differences 0 0 0 2 0 | 0 1 0 0 0 | 3 0 0 0 0 | 0 0 0 4 0 | 0 0 0 0 0
avg_pool2d(2) of 4 x 4
  gradient    0.25 0.25 0.5 0.5 | 0.25 0.25 0.5 0.5 | 0.75 0.75 1 1 | 0.75 0.75 1 1
  differences 0.25 0.25 0.5 0.5 | 0.25 0.25 0.5 0.5 | 0.75 0.75 1 1 | 0.75 0.75 1 1
avg_pool2d(2) of 5 x 5
  gradient    0.25 0.25 0.25 0.5 0.5 | 0.25 0.25 0.25 0.5 0.5 | 0.25 0.25 0.25 0.5 0.5 | 0.75 0.75 0.75 1 1 | 0.75 0.75 0.75 1 1
  differences 0.25 0.25 0.5 0.5 0 | 0.25 0.25 0.5 0.5 0 | 0.75 0.75 1 1 0 | 0.75 0.75 1 1 0 | 0 0 0 0 0
avg_pool2d(2) of 5 x 5, cut to 4 x 4
  gradient    0.25 0.25 0.5 0.5 0 | 0.25 0.25 0.5 0.5 0 | 0.75 0.75 1 1 0 | 0.75 0.75 1 1 0 | 0 0 0 0 0
  differences 0.25 0.25 0.5 0.5 0 | 0.25 0.25 0.5 0.5 0 | 0.75 0.75 1 1 0 | 0.75 0.75 1 1 0 | 0 0 0 0 0
SEEN
echo "As seen on 2026-11-30."
