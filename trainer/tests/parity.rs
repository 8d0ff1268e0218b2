//! Burn and the CPU reference give the same log-probabilities from the same file, for every switch of the spec.

use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use shaders::model::file::Precision;
use shaders::model::spec::QueryOptions;
use shaders::model::spec::{
    Convolution, Equivariant, KeyShift, ModelSpec, Positions, QueryKey, Ridge, RidgeKernel, Stem, Variant,
};
use shaders::{Model, random, reference};
use trainer::device::host;
use trainer::nets::batch::{batch, sequences, set_batch};
use trainer::nets::tensors::floats;
use trainer::nets::{Inputs, Net};
use trainer::tasks::projection::normals;
use trainer::tasks::{Episode, Shape, projection};

fn episode(spec: &ModelSpec, t: usize) -> Episode {
    let mut stream = random::stream(11, "parity", t as u64);
    Episode {
        inputs: normals(t * spec.inputs, &mut stream),
        labels: (0..t).map(|_| stream.random_range(0..spec.classes as u32)).collect(),
    }
}

fn burn_forward(model: &Model, episode: &Episode, device: &Device) -> Vec<f32> {
    let spec = &model.spec;
    let t = episode.labels.len();
    let (inputs, previous, _) = batch(std::slice::from_ref(episode), spec.inputs, spec.classes);
    let Net::Causal(net) = Net::from_model(model, device) else { panic!("a causal learner") };
    floats(net.forward(
        Tensor::from_data(TensorData::new(inputs, [1, t, spec.inputs]), device),
        Tensor::from_data(TensorData::new(previous, [1, t, spec.classes]), device),
    ))
}

/// The worst difference, with its index and both values in the message.
fn assert_close(got: &[f32], want: &[f32], tolerance: f32, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let worst = (0..got.len()).max_by(|&a, &b| (got[a] - want[a]).abs().total_cmp(&(got[b] - want[b]).abs())).unwrap();
    let difference = (got[worst] - want[worst]).abs();
    println!("{what}: worst difference {difference:.2e}");
    assert!(difference < tolerance, "{what}: at {worst} got {}, want {}", got[worst], want[worst]);
}

fn specs() -> Vec<ModelSpec> {
    let mut list = vec![];
    for key_shift in [KeyShift::None, KeyShift::Full, KeyShift::Gated] {
        for query_key in [QueryKey::Free, QueryKey::Equal, QueryKey::Tied] {
            for qk_norm in [false, true] {
                for positions in [Positions::None, Positions::Learned] {
                    let base = ModelSpec::shifted(24, 16, 2, 2);
                    list.push(ModelSpec { key_shift, query_key, qk_norm, positions, longest: 100, ..base });
                }
            }
        }
    }
    let paper = ModelSpec::paper(24, 0, 0.0, 1.0);
    list.push(ModelSpec { width: 32, layers: 2, heads: 4, key_size: 8, ..paper });
    assert_eq!(list.last().unwrap().variant, Variant::Paper);
    list
}

#[test]
fn burn_equals_the_cpu_reference() {
    for (seed, spec) in specs().into_iter().enumerate() {
        let model = Model::random(spec, seed as u64).unwrap();
        // through the file, as a page would get it
        let model = Model::from_bytes(&model.to_bytes(Precision::F32)).unwrap();
        for t in [1, 2, 37, 100] {
            let episode = episode(&model.spec, t);
            let want = reference::forward(&model, &episode.inputs, &episode.labels).unwrap();
            let got = burn_forward(&model, &episode, &host());
            assert_close(&got, &want, 1e-3, &format!("{:?} at T = {t}", model.spec.key_shift));
        }
    }
}

#[test]
fn burn_equals_the_cpu_reference_on_the_shipped_file() {
    let file = std::env::current_dir().unwrap().join("../models/quick.safetensors");
    let model = Model::read(&file).unwrap();
    for t in [1, 2, 37, 100] {
        let episode = episode(&model.spec, t);
        let want = reference::forward(&model, &episode.inputs, &episode.labels).unwrap();
        let got = burn_forward(&model, &episode, &host());
        assert_close(&got, &want, 1e-3, &format!("quick at T = {t}"));
    }
}

#[test]
fn equal_rows_stay_equal_through_a_projection() {
    let mut stream = random::stream(1, "rows", 0);
    let mut raw = normals(3 * 300, &mut stream);
    let first = raw[..300].to_vec();
    raw[600..].copy_from_slice(&first);
    let z = projection::fresh(&raw, 300, 16, &mut stream);
    assert_eq!(z[..16], z[32..]);
}

