//! `cargo xtask bench`: the benchmarks.

mod browser;
mod learners;
mod page;
pub(crate) mod report;
mod set;
mod training;
mod training_page;

use crate::options::Options;
use crate::workspace::Workspace;

/// What `--help` prints.
pub const HELP: &str = "\
cargo xtask bench [--python FILE] [--rounds N] [--threads N,N…] [--autodiff] [--out FOLDER]

Times one training step of a causal learner on the CPU (forward, backward, Adam) against PyTorch and JAX, where Python has
them, with the same weights and the same batch. They take turns: each round gives each of them a few steps, and ratios are
taken within a round. Then shows how the cost of a step grows with T, width and batch.

    --python FILE     the Python that has torch and jax (python3)
    --rounds N        rounds of each comparison (9)
    --threads N,N…    thread counts (1,2)
    --autodiff        also time Burn's autodiff on the CPU, which GPUs use
    --out FOLDER      writes training.md, training.csv and cost.svg there

cargo xtask bench --set [--python FILE] [--rounds N] [--threads N,N…] [--presets NAME,NAME] [--compile] [--spent] [--out FOLDER]

Times training steps of set learners on the CPU against PyTorch: the forward pass with its stem and ridges, both losses, the
backward pass, AdamW and the weights' average. All take the steps of one case, with the same weights and the episodes of a run's
first steps, which are made beforehand.

    --python FILE     the Python that has torch (python3)
    --rounds N        rounds of each comparison (5)
    --threads N,N…    thread counts (1,2)
    --presets NAME,…  whose settings (general,drawing)
    --compile         also time the same program through torch.compile
    --spent           count what the processor spent, all threads together, in the place of the clock: for a machine where others
                      compute, too (Linux)
    --out FOLDER      writes set.md and set.csv there

cargo xtask bench --page [--python FILE] [--rounds N] [--cpu] [--before FOLDER] [--out FOLDER]

Times the learner in the page instead, in headless Chromium, against onnxruntime-web with the same weights: an answer with
100 examples in the context, teaching 100 examples at once, and a cold load. Each contender has a fresh frame in every
round; ratios are taken within a round. GPU times are those of the browser's software adapter. Then shows how our time grows
with the context, from 10 to 1,000 examples: of an answer, of teaching all, and of one example more.

    --python FILE     the Python that has onnx and numpy (python3)
    --rounds N        rounds of each model (5)
    --gpu             let the browser choose its adapter, where there is a real one
    --cpu             leave WebGPU out
    --before FOLDER   also time the package in FOLDER, which `cargo xtask package --out FOLDER` wrote at another commit
    --out FOLDER      writes page.md, page.csv and page-cost.svg there

cargo xtask bench --training-page [--rounds N] [--cpu] [--out FOLDER]

Times a training step of the page's “Make a learner” in headless Chromium (forward, backward, AdamW) against TensorFlow.js and
jax-js, with the same weights and the same batches, at widths 64 and 128. Each contender has a worker of its own, in which it
takes ten steps whose losses are compared, then steps that warm it up, then its turns; ratios are taken within a round.

    --rounds N        rounds of each width (5)
    --gpu             let the browser choose its adapter, where there is a real one
    --cpu             leave WebGL and WebGPU out
    --out FOLDER      writes training-page.md and training-page.csv there";

/// Runs the benchmark that the options choose.
pub fn run(workspace: &Workspace, mut options: Options) -> Result<(), String> {
    if options.switch("--page") {
        page::run(workspace, options)
    } else if options.switch("--set") {
        set::run(workspace, options)
    } else if options.switch("--training-page") {
        training_page::run(workspace, options)
    } else {
        training::run(workspace, options)
    }
}
