//! Gradients that are written out by hand are autodiff's.
#![cfg(feature = "cpu")]

use backprop::Layout;
use backprop::causal::{Sequences, Workspace};
use backprop::set;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use shaders::Model;
use shaders::model::spec::{
    Convolution, Equivariant, KeyShift, ModelSpec, Positions, QueryKey, Ridge, RidgeKernel, Stem,
};
use trainer::device::host;
use trainer::nets::Net;
use trainer::nets::batch::{batch, set_batch};
use trainer::nets::tensors::floats;
use trainer::tasks::{Episode, Shape};

struct Flatten<'a> {
    gradients: &'a GradientsParams,
    flat: Vec<f32>,
}

impl ModuleVisitor for Flatten<'_> {
    fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
        let size = param.val().shape().num_elements();
        match self.gradients.get::<R>(param.id) {
            Some(gradient) => self.flat.extend(floats(gradient)),
            // a parameter that nothing came of
            None => self.flat.extend(vec![0.0; size]),
        }
    }
}

/// Log-probabilities and gradient by `causal::Net` and autodiff.
fn by_autodiff(model: &Model, inputs: &[f32], labels: &[u32], tokens: usize) -> (Vec<f32>, Vec<f32>) {
    let device = host().autodiff();
    let net = Net::from_model(model, &device);
    let (x, c, b) = (model.spec.inputs, model.spec.classes, labels.len() / tokens);
    let episodes: Vec<Episode> = inputs
        .chunks_exact(tokens * x)
        .zip(labels.chunks_exact(tokens))
        .map(|(inputs, labels)| Episode { inputs: inputs.to_vec(), labels: labels.to_vec() })
        .collect();
    let (inputs, previous, target) = batch(&episodes, x, c);
    let tensor = |values, last| Tensor::<3>::from_data(TensorData::new(values, [b, tokens, last]), &device);
    let Net::Causal(causal) = &net else { panic!("a causal learner") };
    let log = causal.forward(tensor(inputs, x), tensor(previous, c));
    let loss = (log.clone() * tensor(target, c)).sum().div_scalar(-(labels.len() as f64));
    let gradients = GradientsParams::from_grads(loss.backward(), &net);
    let mut flatten = Flatten { gradients: &gradients, flat: Vec::new() };
    net.visit(&mut flatten);
    (floats(log), flatten.flat)
}

fn most(values: &[f32], least: f32) -> f32 {
    values.iter().fold(least, |most, v| most.max(v.abs()))
}

/// The largest difference, as a share of the largest value or of `least`.
fn apart(got: &[f32], want: &[f32], least: f32) -> f32 {
    assert_eq!(got.len(), want.len());
    let most = most(want, least);
    got.iter().zip(want).fold(0.0f32, |worst, (g, w)| worst.max((g - w).abs() / most))
}

/// A model whose gates, temperatures, gains and biases are not at their starting values.
fn shaken(spec: ModelSpec) -> Model {
    let mut model = Model::random(spec, 3).unwrap();
    for (name, values) in model.tensors_mut() {
        for (i, value) in values.iter_mut().enumerate() {
            *value += 0.1 * ((i * 7 + name.len() * 3) as f32).sin();
        }
    }
    model
}