fn set_specs() -> Vec<ModelSpec> {
    let base = ModelSpec { longest: 101, ..ModelSpec::equivariant(36, 6, 8, 2) };
    // room for colours, which a stem does not read, and ridges of both views
    let wide = ModelSpec { inputs: 50, ..base.clone() };
    let ridge = vec![
        Ridge { kernel: RidgeKernel::Local, lambda: 0.03, raw: false },
        Ridge { kernel: RidgeKernel::Linear, lambda: 0.3, raw: false },
        Ridge { kernel: RidgeKernel::Gaussian, lambda: 0.01, raw: false },
    ];
    let convolution = |channels, size, stride| Convolution { channels, size, stride };
    let stem =
        Stem { side: 6, channels: 1, convolutions: vec![convolution(3, 5, 2), convolution(4, 3, 2)], embedding: 5 };
    let mut both = ridge.clone();
    both[0].raw = true;
    let with = |part| ModelSpec { equivariant: Some(part), ..base.clone() };
    vec![
        base.clone(),
        with(Equivariant { linear_heads: 0, neighbour: 3, ridge: vec![], stem: None }),
        with(Equivariant { linear_heads: 2, neighbour: 7, ridge: ridge.clone(), stem: None }),
        with(Equivariant { linear_heads: 1, neighbour: 2, ridge, stem: Some(stem.clone()) }),
        ModelSpec {
            equivariant: Some(Equivariant { linear_heads: 2, neighbour: 4, ridge: both, stem: Some(stem.clone()) }),
            ..wide.clone()
        },
        ModelSpec {
            equivariant: Some(Equivariant {
                linear_heads: 1,
                neighbour: 3,
                ridge: vec![],
                stem: Some(Stem { side: 4, channels: 3, ..stem }),
            }),
            ..wide
        },
    ]
}

/// A model of which every slope and bias takes part.
fn set_model(spec: &ModelSpec, seed: u64) -> Model {
    let mut model = Model::random(spec.clone(), seed).unwrap();
    for (name, values) in model.tensors_mut() {
        if name.contains("slope") || name.ends_with("bias") || name.starts_with("readout") {
            values.iter_mut().enumerate().for_each(|(i, v)| *v += 0.1 * ((i * 7) as f32).sin());
        }
    }
    model
}

#[test]
fn burn_equals_the_cpu_reference_for_set_learners() {
    for (seed, spec) in set_specs().into_iter().enumerate() {
        let model = set_model(&spec, seed as u64);
        let Net::Set(net) = Net::from_model(&model, &host()) else { panic!("a set learner") };
        for (t, classes, drawings) in
            [(1, 6, false), (2, 2, true), (5, 6, true), (37, 4, false), (37, 6, true), (100, 6, true)]
        {
            let mut episode = episode(&spec, t);
            episode.labels.iter_mut().for_each(|label| *label %= classes as u32);
            let all = reference::forward_as(
                &model,
                &episode.inputs,
                &episode.labels,
                QueryOptions { classes, images: drawings },
            )
            .unwrap();
            let want = &all[(t - 1) * 6..][..classes];
            let shape = Shape { shown: t - 1, queries: 1, classes, outsiders: false, drawings };
            let got = floats(net.forward(&set_batch(&[episode], &shape, &host())));
            assert_close(&got, want, 1e-3, &format!("set learner {seed}, T = {t}, {classes} classes"));
        }
    }
}

/// A learner with a stem answers about images as images, and about vectors as vectors, only as it is told.
#[test]
fn a_predictor_reads_images_through_the_stem_and_vectors_without_it() {
    let classes = 6;
    for (seed, spec) in set_specs().into_iter().enumerate() {
        let model = set_model(&spec, seed as u64);
        let net = Net::from_model(&model, &host());
        let episode = episode(&spec, 9);
        let (inputs, labels) = sequences(std::slice::from_ref(&episode), classes, &host());
        let mut answers = Vec::new();
        for (kind, drawings) in [(Inputs::Images, true), (Inputs::Vectors, false)] {
            let got = floats(net.predictor(kind).predict_at(inputs.clone(), labels.clone(), &[8]));
            let all = reference::forward_as(
                &model,
                &episode.inputs,
                &episode.labels,
                QueryOptions { classes, images: drawings },
            )
            .unwrap();
            assert_close(&got, &all[8 * 6..][..classes], 1e-3, &format!("set learner {seed}, {kind:?}"));
            answers.push(got);
        }
        let stem = spec.equivariant.as_ref().is_some_and(|set| set.stem.is_some());
        assert_eq!(
            answers[0] != answers[1],
            stem,
            "set learner {seed}: a stem makes a difference, and nothing else does"
        );
    }
}
