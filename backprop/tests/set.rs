//! Set learners against the reference in f64: answers, and gradients by finite differences.

use backprop::set::{Episode, Loss, Made, Trainer, Workspace};
use backprop::{AdamW, Layout};
use shaders::model::spec::{Convolution, Equivariant, QueryOptions, Ridge, RidgeKernel, Stem};
use shaders::reference;
use shaders::{Model, ModelSpec};

/// Values between −1 and 1 that look random.
fn noise(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| (((i + 1) * (2 * seed + 7919) % 10_007) as f32 * 12.9898).sin()).collect()
}

fn spec(ridges: &[(RidgeKernel, bool)], stem: bool) -> ModelSpec {
    let mut spec = ModelSpec::equivariant(49, 5, 6, 2);
    let convolution = |channels, size, stride| Convolution { channels, size, stride };
    let stem = stem.then(|| Stem {
        side: 7,
        channels: 1,
        convolutions: vec![convolution(3, 3, 1), convolution(4, 5, 2)],
        embedding: 5,
    });
    let ridge = |&(kernel, raw): &(RidgeKernel, bool)| Ridge { kernel, lambda: 0.1, raw };
    spec.heads = 3;
    spec.equivariant =
        Some(Equivariant { linear_heads: 2, neighbour: 3, ridge: ridges.iter().map(ridge).collect(), stem });
    spec
}

/// A model with no weight at its starting value.
fn shaken(spec: ModelSpec) -> Model {
    let mut model = Model::random(spec, 3).unwrap();
    for (name, values) in model.tensors_mut() {
        let noise = noise(values.len(), name.len());
        values.iter_mut().zip(noise).for_each(|(value, noise)| *value += 0.2 * noise);
    }
    model
}

fn weights(model: &Model) -> Vec<f32> {
    model.spec.tensors().iter().flat_map(|tensor| model.tensor(&tensor.name).to_vec()).collect()
}

struct Case {
    inputs: Vec<f32>,
    labels: Vec<u32>,
    shown: usize,
    classes: usize,
    images: bool,
}

impl Case {
    fn new(shown: usize, queries: usize, classes: usize, images: bool) -> Case {
        let m = shown + queries;
        let labels = (0..m).map(|i| ((i * i + i / 3) % classes) as u32).collect();
        Case { inputs: noise(m * 49, shown), labels, shown, classes, images }
    }

    fn episode(&self) -> Episode<'_> {
        let Case { inputs, labels, shown, classes, images } = self;
        Episode { inputs, labels, shown: *shown, classes: *classes, images: *images }
    }

    /// Log-probabilities of the queries by the reference, `[Q, C]`.
    fn reference(&self, model: &Model) -> Vec<f32> {
        let options = QueryOptions { classes: self.classes, images: self.images };
        let mut all = Vec::new();
        for (input, &label) in self.inputs.chunks_exact(49).zip(&self.labels).skip(self.shown) {
            let inputs = [&self.inputs[..self.shown * 49], input].concat();
            let labels = [&self.labels[..self.shown], &[label]].concat();
            all.extend_from_slice(&reference::last_as(model, &inputs, &labels, options).unwrap()[..self.classes]);
        }
        all
    }

    /// Mean cross-entropy by the reference.
    fn loss(&self, model: &Model) -> f64 {
        let rows = self.reference(model);
        let labels = &self.labels[self.shown..];
        let sum: f64 = rows.chunks_exact(self.classes).zip(labels).map(|(row, &l)| f64::from(row[l as usize])).sum();
        -sum / labels.len() as f64
    }
}

fn gradient(model: &Model, case: &Case, workspace: &mut Workspace) -> (Vec<f32>, Vec<f32>) {
    let weights = weights(model);
    let mut gradient = vec![0.0; weights.len()];
    let queries = case.labels.len() - case.shown;
    let loss = Loss { queries: 1.0 / queries as f32, neighbours: 0.0 };
    let rows = workspace.gradient(&weights, case.episode(), loss, &mut gradient).to_vec();
    (rows, gradient)
}

/// Slopes of each tensor along a direction, by the reference and by hand; `of` says which tensors.
fn slopes_agree(model: &Model, case: &Case, of: impl Fn(&str) -> bool) {
    let (_, gradient) = gradient(model, case, &mut Workspace::new(&model.spec));
    let layout = Layout::new(&model.spec);
    for tensor in model.spec.tensors().iter().filter(|tensor| of(&tensor.name)) {
        let direction = noise(tensor.len(), 5);
        let step = 2e-4;
        let at = |step: f32| {
            let mut moved = model.clone();
            for (name, values) in moved.tensors_mut() {
                if *name == tensor.name {
                    values.iter_mut().zip(&direction).for_each(|(value, d)| *value += step * d);
                }
            }
            case.loss(&moved)
        };
        let want = (at(step) - at(-step)) / f64::from(2.0 * step);
        let own = &gradient[layout.at(&tensor.name)];
        let got: f64 = own.iter().zip(&direction).map(|(g, d)| f64::from(*g) * f64::from(*d)).sum();
        let size: f64 = own.iter().map(|g| f64::from(*g).abs()).sum();
        let apart = (got - want).abs();
        assert!(apart < 5e-4 + 5e-3 * size, "{}: slope {got} by hand, {want} by differences", tensor.name);
    }
}