fn holds(spec: ModelSpec, tokens: usize) {
    let model = shaken(spec);
    let (x, c, b) = (model.spec.inputs, model.spec.classes, 2);
    let inputs: Vec<f32> = (0..b * tokens * x).map(|i| ((i * i % 101) as f32 * 0.37).sin()).collect();
    let labels: Vec<u32> = (0..b * tokens).map(|i| ((i * 5 + i / 3) % c) as u32).collect();
    let (want_log, want) = by_autodiff(&model, &inputs, &labels, tokens);
    let weights: Vec<f32> = model.spec.tensors().iter().flat_map(|t| model.tensor(&t.name).to_vec()).collect();
    let mut workspace = Workspace::new(&model.spec);
    let sequences = Sequences { inputs: &inputs, labels: &labels, tokens };
    let one = Sequences { inputs: &inputs[..x], labels: &labels[..1], tokens: 1 };
    // what the buffers held before must make no difference
    for _ in 0..2 {
        let mut gradient = vec![f32::NAN; weights.len()];
        let scale = 1.0 / labels.len() as f32;
        let log = workspace.gradient(&weights, sequences, scale, &mut gradient, false);
        let log = apart(log, &want_log, 1.0);
        assert!(log < 1e-5, "log-probabilities differ by {log}: {:?}", model.spec);
        for tensor in model.spec.tensors() {
            let place = Layout::new(&model.spec).at(&tensor.name);
            // some are zero but for rounding, such as a key's bias where every slot has it
            let worst = apart(&gradient[place.clone()], &want[place], 0.01 * most(&want, 0.0));
            assert!(worst < 2e-4, "the gradient of {} differs by {worst}: {:?}", tensor.name, model.spec);
        }
        // other sizes in between
        workspace.gradient(&weights, one, 1.0, &mut gradient, true);
    }
}

#[test]
fn gradients_are_those_of_autodiff_for_every_switch() {
    for shift in [KeyShift::None, KeyShift::Full, KeyShift::Gated] {
        for query_key in [QueryKey::Free, QueryKey::Equal, QueryKey::Tied] {
            for (positions, qk_norm) in [(Positions::Learned, false), (Positions::None, true)] {
                let mut spec = ModelSpec::shifted(6, 8, 2, 2);
                (spec.longest, spec.classes) = (50, 4);
                (spec.key_shift, spec.query_key, spec.positions) = (shift, query_key, positions);
                spec.qk_norm = qk_norm;
                // one token; within a block of attention; across blocks
                for tokens in [1, 9, 45] {
                    holds(spec.clone(), tokens);
                }
            }
        }
    }
}

/// Log-probabilities and gradient of a set learner's micro-batch by `set::Net` and autodiff.
fn set_by_autodiff(model: &Model, episodes: &[Episode], shape: &Shape, neighbours: f64) -> (Vec<f32>, Vec<f32>) {
    let device = host().autodiff();
    let net = Net::from_model(model, &device);
    let Net::Set(set) = &net else { panic!("a set learner") };
    let one_hot = |answered: usize, [b, t, c]: [usize; 3]| {
        let mut target = vec![0f32; b * t * c];
        let labels = episodes.iter().flat_map(|episode| &episode.labels[answered..]);
        target.chunks_exact_mut(c).zip(labels).for_each(|(row, &label)| row[label as usize] = 1.0);
        Tensor::<3>::from_data(TensorData::new(target, [b, t, c]), &device)
    };
    let (log, beside) = set.forward_with_neighbours(&set_batch(episodes, shape, &device));
    let [b, t, c] = log.dims();
    let mut loss = (log.clone() * one_hot(shape.shown, [b, t, c])).sum().div_scalar(-((b * t) as f64));
    if let Some(chances) = beside {
        let [b, m, c] = chances.dims();
        let logs = (chances + 1e-3).log();
        loss = loss + (logs * one_hot(0, [b, m, c])).sum().mul_scalar(-neighbours / (b * m) as f64);
    }
    let gradients = GradientsParams::from_grads(loss.backward(), &net);
    let mut flatten = Flatten { gradients: &gradients, flat: Vec::new() };
    net.visit(&mut flatten);
    (floats(log), flatten.flat)
}

