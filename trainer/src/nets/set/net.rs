//! The set learner itself.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, activation};
use shaders::model::spec::ModelSpec;

use super::super::load::Loader;
use super::super::parts::SpecField;
use super::super::predict::{Inputs, Predict};
use super::super::tensors::floats;
use super::features::{Features, Sizes};
use super::layer::{Layer, rms};
use super::stem::Stem;
use super::view::{Ridges, View};

/// A set learner. Shapes of the parameters: [`ModelSpec::tensors`].
#[derive(Module, Debug)]
pub struct Net {
    embed: Embed,
    stem: Option<Stem>,
    layer: Vec<Layer>,
    norm: Param<Tensor<1>>,
    readout: Param<Tensor<2>>,
    #[module(skip)]
    spec: SpecField,
}

#[derive(Module, Debug)]
struct Embed {
    shown: Param<Tensor<1>>,
    label: Param<Tensor<1>>,
    query: Param<Tensor<1>>,
    scores: Param<Tensor<2>>,
}

/// A question to a set learner, B episodes of one shape: N shown examples, then the queries, M rows in all.
#[derive(Debug, Clone)]
pub struct Batch {
    /// `[B, M, X]`
    pub inputs: Tensor<3>,
    /// Labels of the shown examples, `[B][N]`.
    pub labels: Vec<Vec<u32>>,
    /// C in use.
    pub classes: usize,
    /// What the inputs are; images go through the stem, if there is one.
    pub kind: Inputs,
}

impl Net {
    pub(in crate::nets) fn load(loader: &Loader<'_>) -> Net {
        let spec = loader.spec();
        let set = spec.set();
        Net {
            embed: Embed {
                shown: loader.vector("embed.shown"),
                label: loader.vector("embed.label"),
                query: loader.vector("embed.query"),
                scores: loader.matrix("embed.scores"),
            },
            stem: set.stem.as_ref().map(|stem| Stem::load(loader, stem.convolutions.len())),
            layer: (0..spec.layers).map(|l| Layer::load(loader, l)).collect(),
            norm: loader.vector("norm"),
            readout: loader.matrix("readout"),
            spec: SpecField(spec.clone()),
        }
    }

    /// Whether it has a stem.
    pub(crate) fn has_stem(&self) -> bool {
        self.stem.is_some()
    }

    /// Drawings as the stem sees them, `[n, X]` → `[n, E]`; as they are where there is no stem.
    pub(crate) fn embed(&self, drawings: Tensor<2>) -> Tensor<2> {
        match &self.stem {
            Some(stem) => stem.forward(drawings.unsqueeze::<3>(), &self.spec.0).squeeze_dim::<2>(0),
            None => drawings,
        }
    }

    /// Log-probabilities of the queries, `[B, M − N, C]`.
    pub fn forward(&self, batch: &Batch) -> Tensor<3> {
        self.forward_with_neighbours(batch).0
    }

    /// The same, and for images what their neighbours in the stem's embedding alone say of every row: chances
    /// `[B, M, C]`, by which a stem can be taught directly. A shown example does not see itself.
    pub fn forward_with_neighbours(&self, batch: &Batch) -> (Tensor<3>, Option<Tensor<3>>) {
        let spec = &self.spec.0;
        let set = spec.set();
        let device = batch.inputs.device();
        let [b, m, _] = batch.inputs.dims();
        let (n, c) = (batch.labels[0].len(), batch.classes);
        let queries = m - n;
        if n == 0 {
            return (Tensor::full([b, queries, c], -(c as f64).ln(), &device), None);
        }
        let views = self.views(batch);
        let ridges = Ridges::new(spec, &views, &batch.labels, c);
        let sizes = Sizes { b, m, n, c };
        let features = Features::new(sizes, &views, &ridges, set.linear_heads, &device);
        let one_hot = one_hot(&batch.labels, c);
        let one_hot = Tensor::<1>::from_floats(one_hot.as_slice(), &device).reshape([b, n, c, 1]);
        let neighbours = (self.stem.is_some() && batch.kind == Inputs::Images && n > 1).then(|| {
            let near = views[1].cosine.clone() * NEIGHBOURS + features.own.clone() * -1e9;
            activation::softmax(near, 2).matmul(one_hot.clone().reshape([b, n, c]))
        });
        let mut state = self.embedded(one_hot, sizes, &ridges);
        for (l, layer) in self.layer.iter().enumerate() {
            state = layer.forward(state, &features, spec, l + 1 == self.layer.len());
        }
        (self.logits(state, sizes, ridges.scores), neighbours)
    }

