//! What the tests share: a device, learners, episodes.
#![allow(dead_code)]

use shaders::gpu::Gpu;
use shaders::model::spec::{KeyShift, Positions, QueryKey};
use shaders::{Model, ModelSpec, testing};

/// Whatever adapter the system offers, a software one is enough. Without any it says so; with `REQUIRE_GPU=1` it fails.
pub fn gpu() -> Option<Gpu> {
    let gpu = testing::gpu_or_skip(pollster::block_on(Gpu::new()))?;
    println!("adapter: {}", gpu.description());
    Some(gpu)
}

/// Small sizes that no tile or workgroup divides.
pub fn small() -> ModelSpec {
    ModelSpec {
        inputs: 19,
        classes: 5,
        width: 18,
        layers: 2,
        heads: 3,
        key_size: 7,
        mlp_factor: 3,
        longest: 40,
        ..ModelSpec::shifted(19, 18, 2, 3)
    }
}

/// The paper's learner in those sizes.
pub fn small_paper() -> ModelSpec {
    let mut spec = ModelSpec::paper(19, 0, 0.1, 0.3);
    (spec.classes, spec.width, spec.layers, spec.heads, spec.key_size, spec.longest) = (5, 18, 2, 3, 7, 40);
    spec
}

/// Variant `paper`, and every combination of the switches of `shifted`.
pub fn every_switch() -> Vec<ModelSpec> {
    let mut specs = vec![small_paper()];
    for key_shift in [KeyShift::None, KeyShift::Full, KeyShift::Gated] {
        for query_key in [QueryKey::Free, QueryKey::Tied] {
            for qk_norm in [false, true] {
                for positions in [Positions::None, Positions::Learned] {
                    specs.push(ModelSpec { key_shift, query_key, qk_norm, positions, ..small() });
                }
            }
        }
    }
    specs
}

/// Weights in which biases, norms and gates are random too, so that a kernel that leaves one out is found.
pub fn weights(spec: &ModelSpec) -> Vec<f32> {
    let model = Model::random(spec.clone(), 7).unwrap();
    let mut all = Vec::new();
    for (index, tensor) in spec.tensors().iter().enumerate() {
        let flat = tensor.shape.len() == 1;
        let noise = |at: usize| if flat { 0.3 * ((at * 37 + index * 11) as f32).sin() } else { 0.0 };
        all.extend(model.tensor(&tensor.name).iter().enumerate().map(|(at, value)| value + noise(at)));
    }
    all
}

/// B sequences of T examples, others in each step: inputs near one of C directions, a permutation of labels for each
/// sequence.
pub fn batch(spec: &ModelSpec, [sequences, tokens]: [usize; 2], step: usize) -> (Vec<f32>, Vec<u32>) {
    let (mut inputs, mut labels) = (Vec::new(), Vec::new());
    let wave = |i: usize| ((i as f32 + 1.0) * 12.9898).sin() * 43_758.547 % 1.0;
    for sequence in 0..sequences {
        for t in 0..tokens {
            let seed = (step * sequences + sequence) * tokens + t;
            let class = (seed * 7 + seed / 3) % spec.classes;
            inputs.extend((0..spec.inputs).map(|i| {
                wave(class * 1000 + i + 50_000 * (step * sequences + sequence)) * 2.0 + 0.3 * wave(seed * 100 + i)
            }));
            labels.push(((class + sequence + step) % spec.classes) as u32);
        }
    }
    (inputs, labels)
}
