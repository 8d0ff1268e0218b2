//! Variant `equivariant`.

use burn::module::{Module, Param};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, activation};
use shaders::spec::{COSINE_EPSILON, LINEAR_SLOPE, ModelSpec, RMS_EPSILON, SOFTMAX_SLOPE};

use super::{Linear, Loader};

/// A set learner. Shapes of the parameters: [`ModelSpec::tensors`].
#[derive(Module, Debug)]
pub struct Net {
    embed: Embed,
    stem: Option<Stem>,
    layer: Vec<Layer>,
    norm: Param<Tensor<1>>,
    readout: Param<Tensor<2>>,
    #[module(skip)]
    spec: super::SpecField,
}

#[derive(Module, Debug)]
struct Embed {
    shown: Param<Tensor<1>>,
    label: Param<Tensor<1>>,
    query: Param<Tensor<1>>,
    scores: Param<Tensor<2>>,
}

#[derive(Module, Debug)]
struct Stem {
    convolution: Vec<Linear>,
    embedding: Param<Tensor<2>>,
    skip: Param<Tensor<2>>,
}

#[derive(Module, Debug)]
struct Slope {
    softmax: Param<Tensor<2>>,
    linear: Option<Param<Tensor<2>>>,
}

#[derive(Module, Debug)]
struct Mlp {
    up: Linear,
    down: Linear,
}

#[derive(Module, Debug)]
struct Layer {
    norm1: Param<Tensor<1>>,
    query: Param<Tensor<2>>,
    key: Param<Tensor<2>>,
    value: Param<Tensor<2>>,
    output: Param<Tensor<2>>,
    temperature: Param<Tensor<1>>,
    slope: Slope,
    norm2: Param<Tensor<1>>,
    mlp: Mlp,
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
    /// Whether inputs are drawings, which a stem may read.
    pub drawings: bool,
}