    /// Views of the inputs as they are, and of the stem's embedding of images.
    fn views(&self, batch: &Batch) -> Vec<View> {
        let spec = &self.spec.0;
        let (n, neighbour) = (batch.labels[0].len(), spec.set().neighbour);
        let mut views = vec![View::new(batch.inputs.clone(), n, neighbour)];
        if let Some(stem) = &self.stem {
            views.push(match batch.kind {
                Inputs::Images => View::new(stem.forward(batch.inputs.clone(), spec), n, neighbour),
                Inputs::Vectors => views[0].clone(),
            });
        }
        views
    }

    /// The state before the first layer, `[B·M·C, D]`; `one_hot` labels `[B, N, C, 1]`.
    fn embedded(&self, one_hot: Tensor<4>, sizes: Sizes, ridges: &Ridges) -> Tensor<2> {
        let (Sizes { b, m, n, c }, d) = (sizes, self.spec.0.width);
        let vector = |p: &Param<Tensor<1>>| p.val().reshape([1, 1, 1, d]);
        let shown = one_hot * vector(&self.embed.label) + vector(&self.embed.shown);
        let asked = vector(&self.embed.query).expand([b, m - n, c, d]);
        let state = Tensor::cat(vec![shown, asked], 1).reshape([b * m * c, d]);
        state + ridges.scores.clone().matmul(self.embed.scores.val())
    }

    /// Log-probabilities from the state of the queries `[B·(M − N)·C, D]` and the scores of all rows.
    fn logits(&self, state: Tensor<2>, sizes: Sizes, scores: Tensor<2>) -> Tensor<3> {
        let (Sizes { b, m, n, c }, d, s) = (sizes, self.spec.0.width, self.spec.0.set().scores());
        let queries = m - n;
        let z = rms(state, c) * self.norm.val().unsqueeze();
        let scores = scores.reshape([b, m, c * s]).narrow(1, n, queries).reshape([b * queries * c, s]);
        let logits = z.matmul(self.readout.val().narrow(0, 0, d)) + scores.matmul(self.readout.val().narrow(0, d, s));
        activation::log_softmax(logits.reshape([b, queries, c]), 2)
    }
}

/// How sharply neighbours are distinguished: the factor of their cosines.
const NEIGHBOURS: f64 = 10.0;

/// A set learner as a predictor of sequences, with the kind of its inputs.
#[derive(Debug, Clone, Copy)]
pub struct Predictor<'a> {
    net: &'a Net,
    kind: Inputs,
}

impl Net {
    /// Predicts whole sequences of inputs of one kind.
    pub fn predictor(&self, kind: Inputs) -> Predictor<'_> {
        Predictor { net: self, kind }
    }

    /// What this net is.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec.0
    }
}

impl Predict for Predictor<'_> {
    fn spec(&self) -> &ModelSpec {
        self.net.spec()
    }

    fn predict(&self, inputs: Tensor<3>, labels: Tensor<3>) -> Tensor<3> {
        let [_, t, _] = inputs.dims();
        self.predict_at(inputs, labels, &(0..t).collect::<Vec<_>>())
    }

    fn predict_at(&self, inputs: Tensor<3>, labels: Tensor<3>, positions: &[usize]) -> Tensor<3> {
        let [b, t, c] = labels.dims();
        let one_hot = floats(labels);
        let label = |e: usize, i: usize| {
            let row = &one_hot[(e * t + i) * c..(e * t + i + 1) * c];
            row.iter().position(|&v| v > 0.5).expect("every example has a label") as u32
        };
        let at = |&p: &usize| {
            self.net.forward(&Batch {
                inputs: inputs.clone().narrow(1, 0, p + 1),
                labels: (0..b).map(|e| (0..p).map(|i| label(e, i)).collect()).collect(),
                classes: c,
                kind: self.kind,
            })
        };
        Tensor::cat(positions.iter().map(at).collect(), 1)
    }
}

/// `[B, N, C]`
fn one_hot(labels: &[Vec<u32>], classes: usize) -> Vec<f32> {
    let mut out = vec![0.0; labels.iter().map(Vec::len).sum::<usize>() * classes];
    for (row, &label) in out.chunks_exact_mut(classes).zip(labels.iter().flatten()) {
        row[label as usize] = 1.0;
    }
    out
}
