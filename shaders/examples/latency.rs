//! How long a prediction takes on each engine: `cargo run --release -p shaders --example latency`.

use std::sync::Arc;
use std::time::Instant;

use shaders::engine::Engine;
use shaders::gpu::Gpu;
use shaders::model::spec::{Convolution, Equivariant, Ridge, RidgeKernel, Stem};
use shaders::testing::episode;
use shaders::{Model, ModelSpec};

/// Median of 15 runs in milliseconds.
fn median_ms(mut work: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..15)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn with_ridges(mut spec: ModelSpec) -> ModelSpec {
    let ridge = [(RidgeKernel::Linear, 0.3), (RidgeKernel::Gaussian, 0.1), (RidgeKernel::Local, 0.05)];
    let ridge = ridge.map(|(kernel, lambda)| Ridge { kernel, lambda, raw: false }).to_vec();
    spec.equivariant = Some(Equivariant { ridge, ..spec.set().clone() });
    spec
}

fn with_stem(mut spec: ModelSpec) -> ModelSpec {
    let convolutions = [16, 32].map(|channels| Convolution { channels, size: 3, stride: 2 }).to_vec();
    let stem = Some(Stem { side: 28, convolutions, embedding: 64 });
    spec.equivariant = Some(Equivariant { stem, ..spec.set().clone() });
    spec
}

fn main() {
    let gpu = match pollster::block_on(Gpu::new()) {
        Ok(gpu) => {
            println!("adapter: {}", gpu.description());
            Some(gpu)
        }
        Err(error) => {
            println!("CPU alone: {error}");
            None
        }
    };
    println!(
        "model                 engine  1 query, N 50  1 shown + 1 query  16 queries  50 shown at once  99 shown at once"
    );
    for (name, spec) in [
        ("shifted D 64 L 2", ModelSpec::shifted(196, 64, 2, 2)),
        ("shifted D 128 L 4", ModelSpec::shifted(196, 128, 4, 2)),
        ("paper D 256 L 4", ModelSpec::paper(196, 14, 0.0, 1.0)),
        ("set D 16 L 4", ModelSpec::equivariant(784, 10, 16, 4)),
        ("set, 3 ridges", with_ridges(ModelSpec::equivariant(784, 10, 16, 4))),
        ("set, 3 ridges, stem", with_stem(with_ridges(ModelSpec::equivariant(784, 10, 16, 4)))),
    ] {
        let model = Arc::new(Model::random(spec, 1).expect("a valid spec"));
        let (inputs, labels) = episode(&model, 1, 99);
        let width = model.spec.inputs;
        let mut engines = vec![("CPU", Engine::cpu(model.clone()))];
        if let Some(gpu) = &gpu {
            engines.push(("GPU", pollster::block_on(Engine::gpu(gpu, &model)).expect("a working device")));
        }
        for (kind, mut engine) in engines {
            let predict = |engine: &mut Engine, count: usize| {
                pollster::block_on(engine.predict(&inputs[..count * width])).expect("a working engine");
            };
            let mut times = Vec::new();
            engine.observe(&inputs[..50 * width], &labels[..50]).expect("room");
            predict(&mut engine, 1);
            times.push(median_ms(|| predict(&mut engine, 1)));
            times.push(median_ms(|| {
                engine.truncate(49).expect("50 shown");
                engine.observe(&inputs[..width], &labels[..1]).expect("room");
                predict(&mut engine, 1);
            }));
            times.push(median_ms(|| predict(&mut engine, 16)));
            for shown in [50, 99] {
                times.push(median_ms(|| {
                    engine.clear();
                    engine.observe(&inputs[..shown * width], &labels[..shown]).expect("room");
                    predict(&mut engine, 1);
                }));
            }
            let [one, more, many, fifty, hundred] = times[..] else { unreachable!("five measurements") };
            println!(
                "{name:20}  {kind}     {one:10.2} ms      {more:10.2} ms  {many:7.2} ms     {fifty:10.2} ms     {hundred:10.2} ms"
            );
        }
    }
}
