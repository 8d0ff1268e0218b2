//! Variant `equivariant`, for one query at a time.

use super::stem::{embed, plus, times};
use crate::linalg;
use crate::model::file::Model;
use crate::model::spec::{
    COSINE_EPSILON, LEAST_REACH, LINEAR_FEATURES, LINEAR_SLOPE, REGRESSION_SCALE, REPRESENTATION_SCALE, RMS_EPSILON,
    Ridge, RidgeKernel, SOFTMAX_FEATURES, SOFTMAX_SLOPE,
};
use crate::probability::{log_softmax, softmax};

/// What a set learner is asked with.
pub(super) struct Question<'a> {
    /// `[N, X]`
    pub shown: &'a [f32],
    /// `[N]`
    pub labels: &'a [u32],
    /// `[X]`
    pub query: &'a [f32],
    /// C in use.
    pub classes: usize,
    /// The stem's embeddings of the shown examples and the query, `[N + 1][E]`, where it may read them.
    pub embeddings: Option<&'a [Vec<f64>]>,
}

/// The stem's embedding of each input, `[T][E]`, if there is a stem and inputs are images.
pub(super) fn embeddings(model: &Model, inputs: &[f32], images: bool) -> Option<Vec<Vec<f64>>> {
    let stem = model.spec.set().stem.as_ref().filter(|_| images)?;
    let row = |row: &[f32]| embed(model, stem, &row.iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
    Some(inputs.chunks_exact(model.spec.inputs).map(row).collect())
}

/// Log-probabilities of one query, `[C]`.
pub(super) fn answer(model: &Model, question: &Question<'_>) -> Vec<f64> {
    let learner = Learner::new(model, question);
    let mut state = learner.embed();
    for l in 0..model.spec.layers {
        let mixed = learner.attend(l, &norm(&state, &learner.tensor(&format!("layer.{l}.norm1"))));
        add(&mut state, &project(&mixed, &learner.tensor(&format!("layer.{l}.output"))));
        learner.mlp(l, &mut state);
    }
    let readout = learner.tensor("readout");
    let z = norm(&state[learner.n..], &learner.tensor("norm"));
    let logit = |class: usize| {
        z[0][class].iter().chain(&learner.scores(learner.n, class)).zip(&readout).map(|(z, w)| z * w).sum::<f64>()
    };
    let mut logits: Vec<f64> = (0..question.classes).map(logit).collect();
    log_softmax(&mut logits);
    logits
}

/// A vector for each token and class. Tokens 0..N are shown, token N is the query.
type State = Vec<Vec<Vec<f64>>>;

/// A set learner with what its layers read of one question.
struct Learner<'a> {
    model: &'a Model,
    labels: &'a [u32],
    /// N.
    n: usize,
    /// C in use.
    classes: usize,
    views: Vec<Relations>,
    ridges: Vec<Ridged>,
}

impl<'a> Learner<'a> {
    fn new(model: &'a Model, question: &Question<'a>) -> Self {
        let set = model.spec.set();
        let (n, classes) = (question.labels.len(), question.classes);
        let rows: Vec<Vec<f64>> = question
            .shown
            .chunks_exact(model.spec.inputs)
            .chain([question.query])
            .map(|row| row.iter().map(|&v| f64::from(v)).collect())
            .collect();
        let mut views = vec![relations(&rows, n, set.neighbour)];
        if set.stem.is_some() {
            views.push(match question.embeddings {
                Some(embeddings) => relations(embeddings, n, set.neighbour),
                None => views[0].clone(),
            });
        }
        let seen_by = |ridge: &Ridge| if ridge.raw { &views[0] } else { &views[views.len() - 1] };
        let solve = |ridge: &Ridge| Ridged::new(ridge, seen_by(ridge), question.labels, classes);
        let ridges = set.ridge.iter().map(solve).collect();
        Learner { model, labels: question.labels, n, classes, views, ridges }
    }

    fn tensor(&self, name: &str) -> Vec<f64> {
        self.model.tensor(name).iter().map(|&v| f64::from(v)).collect()
    }

    /// The shown examples that token `i` sees.
    fn seen_by(&self, i: usize) -> Vec<usize> {
        (0..self.n).filter(|&j| j != i).collect()
    }

