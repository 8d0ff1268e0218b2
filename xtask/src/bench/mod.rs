//! `cargo xtask bench`: the benchmarks.

mod page;
mod report;
mod training;

use crate::options::Options;
use crate::workspace::Workspace;

pub const HELP: &str = "\
cargo xtask bench [--python FILE] [--rounds N] [--threads N,N…] [--autodiff] [--out FOLDER]

Times one training step of a causal learner on the CPU (forward, backward, Adam; the same weights, the same batch) beside
PyTorch and JAX where Python has them, in turns: each round gives everyone a few steps, and ratios are taken within a
round. Then shows how the cost of a step grows with T, width and batch.

    --python FILE     the Python to ask for torch and jax (python3)
    --rounds N        rounds of each comparison (9)
    --threads N,N…    numbers of threads (1,2)
    --autodiff        also times Burn's autodiff on the CPU, the path that GPUs take
    --out FOLDER      writes training.md, training.csv and cost.svg there

cargo xtask bench --page [--python FILE] [--rounds N] [--out FOLDER]

Times the learner in the page instead, in a headless Chromium beside onnxruntime-web with the same weights: an answer with
100 examples in the context, teaching 100 examples at once, and a cold load. Each contender has a fresh frame to itself in
every round; ratios are taken within a round. GPU times are those of the browser's software adapter. Then shows how the
time of ours grows with the context, from 10 to 1,000 examples.

    --python FILE     the Python to ask for onnx and numpy (python3)
    --rounds N        rounds of each model (5)
    --gpu             lets the browser choose its adapter, where there is a real one
    --out FOLDER      writes page.md, page.csv and page-cost.svg there";

/// Runs the benchmark that the options choose.
pub fn run(workspace: &Workspace, mut options: Options) -> Result<(), String> {
    if options.switch("--page") { page::run(workspace, options) } else { training::run(workspace, options) }
}
