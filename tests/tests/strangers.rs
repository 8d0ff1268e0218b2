//! Model files from strangers in the page: each is refused in words, and the learner in use stays, or it answers with finite
//! probabilities. Nothing shows in the console, and the page's policy of content is never broken.
//!
//! `STRANGERS` (60) is how many files are opened, and `STRANGERS_SEED` (0) chooses them; `cargo xtask soak` opens thousands and
//! keeps the line of figures.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fuzz::{Random, mutate};
use serde_json::{Value, json};
use shaders::model::file::Precision;
use shaders::model::spec::{Convolution, Equivariant, Ridge, RidgeKernel, Stem};
use shaders::{Model, ModelSpec};
use tests::browser::{Setting, wait_for};
use tests::examples::FIGURES;
use tests::memory::Held;
use tests::page::{CPU, best, built, ready};
use tests::setting::number;

/// Files that go to the page at a time.
const BATCH: usize = 20;

/// A small learner of each family, as the page takes them.
fn specs() -> Vec<ModelSpec> {
    let mut paper = ModelSpec::paper(16, 0, 0.1, 0.3);
    (paper.width, paper.layers, paper.heads, paper.key_size, paper.longest) = (8, 1, 2, 4, 20);
    let mut shifted = ModelSpec::shifted(16, 8, 1, 2);
    shifted.longest = 20;
    let mut set = ModelSpec::equivariant(64, 10, 4, 1);
    set.longest = 40;
    let mut stem = ModelSpec::equivariant(64, 10, 4, 1);
    stem.longest = 40;
    stem.equivariant = Some(Equivariant {
        linear_heads: 1,
        neighbour: 2,
        ridge: [RidgeKernel::Linear, RidgeKernel::Gaussian]
            .map(|kernel| Ridge { kernel, lambda: 0.1, raw: false })
            .to_vec(),
        stem: Some(Stem {
            side: 8,
            channels: 1,
            convolutions: vec![Convolution { channels: 2, size: 3, stride: 2 }],
            embedding: 3,
        }),
    });
    vec![paper, shifted, set, stem]
}

/// Whole files, with their checksum and without: under a checksum most faults end there.
fn files() -> Vec<Vec<u8>> {
    let models: Vec<Model> = specs().into_iter().map(|spec| Model::random(spec, 1).unwrap()).collect();
    let precisions = [Precision::F16, Precision::F32];
    let whole: Vec<Vec<u8>> =
        models.iter().flat_map(|model| precisions.map(|precision| model.to_bytes(precision))).collect();
    let unsealed = whole.iter().map(|file| {
        let mut file = file.clone();
        let key = b"\"checksum\"";
        let at = file.windows(key.len()).position(|part| part == key).expect("files have a checksum");
        file[at + 1] = b'C';
        file
    });
    whole.iter().cloned().chain(unsealed).collect()
}

/// A file with a fault, in its frame as often as not: the header's length is then right again.
fn spoiled(random: &mut Random, files: &[Vec<u8>]) -> Vec<u8> {
    let words: &[&[u8]] = &[
        b"\"F32\"",
        b"\"F64\"",
        b"null",
        b"\"paper\"",
        b"\"shifted\"",
        b"\"equivariant\"",
        b"-1",
        b"1e30",
        b"\0\x7c",
        b"\xff\xff\x7f\x7f",
        b"\0\0\xc0\x7f",
    ];
    let file = &files[random.below(files.len())];
    let length = 8 + u64::from_le_bytes(*file.first_chunk().unwrap()) as usize;
    let (header, data) = (&file[8..length], &file[length..]);
    match random.below(4) {
        0 => mutate(random, file, files, words),
        1 => [&file[..length], &mutate(random, data, &[], words)].concat(),
        // other weights, of which half are as large as a format holds: what is read has to be answered with
        2 => {
            let mut file = file.clone();
            for _ in 0..random.between(1, 8) {
                let at = length + random.below(data.len() / 4) * 4;
                let most = if random.once_in(2) { u32::MAX } else { 0x7bff_7bff };
                file[at..at + 4].copy_from_slice(&(random.bits() as u32 & most).to_le_bytes());
            }
            file
        }
        _ => {
            let header = mutate(random, header, &[], words);
            [&(header.len() as u64).to_le_bytes(), &header[..], data].concat()
        }
    }
}