    /// Scores of a token and class.
    fn scores(&self, i: usize, class: usize) -> Vec<f64> {
        let others = self.seen_by(i).into_iter().filter(|&j| self.labels[j] as usize == class).count() as f64;
        let count = ((others + 0.5) / (self.n as f64 / self.classes as f64 + 0.5)).ln();
        let ridges = self.ridges.iter();
        ridges.flat_map(|r| [r.regression[i][class], r.representation[i][class]]).chain([count]).collect()
    }

    /// The state before the first layer.
    fn embed(&self) -> State {
        let [shown, label, query, table] =
            ["embed.shown", "embed.label", "embed.query", "embed.scores"].map(|name| self.tensor(name));
        let vector = |i: usize, class: usize| {
            let mut u = if i < self.n { shown.clone() } else { query.clone() };
            if i < self.n && self.labels[i] as usize == class {
                plus(&mut u, &label, 1.0);
            }
            for (score, row) in self.scores(i, class).into_iter().zip(table.chunks_exact(u.len())) {
                plus(&mut u, row, score);
            }
            u
        };
        (0..=self.n).map(|i| (0..self.classes).map(|class| vector(i, class)).collect()).collect()
    }

    /// What each token's attention gives, before the output projection.
    fn attend(&self, l: usize, z: &State) -> State {
        let (spec, set) = (&self.model.spec, self.model.spec.set());
        let at = |name: &str| self.tensor(&format!("layer.{l}.{name}"));
        let (q, k, v) = (project(z, &at("query")), project(z, &at("key")), project(z, &at("value")));
        let (temperature, slopes) = (at("temperature"), at("slope.softmax"));
        let linear = if set.linear_heads > 0 { at("slope.linear") } else { Vec::new() };
        let size = spec.key_size;
        let all = (spec.heads + set.linear_heads) * size;
        let stretch = ((self.classes * size) as f64).sqrt();
        let mut mixed = vec![vec![vec![0.0; all]; self.classes]; self.n + 1];
        for (i, mixed) in mixed.iter_mut().enumerate() {
            let others = self.seen_by(i);
            // Softmax heads come first, then the linear ones, which have no temperature.
            #[expect(clippy::needless_range_loop, reason = "a head counts through two kinds")]
            for head in 0..spec.heads + set.linear_heads {
                let channels = head * size..(head + 1) * size;
                let weights: Vec<f64> = if head < spec.heads {
                    let logit = |&j: &usize| {
                        let dot: f64 = (0..self.classes)
                            .flat_map(|class| channels.clone().map(move |e| (class, e)))
                            .map(|(class, e)| q[i][class][e] * k[j][class][e])
                            .sum();
                        temperature[head] / stretch * dot + self.softmax_slopes(&slopes, head, i, j)
                    };
                    let mut logits: Vec<f64> = others.iter().map(logit).collect();
                    softmax(&mut logits);
                    logits
                } else {
                    let weight = |&j: &usize| self.linear_weight(&linear, head - spec.heads, i, j);
                    others.iter().map(weight).collect()
                };
                for (&j, weight) in others.iter().zip(weights) {
                    for (mixed, v) in mixed.iter_mut().zip(&v[j]) {
                        plus(&mut mixed[channels.clone()], &v[channels.clone()], weight);
                    }
                }
            }
        }
        mixed
    }

    /// What the features of a pair add to the logit of a softmax head.
    fn softmax_slopes(&self, slopes: &[f64], head: usize, i: usize, j: usize) -> f64 {
        let heads = self.model.spec.heads;
        let view = |(view, r): (usize, &Relations)| {
            let (cos, distance, local) = (r.cosine[i][j], r.distance[i][j], r.local(i, j));
            let slope = |f: usize| slopes[(view * SOFTMAX_FEATURES + f) * heads + head];
            slope(0) * cos + slope(1) * cos * cos - slope(2) * distance - slope(3) * local
        };
        f64::from(SOFTMAX_SLOPE) * self.views.iter().enumerate().map(view).sum::<f64>()
    }

    /// Weight that a linear head gives a pair.
    fn linear_weight(&self, slopes: &[f64], head: usize, i: usize, j: usize) -> f64 {
        let heads = self.model.spec.set().linear_heads;
        let view = |(view, r): (usize, &Relations)| {
            let cos = r.cosine[i][j];
            let slope = |f: usize| slopes[(view * LINEAR_FEATURES + f) * heads + head];
            slope(0) * cos + slope(1) * cos * cos + slope(2) * (-r.local(i, j)).exp()
        };
        let views = self.views.iter().enumerate().map(view).sum::<f64>();
        let alpha = |(r, ridge): (usize, &Ridged)| {
            slopes[(self.views.len() * LINEAR_FEATURES + r) * heads + head] * ridge.alpha[i][j]
        };
        let alphas = self.ridges.iter().enumerate().map(alpha).sum::<f64>();
        f64::from(LINEAR_SLOPE) * (views / self.seen_by(i).len() as f64 + alphas)
    }

