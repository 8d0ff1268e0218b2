//! Laws of the research learners: their gradients are those of finite differences, they know of a label only what was
//! shown before, their symmetries hold, their weights survive a file, and each learns its toy case.

mod common;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use common::{Folder, cpu};
use rand::RngExt;
use shaders::model::spec::ModelSpec;
use shaders::random;
use trainer::config::{ConfigError, RunConfig};
use trainer::device::host;
use trainer::nets::research::{
    KINDS, Learner, Net, Tensors, linear_attention, lstm, maml, mlp, outer_product_lstm, set_transformer, tail, vsml,
};
use trainer::nets::tensors::floats;
use trainer::tasks::projection::normals;
use trainer::train::{Metrics, Run, TrainError, read_net, read_run};

const B: usize = 2;
const T: usize = 7;
const X: usize = 5;
const C: usize = 3;

fn spec() -> ModelSpec {
    ModelSpec { classes: C, longest: 16, ..ModelSpec::shifted(X, 4, 1, 1) }
}

fn coded(codes: tail::Codes) -> tail::Hyperparameters {
    tail::Hyperparameters { width: 6, layers: 2, heads: 2, key_size: 3, codes }
}

/// One of each kind, small, with every switch.
fn learners() -> Vec<Learner> {
    let memory =
        |shift| linear_attention::Hyperparameters { width: 6, layers: 2, heads: 2, key_size: 3, shift, aligned: shift };
    let (delta, gated) = (linear_attention::FastWeights, linear_attention::GatedLinearAttention);
    let maml = |rule, rate| Learner::Maml(maml::Hyperparameters { width: 6, rule, rate });
    vec![
        Learner::Mlp(mlp::Hyperparameters { width: 8, layers: 2 }),
        Learner::Lstm(lstm::Hyperparameters { hidden: 6, layers: 2, whole_tokens: false }),
        Learner::Lstm(lstm::Hyperparameters { hidden: 4, layers: 1, whole_tokens: true }),
        Learner::OuterProductLstm(outer_product_lstm::Hyperparameters {
            heads: 2,
            size: 3,
            whole_tokens: false,
            aligned: false,
        }),
        Learner::OuterProductLstm(outer_product_lstm::Hyperparameters {
            heads: 1,
            size: 3,
            whole_tokens: true,
            aligned: true,
        }),
        Learner::FastWeights(delta(memory(true))),
        Learner::FastWeights(delta(memory(false))),
        Learner::GatedLinearAttention(gated(memory(true))),
        Learner::GatedLinearAttention(gated(memory(false))),
        Learner::Vsml(vsml::Hyperparameters { size: 4 }),
        Learner::VsmlUntied(vsml::UntiedHyperparameters { grid: 2, size: 3, whole_tokens: false }),
        Learner::VsmlUntied(vsml::UntiedHyperparameters { grid: 2, size: 3, whole_tokens: true }),
        Learner::SetTransformer(set_transformer::Hyperparameters { width: 6, layers: 2, heads: 2, key_size: 3 }),
        Learner::Tail(coded(tail::Codes::Random)),
        Learner::Tail(coded(tail::Codes::Learned)),
        maml(maml::Rule::Sgd, 0.3),
        maml(maml::Rule::Adam, 0.02),
    ]
}

/// Inputs `[B, T, X]` and labels `[B][T]`.
fn sequences(seed: u64) -> (Vec<f32>, Vec<Vec<u32>>) {
    let mut stream = random::stream(seed, "test/sequences", 0);
    let inputs = normals(B * T * X, &mut stream);
    let labels = (0..B).map(|_| (0..T).map(|_| stream.random_range(0..C as u32)).collect()).collect();
    (inputs, labels)
}

/// Log-probabilities `[B, T, C]`.
fn answer(net: &Net, inputs: &[f32], labels: &[Vec<u32>], device: &Device) -> Tensor<3> {
    let (x, y) = tensors(inputs, labels, device);
    net.predictor().predict(x, y)
}

fn tensors(inputs: &[f32], labels: &[Vec<u32>], device: &Device) -> (Tensor<3>, Tensor<3>) {
    let x = Tensor::from_data(TensorData::new(inputs.to_vec(), [B, T, inputs.len() / (B * T)]), device);
    (x, Tensor::from_data(TensorData::new(one_hot(labels), [B, T, C]), device))
}

