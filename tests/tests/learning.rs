//! What the shipped learner does, as laws: it learns from its context alone, follows the labels it is given, and reaches
//! the accuracy that is promised of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use shaders::session::restrict;
use shaders::{Model, cpu, random};
use trainer::data::{self, Split};
use trainer::eval::{self, Settings};
use trainer::tasks::labels::permutation;
use trainer::tasks::projection::normals;

fn shipped() -> Model {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/quick.safetensors");
    Model::read(&file).expect("the shipped model can be read")
}

/// Three clusters in the learner's inputs: `[n, X]` and the cluster of each.
fn clusters(model: &Model, n: usize, seed: u64) -> (Vec<f32>, Vec<u32>) {
    let x = model.spec.inputs;
    let centres = normals(3 * x, &mut random::stream(seed, "test/centres", 0));
    let noise = normals(n * x, &mut random::stream(seed, "test/noise", n as u64));
    let own: Vec<u32> = (0..n as u32).map(|i| (i * 7 + i / 5) % 3).collect();
    let inputs = (0..n * x).map(|i| 0.7 * centres[own[i / x] as usize * x + i % x] + 0.7 * noise[i]).collect();
    (inputs, own)
}

/// Labels answered to `queries` after `inputs` with `labels` were shown.
fn answers(model: &Arc<Model>, inputs: &[f32], labels: &[u32], queries: &[f32]) -> Vec<u32> {
    let mut session = cpu::Session::new(model.clone());
    session.context.observe(inputs, labels).unwrap();
    let rows = restrict(&session.predict(queries).unwrap(), model.spec.classes, labels);
    let best = |row: &[f32]| (0..row.len()).fold(0, |best, l| if row[l] > row[best] { l } else { best }) as u32;
    rows.chunks_exact(model.spec.classes).map(best).collect()
}

fn agreement(a: &[u32], b: &[u32]) -> f64 {
    a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len() as f64
}

#[test]
fn clusters_are_learned_and_renamed_labels_rename_the_answers() {
    let model = Arc::new(shipped());
    for seed in 0..5 {
        let (all, own) = clusters(&model, 90, seed);
        let (shown, asked) = all.split_at(30 * model.spec.inputs);
        let (given, wanted) = own.split_at(30);
        // any names out of ten: the learner must take them from the context
        let names = permutation(model.spec.classes, &mut random::stream(seed, "test/names", 0));
        let rename = |labels: &[u32]| labels.iter().map(|&l| names[l as usize]).collect::<Vec<_>>();
        let plain = agreement(&answers(&model, shown, given, asked), wanted);
        let renamed = agreement(&answers(&model, shown, &rename(given), asked), &rename(wanted));
        assert!(plain >= 0.9, "seed {seed}: {plain} of the answers are right");
        assert!(renamed >= 0.9, "seed {seed}: with renamed labels {renamed} are right");
    }
}

#[test]
fn shuffled_labels_teach_nothing() {
    let model = Arc::new(shipped());
    let mut right = 0.0;
    for seed in 0..10 {
        let (all, own) = clusters(&model, 90, seed);
        let (shown, asked) = all.split_at(30 * model.spec.inputs);
        let order = permutation(30, &mut random::stream(seed, "test/shuffle", 0));
        let given: Vec<u32> = order.iter().map(|&i| own[i as usize]).collect();
        right += agreement(&answers(&model, shown, &given, asked), &own[30..]) / 10.0;
    }
    // each shuffle leaves each cluster a majority label by chance: the mean over ten is near 1/3 with a wide spread
    assert!(right < 0.6, "{right} of the answers are right without any information");
}

/// The data directory, if it holds `name`.
fn data_with(name: &str) -> Option<PathBuf> {
    let folder = data::data_dir(None).ok()?;
    match data::open(name, Split::Test, &folder) {
        Ok(_) => Some(folder),
        Err(_) => {
            println!("not run on {name}: it is not in {}", folder.display());
            None
        }
    }
}

/// The promise of the preset `quick`: at least 64 % on MNIST and 56 % on Fashion-MNIST after 99 examples.
#[test]
fn real_pictures_are_learned_as_well_as_promised() {
    let model = shipped();
    for (name, promised) in [("mnist", 0.64), ("fashion-mnist", 0.56)] {
        let Some(folder) = data_with(name) else { continue };
        let positions = vec![10, 100];
        // a seed of its own: episodes that the records did not use
        let settings = Settings {
            episodes: 1000,
            seed: 77,
            positions,
            split: Split::Test,
            queries: 1,
            baselines: false,
            ensemble: 1,
            project: None,
        };
        let device = Device::flex();
        let outcome = eval::paper("quick", &model, name, &folder, &device, &settings, &mut |_| ()).unwrap();
        println!("{name}: {:?} ± {:?}", outcome.accuracy, outcome.ci95);
        assert!(outcome.accuracy[1] >= promised, "{name}: {:?}, promised {promised}", outcome.accuracy);
        assert!(outcome.accuracy[0] < outcome.accuracy[1]);
    }
}