    fn mlp(&self, l: usize, state: &mut State) {
        let at = |name: &str| self.tensor(&format!("layer.{l}.{name}"));
        let z = norm(state, &at("norm2"));
        let (up, bias) = (at("mlp.up.weight"), at("mlp.up.bias"));
        let (down, last) = (at("mlp.down.weight"), at("mlp.down.bias"));
        for (token, z) in state.iter_mut().zip(&z) {
            let mut mean = vec![0.0; self.model.spec.width];
            z.iter().for_each(|row| plus(&mut mean, row, 1.0 / self.classes as f64));
            for (u, row) in token.iter_mut().zip(z) {
                let both: Vec<f64> = row.iter().chain(&mean).copied().collect();
                let mut hidden = times(&both, &up);
                plus(&mut hidden, &bias, 1.0);
                hidden.iter_mut().for_each(|h| *h = h.max(0.0));
                plus(u, &times(&hidden, &down), 1.0);
                plus(u, &last, 1.0);
            }
        }
    }
}

/// The same matrix for every token and class.
fn project(z: &[Vec<Vec<f64>>], weight: &[f64]) -> State {
    z.iter().map(|token| token.iter().map(|row| times(row, weight)).collect()).collect()
}

/// One view of each token and each shown example.
#[derive(Clone)]
struct Relations {
    /// |x_i|²/s, `[N + 1]`.
    square: Vec<f64>,
    /// `[N + 1][N]`
    cosine: Vec<Vec<f64>>,
    /// δ, `[N + 1][N]`
    distance: Vec<Vec<f64>>,
    /// r, `[N + 1]`
    reach: Vec<f64>,
}

impl Relations {
    /// ε
    fn local(&self, i: usize, j: usize) -> f64 {
        self.distance[i][j] / (self.reach[i] * self.reach[j])
    }
}

fn relations(rows: &[Vec<f64>], n: usize, neighbour: usize) -> Relations {
    let dimensions = rows[0].len();
    let mut mean = vec![0.0; dimensions];
    rows[..n].iter().for_each(|row| plus(&mut mean, row, 1.0 / (n + 1) as f64));
    let centred: Vec<Vec<f64>> = rows.iter().map(|row| row.iter().zip(&mean).map(|(x, m)| x - m).collect()).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let squares: Vec<f64> = centred.iter().map(|row| dot(row, row)).collect();
    let s = squares[..n].iter().sum::<f64>() / n.max(1) as f64 + f64::from(COSINE_EPSILON);
    let each = |f: &dyn Fn(usize, usize) -> f64| -> Vec<Vec<f64>> {
        (0..rows.len()).map(|i| (0..n).map(|j| f(i, j)).collect()).collect()
    };
    let distance = each(&|i, j| centred[i].iter().zip(&centred[j]).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / s);
    let reach = (0..rows.len())
        .map(|i| {
            let mut others: Vec<f64> = (0..n).filter(|&j| j != i).map(|j| distance[i][j]).collect();
            others.sort_by(f64::total_cmp);
            let nearest = others.get(neighbour - 1).or(others.last());
            nearest.map_or(1.0, |square| square.max(f64::from(LEAST_REACH)).sqrt())
        })
        .collect();
    Relations {
        cosine: each(&|i, j| {
            dot(&centred[i], &centred[j]) / (squares[i] * squares[j] + f64::from(COSINE_EPSILON)).sqrt()
        }),
        distance,
        reach,
        square: squares.iter().map(|square| square / s).collect(),
    }
}

/// What comes of one ridge.
struct Ridged {
    /// α, `[N + 1][N]`
    alpha: Vec<Vec<f64>>,
    /// `[N + 1][C]`
    regression: Vec<Vec<f64>>,
    /// `[N + 1][C]`
    representation: Vec<Vec<f64>>,
}

