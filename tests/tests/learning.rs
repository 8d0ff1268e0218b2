//! What the shipped learner does, as laws: it learns from its context alone, follows the labels it is given, and reaches
//! the accuracy that is promised of it.

use std::path::PathBuf;
use std::sync::Arc;

use burn::tensor::Device;
use shaders::input::encode::Encoder;
use shaders::probability::renormalise_over_seen;
use shaders::{Model, cpu, random, testing};
use trainer::data::{self, Split};
use trainer::eval::{self, Settings};
use trainer::nets::Net;
use trainer::tasks::labels::permutation;
use trainer::tasks::projection::normals;

fn shipped() -> Model {
    read("quick")
}

fn read(name: &str) -> Model {
    let file = std::env::current_dir().unwrap().join(format!("../models/{name}.safetensors"));
    Model::read(&file).unwrap_or_else(|error| panic!("the shipped model {name} cannot be read: {error}"))
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
    let rows = renormalise_over_seen(&session.predict(queries).unwrap(), model.spec.classes, labels);
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
            testing::skip(&format!("{name} is not in {}", folder.display()));
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
        let settings = Settings { episodes: 1000, seed: 77, positions, ..Settings::default() };
        let device = Device::flex();
        let net = Net::from_model(&model, &device);
        let outcome = eval::paper("quick", &net, None, name, &folder, &device, &settings, &mut |_| ()).unwrap();
        println!("{name}: {:?} ± {:?}", outcome.accuracy, outcome.ci95);
        assert!(outcome.accuracy[1] >= promised, "{name}: {:?}, promised {promised}", outcome.accuracy);
        assert!(outcome.accuracy[0] < outcome.accuracy[1]);
    }
}

/// Drawings of three random characters as the learner takes them: `[n, X]` and the character of each.
fn characters(model: &Model, n: usize, seed: u64) -> (Vec<f32>, Vec<u32>) {
    let own: Vec<u32> = (0..n as u32).map(|i| (i * 7 + i / 5) % 3).collect();
    let mut task = random::stream(seed, "test/characters", 0);
    let drawings = trainer::tasks::characters(3, &own, &mut task, &mut random::stream(seed, "test/drawings", 0));
    let encoder = Encoder::new(&model.spec, 28, 28, 1, 0).unwrap();
    assert!(encoder.drawings());
    (drawings.chunks_exact(28 * 28).flat_map(|drawing| encoder.encode(drawing).unwrap()).collect(), own)
}

/// Log-probabilities of `queries` among `classes` after `inputs` with `labels` were shown to a set learner, as drawings or
/// as mere vectors.
fn set_answers(
    model: &Arc<Model>,
    shown: (&[f32], &[u32]),
    queries: &[f32],
    classes: usize,
    drawings: bool,
) -> Vec<Vec<f32>> {
    let mut session = cpu::Session::new(model.clone());
    session.context.observe(shown.0, shown.1).unwrap();
    session.context.set_classes(classes).unwrap();
    session.context.set_images(drawings);
    let rows = session.predict(queries).unwrap();
    rows.chunks_exact(model.spec.classes).map(|row| row[..classes].to_vec()).collect()
}

#[test]
fn set_learners_know_neither_names_nor_order() {
    for (name, drawings) in [("general", false), ("general", true), ("drawing", false), ("drawing", true)] {
        let model = Arc::new(read(name));
        let x = model.spec.inputs;
        let (all, own) = if drawings { characters(&model, 50, 3) } else { clusters(&model, 50, 3) };
        let (shown, asked) = all.split_at(30 * x);
        let before = set_answers(&model, (shown, &own[..30]), asked, 3, drawings);
        let best = |row: &[f32]| (0..row.len()).fold(0, |best, c| if row[c] > row[best] { c } else { best }) as u32;
        let right = before.iter().zip(&own[30..]).filter(|(row, own)| best(row) == **own).count();
        assert!(right >= 18, "{name}: {right} of 20");

        // 20 orders: the same answers up to rounding
        let mut spread = 0f32;
        for order in 0..20 {
            let order = permutation(30, &mut random::stream(order, "test/order", 0));
            let inputs: Vec<f32> =
                order.iter().flat_map(|&i| shown[i as usize * x..(i as usize + 1) * x].to_vec()).collect();
            let labels: Vec<u32> = order.iter().map(|&i| own[i as usize]).collect();
            let after = set_answers(&model, (&inputs, &labels), asked, 3, drawings);
            for (a, b) in before.iter().flatten().zip(after.iter().flatten()) {
                spread = spread.max((a.exp() - b.exp()).abs());
            }
        }
        println!("{name}: chances differ by at most {spread:e} over 20 orders");
        assert!(spread < 1e-3, "{name}: {spread}");

        // other names
        let names = [2u32, 0, 1];
        let renamed: Vec<u32> = own[..30].iter().map(|&l| names[l as usize]).collect();
        let after = set_answers(&model, (shown, &renamed), asked, 3, drawings);
        for (a, b) in before.iter().zip(&after) {
            for (class, &name) in names.iter().enumerate() {
                assert!((a[class].exp() - b[name as usize].exp()).abs() < 1e-3, "{a:?} {b:?}");
            }
        }
    }
}

