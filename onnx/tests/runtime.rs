//! Real onnxruntime beside the engine on the CPU: files of the shipped learners, and of small ones of every variant, answer
//! seeded episodes alike. `cargo xtask test` names a Python that has onnxruntime in `ONNX_PYTHON`, and promises it with
//! `REQUIRE_ONNX=1`. What was compared stays in the target folder under `tmp/onnx/`, where
//! `python onnx/check.py FOLDER --times` measures it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use onnx::{IR_VERSION, OPSET, Options, export};
use rand::Rng;
use serde_json::{Value, json};
use shaders::model::spec::{
    Convolution, Equivariant, KeyShift, ModelSpec, Positions, QueryKey, Ridge, RidgeKernel, Stem,
};
use shaders::{Model, cpu, random, testing};

/// Examples shown; the learner's most comes after them.
const EXAMPLES: [usize; 6] = [0, 1, 2, 10, 37, 100];
/// Queries asked at once.
const QUERIES: [usize; 2] = [1, 7];
/// The file with fixed sizes.
const FIXED: Options = Options { examples: Some(10), queries: Some(7) };

/// How labels are chosen.
#[derive(Clone, Copy, PartialEq)]
enum Labels {
    /// Any of all classes.
    All,
    /// One class alone.
    One,
    /// Every third class.
    Gaps,
}

/// One episode.
#[derive(Clone, Copy)]
struct Case {
    examples: usize,
    queries: usize,
    labels: Labels,
    /// C in use, where it is not the learner's.
    classes: Option<usize>,
    images: bool,
    /// Whether every input comes twice.
    copies: bool,
    /// Inputs that the file is given; the engine gets zeros after them.
    inputs: usize,
}

#[test]
fn shipped_learners_answer_as_on_the_cpu() {
    let models = std::env::current_dir().unwrap().join("../models");
    let named = |name: &str| (name.to_owned(), Model::read(&models.join(format!("{name}.safetensors"))).unwrap());
    compare("shipped", ["drawing", "general", "quick"].map(named).into());
}

#[test]
fn every_variant_answers_as_on_the_cpu() {
    let small = |spec: ModelSpec| ModelSpec { inputs: 24, classes: 5, longest: 40, ..spec };
    let shifted = || small(ModelSpec::shifted(24, 16, 2, 2));
    let set = |part: Equivariant| ModelSpec { equivariant: Some(part), ..small(ModelSpec::equivariant(24, 5, 8, 2)) };
    let ridge = |kernel, lambda, raw| Ridge { kernel, lambda, raw };
    let plain = || Equivariant { linear_heads: 2, neighbour: 3, ridge: Vec::new(), stem: None };
    let stem = Stem {
        side: 4,
        channels: 1,
        convolutions: vec![
            Convolution { channels: 3, size: 3, stride: 2 },
            Convolution { channels: 2, size: 1, stride: 1 },
        ],
        embedding: 5,
    };
    let kernels = [RidgeKernel::Linear, RidgeKernel::Gaussian, RidgeKernel::Local];
    let all = || kernels.map(|kernel| ridge(kernel, 0.3, false)).to_vec();
    let both = || all().into_iter().chain(kernels.map(|kernel| ridge(kernel, 0.2, true))).collect();
    let specs = [
        (
            "paper",
            small(ModelSpec { width: 16, layers: 2, heads: 2, key_size: 8, ..ModelSpec::paper(24, 0, 0.0, 1.0) }),
        ),
        ("gated", ModelSpec { key_shift: KeyShift::Gated, query_key: QueryKey::Tied, ..shifted() }),
        ("placed", ModelSpec { positions: Positions::Learned, key_shift: KeyShift::None, ..shifted() }),
        ("bare", set(Equivariant { linear_heads: 0, ..plain() })),
        ("ridges", set(Equivariant { ridge: all(), ..plain() })),
        ("stem", set(Equivariant { ridge: both(), stem: Some(stem.clone()), ..plain() })),
        (
            "colour",
            ModelSpec {
                inputs: 50,
                ..set(Equivariant { ridge: all(), stem: Some(Stem { channels: 3, ..stem }), ..plain() })
            },
        ),
    ];
    let made = specs.map(|(name, spec)| {
        let mut model = Model::random(spec, 1).unwrap();
        // no tensor is left at the zeros or ones that it starts with
        let mut stream = random::stream(1, "onnx", 0);
        for value in model.tensors_mut().values_mut().flatten() {
            *value += 0.1 * uniform(stream.next_u32());
        }
        (name.to_owned(), model)
    });
    compare("variants", made.into());
}

/// The Python that has onnxruntime, or `None` (with words) when there is none and nobody promised one.
fn python() -> Option<PathBuf> {
    let found = env::var_os("ONNX_PYTHON").map(PathBuf::from);
    let required = env::var_os("REQUIRE_ONNX").is_some_and(|value| value != "0");
    assert!(found.is_some() || !required, "onnxruntime was promised, and ONNX_PYTHON names no Python");
    if found.is_none() {
        testing::skip("no onnxruntime (run `cargo xtask test`, which installs it)");
    }
    found
}