impl Ridged {
    fn new(ridge: &Ridge, view: &Relations, labels: &[u32], classes: usize) -> Ridged {
        let n = labels.len();
        let kernel = |i: usize, j: usize| match ridge.kernel {
            RidgeKernel::Linear => (view.square[i] + view.square[j] - view.distance[i][j]) / 2.0,
            RidgeKernel::Gaussian => (-view.distance[i][j] / 2.0).exp(),
            RidgeKernel::Local => (-view.local(i, j)).exp(),
        };
        let mut inverse: Vec<f64> = (0..n * n).map(|at| kernel(at / n, at % n)).collect();
        inverse.iter_mut().step_by(n + 1).for_each(|diagonal| *diagonal += f64::from(ridge.lambda));
        linalg::invert(&mut inverse, n);
        let inverse = |i: usize, j: usize| inverse[i * n + j];
        let alpha: Vec<Vec<f64>> = (0..=n)
            .map(|i| {
                (0..n)
                    .map(|j| match i {
                        _ if i == j => 0.0,
                        _ if i < n => -inverse(i, j) / inverse(i, i),
                        _ => (0..n).map(|m| kernel(n, m) * inverse(m, j)).sum(),
                    })
                    .collect()
            })
            .collect();
        let is = |j: usize, class: usize| f64::from(u8::from(labels[j] as usize == class));
        let each = |f: &dyn Fn(usize, usize) -> f64| -> Vec<Vec<f64>> {
            (0..=n).map(|i| (0..classes).map(|class| f(i, class)).collect()).collect()
        };
        let regression = each(&|i, class| {
            let sum: f64 = (0..n).map(|j| alpha[i][j] * (is(j, class) - 1.0 / classes as f64)).sum();
            f64::from(REGRESSION_SCALE) * sum
        });
        let mut representation = each(&|i, class| {
            let members: Vec<usize> = (0..n).filter(|&j| labels[j] as usize == class).collect();
            let part = |&j: &usize| {
                let explained: f64 = members.iter().map(|&m| kernel(j, m) * alpha[i][m]).sum();
                alpha[i][j] * (2.0 * kernel(i, j) - explained)
            };
            members.iter().map(part).sum()
        });
        for row in &mut representation {
            let mean = row.iter().sum::<f64>() / classes as f64;
            row.iter_mut().for_each(|value| *value = f64::from(REPRESENTATION_SCALE) * (*value - mean));
        }
        Ridged { alpha, regression, representation }
    }
}

fn add(state: &mut [Vec<Vec<f64>>], more: &[Vec<Vec<f64>>]) {
    state.iter_mut().flatten().zip(more.iter().flatten()).for_each(|(u, more)| plus(u, more, 1.0));
}

/// RMS norm of each token over classes and channels, times γ.
fn norm(state: &[Vec<Vec<f64>>], gamma: &[f64]) -> Vec<Vec<Vec<f64>>> {
    state
        .iter()
        .map(|token| {
            let square: f64 = token.iter().flatten().map(|u| u * u).sum();
            let root = (square / (token.len() * gamma.len()) as f64 + f64::from(RMS_EPSILON)).sqrt();
            token.iter().map(|row| row.iter().zip(gamma).map(|(u, g)| u / root * g).collect()).collect()
        })
        .collect()
}

#[cfg(all(test, feature = "parity"))]
mod tests {
    use std::f32::consts::FRAC_1_SQRT_2;

    use crate::Model;
    use crate::model::spec::{Convolution, Equivariant, ModelSpec, QueryOptions, Ridge, RidgeKernel, Stem};
    use crate::reference::{forward, forward_as};
    use crate::testing::episode;

    fn spec() -> ModelSpec {
        let mut spec = ModelSpec::equivariant(6, 5, 7, 2);
        (spec.heads, spec.key_size, spec.longest) = (3, 4, 20);
        let ridge = vec![
            Ridge { kernel: RidgeKernel::Linear, lambda: 0.3, raw: false },
            Ridge { kernel: RidgeKernel::Gaussian, lambda: 0.1, raw: false },
            Ridge { kernel: RidgeKernel::Local, lambda: 0.05, raw: false },
        ];
        spec.equivariant = Some(Equivariant { linear_heads: 2, neighbour: 3, ridge, stem: None });
        spec
    }

    fn last(answers: &[f32], classes: usize) -> Vec<f32> {
        answers[answers.len() - classes..].to_vec()
    }

    fn assert_close(a: &[f32], b: &[f32]) {
        assert_eq!(a.len(), b.len());
        assert!(a.iter().zip(b).all(|(a, b)| a == b || (a - b).abs() < 2e-5), "{a:?} {b:?}");
    }