fn one_hot(labels: &[Vec<u32>]) -> Vec<f32> {
    labels.iter().flatten().flat_map(|&l| (0..C as u32).map(move |c| f32::from(u8::from(c == l)))).collect()
}

/// Weights away from the special points of a new net, where some gradients are zero.
fn shaken(learner: &Learner, spec: &ModelSpec, seed: u64) -> Tensors {
    let mut tensors = Net::random(learner, spec, seed, &host()).unwrap().tensors();
    for (i, (_, values)) in tensors.values_mut().enumerate() {
        let noise = normals(values.len(), &mut random::stream(seed, "test/noise", i as u64));
        values.iter_mut().zip(noise).for_each(|(v, n)| *v += 0.1 * n);
    }
    tensors
}

/// Gradients by path, without the name of the kind in front.
struct Gradients<'a> {
    all: &'a burn::tensor::Gradients,
    path: Vec<String>,
    found: std::collections::BTreeMap<String, Vec<f32>>,
}

impl ModuleVisitor for Gradients<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
        let name = self.path[1..].join(".");
        let gradient = param.val().grad(self.all).unwrap_or_else(|| panic!("{name} has no gradient"));
        self.found.insert(name, floats(gradient));
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let (inputs, labels) = sequences(1);
    // an uneven weight for each position, so that no two of them can be mistaken for each other
    let mut wrong = Vec::new();
    let weight = |i: usize| (1.0 + (i % T) as f64) / (B * T * T) as f64;
    for learner in learners() {
        let weights = shaken(&learner, &spec(), 3);
        let device = host().autodiff();
        let net = Net::from_tensors(&learner, &spec(), &weights, &device).unwrap();
        let target: Vec<f32> = one_hot(&labels).iter().enumerate().map(|(at, v)| -v * weight(at / C) as f32).collect();
        let target = Tensor::<3>::from_data(TensorData::new(target, [B, T, C]), &device);
        let all = (answer(&net, &inputs, &labels, &device) * target).sum().backward();
        let mut visitor = Gradients { all: &all, path: Vec::new(), found: Default::default() };
        net.visit(&mut visitor);
        let gradients = visitor.found;
        // the same loss, summed in f64: what is left of f32 is the rounding of each log-probability
        let loss = |weights: &Tensors| -> f64 {
            let net = Net::from_tensors(&learner, &spec(), weights, &host()).unwrap();
            let rows = floats(answer(&net, &inputs, &labels, &host()));
            let right = labels.iter().flatten().enumerate();
            right.map(|(i, &l)| -f64::from(rows[i * C + l as usize]) * weight(i)).sum()
        };
        for (k, (name, gradient)) in gradients.iter().enumerate() {
            let norm = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
            // along the gradient, where the slope is largest, and a random direction as strongly
            let noise = normals(gradient.len(), &mut random::stream(5, "test/direction", k as u64));
            let (of_noise, of_gradient) = (norm(&noise), norm(gradient));
            let mut direction: Vec<f32> =
                gradient.iter().zip(&noise).map(|(g, n)| g / of_gradient + n / of_noise).collect();
            let scale = norm(&direction);
            direction.iter_mut().for_each(|d| *d /= scale);
            let slope = |step: f32| {
                let moved = |sign: f32| {
                    let mut moved = weights.clone();
                    let values = &mut moved.get_mut(name).unwrap().1;
                    values.iter_mut().zip(&direction).for_each(|(v, d)| *v += sign * step * d);
                    loss(&moved)
                };
                (moved(1.0) - moved(-1.0)) / (2.0 * f64::from(step))
            };
            // Richardson: what is left is of the fourth order in the step, and a rounding of about 1e-7/step = 1e-4;
            // a step over the kink of a ReLU costs a share of the slope
            let found = (4.0 * slope(1e-3) - slope(2e-3)) / 3.0;
            let expected: f64 = gradient.iter().zip(&direction).map(|(g, d)| f64::from(g * d)).sum();
            if (found - expected).abs() > 4e-4 + 0.02 * expected.abs() {
                let kind = learner.kind();
                wrong.push(format!("{kind} {name}: finite differences give {found}, the gradient {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_comes_later_changes_nothing_before() {
    let device = host();
    let (inputs, labels) = sequences(2);
    for learner in learners() {
        let kind = learner.kind();
        let net = Net::from_tensors(&learner, &spec(), &shaken(&learner, &spec(), 4), &device).unwrap();
        let whole = floats(answer(&net, &inputs, &labels, &device));
        let chances = |row: &[f32]| row.iter().map(|l| l.exp()).sum::<f32>();
        assert!(whole.chunks_exact(C).all(|row| (chances(row) - 1.0).abs() < 1e-5), "{kind}");
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        for j in 0..T {
            // sequence 0 alone: the other one must not notice
            let mut other = labels.clone();
            other[0][j] = (other[0][j] + 1) % C as u32;
            let rows = floats(answer(&net, &inputs, &other, &device));
            assert!(close(&rows[..(j + 1) * C], &whole[..(j + 1) * C]), "{kind}: label {j} is seen too early");
            assert!(close(&rows[T * C..], &whole[T * C..]), "{kind}: sequences of a batch meet");
            let remembers = learner.remembers();
            if j + 1 < T {
                assert_eq!(!close(&rows[(j + 1) * C..T * C], &whole[(j + 1) * C..T * C]), remembers, "{kind} {j}");
            }
            let mut other = inputs.clone();
            other[j * X..(j + 1) * X].iter_mut().for_each(|v| *v += 1.0);
            let rows = floats(answer(&net, &other, &labels, &device));
            assert!(close(&rows[..j * C], &whole[..j * C]), "{kind}: input {j} is seen too early");
            let seen = !close(&rows[j * C..(j + 1) * C], &whole[j * C..(j + 1) * C]);
            // without examples a set says nothing, and neither do cells that nobody has taught
            assert!(seen || j == 0, "{kind}: input {j} is not seen");
        }
        // some positions are those of all
        let (x, y) = tensors(&inputs, &labels, &device);
        let some = floats(net.predictor().predict_at(x, y, &[0, 4]));
        for b in 0..B {
            for (k, p) in [0, 4].into_iter().enumerate() {
                assert!(close(&some[(b * 2 + k) * C..][..C], &whole[(b * T + p) * C..][..C]), "{kind} at {p}");
            }
        }
    }
}

#[test]
fn vsml_knows_no_names_and_no_order_of_inputs() {
    let device = host();
    let (inputs, labels) = sequences(6);
    let learner = Learner::Vsml(vsml::Hyperparameters { size: 5 });
    let net = Net::from_tensors(&learner, &spec(), &shaken(&learner, &spec(), 1), &device).unwrap();
    let rows = floats(answer(&net, &inputs, &labels, &device));
    let renamed: Vec<Vec<u32>> = labels.iter().map(|l| l.iter().map(|&l| (l + 1) % C as u32).collect()).collect();
    let turned: Vec<f32> = inputs.chunks_exact(X).flat_map(|x| [&x[2..], &x[..2]].concat()).collect();
    let other = floats(answer(&net, &turned, &renamed, &device));
    for (row, other) in rows.chunks_exact(C).zip(other.chunks_exact(C)) {
        for c in 0..C {
            assert!((row[c] - other[(c + 1) % C]).abs() < 1e-5, "{row:?} {other:?}");
        }
    }
    // the very same weights take inputs and classes of any number
    let wide = ModelSpec { inputs: 9, ..spec() };
    let net = Net::from_tensors(&learner, &wide, &shaken(&learner, &spec(), 1), &device).unwrap();
    let inputs = normals(B * T * 9, &mut random::stream(1, "test/wide", 0));
    assert_eq!(answer(&net, &inputs, &labels, &device).dims(), [B, T, C]);
}

#[test]
fn learners_of_sets_know_no_order_of_examples() {
    let device = host();
    let (inputs, labels) = sequences(7);
    // the last example stays, those before it are reversed
    let order: Vec<usize> = (0..T - 1).rev().chain([T - 1]).collect();
    let turned: Vec<f32> = inputs
        .chunks_exact(T * X)
        .flat_map(|e| order.iter().flat_map(|&i| e[i * X..(i + 1) * X].to_vec()).collect::<Vec<_>>())
        .collect();
    let turned_labels: Vec<Vec<u32>> = labels.iter().map(|l| order.iter().map(|&i| l[i]).collect()).collect();
    for learner in [
        Learner::SetTransformer(set_transformer::Hyperparameters { width: 6, layers: 2, heads: 2, key_size: 3 }),
        Learner::Tail(coded(tail::Codes::Random)),
    ] {
        let net = Net::from_tensors(&learner, &spec(), &shaken(&learner, &spec(), 1), &device).unwrap();
        let last = |inputs: &[f32], labels: &[Vec<u32>]| {
            let (x, y) = tensors(inputs, labels, &device);
            floats(net.predictor().predict_at(x, y, &[T - 1]))
        };
        let (a, b) = (last(&inputs, &labels), last(&turned, &turned_labels));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5), "{a:?} {b:?}");
    }
}

#[test]
fn weights_of_fixed_codes_take_any_number_of_classes() {
    let device = host();
    let (inputs, labels) = sequences(8);
    let weights = |codes| shaken(&Learner::Tail(coded(codes)), &spec(), 1);
    let many = ModelSpec { classes: 40, ..spec() };
    let net =
        Net::from_tensors(&Learner::Tail(coded(tail::Codes::Random)), &many, &weights(tail::Codes::Random), &device);
    let wide: Vec<f32> =
        labels.iter().flatten().flat_map(|&label| (0..40).map(move |c| f32::from(u8::from(c == label)))).collect();
    let (x, _) = tensors(&inputs, &labels, &device);
    let y = Tensor::from_data(TensorData::new(wide, [B, T, 40]), &device);
    assert_eq!(net.unwrap().predictor().predict(x, y).dims(), [B, T, 40]);
    // learned ones are as many as were learned
    let learned = Learner::Tail(coded(tail::Codes::Learned));
    let error = Net::from_tensors(&learned, &many, &weights(tail::Codes::Learned), &device).unwrap_err();
    assert!(error.contains("codes"), "{error}");
}

#[test]
fn state_sizes_are_counted_by_one_definition() {
    let size = |learner: Learner, t| learner.state_size(&spec(), t);
    assert_eq!(size(Learner::Mlp(mlp::Hyperparameters::default()), 100), 0);
    assert_eq!(size(Learner::Lstm(lstm::Hyperparameters { hidden: 64, layers: 1, whole_tokens: true }), 100), 128);
    assert_eq!(
        size(
            Learner::OuterProductLstm(outer_product_lstm::Hyperparameters { heads: 2, size: 8, ..Default::default() }),
            100
        ),
        2 * 8 * 8 + 2 * 8
    );
    let memory =
        |shift| linear_attention::Hyperparameters { width: 9, layers: 2, heads: 3, key_size: 4, shift, aligned: false };
    let (delta, gated) = (linear_attention::FastWeights, linear_attention::GatedLinearAttention);
    assert_eq!(size(Learner::FastWeights(delta(memory(false))), 100), 2 * 3 * 4 * 4);
    assert_eq!(size(Learner::GatedLinearAttention(gated(memory(true))), 7), 2 * 3 * 4 * 5);
    assert_eq!(size(Learner::Vsml(vsml::Hyperparameters { size: 8 }), 100), X * C * 2 * 8);
    assert_eq!(
        size(Learner::VsmlUntied(vsml::UntiedHyperparameters { grid: 4, size: 8, whole_tokens: false }), 100),
        4 * 4 * 2 * 8
    );
    // the paper's own figure: 204,800 numbers at T = 100
    let paper = RunConfig::preset("paper").unwrap();
    assert_eq!(paper.learner.state_size(&paper.model, 100), 204_800);
    let set = set_transformer::Hyperparameters { width: 9, layers: 4, heads: 8, key_size: 32 };
    assert_eq!(size(Learner::SetTransformer(set), 100), 204_800);
    let tail = tail::Hyperparameters { width: 9, layers: 4, heads: 8, key_size: 32, codes: tail::Codes::Learned };
    assert_eq!(size(Learner::Tail(tail), 100), 204_800);
    let weights = (X + 1) * 16 + 17 * C;
    let maml = |rule| Learner::Maml(maml::Hyperparameters { width: 16, rule, rate: 0.1 });
    assert_eq!(size(maml(maml::Rule::Sgd), 100), weights);
    assert_eq!(size(maml(maml::Rule::Adam), 100), 3 * weights);
}

#[test]
fn weights_survive_a_file_and_a_wrong_one_is_named() {
    let folder = Folder::new("file");
    std::fs::create_dir_all(&folder.0).unwrap();
    let path = folder.0.join("net.safetensors");
    for learner in learners() {
        let net = Net::random(&learner, &spec(), 5, &host()).unwrap();
        assert_eq!(net.num_params(), net.tensors().values().map(|(_, values)| values.len()).sum::<usize>());
        net.write(&path).unwrap();
        assert_eq!(Net::read(&path, &learner, &spec(), &host()).unwrap().tensors(), net.tensors());
    }
    let other = Learner::Lstm(lstm::Hyperparameters::default());
    let error = Net::read(&path, &other, &spec(), &host()).err().unwrap();
    assert!(error.contains("net.safetensors: expected a tensor `layer.0.input`"), "{error}");
    let huge = Learner::Lstm(lstm::Hyperparameters { hidden: 8_192, layers: 2, whole_tokens: false });
    assert!(Net::random(&huge, &spec(), 5, &host()).err().unwrap().contains("parameters"));
}

/// A run of a few tasks with two classes: which one it is has to be found out from the examples.
fn toy(kind: &str, more: &[&str]) -> RunConfig {
    let set = [
        &format!("learner.kind={kind}"),
        "model.inputs=8",
        "model.classes=2",
        "model.longest=16",
        "tasks.length=16",
        "tasks.fewer_classes=0.0",
        "tasks.uneven=0.0",
        "tasks.log2_tasks=3",
        "training.batch=16",
        "training.micro_batch=16",
        "training.rate=0.005",
        "training.warm_up=10",
        "training.steps=300",
        "training.log_every=5",
        "training.checkpoint_every=1000",
    ];
    let set: Vec<String> = set.iter().chain(more).map(|s| s.to_string()).collect();
    RunConfig::resolve("quick", None, &set).unwrap()
}

fn train(config: RunConfig, folder: &Path) -> Result<Vec<Metrics>, TrainError> {
    let mut all = Vec::new();
    let mut run = Run::start(config, folder, Path::new("."), cpu())?;
    run.set_workers(1);
    run.train(&AtomicBool::new(false), &mut |m| all.push(m.clone()))?;
    Ok(all)
}

/// Trains on the toy and asserts that labels are found out: near certain at the end, a guess at the start.
fn learns(kind: &str, more: &[&str]) {
    learns_to(0.52, 0.72, kind, more);
}

fn learns_to(most_loss: f64, least_accuracy: f64, kind: &str, more: &[&str]) {
    let folder = Folder::new(kind);
    let metrics = train(toy(kind, more), &folder.0).unwrap();
    let last = metrics.last().unwrap();
    let loss = metrics.iter().rev().take(10).map(|m| m.loss).sum::<f64>() / 10.0;
    println!("{kind}: loss {:.3} → {loss:.3}, accuracy {:?}", metrics[0].loss, last.accuracy);
    // chance is ln 2 = 0.69 and 0.5; accuracies are means over 160 episodes, ± 0.04
    assert!(loss < most_loss, "{kind}: {metrics:?}");
    assert!(*last.accuracy.last().unwrap() > least_accuracy, "{kind}: {metrics:?}");
}

#[test]
fn an_mlp_learns_one_task_by_heart() {
    learns("mlp", &["tasks.log2_tasks=0", "learner.width=32"]);
}

#[test]
fn an_lstm_learns_which_task_it_is() {
    learns("lstm", &["learner.hidden=32"]);
}

#[test]
fn an_outer_product_lstm_learns_which_task_it_is() {
    learns("outer-product-lstm", &["learner.size=8"]);
}

#[test]
fn fast_weights_learn_which_task_it_is() {
    learns("fast-weights", &["learner.width=32", "learner.key_size=8", "learner.layers=1"]);
}

#[test]
fn gated_linear_attention_learns_which_task_it_is() {
    learns("gated-linear-attention", &["learner.width=32", "learner.key_size=8", "learner.layers=1"]);
}

#[test]
fn vsml_learns_to_learn() {
    // it cannot know a task by heart, for it knows no names of classes
    learns_to(0.6, 0.7, "vsml", &["learner.size=8"]);
}

#[test]
fn vsml_without_symmetries_learns_which_task_it_is() {
    learns("vsml-untied", &["learner.grid=2", "learner.size=8"]);
}

#[test]
fn a_set_transformer_learns_to_compare() {
    learns("set-transformer", &["learner.width=32", "learner.key_size=8", "learner.layers=2"]);
}

#[test]
fn tail_learns_to_compare() {
    learns("tail", &["learner.width=32", "learner.key_size=8", "learner.layers=2"]);
}

#[test]
fn maml_learns_a_start() {
    // gradient steps on single examples are no match for a memory: its new start is at 0.89, worse than a guess
    learns_to(0.62, 0.66, "maml", &["learner.width=16", "learner.rule=sgd", "learner.rate=0.3"]);
}

#[test]
fn a_resumed_run_of_each_kind_equals_an_uninterrupted_one_bit_for_bit() {
    for (kind, _) in KINDS.iter().filter(|(kind, _)| *kind != "model") {
        let (whole, broken) = (Folder::new(&format!("whole-{kind}")), Folder::new(&format!("broken-{kind}")));
        // the gradients of two micro-batches are summed
        let more = ["training.steps=4", "training.micro_batch=8", "training.log_every=1", "tasks.length=6"];
        let config = toy(kind, &more);
        train(config.clone(), &whole.0).unwrap();
        let mut run = Run::start(config, &broken.0, Path::new("."), cpu()).unwrap();
        let stop = AtomicBool::new(false);
        let at = |m: &Metrics| stop.store(m.step >= 2, std::sync::atomic::Ordering::Relaxed);
        assert!(!run.train(&stop, &mut |m| at(m)).unwrap());
        drop(run);
        let mut run = Run::resume(&broken.0, Path::new("."), cpu()).unwrap();
        assert_eq!(run.step(), 2);
        assert!(run.train(&AtomicBool::new(false), &mut |_| ()).unwrap());
        let tensors = |folder: &Path| match read_net(folder, &host()).unwrap() {
            (trainer::nets::Net::Research(net), _, 4) => net.tensors(),
            other => panic!("{other:?}"),
        };
        let (a, b) = (tensors(&whole.0), tensors(&broken.0));
        let bits = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        for (name, (_, values)) in &a {
            assert_eq!(bits(values), bits(&b[name].1), "{kind} {name}");
        }
        // it lives here alone
        let error = read_run(&whole.0).unwrap_err();
        assert!(matches!(error, TrainError::Research { .. }));
        assert!(error.to_string().contains(&format!("research learner of kind `{kind}`")), "{error}");
    }
}

#[test]
fn a_run_that_diverges_says_when_and_what_is_left() {
    let folder = Folder::new("diverges");
    let more = [
        "training.rate=1e38",
        "training.warm_up=0",
        "training.clip=0.0",
        "training.steps=50",
        "training.checkpoint_every=1",
        "training.cosine=false",
        "learner.hidden=32",
    ];
    let error = train(toy("lstm", &more), &folder.0).unwrap_err();
    let TrainError::Diverged { step, last } = &error else { panic!("{error}") };
    // the checkpoint before the step that could not be taken
    let last = last.as_ref().unwrap();
    assert!(last.ends_with(format!("checkpoint-{:09}", step - 1)), "{error}");
    assert!(error.to_string().contains(&format!("at step {step}, the last checkpoint is")), "{error}");
    assert!(read_net(&folder.0, &host()).is_ok());
}

#[test]
fn settings_of_a_set_transformer_fit_its_episodes() {
    let set = ["learner.kind=set-transformer", "tasks.shown=[5, 100]", "tasks.length=100"];
    let error = RunConfig::resolve("quick", None, &set.map(str::to_owned)).unwrap_err();
    assert!(matches!(error, ConfigError::Value { key: "tasks.shown", .. }), "{error}");
}