const RIDGES: [(RidgeKernel, bool); 4] = [
    (RidgeKernel::Local, false),
    (RidgeKernel::Local, true),
    (RidgeKernel::Linear, true),
    (RidgeKernel::Gaussian, false),
];

#[test]
fn answers_are_those_of_the_reference() {
    for (ridges, stem) in [(&RIDGES[..], true), (&RIDGES[..1], false), (&[], true), (&[], false)] {
        let model = shaken(spec(ridges, stem));
        let mut workspace = Workspace::new(&model.spec);
        for (shown, queries, classes) in [(12, 4, 5), (1, 2, 3), (9, 1, 2), (0, 2, 4), (3, 3, 1)] {
            for images in [false, true] {
                let case = Case::new(shown, queries, classes, images);
                let (got, gradient) = gradient(&model, &case, &mut workspace);
                let want = case.reference(&model);
                for (got, want) in got.iter().zip(&want) {
                    assert!((got - want).abs() < 2e-4, "{shown} shown: {got} by hand, {want} by the reference");
                }
                assert!(gradient.iter().all(|g| g.is_finite()), "{shown} shown");
                assert_eq!(shown == 0 || classes == 1, gradient.iter().all(|&g| g.abs() < 1e-6), "{shown} shown");
            }
        }
    }
}

#[test]
fn gradients_of_all_but_the_stem_are_those_of_finite_differences() {
    for (stem, images) in [(true, true), (true, false), (false, false)] {
        let model = shaken(spec(&RIDGES, stem));
        slopes_agree(&model, &Case::new(12, 4, 5, images), |name| !name.starts_with("stem."));
        slopes_agree(&model, &Case::new(1, 3, 3, images), |name| !name.starts_with("stem."));
    }
}

/// Ridges and local reaches are constants to the gradient, and no constants to differences: here they have no influence.
#[test]
fn gradients_of_the_stem_are_those_of_finite_differences() {
    for (side, channels) in [(7, 1), (4, 3)] {
        let mut spec = spec(&[], true);
        let stem = spec.equivariant.as_mut().unwrap().stem.as_mut().unwrap();
        (stem.side, stem.channels) = (side, channels);
        let mut model = shaken(spec);
        for (name, values) in model.tensors_mut() {
            for (at, value) in values.iter_mut().enumerate() {
                let local = (name.ends_with("slope.softmax") && at / 3 % 4 == 3)
                    || (name.ends_with("slope.linear") && at / 2 % 3 == 2);
                if local {
                    *value = 0.0;
                }
            }
        }
        slopes_agree(&model, &Case::new(12, 4, 5, true), |name| name.starts_with("stem."));
    }
}

/// Weights after some steps on episodes of several shapes.
fn trained(model: &Model, threads: usize, images: bool) -> Trainer {
    let weights = weights(model);
    let mut trainer = Trainer::new(&model.spec, weights.clone(), weights, threads);
    let cases: Vec<Case> = (0..20).map(|e| Case::new(3 + 5 * (e / 5), 4, 2 + e / 5, images && e % 2 == 0)).collect();
    let made = |e: usize| {
        let Case { inputs, labels, shown, classes, images } = &cases[e];
        Made {
            inputs: inputs.as_slice().into(),
            labels: labels.as_slice().into(),
            shown: *shown,
            classes: *classes,
            images: *images,
        }
    };
    let adam = AdamW { rate: 3e-3, beta_2: 0.99, epsilon: 1e-8, weight_decay: 0.1 };
    let mut losses = Vec::new();
    for _ in 0..12 {
        let score = trainer.gradient(cases.len(), 0.5, made, true);
        assert!(score.right.len() == 1 && score.right[0] <= 20.0);
        losses.push(score.loss);
        trainer.state.step(&adam, 1.0);
        trainer.state.update_ema(0.9);
    }
    assert!(losses[11] < losses[0] - 0.05, "{losses:?}");
    trainer
}

#[test]
fn steps_are_the_same_on_any_number_of_threads() {
    let model = shaken(spec(&RIDGES, true));
    let alone = trained(&model, 1, true).state;
    for threads in [2, 3] {
        let state = trained(&model, threads, true).state;
        assert!(state.weights == alone.weights && state.average == alone.average && state.moments == alone.moments);
    }
}

#[test]
fn a_stem_that_read_nothing_is_not_stepped() {
    let model = shaken(spec(&RIDGES, true));
    let state = trained(&model, 1, false).state;
    let before = weights(&model);
    let layout = Layout::new(&model.spec);
    for (at, tensor) in model.spec.tensors().iter().enumerate() {
        let place = layout.at(&tensor.name);
        let (stem, moved) = (tensor.name.starts_with("stem."), state.weights[place.clone()] != before[place]);
        assert_eq!((moved, state.moments.times[at]), if stem { (false, 0) } else { (true, 12) }, "{}", tensor.name);
    }
}
