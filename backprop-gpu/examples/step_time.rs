//! How long a training step takes on this machine's GPU, and on one thread of its CPU.
//!
//!     cargo run --release -p backprop-gpu --example step_time -- 16 100 128 4
//!
//! Arguments: sequences, examples of a sequence, width, layers.

use std::time::Instant;

use backprop::{AdamW, causal, schedule};
use backprop_gpu::{Batch, Trainer, Update};
use shaders::gpu::Gpu;
use shaders::{Model, ModelSpec};

/// Steps that are timed, after one that is not.
const STEPS: usize = 5;

/// Milliseconds of each step.
fn timed(mut step: impl FnMut()) -> f64 {
    step();
    let before = Instant::now();
    (0..STEPS).for_each(|_| step());
    before.elapsed().as_secs_f64() * 1e3 / STEPS as f64
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<usize> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let [sequences, tokens, width, layers] = arguments[..].try_into().unwrap_or([16, 100, 128, 4]);
    let spec = ModelSpec::shifted(256, width, layers, (width / 32).max(1));
    let model = Model::random(spec.clone(), 1)?;
    let weights: Vec<f32> = spec.tensors().iter().flat_map(|t| model.tensor(&t.name).to_vec()).collect();
    let rows = sequences * tokens;
    let inputs: Vec<f32> = (0..rows * spec.inputs).map(|i| (i as f32 * 0.7).sin()).collect();
    let labels: Vec<u32> = (0..rows).map(|i| (i * 7 % spec.classes) as u32).collect();
    let adam = AdamW { rate: 1e-3, beta_2: 0.99, epsilon: 1e-8, weight_decay: 0.0 };

    let mut cpu = causal::Trainer::new(&spec, weights.clone(), weights, 1);
    let gpu = pollster::block_on(Gpu::new())?;
    let mut there = pollster::block_on(Trainer::new(&gpu, &spec))?;
    there.load(&cpu.state)?;
    println!("{sequences} × {tokens} tokens, width {width}, {layers} layers: {} weights", cpu.state.weights.len());
    let flop = 3.0 * spec.forward_flop(tokens) * sequences as f64;
    let row = tokens * spec.inputs;
    let by_cpu = timed(|| {
        let of = |range: std::ops::Range<usize>| {
            let inputs = &inputs[range.start * row..range.end * row];
            (inputs.into(), labels[range.start * tokens..range.end * tokens].into())
        };
        cpu.gradient([sequences, tokens, sequences], of, true);
        let scale = schedule::clip(cpu.state.norm(), 1.0);
        cpu.state.step(&adam, scale);
        cpu.state.update_ema(0.99);
    });
    println!("{by_cpu:9.2} ms, {:7.1} GFLOP/s: backprop, one thread", flop / by_cpu / 1e6);
    for muon in [false, true] {
        let by_gpu = timed(|| {
            let batch = Batch { inputs: &inputs, labels: &labels, tokens };
            let update = Update { adam: &adam, muon, clip: 1.0, ema_decay: 0.99 };
            let taken = async {
                there.step(batch, &update, true).await?;
                // each one is waited for, so that it is the step that is timed
                there.finish().await
            };
            pollster::block_on(taken).expect("a step");
        });
        let (launches, optimiser) = (there.launched().count(), if muon { "Muon" } else { "AdamW" });
        println!(
            "{by_gpu:9.2} ms, {:7.1} GFLOP/s: {optimiser}, {launches} launches, {}",
            flop / by_gpu / 1e6,
            gpu.description()
        );
    }
    Ok(())
}