impl Net {
    pub(super) fn load(loader: &Loader<'_>) -> Net {
        let spec = loader.spec();
        let set = spec.set();
        let layer = |l: usize| {
            let matrix = |name: &str| loader.matrix(&format!("layer.{l}.{name}"));
            let vector = |name: &str| loader.vector(&format!("layer.{l}.{name}"));
            let linear = |name: &str| loader.linear(&format!("layer.{l}.{name}"));
            Layer {
                norm1: vector("norm1"),
                query: matrix("query"),
                key: matrix("key"),
                value: matrix("value"),
                output: matrix("output"),
                temperature: vector("temperature"),
                slope: Slope {
                    softmax: matrix("slope.softmax"),
                    linear: (set.linear_heads > 0).then(|| matrix("slope.linear")),
                },
                norm2: vector("norm2"),
                mlp: Mlp { up: linear("mlp.up"), down: linear("mlp.down") },
            }
        };
        Net {
            embed: Embed {
                shown: loader.vector("embed.shown"),
                label: loader.vector("embed.label"),
                query: loader.vector("embed.query"),
                scores: loader.matrix("embed.scores"),
            },
            stem: set.stem.as_ref().map(|stem| Stem {
                convolution: (0..stem.convolutions.len())
                    .map(|i| loader.linear(&format!("stem.convolution.{i}")))
                    .collect(),
                embedding: loader.matrix("stem.embedding"),
                skip: loader.matrix("stem.skip"),
            }),
            layer: (0..spec.layers).map(layer).collect(),
            norm: loader.vector("norm"),
            readout: loader.matrix("readout"),
            spec: super::SpecField(spec.clone()),
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
        self.forward_beside(batch).0
    }

    /// The same, and beside it for drawings what their neighbours in the stem's embedding alone say of every row: chances
    /// `[B, M, C]`, by which a stem can be taught directly. A shown example does not see itself.
    ///
    /// Ridges and local reaches are computed outside of any gradient.
    pub fn forward_beside(&self, batch: &Batch) -> (Tensor<3>, Option<Tensor<3>>) {
        let spec = &self.spec.0;
        let set = spec.set();
        let device = batch.inputs.device();
        let [b, m, _] = batch.inputs.dims();
        let (n, c, d, k) = (batch.labels[0].len(), batch.classes, spec.width, spec.key_size);
        let (h, linear_heads) = (spec.heads, set.linear_heads);
        let queries = m - n;
        if n == 0 {
            return (Tensor::full([b, queries, c], -(c as f64).ln(), &device), None);
        }

        let mut views = vec![View::new(batch.inputs.clone(), n, set.neighbour)];
        if let Some(stem) = &self.stem {
            views.push(match batch.drawings {
                true => View::new(stem.forward(batch.inputs.clone(), spec), n, set.neighbour),
                false => views[0].clone(),
            });
        }
        let ridges = Ridges::new(spec, &views, batch);

        // [F, B·M·N]
        let flat = |tensors: Vec<Tensor<3>>| -> Tensor<2> {
            let rows = tensors.into_iter().map(|t| t.reshape([1, b * m * n])).collect();
            Tensor::cat(rows, 0)
        };
        let softmax_features = flat(
            views
                .iter()
                .flat_map(|v| {
                    let cos = v.cosine.clone();
                    [cos.clone(), cos.clone() * cos, v.distance.clone().neg(), v.local.clone().neg()]
                })
                .collect(),
        );
        // one example is not among those it sees
        let own: Vec<f32> = (0..m * n).map(|at| f32::from(u8::from(at / n == at % n))).collect();
        let own = Tensor::<1>::from_floats(own.as_slice(), &device).reshape([1, m, n]);
        let seen: Vec<f32> = (0..m)
            .flat_map(|i| {
                let seen = if i < n { n - 1 } else { n };
                (0..n).map(move |j| if i == j { 0.0 } else { 1.0 / seen.max(1) as f32 })
            })
            .collect();
        let seen = Tensor::<1>::from_floats(seen.as_slice(), &device).reshape([1, m, n]);
        let linear_features = (linear_heads > 0).then(|| {
            let of_views = views.iter().flat_map(|v| {
                let cos = v.cosine.clone();
                [cos.clone(), cos.clone() * cos, v.local.clone().neg().exp()].map(|feature| feature * seen.clone())
            });
            flat(of_views.chain(ridges.alpha.iter().cloned()).collect())
        });
        // a lone shown example sees nothing: what softmax makes of an empty row is taken out again
        let lone = n == 1;

        let one_hot = one_hot(&batch.labels, c);
        let one_hot = Tensor::<1>::from_floats(one_hot.as_slice(), &device).reshape([b, n, c, 1]);
        let neighbours = (self.stem.is_some() && batch.drawings && n > 1).then(|| {
            let near = views[1].cosine.clone() * NEIGHBOURS + own.clone() * -1e9;
            activation::softmax(near, 2).matmul(one_hot.clone().reshape([b, n, c]))
        });
        let vector = |p: &Param<Tensor<1>>| p.val().reshape([1, 1, 1, d]);
        let shown = one_hot * vector(&self.embed.label) + vector(&self.embed.shown);
        let asked = vector(&self.embed.query).expand([b, queries, c, d]);
        let state = Tensor::cat(vec![shown, asked], 1).reshape([b * m * c, d]);
        let mut state = state + ridges.scores.clone().matmul(self.embed.scores.val());

        for (l, layer) in self.layer.iter().enumerate() {
            // nobody sees what the last layer makes of a shown example
            let last = l + 1 == self.layer.len();
            let rows = if last { queries } else { m };
            let first = m - rows;
            let z = rms(state.clone(), c) * layer.norm1.val().unsqueeze();
            let part = |z: &Tensor<2>, from: usize, to: usize| -> Tensor<2> {
                z.clone().reshape([b, m, c * d]).narrow(1, from, to - from).reshape([b * (to - from) * c, d])
            };
            let of_shown = part(&z, 0, n);
            let asking = if last { part(&z, first, m) } else { z };
            if last {
                state = part(&state, first, m);
            }
            // [B·T·C, heads·K] → [heads·B, T, C·K]
            let heads = |z: Tensor<2>, t: usize, heads: usize| -> Tensor<3> {
                z.reshape([b, t, c, heads, k]).permute([3, 0, 1, 2, 4]).reshape([heads * b, t, c * k])
            };
            let scale = layer.temperature.val() / ((c * k) as f64).sqrt();
            let query = asking.matmul(layer.query.val()).reshape([b * rows * c, h, k]) * scale.reshape([1, h, 1]);
            let query = heads(query.reshape([b * rows * c, h * k]), rows, h);
            let key = heads(of_shown.clone().matmul(layer.key.val()), n, h);
            let value = heads(of_shown.matmul(layer.value.val()), n, h + linear_heads);
            let pairs = |slopes: &Param<Tensor<2>>, features: &Tensor<2>, count: usize, scale: f32| -> Tensor<3> {
                let slopes = slopes.val().swap_dims(0, 1) * scale;
                let all = slopes.matmul(features.clone()).reshape([count * b, m, n]);
                if last { all.narrow(1, first, rows) } else { all }
            };
            let logits =
                query.matmul(key.swap_dims(1, 2)) + pairs(&layer.slope.softmax, &softmax_features, h, SOFTMAX_SLOPE);
            let hidden = own.clone().narrow(1, first, rows) * -1e9;
            let mut shares = activation::softmax(logits + hidden, 2);
            if lone {
                shares = shares * own.clone().narrow(1, first, rows).neg().add_scalar(1.0);
            }
            let mut mixed = shares.matmul(value.clone().narrow(0, 0, h * b));
            if let (Some(slopes), Some(features)) = (&layer.slope.linear, &linear_features) {
                let weights = pairs(slopes, features, linear_heads, LINEAR_SLOPE);
                let more = weights.matmul(value.narrow(0, h * b, linear_heads * b));
                mixed = Tensor::cat(vec![mixed, more], 0);
            }
            let mixed = mixed
                .reshape([h + linear_heads, b, rows, c, k])
                .permute([1, 2, 3, 0, 4])
                .reshape([b * rows * c, (h + linear_heads) * k]);
            state = state + mixed.matmul(layer.output.val());

            let z = rms(state.clone(), c) * layer.norm2.val().unsqueeze();
            let mean = z.clone().reshape([b * rows, c, d]).mean_dim(1).reshape([b * rows, d]);
            let f = spec.mlp();
            let up = layer.mlp.up.weight.val();
            let own_part = z.matmul(up.clone().narrow(0, 0, d)).reshape([b * rows, c, f]);
            let shared = mean.matmul(up.narrow(0, d, d)) + layer.mlp.up.bias.val().unsqueeze();
            let hidden = activation::relu(own_part + shared.reshape([b * rows, 1, f]));
            state = state + layer.mlp.down.forward(hidden.reshape([b * rows * c, f]));
        }
        let z = rms(state, c) * self.norm.val().unsqueeze();
        let s = set.scores();
        let scores = ridges.scores.reshape([b, m, c * s]).narrow(1, n, queries).reshape([b * queries * c, s]);
        let logits = z.matmul(self.readout.val().narrow(0, 0, d)) + scores.matmul(self.readout.val().narrow(0, d, s));
        (activation::log_softmax(logits.reshape([b, queries, c]), 2), neighbours)
    }
}

/// How sharply neighbours are told from others: the factor of their cosines.
const NEIGHBOURS: f64 = 10.0;

impl super::Predict for Net {
    fn spec(&self) -> &ModelSpec {
        &self.spec.0
    }

