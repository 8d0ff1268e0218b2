//! Every engine against the formulas, for every family of learner and every switch.
//!
//! The GPU half runs on whatever adapter the system offers, a software one is enough (Mesa's llvmpipe, or SwiftShader named in
//! `VK_DRIVER_FILES`). Without any it says so and passes; with `REQUIRE_GPU=1` it fails.

use std::sync::Arc;

use shaders::engine::Engine;
use shaders::gpu::{Gpu, Session};
use shaders::model::spec::{
    Convolution, Equivariant, KeyShift, Normalisation, Positions, QueryKey, QueryOptions, Ridge, RidgeKernel, Stem,
};
use shaders::parity::{self, Report};
use shaders::session::SessionError;
use shaders::testing;
use shaders::{Model, ModelSpec};

fn gpu() -> Option<Gpu> {
    let gpu = testing::gpu_or_skip(pollster::block_on(Gpu::new()))?;
    println!("adapter: {}", gpu.description());
    Some(gpu)
}

/// Fails with every comparison that is off.
fn check(reports: &[Report]) {
    assert!(!reports.is_empty());
    let wrong: Vec<String> = reports.iter().filter(|report| !report.ok).map(|report| report.to_string()).collect();
    assert!(wrong.is_empty(), "{} of {} comparisons failed:\n{}", wrong.len(), reports.len(), wrong.join("\n"));
}

/// A model of `spec` whose biases, norms, gates and slopes are random too, so that a kernel that leaves one out is found.
fn model(spec: ModelSpec) -> Arc<Model> {
    let mut model = Model::random(spec, 7).unwrap();
    for (index, (name, values)) in model.tensors_mut().iter_mut().enumerate() {
        let part = name.rsplit('.').next().expect("a name has a last part");
        let flat = ["bias", "beta", "gamma", "gate", "norm", "norm1", "norm2", "softmax", "linear"];
        if flat.contains(&part) {
            for (at, value) in values.iter_mut().enumerate() {
                let size = if part == "softmax" || part == "linear" { 0.2 } else { 0.5 };
                *value += size * ((at * 37 + index * 11) as f32).sin();
            }
        }
    }
    Arc::new(model)
}