/// Writes files, episodes and answers of the engine, and lets `check.py` compare.
fn compare(folder: &str, models: Vec<(String, Model)>) {
    let Some(python) = python() else { return };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("onnx").join(folder);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let mut told = Vec::new();
    for (name, model) in models {
        fs::write(folder.join(format!("{name}.onnx")), export(&model, &Options::default()).unwrap()).unwrap();
        fs::write(folder.join(format!("{name}.fixed.onnx")), export(&model, &FIXED).unwrap()).unwrap();
        let model = Arc::new(model);
        for (at, case) in cases(&model).into_iter().enumerate() {
            told.push(write(&folder, &name, &model, at, case));
        }
    }
    let told = json!({
        "opset": OPSET, "ir_version": IR_VERSION, "fixed": [FIXED.examples, FIXED.queries], "cases": told,
    });
    fs::write(folder.join("cases.json"), serde_json::to_string_pretty(&told).unwrap()).unwrap();
    let check = std::env::current_dir().unwrap().join("check.py");
    let output = Command::new(&python).arg(check).arg(&folder).output();
    let output = output.unwrap_or_else(|error| panic!("cannot start {}: {error}", python.display()));
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn cases(model: &Model) -> Vec<Case> {
    let stem = model.spec.equivariant.as_ref().is_some_and(|set| set.stem.is_some());
    let inputs = model.spec.inputs;
    let usual =
        Case { examples: 37, queries: 7, labels: Labels::All, classes: None, images: stem, copies: false, inputs };
    let mut list = Vec::new();
    let most = model.spec.longest - 1;
    for examples in EXAMPLES.into_iter().filter(|examples| *examples < most).chain([most]) {
        list.extend(QUERIES.map(|queries| Case { examples, queries, ..usual }));
    }
    list.push(Case { labels: Labels::One, ..usual });
    list.push(Case { labels: Labels::Gaps, ..usual });
    list.push(Case { copies: true, ..usual });
    if model.spec.equivariant.is_some() {
        list.push(Case { classes: Some(3), ..usual });
        list.push(Case { images: false, ..usual });
        list.push(Case { images: false, classes: Some(2), inputs: 4, ..usual });
    }
    list
}

/// In ±√3, so that the variance is 1.
fn uniform(word: u32) -> f32 {
    (f64::from(word) / f64::from(1u32 << 31) - 1.0) as f32 * 3f32.sqrt()
}

/// Inputs around a centre of each class, so near to each other that answers are uncertain: `[T, X]`; `labels` `[T]`.
fn inputs(width: usize, labels: &[u32], seed: u64) -> Vec<f32> {
    let values = |purpose: &str, index: u64| -> Vec<f32> {
        let mut stream = random::stream(seed, purpose, index);
        (0..width).map(|_| uniform(stream.next_u32())).collect()
    };
    let row = |(at, &label): (usize, &u32)| {
        let (centre, own) = (values("centre", label.into()), values("own", at as u64));
        centre.into_iter().zip(own).map(|(centre, own)| 0.2 * centre + 0.98 * own).collect::<Vec<f32>>()
    };
    labels.iter().enumerate().flat_map(row).collect()
}

/// Writes the arrays of a case, and gives what `check.py` has to know of it.
fn write(folder: &Path, name: &str, model: &Arc<Model>, at: usize, case: Case) -> Value {
    let (n, q) = (case.examples, case.queries);
    let width = model.spec.inputs;
    let classes = case.classes.unwrap_or(model.spec.classes);
    let label = |i: usize| match case.labels {
        Labels::All => ((i * 7 + i / 5) % classes) as u32,
        Labels::One => classes as u32 - 1,
        Labels::Gaps => (3 * (i % classes.div_ceil(3))) as u32,
    };
    let labels: Vec<u32> = (0..n + q).map(label).collect();
    let mut rows = inputs(width, &labels, at as u64);
    rows.chunks_exact_mut(width).for_each(|row| row[case.inputs..].fill(0.0));
    if case.copies {
        rows.chunks_exact_mut(2 * width).for_each(|pair| pair.copy_within(..width, width));
    }
    let mut session = cpu::Session::new(model.clone());
    let set = model.spec.equivariant.as_ref();
    if set.is_some() {
        session.context.set_classes(classes).unwrap();
        session.context.set_images(case.images);
    }
    session.context.observe(&rows[..n * width], &labels[..n]).unwrap();
    let start = Instant::now();
    let answers = session.predict(&rows[n * width..]).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    let floats = |rows: &[f32], width: usize, used: usize| -> Vec<u8> {
        rows.chunks_exact(width).flat_map(|row| &row[..used]).flat_map(|value| value.to_le_bytes()).collect()
    };
    let file = format!("{name}.{at}");
    let save = |ending: &str, bytes: Vec<u8>| fs::write(folder.join(format!("{file}.{ending}")), bytes).unwrap();
    save("inputs", floats(&rows, width, case.inputs));
    save("labels", labels[..n].iter().flat_map(|&label| i64::from(label).to_le_bytes()).collect());
    save("answers", floats(&answers, model.spec.classes, classes));
    json!({
        "model": name, "file": file, "examples": n, "queries": q, "inputs": case.inputs, "classes": classes,
        "has_classes": set.is_some(), "has_images": set.is_some_and(|set| set.stem.is_some()), "images": case.images,
        "seconds": seconds,
        "about": match (case.labels, case.copies) {
            (Labels::One, _) => "one class alone",
            (Labels::Gaps, _) => "labels with gaps",
            (_, true) => "every input twice",
            _ => "",
        },
    })
}
