//! Every engine against the formulas, for every family of learner and every switch.
//!
//! The GPU half runs on whatever adapter the system offers, a software one is enough (Mesa's llvmpipe, or SwiftShader named in
//! `VK_DRIVER_FILES`). Without any it says so and passes; with `REQUIRE_GPU=1` it fails.

use std::sync::Arc;

use shaders::gpu::{Gpu, Session};
use shaders::parity::{self, Report};
use shaders::session::{Engine, SessionError};
use shaders::spec::{KeyShift, Normalisation, Positions, QueryKey};
use shaders::{Model, ModelSpec};

fn gpu() -> Option<Gpu> {
    match pollster::block_on(Gpu::new()) {
        Ok(gpu) => {
            println!("adapter: {}", gpu.description());
            Some(gpu)
        }
        Err(error) => {
            let required = std::env::var("REQUIRE_GPU").is_ok_and(|value| value == "1");
            assert!(!required, "REQUIRE_GPU=1 promises a GPU: {error}");
            println!("not run, for there is no GPU adapter: {error}");
            None
        }
    }
}

/// Fails with every comparison that is off.
fn check(reports: &[Report]) {
    assert!(!reports.is_empty());
    let wrong: Vec<String> = reports.iter().filter(|report| !report.ok).map(|report| report.to_string()).collect();
    assert!(wrong.is_empty(), "{} of {} comparisons failed:\n{}", wrong.len(), reports.len(), wrong.join("\n"));
}

/// A model of `spec` whose biases, norms and gates are random too, so that a kernel that leaves one out is found.
fn model(spec: ModelSpec) -> Arc<Model> {
    let mut model = Model::random(spec, 7).unwrap();
    for (index, (name, values)) in model.tensors.iter_mut().enumerate() {
        if name.ends_with("bias") || name.ends_with("beta") || name.ends_with("gamma") || name.ends_with("gate") {
            for (at, value) in values.iter_mut().enumerate() {
                *value += 0.5 * ((at * 37 + index * 11) as f32).sin();
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
fn a_lost_device_is_an_error_and_the_examples_survive() {
    let Some(gpu) = gpu() else { return };
    let model = model(small());
    let (inputs, labels) = parity::episode(&model, 4, 3);
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
fn a_wrong_weight_is_noticed() {
    // the comparison itself: one weight changed in one of two models
    let right = model(small());
    let mut wrong = Model::clone(&right);
    wrong.tensors.get_mut("layer.1.value.weight").unwrap()[3] += 1.0;
    let (inputs, labels) = parity::episode(&right, 5, 9);
    let want = shaders::cpu::forward(&right, &inputs, &labels).unwrap();
    let got = shaders::cpu::forward(&wrong, &inputs, &labels).unwrap();
    assert!(!parity::compare("forward", "one weight changed", &got, &want, parity::TOLERANCE).ok);
}

#[test]
fn normalisation_has_no_part_in_the_learner() {
    // inputs come encoded: two specs that differ in their encoding alone give the same answers
    let one = model(small());
    let mut other = Model::clone(&one);
    other.spec.encoding.normalisation = Normalisation::Scalar { mean: 5.0, std: 3.0 };
    let (inputs, labels) = parity::episode(&one, 6, 4);
    let answers = |model: &Model| shaders::cpu::forward(model, &inputs, &labels).unwrap();
    assert_eq!(answers(&one), answers(&other));
}

#[test]
fn every_engine_agrees_on_the_shipped_file() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/quick.safetensors");
    let model = Arc::new(Model::read(&file).unwrap());
    let reports = pollster::block_on(parity::sessions(gpu().as_ref(), &model, 5, &parity::LENGTHS));
    let worst = reports.iter().filter_map(|report| report.worst.as_ref()).map(|w| w.difference).fold(0.0, f32::max);
    println!("{} comparisons, worst difference {worst:e}", reports.len());
    check(&reports);
}