/// Small sizes that no tile or workgroup divides.
fn small() -> ModelSpec {
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

fn small_paper() -> ModelSpec {
    let mut spec = ModelSpec::paper(19, 0, 0.1, 0.3);
    (spec.classes, spec.width, spec.layers, spec.heads, spec.key_size, spec.longest) = (5, 18, 2, 3, 7, 40);
    spec
}

/// Variant `paper`, and every combination of the switches of `shifted`.
fn every_switch() -> Vec<ModelSpec> {
    let mut specs = vec![small_paper()];
    for key_shift in [KeyShift::None, KeyShift::Full, KeyShift::Gated] {
        for query_key in [QueryKey::Free, QueryKey::Equal, QueryKey::Tied] {
            for qk_norm in [false, true] {
                for positions in [Positions::None, Positions::Learned] {
                    specs.push(ModelSpec { key_shift, query_key, qk_norm, positions, ..small() });
                }
            }
        }
    }
    specs
}

/// A set learner of small sizes that no workgroup divides.
fn small_set() -> ModelSpec {
    let mut spec = ModelSpec::equivariant(16, 5, 7, 2);
    (spec.heads, spec.key_size, spec.longest) = (3, 3, 40);
    spec.equivariant = Some(Equivariant { linear_heads: 1, neighbour: 3, ridge: Vec::new(), stem: None });
    spec
}

fn ridges() -> Vec<Ridge> {
    [(RidgeKernel::Linear, 0.3), (RidgeKernel::Gaussian, 0.1), (RidgeKernel::Local, 0.05)]
        .map(|(kernel, lambda)| Ridge { kernel, lambda, raw: false })
        .to_vec()
}

/// Ridges of the inputs beside those of the embedding.
fn both_views() -> Vec<Ridge> {
    let mut all = ridges();
    (all[0].raw, all[2].raw) = (true, true);
    all
}

fn stem() -> Stem {
    let convolutions = vec![
        Convolution { channels: 3, size: 3, stride: 2 },
        Convolution { channels: 4, size: 1, stride: 1 },
        Convolution { channels: 2, size: 5, stride: 1 },
    ];
    Stem { side: 4, channels: 1, convolutions, embedding: 5 }
}

/// Set learners with and without ridges, a stem, linear heads, each asked in every options.
fn every_set() -> Vec<(ModelSpec, QueryOptions)> {
    let mut all = Vec::new();
    for (linear_heads, ridge, stem) in [
        (1, vec![], None),
        (0, vec![], None),
        (2, ridges(), None),
        (0, ridges()[2..].to_vec(), None),
        (2, vec![], Some(stem())),
        (2, ridges(), Some(stem())),
        (1, both_views(), Some(stem())),
        (1, ridges()[..1].to_vec(), Some(Stem { channels: 3, ..stem() })),
    ] {
        let mut spec = small_set();
        // two values more than the stem reads
        spec.inputs = stem.as_ref().map_or(16, |stem| if stem.channels == 1 { 16 } else { stem.values() + 2 });
        spec.equivariant = Some(Equivariant { linear_heads, ridge, stem, ..spec.set().clone() });
        if spec.set().ridge.iter().any(|ridge| ridge.raw) {
            // room for colours, which the stem does not read
            spec.inputs = 23;
        }
        let own = QueryOptions::of(&spec);
        for classes in [2, 3, 5] {
            all.push((spec.clone(), QueryOptions { classes, ..own }));
            if own.images {
                all.push((spec.clone(), QueryOptions { classes, images: false }));
            }
        }
    }
    all
}

#[test]
fn every_kernel_computes_its_formula() {
    if let Some(gpu) = gpu() {
        let reports = pollster::block_on(parity::kernels(&gpu));
        for report in &reports {
            println!("{report}");
        }
        check(&reports);
    }
}

#[test]
fn every_switch_gives_the_same_answers_on_the_cpu() {
    for spec in every_switch() {
        check(&pollster::block_on(parity::sessions(None, &model(spec), 1, &[1, 2, 5])));
    }
}

#[test]
fn every_switch_gives_the_same_answers_on_the_gpu() {
    if let Some(gpu) = gpu() {
        for spec in every_switch() {
            check(&pollster::block_on(parity::sessions(Some(&gpu), &model(spec), 1, &[1, 2, 5])));
        }
    }
}

#[test]
fn every_set_learner_gives_the_same_answers_on_the_cpu() {
    for (spec, options) in every_set() {
        check(&pollster::block_on(parity::sessions_as(None, &model(spec), 1, &[1, 2, 3, 9], options)));
    }
}

#[test]
fn every_set_learner_gives_the_same_answers_on_the_gpu() {
    if let Some(gpu) = gpu() {
        for (spec, options) in every_set() {
            check(&pollster::block_on(parity::sessions_as(Some(&gpu), &model(spec), 1, &[1, 2, 3, 9], options)));
        }
    }
}

#[test]
fn set_learners_of_real_sizes_agree_at_every_length() {
    let gpu = gpu();
    let mut spec = ModelSpec::equivariant(784, 20, 16, 4);
    spec.equivariant = Some(Equivariant { ridge: ridges(), ..spec.set().clone() });
    for classes in [10, 20] {
        let options = QueryOptions { classes, images: false };
        let reports =
            pollster::block_on(parity::sessions_as(gpu.as_ref(), &model(spec.clone()), 2, &parity::LENGTHS, options));
        for report in &reports {
            println!("{report}");
        }
        check(&reports);
    }
}

#[test]
fn real_sizes_agree_at_every_length() {
    let gpu = gpu();
    for spec in [
        ModelSpec::shifted(64, 64, 2, 2),
        ModelSpec { width: 64, key_size: 8, layers: 2, ..ModelSpec::paper(64, 8, 0.1, 0.3) },
    ] {
        let reports = pollster::block_on(parity::sessions(gpu.as_ref(), &model(spec), 2, &parity::LENGTHS));
        for report in &reports {
            println!("{report}");
        }
        check(&reports);
    }
}

#[test]
fn contexts_longer_than_one_list_agree() {
    let gpu = gpu();
    let spec = ModelSpec { longest: 530, ..small() };
    check(&pollster::block_on(parity::sessions(gpu.as_ref(), &model(spec), 3, &[256, 258, 530])));
}

#[test]
fn sets_larger_than_one_list_agree() {
    let gpu = gpu();
    // in 36 dimensions; in few of them, so many examples make a ridge's matrix close to singular
    let mut spec = ModelSpec { longest: 302, inputs: 36, ..small_set() };
    let stem = Some(Stem { side: 6, channels: 1, embedding: 20, ..stem() });
    spec.equivariant = Some(Equivariant { ridge: ridges(), stem, ..spec.set().clone() });
    let reports = pollster::block_on(parity::sessions(gpu.as_ref(), &model(spec), 3, &[302]));
    for report in &reports {
        println!("{report}");
    }
    check(&reports);
}

/// Log-probabilities of one query on an engine that was shown these examples.
fn answer(mut engine: Engine, inputs: &[f32], labels: &[u32], query: &[f32]) -> Vec<f32> {
    engine.observe(inputs, labels).unwrap();
    pollster::block_on(engine.predict(query)).unwrap()
}

#[test]
fn a_set_learner_keeps_its_symmetries_on_every_engine() {
    let mut spec = small_set();
    spec.equivariant = Some(Equivariant { linear_heads: 2, ridge: ridges(), ..spec.set().clone() });
    let model = model(spec);
    let (inputs, labels) = testing::episode(&model, 8, 31);
    let (shown, query) = inputs.split_at(30 * 16);
    let labels = &labels[..30];
    let gpu = gpu();
    let engines = || {
        let on_gpu = gpu.iter().map(|gpu| pollster::block_on(Engine::gpu(gpu, &model)).unwrap());
        on_gpu.chain([Engine::cpu(model.clone())]).collect::<Vec<_>>()
    };
    let before: Vec<Vec<f32>> = engines().into_iter().map(|engine| answer(engine, shown, labels, query)).collect();

    let (mut moved, mut moved_labels) = (shown.to_vec(), labels.to_vec());
    moved.rotate_left(11 * 16);
    moved_labels.rotate_left(11);
    let names = [3u32, 0, 4, 1, 2];
    let renamed: Vec<u32> = labels.iter().map(|label| names[*label as usize]).collect();
    for (engine, before) in engines().into_iter().zip(&before) {
        let after = answer(engine, &moved, &moved_labels, query);
        check(&[parity::compare("a set learner", "shown in another order", &after, before, 1e-4)]);
    }
    for (engine, before) in engines().into_iter().zip(&before) {
        let mut back = vec![0.0; 5];
        let after = answer(engine, shown, &renamed, query);
        names.iter().enumerate().for_each(|(old, new)| back[old] = after[*new as usize]);
        check(&[parity::compare("a set learner", "labels renamed", &back, before, 1e-4)]);
        assert!(before.iter().any(|log| (log - before[0]).abs() > 0.1), "it says something: {before:?}");
    }
}

#[test]
fn a_change_of_manner_is_a_change_of_the_question() {
    let mut spec = small_set();
    spec.equivariant = Some(Equivariant { ridge: ridges(), stem: Some(stem()), ..spec.set().clone() });
    let model = model(spec);
    let (inputs, mut labels) = testing::episode(&model, 9, 12);
    labels.iter_mut().for_each(|label| *label %= 3);
    let (shown, query) = inputs.split_at(11 * 16);
    let gpu = gpu();
    let on_gpu = gpu.iter().map(|gpu| pollster::block_on(Engine::gpu(gpu, &model)).unwrap());
    for mut engine in on_gpu.chain([Engine::cpu(model.clone())]) {
        engine.observe(shown, &labels[..11]).unwrap();
        for (classes, drawings) in [(5, true), (3, true), (3, false), (4, false), (4, true)] {
            engine.set_classes(classes).unwrap();
            engine.set_images(drawings);
            let want =
                shaders::reference::last_as(&model, &inputs, &labels, QueryOptions { classes, images: drawings })
                    .unwrap();
            let got = pollster::block_on(engine.predict(query)).unwrap();
            check(&[parity::compare(
                "after a change",
                &format!("{classes} {drawings}"),
                &got,
                &want,
                parity::TOLERANCE,
            )]);
        }
        assert_eq!(engine.set_classes(2), Err(SessionError::Classes { lowest: 3, highest: 200, found: 2 }));
        assert_eq!(engine.set_classes(201), Err(SessionError::Classes { lowest: 3, highest: 200, found: 201 }));
        assert_eq!(engine.observe(query, &[4]), Err(SessionError::Label { classes: 4, found: 4 }));
    }
}

#[test]
fn a_lost_device_is_an_error_and_the_examples_survive() {
    let Some(gpu) = gpu() else { return };
    let model = model(small());
    let (inputs, labels) = testing::episode(&model, 4, 3);
    let query = &inputs[..19];
    pollster::block_on(async {
        let mut engine = Engine::gpu(&gpu, &model).await.unwrap();
        engine.observe(&inputs, &labels).unwrap();
        let before = engine.predict(query).await.unwrap();
        assert_eq!(gpu.lost(), None);
        gpu.destroy();
        assert!(gpu.lost().is_some());
        assert!(matches!(engine.predict(query).await, Err(SessionError::Lost(_))));
        assert!(matches!(engine.attention(query).await, Err(SessionError::Lost(_))));
        assert!(matches!(Session::new(&gpu, &model).await, Err(SessionError::Lost(_))));
        let mut other = Engine::cpu(model.clone());
        other.restore(&engine.save()).unwrap();
        let after = other.predict(query).await.unwrap();
        check(&[parity::compare("CPU after loss", "the same examples", &after, &before, parity::TOLERANCE)]);
    });
}

#[test]
fn loops_that_llvmpipe_would_leave_are_refused() {
    let Some(gpu) = gpu() else { return };
    let mut spec = small_set();
    (spec.classes, spec.key_size, spec.longest) = (200, 16, 1001);
    let model = Model::random(spec.clone(), 1).unwrap();
    let mut session = pollster::block_on(Session::new(&gpu, &model)).unwrap();
    let input = |i: usize| (0..16).map(move |x| ((i * 31 + x * 7) % 23) as f32 / 10.0 - 1.0);
    let show = |session: &mut Session, range: std::ops::Range<usize>| {
        let inputs: Vec<f32> = range.clone().flat_map(input).collect();
        let labels: Vec<u32> = range.map(|i| i as u32 % 200).collect();
        session.context.observe(&inputs, &labels).unwrap();
    };
    let query: Vec<f32> = input(2_000).collect();
    show(&mut session, 0..200);
    assert!(pollster::block_on(session.predict(&query)).is_ok());
    show(&mut session, 200..1_000);
    let found = pollster::block_on(session.predict(&query));
    if gpu.description().contains("llvmpipe") {
        let error = found.unwrap_err();
        assert!(matches!(error, SessionError::Turns { kernel: "set_attention", .. }), "{error}");
        assert_eq!(session.context.len(), 1_000);
    } else {
        assert!(found.is_ok());
    }
}

#[test]
fn a_wrong_weight_is_noticed() {
    // the comparison itself: one weight changed in one of two models
    let right = model(small());
    let mut wrong = Model::clone(&right);
    wrong.tensors_mut().get_mut("layer.1.value.weight").unwrap()[3] += 1.0;
    let (inputs, labels) = testing::episode(&right, 5, 9);
    let want = shaders::reference::forward(&right, &inputs, &labels).unwrap();
    let got = shaders::reference::forward(&wrong, &inputs, &labels).unwrap();
    assert!(!parity::compare("forward", "one weight changed", &got, &want, parity::TOLERANCE).ok);
}

#[test]
fn normalisation_has_no_part_in_the_learner() {
    // inputs come encoded: two specs that differ in their encoding alone give the same answers
    let one = model(small());
    let mut other = Model::clone(&one);
    other.spec.encoding.normalisation = Normalisation::Scalar { mean: 5.0, std: 3.0 };
    let (inputs, labels) = testing::episode(&one, 6, 4);
    let answers = |model: &Model| shaders::reference::forward(model, &inputs, &labels).unwrap();
    assert_eq!(answers(&one), answers(&other));
}

#[test]
fn every_engine_agrees_on_the_shipped_file() {
    let file = std::env::current_dir().unwrap().join("../models/quick.safetensors");
    let model = Arc::new(Model::read(&file).unwrap());
    let reports = pollster::block_on(parity::sessions(gpu().as_ref(), &model, 5, &parity::LENGTHS));
    let worst = reports.iter().filter_map(|report| report.worst.as_ref()).map(|w| w.difference).fold(0.0, f32::max);
    println!("{} comparisons, worst difference {worst:e}", reports.len());
    check(&reports);
}