/// Opens files one after another, as by the chooser, and gives the model, the status and the probabilities after each.
const OPEN: &str = "
    const input = document.querySelector('[data-testid=model-file]');
    const text = (id) => document.querySelector(`[data-testid=${id}]`)?.innerText?.trim() ?? '';
    const bars = () => [...document.querySelectorAll('[data-testid^=\"bar-\"]')].map((e) => parseFloat(e.dataset.probability));
    const rest = async () => {
        const data = document.documentElement.dataset, begin = performance.now();
        do await new Promise((done) => setTimeout(done, 5));
        while (data.busy === 'true' && performance.now() - begin < 30000);
        return performance.now() - begin;
    };
    return (async (files, first) => {
        const outcomes = [];
        for (const [at, file] of files.entries()) {
            const name = `stranger-${first + at}.safetensors`, chosen = new DataTransfer();
            chosen.items.add(new File([Uint8Array.from(atob(file), (c) => c.charCodeAt(0))], name));
            input.files = chosen.files;
            input.dispatchEvent(new Event('change', { bubbles: true }));
            const ms = await rest();
            outcomes.push({ name, ms, model: text('model'), status: text('status'), bars: bars() });
        }
        return outcomes;
    })(...arguments);
";

#[test]
fn spoiled_files_are_refused_or_answer_with_finite_probabilities() {
    let Some(page) = ready(Setting { requests: false, ..Setting::DESK }, CPU) else { return };
    let (count, seed) = (number("STRANGERS", 60) as usize, number("STRANGERS_SEED", 0));
    for shot in 0..2 {
        for (class, figure) in FIGURES[..3].iter().enumerate() {
            page.teach(&figure.drawn(1, shot), class);
        }
    }
    let question = FIGURES[1].drawn(2, 0);
    let before = page.ask(&question);
    let files = files();
    let (mut read, mut slowest, mut in_use) = (0, 0.0_f64, page.text("model"));
    let mut held = Vec::new();
    for first in (0..count).step_by(BATCH) {
        let batch: Vec<Value> = (first..count.min(first + BATCH))
            .map(|index| json!(STANDARD.encode(spoiled(&mut Random::new(seed, "strangers", index as u64), &files))))
            .collect();
        let outcomes = page.browser.script(OPEN, &[json!(batch), json!(first)]);
        for outcome in outcomes.as_array().unwrap_or_else(|| panic!("the page gave {outcomes}")) {
            let of = |field: &str| outcome[field].as_str().unwrap_or_default().to_owned();
            let bars: Vec<f64> = outcome["bars"].as_array().unwrap().iter().filter_map(Value::as_f64).collect();
            let sum: f64 = bars.iter().sum();
            assert!(bars.len() >= 3 && (sum - 1.0).abs() < 1e-3, "{outcome}");
            match of("model") == of("name") {
                true => (read, in_use) = (read + 1, of("name")),
                false => {
                    assert_eq!(of("model"), in_use, "{outcome}");
                    assert!(of("status").contains(&in_use), "no word of what is in use: {outcome}");
                }
            }
            slowest = slowest.max(outcome["ms"].as_f64().unwrap());
        }
        if first % 1000 == 0 {
            held.push(Held::by(&page));
            assert_eq!(page.complaints(), Vec::<String>::new(), "files {first} to {}", first + BATCH);
        }
    }
    held.push(Held::by(&page));
    // the page is what it was
    page.browser.files("model-file", &[built().expect("a page").join("models/drawing.safetensors")]);
    wait_for("the learner", Duration::from_secs(60), || (page.text("model") == "drawing.safetensors").then_some(()));
    page.settle();
    assert_eq!([0, 1, 2].map(|class| page.count(class)), [2, 2, 2]);
    let after = page.probabilities();
    assert_eq!(best(&after), 1);
    assert!(before.iter().zip(&after).all(|(a, b)| (a - b).abs() < 1e-4), "before {before:?}, after {after:?}");
    assert_eq!(page.complaints(), Vec::<String>::new());
    let held: Vec<Value> = held.iter().map(Held::json).collect();
    println!(
        "soak: {}",
        json!({ "files": count, "seed": seed, "read": read, "refused": count - read, "slowest_ms": slowest.round(), "held": held })
    );
    assert!(count < 40 || (0 < read && read < count), "{read} of {count} files were read");
}
