//! Gradients that are written out by hand are autodiff's.
#![cfg(feature = "cpu")]

use backprop::Layout;
use backprop::causal::{Sequences, Workspace};
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use shaders::Model;
use shaders::model::spec::{KeyShift, ModelSpec, Positions, QueryKey};
use trainer::device::host;
use trainer::nets::Net;
use trainer::nets::batch::batch;
use trainer::nets::tensors::floats;
use trainer::tasks::Episode;

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