    #[test]
    fn renaming_the_labels_renames_the_answers() {
        let model = Model::random(spec(), 1).unwrap();
        let (inputs, labels) = episode(&model, 1, 12);
        let names = [3, 0, 4, 1, 2];
        let renamed: Vec<u32> = labels.iter().map(|&l| names[l as usize]).collect();
        let before = last(&forward(&model, &inputs, &labels).unwrap(), 5);
        let after = last(&forward(&model, &inputs, &renamed).unwrap(), 5);
        let expected: Vec<f32> = (0..5).map(|c| before[names.iter().position(|&n| n == c).unwrap()]).collect();
        assert_close(&after, &expected);
        assert!(before.iter().any(|log| (log - before[0]).abs() > 0.1), "the learner says something: {before:?}");
    }

    #[test]
    fn order_and_rotation_change_nothing() {
        let model = Model::random(spec(), 2).unwrap();
        let (inputs, labels) = episode(&model, 2, 12);
        let before = last(&forward(&model, &inputs, &labels).unwrap(), 5);
        let (mut turned, mut moved) = (inputs.clone(), labels.clone());
        turned[..11 * 6].rotate_left(4 * 6);
        moved[..11].rotate_left(4);
        assert_close(&last(&forward(&model, &turned, &moved).unwrap(), 5), &before);
        let rotated: Vec<f32> = inputs
            .chunks_exact(2)
            .flat_map(|pair| [(pair[0] - pair[1]) * FRAC_1_SQRT_2, (pair[0] + pair[1]) * FRAC_1_SQRT_2])
            .collect();
        assert_close(&last(&forward(&model, &rotated, &labels).unwrap(), 5), &before);
    }

    #[test]
    fn nothing_shown_gives_equal_chances_among_the_classes_in_use() {
        let model = Model::random(spec(), 3).unwrap();
        let (inputs, _) = episode(&model, 3, 1);
        let options = QueryOptions { classes: 4, images: false };
        let answers = forward_as(&model, &inputs, &[0], options).unwrap();
        assert_close(&answers, &[0.25f32.ln(), 0.25f32.ln(), 0.25f32.ln(), 0.25f32.ln(), f32::NEG_INFINITY]);
        assert!(forward_as(&model, &inputs, &[4], options).is_err());
    }

    #[test]
    fn a_stem_matters_for_drawings_alone() {
        let mut spec = spec();
        let stem = Stem {
            side: 4,
            channels: 1,
            convolutions: vec![
                Convolution { channels: 3, size: 3, stride: 2 },
                Convolution { channels: 2, size: 1, stride: 1 },
            ],
            embedding: 5,
        };
        spec.inputs = 16;
        spec.equivariant = Some(Equivariant { stem: Some(stem), ..spec.set().clone() });
        let model = Model::random(spec, 4).unwrap();
        let mut other = model.clone();
        other.tensors_mut().get_mut("stem.convolution.0.weight").unwrap().iter_mut().for_each(|w| *w = -*w);
        let (inputs, labels) = episode(&model, 4, 9);
        let answer = |model: &Model, images| {
            last(&forward_as(model, &inputs, &labels, QueryOptions { classes: 5, images }).unwrap(), 5)
        };
        assert_close(&answer(&model, false), &answer(&other, false));
        assert_ne!(answer(&model, true), answer(&other, true));
    }

    #[test]
    fn a_shown_example_is_scored_as_if_it_were_left_out() {
        // the closed form against leaving it out for real
        let model = Model::random(spec(), 5).unwrap();
        let (inputs, labels) = episode(&model, 5, 8);
        let mut rows: Vec<Vec<f64>> =
            inputs.chunks_exact(6).map(|row| row.iter().map(|&v| f64::from(v)).collect()).collect();
        rows.push(rows[0].clone());
        for ridge in &model.spec.set().ridge {
            let all = super::relations(&rows, 8, 3);
            let closed = super::Ridged::new(ridge, &all, &labels, 5);
            // example 7 as the query; centre, scale and reaches stay those of all eight
            let mut without = all.clone();
            for table in [&mut without.cosine, &mut without.distance] {
                table.iter_mut().for_each(|row| row.truncate(7));
                table.truncate(8);
            }
            let opened = super::Ridged::new(ridge, &without, &labels[..7], 5);
            for (a, b) in [
                (&closed.alpha[7][..7], &opened.alpha[7][..]),
                (&closed.regression[7], &opened.regression[7]),
                (&closed.representation[7], &opened.representation[7]),
            ] {
                assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9), "{ridge:?} {a:?} {b:?}");
            }
        }
    }
}