/// Vectors turned by a random rotation, here a product of reflections, are answered as before: nothing but inner products
/// counts. Drawings are not, for a stem sees which pixels lie side by side.
#[test]
fn rotation_changes_nothing_for_vectors() {
    let model = Arc::new(read("general"));
    let x = model.spec.inputs;
    for drawings in [false, true] {
        let (all, own) = if drawings { characters(&model, 40, 4) } else { clusters(&model, 40, 4) };
        let mut turned = all.clone();
        for reflection in 0..3 {
            let mirror = normals(x, &mut random::stream(reflection, "test/mirror", 0));
            let square: f32 = mirror.iter().map(|v| v * v).sum();
            for row in turned.chunks_exact_mut(x) {
                let along = 2.0 * row.iter().zip(&mirror).map(|(a, b)| a * b).sum::<f32>() / square;
                row.iter_mut().zip(&mirror).for_each(|(v, m)| *v -= along * m);
            }
        }
        let answers = |all: &[f32]| {
            let (shown, asked) = all.split_at(30 * x);
            set_answers(&model, (shown, &own[..30]), asked, 3, drawings)
        };
        let (before, after) = (answers(&all), answers(&turned));
        let pairs = before.iter().flatten().zip(after.iter().flatten());
        let difference = pairs.map(|(a, b)| (a.exp() - b.exp()).abs()).fold(0.0, f32::max);
        assert_eq!(difference < 1e-3, !drawings, "drawings: {drawings}, chances differ by {difference}");
    }
}

/// One class with one example beside others with thirty: its queries are still found, and it does not take all others.
#[test]
fn a_class_with_one_example_does_not_vanish() {
    let model = Arc::new(read("drawing"));
    let x = model.spec.inputs;
    let (mut rare, mut frequent) = (0, 0);
    for seed in 0..10 {
        let (all, own) = clusters(&model, 120, seed);
        let of = |class: u32| (0..120usize).filter(move |&i| (i as u32 * 7 + i as u32 / 5) % 3 == class);
        assert!(of(0).all(|i| own[i] == 0));
        let shown: Vec<usize> = of(0).take(1).chain(of(1).take(30)).chain(of(2).take(30)).collect();
        let asked: Vec<usize> = of(0).skip(1).take(8).chain(of(1).skip(30).take(8)).collect();
        let rows = |indices: &[usize]| -> Vec<f32> {
            indices.iter().flat_map(|&i| all[i * x..(i + 1) * x].to_vec()).collect()
        };
        let labels: Vec<u32> = shown.iter().map(|&i| own[i]).collect();
        let answers = set_answers(&model, (&rows(&shown), &labels), &rows(&asked), 3, false);
        for (row, &i) in answers.iter().zip(&asked) {
            let best = (0..3).fold(0, |best, c| if row[c] > row[best] { c } else { best }) as u32;
            match own[i] {
                0 => rare += u32::from(best == 0),
                _ => frequent += u32::from(best == own[i]),
            }
        }
    }
    println!("of 80 each: rare {rare}, frequent {frequent}");
    assert!(rare >= 64 && frequent >= 72, "of 80 each: rare {rare}, frequent {frequent}");
}

/// The promises of the shipped learners: `general` has never seen MNIST or Fashion-MNIST.
#[test]
fn set_learners_keep_their_promises_on_real_pictures() {
    let device = Device::flex();
    let settings = Settings {
        episodes: 100,
        seed: 78,
        positions: vec![20, 100],
        queries: 20,
        baselines: true,
        ..Settings::default()
    };
    let general = read("general");
    for (name, promised) in [("mnist", 0.88), ("fashion-mnist", 0.68)] {
        let Some(folder) = data_with(name) else { continue };
        let net = Net::from_model(&general, &device);
        let outcome = eval::paper("general", &net, None, name, &folder, &device, &settings, &mut |_| ()).unwrap();
        println!("{name}: {:?} ± {:?}", outcome.accuracy, outcome.ci95);
        assert!(outcome.accuracy[1] >= promised, "{name}: {:?}, promised {promised}", outcome.accuracy);
        assert!(outcome.accuracy[1] > outcome.baselines["1-NN cosine"][1] + 0.01, "{outcome:?}");
    }
    let drawing = read("drawing");
    let Some(folder) = data_with("mnist") else { return };
    let settings = Settings { baselines: false, ..settings };
    let outcome = eval::drawing("drawing", &drawing, "mnist", &folder, 10, &[1, 5], &settings).unwrap();
    println!("drawing: {:?} ± {:?}", outcome.accuracy, outcome.ci95);
    assert!(outcome.accuracy[0] >= 0.8 && outcome.accuracy[1] >= 0.92, "{:?}", outcome.accuracy);
}
