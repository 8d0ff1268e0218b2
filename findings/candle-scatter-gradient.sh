#!/usr/bin/env bash
# candle 0.11.1: scatter and scatter_add have each other's gradient: overwritten numbers get one, and numbers that were added to get none.
#
# Expected: `x.scatter(i, s)` replaces the numbers at i, so x has the gradient 0 there. `x.scatter_add(i, s)` keeps and adds to them, so x has
#   the whole gradient everywhere. So in PyTorch and JAX, and by differences of the loss.
# Seen: it is the other way round: after scatter, x has the whole gradient everywhere, and after scatter_add, 0 at i. The gradient of s is
#   right, and so are those of index_add. If s has another size than x, the reverse pass of scatter_add fails with a shape mismatch.
# Why it matters: scatter_add is a residual sum: memory slots, tables of counts, messages of a graph added to the nodes' states, tokens of an
#   expert added back. What came before stops learning where something was added; with scatter it learns from numbers that nobody
#   sees any more. The loss goes down all the same. Take index_add, and mask x before scatter.
# Docs: nothing; the crate's tests of gradients have slice_scatter, but neither of these. No report found.
# Versions: candle-core 0.11.1 on the CPU, stable Rust 1.95. Seen on 2026-11-30. Builds candle: some minutes, unless CARGO_TARGET_DIR
#   names a folder with an earlier build.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "scatter-gradient"
version = "0.0.0"
edition = "2024"

[dependencies]
candle-core = "=0.11.1"

[profile.dev]
debug = false
TOML
cat > "$folder/src/main.rs" <<'RUST'
use candle_core::{Device, Result, Tensor, Var};

type Step = fn(&Tensor, &Tensor, &Tensor) -> Result<Tensor>;

fn see(name: &str, step: Step, places: &[u32]) -> Result<()> {
    let tensor = |numbers: &[f64]| Tensor::from_slice(numbers, numbers.len(), &Device::Cpu);
    let places = Tensor::from_slice(places, places.len(), &Device::Cpu)?;
    let weights = tensor(&[1.0, 2.0, 3.0, 4.0])?;
    let loss = |x: &Tensor, s: &Tensor| (step(x, &places, s)? * &weights)?.sum_all();
    let numbers = [vec![10.0, 20.0, 30.0, 40.0], (0..places.elem_count()).map(|i| 5.0 + i as f64).collect()];
    let vars = [Var::from_tensor(&tensor(&numbers[0])?)?, Var::from_tensor(&tensor(&numbers[1])?)?];
    let gradients = match loss(&vars[0], &vars[1])?.backward() {
        Ok(gradients) => gradients,
        Err(error) => {
            println!("{name}: {}", error.to_string().lines().next().unwrap());
            return Ok(());
        }
    };
    for (which, var) in ["x", "s"].iter().zip(&vars) {
        let mut truth = Vec::new();
        for i in 0..var.elem_count() {
            let at = |by: f64| {
                let mut moved = numbers.clone();
                moved[(*which == "s") as usize][i] += by;
                loss(&tensor(&moved[0])?, &tensor(&moved[1])?)?.to_scalar::<f64>()
            };
            truth.push(((at(1e-3)? - at(-1e-3)?) / 2e-3).round());
        }
        let gradient = gradients.get(var).unwrap().to_vec1::<f64>()?;
        println!("{name}: gradient of {which} {gradient:?}, by differences {truth:?}");
    }
    Ok(())
}

fn main() -> Result<()> {
    see("scatter to 1 and 3", |x, i, s| x.scatter(i, s, 0), &[1, 3])?;
    see("scatter_add to 1 and 3", |x, i, s| x.scatter_add(i, s, 0), &[1, 3])?;
    see("scatter_add to 1, 1, 3, 3", |x, i, s| x.scatter_add(i, s, 0), &[1, 1, 3, 3])?;
    see("index_add to 1 and 3", |x, i, s| x.index_add(i, s, 0), &[1, 3])
}
RUST
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$folder/target}"
cargo build --quiet --manifest-path "$folder/Cargo.toml"
"$CARGO_TARGET_DIR/debug/scatter-gradient" > "$folder/seen"
cat "$folder/seen"
diff - "$folder/seen" > /dev/null <<'SEEN' || { echo "This has changed: see what is expected and seen at the top."; exit 1; }
scatter to 1 and 3: gradient of x [1.0, 2.0, 3.0, 4.0], by differences [1.0, 0.0, 3.0, 0.0]
scatter to 1 and 3: gradient of s [2.0, 4.0], by differences [2.0, 4.0]
scatter_add to 1 and 3: shape mismatch in scatter (indexes, src), lhs: [2], rhs: [4]
scatter_add to 1, 1, 3, 3: gradient of x [1.0, 0.0, 3.0, 0.0], by differences [1.0, 2.0, 3.0, 4.0]
scatter_add to 1, 1, 3, 3: gradient of s [2.0, 2.0, 4.0, 4.0], by differences [2.0, 2.0, 4.0, 4.0]
index_add to 1 and 3: gradient of x [1.0, 2.0, 3.0, 4.0], by differences [1.0, 2.0, 3.0, 4.0]
index_add to 1 and 3: gradient of s [2.0, 4.0], by differences [2.0, 4.0]
SEEN
echo "As seen on 2026-11-30."