    fn predict(&self, inputs: Tensor<3>, labels: Tensor<3>) -> Tensor<3> {
        let [_, t, _] = inputs.dims();
        self.predict_at(inputs, labels, &(0..t).collect::<Vec<_>>())
    }

    fn predict_at(&self, inputs: Tensor<3>, labels: Tensor<3>, positions: &[usize]) -> Tensor<3> {
        let [b, t, c] = labels.dims();
        let one_hot = crate::train::floats(labels);
        let label = |e: usize, i: usize| {
            let row = &one_hot[(e * t + i) * c..(e * t + i + 1) * c];
            row.iter().position(|&v| v > 0.5).expect("every example has a label") as u32
        };
        let at = |&p: &usize| {
            self.forward(&Batch {
                inputs: inputs.clone().narrow(1, 0, p + 1),
                labels: (0..b).map(|e| (0..p).map(|i| label(e, i)).collect()).collect(),
                classes: c,
                drawings: false,
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

/// RMS norm of each token over classes and channels, `[T·C, D]`.
fn rms(state: Tensor<2>, classes: usize) -> Tensor<2> {
    let [rows, d] = state.dims();
    let tokens = state.reshape([rows / classes, classes * d]);
    let scale = ((tokens.clone() * tokens.clone()).mean_dim(1) + RMS_EPSILON).sqrt().recip();
    (tokens * scale).reshape([rows, d])
}

/// What one view says of each row and each shown example.
#[derive(Clone)]
struct View {
    /// |x_i|²/s, `[B, M]` as values.
    square: Vec<f32>,
    /// `[B, M, N]`
    cosine: Tensor<3>,
    /// δ, `[B, M, N]`
    distance: Tensor<3>,
    /// δ as values.
    distances: Vec<f32>,
    /// r, `[B, M]`
    reach: Vec<f32>,
    /// ε, `[B, M, N]`
    local: Tensor<3>,
}

impl View {
    /// `x` `[B, M, X]`
    fn new(x: Tensor<3>, n: usize, neighbour: usize) -> View {
        let device = x.device();
        let [b, m, _] = x.dims();
        let mean = x.clone().narrow(1, 0, n).sum_dim(1) / (n + 1) as f64;
        let x = x - mean;
        let square = (x.clone() * x.clone()).sum_dim(2); // [B, M, 1]
        let shown = x.clone().narrow(1, 0, n);
        let of_shown = square.clone().narrow(1, 0, n).swap_dims(1, 2); // [B, 1, N]
        let dot = x.matmul(shown.swap_dims(1, 2)); // [B, M, N]
        let s = of_shown.clone().mean_dim(2) + COSINE_EPSILON; // [B, 1, 1]
        let cosine = dot.clone() / (square.clone() * of_shown.clone() + COSINE_EPSILON).sqrt();
        let distance = ((square.clone() + of_shown - dot * 2.0) / s.clone()).clamp_min(0.0);
        let distances = crate::train::floats(distance.clone());
        let reach: Vec<f32> =
            distances.chunks_exact(m * n).flat_map(|d| shaders::ridge::reaches(d, n, neighbour)).collect();
        let reaches = Tensor::<1>::from_floats(reach.as_slice(), &device).reshape([b, m, 1]);
        let local = distance.clone() / (reaches.clone() * reaches.narrow(1, 0, n).swap_dims(1, 2));
        View { square: crate::train::floats(square / s), cosine, distance, distances, reach, local }
    }
}

/// What comes of the ridges of a batch.
struct Ridges {
    /// α of each, `[B, M, N]`.
    alpha: Vec<Tensor<3>>,
    /// `[B·M·C, S]`
    scores: Tensor<2>,
}

impl Ridges {
    fn new(spec: &ModelSpec, views: &[View], batch: &Batch) -> Ridges {
        let set = spec.set();
        let device = batch.inputs.device();
        let [b, m, _] = batch.inputs.dims();
        let (n, c, s) = (batch.labels[0].len(), batch.classes, set.scores());
        let mut alpha = vec![Vec::with_capacity(b * m * n); set.ridge.len()];
        let mut scores = vec![0f32; b * m * c * s];
        for (e, labels) in batch.labels.iter().enumerate() {
            let rows = e * m..(e + 1) * m;
            let of_episode = |view: usize| shaders::ridge::View {
                square: &views[view].square[rows.clone()],
                distance: &views[view].distances[e * m * n..(e + 1) * m * n],
                reach: &views[view].reach[rows.clone()],
            };
            let scores = &mut scores[e * m * c * s..(e + 1) * m * c * s];
            let mut put = |index: usize, values: &[f32]| {
                scores.iter_mut().skip(index).step_by(s).zip(values).for_each(|(to, value)| *to = *value);
            };
            for (r, ridge) in set.ridge.iter().enumerate() {
                let view = if ridge.raw { 0 } else { views.len() - 1 };
                let solved = shaders::ridge::solve(ridge, &of_episode(view), labels, c);
                alpha[r].extend(solved.alpha);
                put(2 * r, &solved.regression);
                put(2 * r + 1, &solved.representation);
            }
            put(s - 1, &shaders::ridge::counts(m, labels, c));
        }
        let tensor = |values: Vec<f32>| Tensor::<1>::from_floats(values.as_slice(), &device);
        Ridges {
            alpha: alpha.into_iter().map(|values| tensor(values).reshape([b, m, n])).collect(),
            scores: tensor(scores).reshape([b * m * c, s]),
        }
    }
}

impl Stem {
    /// `[B, M, X]` → `[B, M, E]`
    fn forward(&self, drawings: Tensor<3>, spec: &ModelSpec) -> Tensor<3> {
        let stem = spec.set().stem.as_ref().expect("a net with a stem has a spec with one");
        let [b, m, _] = drawings.dims();
        let sizes = stem.sizes();
        let x = stem.side * stem.side;
        let flat = drawings.narrow(2, 0, x).reshape([b * m, x]);
        let mut plane = flat.clone().reshape([b * m, 1, stem.side, stem.side]);
        for (i, (convolution, weights)) in stem.convolutions.iter().zip(&self.convolution).enumerate() {
            let (size, inputs, outputs) = (convolution.size, sizes[i].1, convolution.channels);
            // the file has [size, size, in, out]
            let kernel = weights.weight.val().reshape([size, size, inputs, outputs]).permute([3, 2, 0, 1]);
            let padding = size / 2;
            let options = ConvOptions::new([convolution.stride; 2], [padding; 2], [1; 2], 1);
            plane = activation::relu(conv2d(plane, kernel, Some(weights.bias.val()), options));
            let (side, _) = sizes[i + 1];
            plane = plane.narrow(2, 0, side).narrow(3, 0, side);
        }
        let (side, channels) = sizes[sizes.len() - 1];
        let last = plane.permute([0, 2, 3, 1]).reshape([b * m, side * side * channels]);
        let embedding = last.matmul(self.embedding.val()) + flat.matmul(self.skip.val());
        embedding.reshape([b, m, stem.embedding])
    }
}