/// A set learner with every kernel of a ridge, and a stem of so many channels, none for 0.
fn set_spec(channels: usize, ridges: usize, linear_heads: usize) -> ModelSpec {
    let mut spec = ModelSpec::equivariant(64, 5, 8, 3);
    let ridge = |kernel, raw| Ridge { kernel, lambda: 0.1, raw };
    let all = [
        ridge(RidgeKernel::Local, false),
        ridge(RidgeKernel::Gaussian, true),
        ridge(RidgeKernel::Linear, true),
        ridge(RidgeKernel::Local, true),
    ];
    let convolution = |channels, size, stride| Convolution { channels, size, stride };
    let convolutions = vec![convolution(6, 5, 1), convolution(9, 3, 2), convolution(5, 4, 1)];
    let side = if channels == 3 { 4 } else { 8 };
    let stem = (channels > 0).then_some(Stem { side, channels, convolutions, embedding: 11 });
    spec.equivariant = Some(Equivariant { linear_heads, neighbour: 3, ridge: all[..ridges].to_vec(), stem });
    spec
}

fn set_holds(spec: &ModelSpec, shape: Shape, neighbours: f64) {
    let model = shaken(spec.clone());
    let rows = shape.shown + shape.queries;
    let episode = |e: usize| {
        // inputs of several sizes in one micro-batch
        let x = if shape.drawings { 64 } else { 40 + 10 * e };
        let label = |i: usize| ((i * 5 + i / 3 + e) % shape.classes) as u32;
        let labels: Vec<u32> = (0..rows).map(label).collect();
        let value = |i: usize| ((i * i % 1_009 + 7 * e) as f32 * 0.37).sin();
        Episode { inputs: (0..rows * x).map(value).collect(), labels }
    };
    let episodes: Vec<Episode> = (0..3).map(episode).collect();
    let (want_log, want) = set_by_autodiff(&model, &episodes, &shape, neighbours);
    let weights: Vec<f32> = spec.tensors().iter().flat_map(|t| model.tensor(&t.name).to_vec()).collect();
    let mut trainer = set::Trainer::new(spec, weights.clone(), weights.clone(), 2);
    let made = |e: usize| set::Made {
        inputs: episodes[e].inputs.as_slice().into(),
        labels: episodes[e].labels.as_slice().into(),
        shown: shape.shown,
        classes: shape.classes,
        images: shape.drawings,
    };
    let logs = |e: usize| {
        let Episode { inputs, labels } = &episodes[e];
        let (shown, classes) = (shape.shown, shape.classes);
        let episode = set::Episode { inputs, labels, shown, classes, images: shape.drawings };
        let loss = set::Loss { queries: 1.0, neighbours: 0.0 };
        set::Workspace::new(spec).gradient(&weights, episode, loss, &mut vec![0.0; weights.len()]).to_vec()
    };
    let log = apart(&(0..3).flat_map(logs).collect::<Vec<f32>>(), &want_log, 1.0);
    assert!(log < 2e-5, "log-probabilities differ by {log}: {shape:?}");
    trainer.gradient(3, neighbours, made, false);
    let mut worst_of_all = 0f32;
    // some gradients are zero but for rounding: of a tensor, and of all where the answers are sure and right
    let least = 0.01 * most(&want, 1.0);
    for tensor in spec.tensors() {
        let place = Layout::new(spec).at(&tensor.name);
        let worst = apart(&trainer.state.gradient[place.clone()], &want[place], least);
        worst_of_all = worst_of_all.max(worst);
        assert!(worst < 2e-4, "the gradient of {} differs by {worst} ({least}): {shape:?}", tensor.name);
    }
    println!("{shape:?}: gradients differ by {worst_of_all:.1e} at most");
}

#[test]
fn gradients_of_set_learners_are_those_of_autodiff() {
    for (channels, ridges, linear_heads) in [(1, 4, 2), (1, 0, 0), (3, 2, 1), (0, 3, 1), (0, 0, 2)] {
        let spec = set_spec(channels, ridges, linear_heads);
        for (shown, queries, classes) in [(20, 6, 5), (17, 1, 2), (3, 4, 3), (2, 2, 1), (1, 3, 4)] {
            for drawings in [false, true] {
                for neighbours in [0.0, 0.7] {
                    set_holds(
                        &spec,
                        Shape { shown, queries, classes, outsiders: false, drawings: drawings && channels > 0 },
                        neighbours,
                    );
                }
            }
        }
    }
}
