//! Variant `equivariant` straight from the formulas in [`crate::spec`], all in f64, for one query at a time.

use crate::file::Model;
use crate::spec::{
    COSINE_EPSILON, LEAST_REACH, LINEAR_FEATURES, LINEAR_SLOPE, REGRESSION_SCALE, REPRESENTATION_SCALE, RMS_EPSILON,
    Ridge, RidgeKernel, SOFTMAX_FEATURES, SOFTMAX_SLOPE, Stem,
};

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
    /// What the stem makes of the shown examples and the query, `[N + 1][E]`, where it may read them.
    pub embeddings: Option<&'a [Vec<f64>]>,
}

/// What the stem makes of each input, `[T][E]`, if there is a stem and inputs are drawings.
pub(super) fn embeddings(model: &Model, inputs: &[f32], drawings: bool) -> Option<Vec<Vec<f64>>> {
    let stem = model.spec.set().stem.as_ref().filter(|_| drawings)?;
    let row = |row: &[f32]| embed(model, stem, &row.iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
    Some(inputs.chunks_exact(model.spec.inputs).map(row).collect())
}

/// Log-probabilities of one query, `[C]`.
pub(super) fn answer(model: &Model, question: &Question<'_>) -> Vec<f64> {
    let spec = &model.spec;
    let set = spec.set();
    let (n, c, d) = (question.labels.len(), question.classes, spec.width);
    let tensor = |name: &str| -> Vec<f64> { model.tensor(name).iter().map(|&v| f64::from(v)).collect() };
    // rows 0..N are shown, row N is the query
    let rows: Vec<Vec<f64>> = question
        .shown
        .chunks_exact(spec.inputs)
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
    let sees = |i: usize, j: usize| i != j;
    let seen = |i: usize| if i < n { n - 1 } else { n };

    let seen_by = |ridge: &Ridge| if ridge.raw { &views[0] } else { &views[views.len() - 1] };
    let ridges: Vec<Ridged> =
        set.ridge.iter().map(|ridge| Ridged::new(ridge, seen_by(ridge), question.labels, c)).collect();
    let score = |i: usize, class: usize| -> Vec<f64> {
        let others = (0..n).filter(|&j| sees(i, j) && question.labels[j] as usize == class).count() as f64;
        let count = ((others + 0.5) / (n as f64 / c as f64 + 0.5)).ln();
        ridges.iter().flat_map(|r| [r.regression[i][class], r.representation[i][class]]).chain([count]).collect()
    };
    let (shown, label, query) = (tensor("embed.shown"), tensor("embed.label"), tensor("embed.query"));
    let table = tensor("embed.scores");
    let mut state: Vec<Vec<Vec<f64>>> = (0..=n)
        .map(|i| {
            (0..c)
                .map(|class| {
                    let mut u = if i < n { shown.clone() } else { query.clone() };
                    if i < n && question.labels[i] as usize == class {
                        plus(&mut u, &label, 1.0);
                    }
                    for (score, row) in score(i, class).into_iter().zip(table.chunks_exact(d)) {
                        plus(&mut u, row, score);
                    }
                    u
                })
                .collect()
        })
        .collect();

    for l in 0..spec.layers {
        let at = |name: &str| tensor(&format!("layer.{l}.{name}"));
        let z = norm(&state, &at("norm1"));
        let project = |z: &[Vec<Vec<f64>>], weight: &[f64]| -> Vec<Vec<Vec<f64>>> {
            z.iter().map(|token| token.iter().map(|row| times(row, weight)).collect()).collect()
        };
        let (q, k, v) = (project(&z, &at("query")), project(&z, &at("key")), project(&z, &at("value")));
        let (temperature, softmax) = (at("temperature"), at("slope.softmax"));
        let linear = if set.linear_heads > 0 { at("slope.linear") } else { Vec::new() };
        let size = spec.key_size;
        let all = (spec.heads + set.linear_heads) * size;
        let mut mixed = vec![vec![vec![0.0; all]; c]; n + 1];
        for i in 0..=n {
            let others: Vec<usize> = (0..n).filter(|&j| sees(i, j)).collect();
            for head in 0..spec.heads + set.linear_heads {
                let channels = head * size..(head + 1) * size;
                let weights: Vec<f64> = if head < spec.heads {
                    let logits: Vec<f64> = others
                        .iter()
                        .map(|&j| {
                            let dot: f64 = (0..c)
                                .flat_map(|class| channels.clone().map(move |e| (class, e)))
                                .map(|(class, e)| q[i][class][e] * k[j][class][e])
                                .sum();
                            let slopes = views.iter().enumerate().map(|(view, r)| {
                                let (cos, distance, local) = (r.cosine[i][j], r.distance[i][j], r.local(i, j));
                                let slope = |f: usize| softmax[(view * SOFTMAX_FEATURES + f) * spec.heads + head];
                                slope(0) * cos + slope(1) * cos * cos - slope(2) * distance - slope(3) * local
                            });
                            temperature[head] / ((c * size) as f64).sqrt() * dot
                                + f64::from(SOFTMAX_SLOPE) * slopes.sum::<f64>()
                        })
                        .collect();
                    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let shares: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
                    let total: f64 = shares.iter().sum();
                    shares.iter().map(|share| share / total).collect()
                } else {
                    let head = head - spec.heads;
                    others
                        .iter()
                        .map(|&j| {
                            let slopes = views.iter().enumerate().map(|(view, r)| {
                                let cos = r.cosine[i][j];
                                let slope = |f: usize| linear[(view * LINEAR_FEATURES + f) * set.linear_heads + head];
                                slope(0) * cos + slope(1) * cos * cos + slope(2) * (-r.local(i, j)).exp()
                            });
                            let alphas = ridges.iter().enumerate().map(|(r, ridge)| {
                                linear[(views.len() * LINEAR_FEATURES + r) * set.linear_heads + head]
                                    * ridge.alpha[i][j]
                            });
                            f64::from(LINEAR_SLOPE) * (slopes.sum::<f64>() / seen(i) as f64 + alphas.sum::<f64>())
                        })
                        .collect()
                };
                for (&j, weight) in others.iter().zip(weights) {
                    for class in 0..c {
                        for e in channels.clone() {
                            mixed[i][class][e] += weight * v[j][class][e];
                        }
                    }
                }
            }
        }
        add(&mut state, &project(&mixed, &at("output")));
        let z = norm(&state, &at("norm2"));
        let (up, bias) = (at("mlp.up.weight"), at("mlp.up.bias"));
        let (down, last) = (at("mlp.down.weight"), at("mlp.down.bias"));
        for (token, z) in state.iter_mut().zip(&z) {
            let mut mean = vec![0.0; d];
            z.iter().for_each(|row| plus(&mut mean, row, 1.0 / c as f64));
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

    let readout = tensor("readout");
    let z = norm(&state[n..], &tensor("norm"));
    let logits: Vec<f64> = (0..c)
        .map(|class| z[0][class].iter().chain(&score(n, class)).zip(&readout).map(|(z, w)| z * w).sum())
        .collect();
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = logits.iter().map(|logit| (logit - largest).exp()).sum::<f64>().ln();
    logits.iter().map(|logit| logit - largest - log_sum).collect()
}

/// What one view says of each token and each shown example.
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
        let inverse = invert(
            (0..n)
                .map(|i| (0..n).map(|j| kernel(i, j) + if i == j { f64::from(ridge.lambda) } else { 0.0 }).collect())
                .collect(),
        );
        let alpha: Vec<Vec<f64>> = (0..=n)
            .map(|i| {
                (0..n)
                    .map(|j| match i {
                        _ if i == j => 0.0,
                        _ if i < n => -inverse[i][j] / inverse[i][i],
                        _ => (0..n).map(|m| kernel(n, m) * inverse[m][j]).sum(),
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

/// Gauss–Jordan elimination with row pivots.
fn invert(mut a: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let n = a.len();
    let mut inverse: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for p in 0..n {
        let best = (p..n).max_by(|&x, &y| a[x][p].abs().total_cmp(&a[y][p].abs())).expect("p is below n");
        a.swap(p, best);
        inverse.swap(p, best);
        let pivot = a[p][p];
        a[p].iter_mut().chain(&mut inverse[p]).for_each(|v| *v /= pivot);
        for i in (0..n).filter(|&i| i != p) {
            let factor = a[i][p];
            let (row, other) = (a[p].clone(), inverse[p].clone());
            plus(&mut a[i], &row, -factor);
            plus(&mut inverse[i], &other, -factor);
        }
    }
    inverse
}

/// The stem's embedding of one drawing.
fn embed(model: &Model, stem: &Stem, drawing: &[f64]) -> Vec<f64> {
    let tensor = |name: &str| -> Vec<f64> { model.tensor(name).iter().map(|&v| f64::from(v)).collect() };
    let sizes = stem.sizes();
    let drawing = &drawing[..stem.side * stem.side];
    let mut plane = drawing.to_vec();
    for (i, convolution) in stem.convolutions.iter().enumerate() {
        let (weight, bias) =
            (tensor(&format!("stem.convolution.{i}.weight")), tensor(&format!("stem.convolution.{i}.bias")));
        let ((side, inputs), (after, outputs)) = (sizes[i], sizes[i + 1]);
        let padding = (convolution.size / 2) as isize;
        let mut next = Vec::with_capacity(after * after * outputs);
        for (y, x) in (0..after).flat_map(|y| (0..after).map(move |x| (y, x))) {
            let mut sums = bias.clone();
            for (dy, dx) in (0..convolution.size).flat_map(|dy| (0..convolution.size).map(move |dx| (dy, dx))) {
                let row = (y * convolution.stride + dy) as isize - padding;
                let column = (x * convolution.stride + dx) as isize - padding;
                if row < 0 || column < 0 || row >= side as isize || column >= side as isize {
                    continue;
                }
                let from = (row as usize * side + column as usize) * inputs;
                for input in 0..inputs {
                    let at = ((dy * convolution.size + dx) * inputs + input) * outputs;
                    plus(&mut sums, &weight[at..at + outputs], plane[from + input]);
                }
            }
            next.extend(sums.into_iter().map(|sum| sum.max(0.0)));
        }
        plane = next;
    }
    let mut embedding = times(&plane, &tensor("stem.embedding"));
    plus(&mut embedding, &times(drawing, &tensor("stem.skip")), 1.0);
    embedding
}

/// `row` `[I]` · `weight` `[I, O]`
fn times(row: &[f64], weight: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; weight.len() / row.len()];
    for (x, weights) in row.iter().zip(weight.chunks_exact(out.len())) {
        plus(&mut out, weights, *x);
    }
    out
}

/// a += factor·b
fn plus(a: &mut [f64], b: &[f64], factor: f64) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += factor * b);
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

    use crate::cpu::{Manner, forward_as};
    use crate::parity;
    use crate::spec::{Convolution, Equivariant, ModelSpec, Ridge, RidgeKernel, Stem};
    use crate::{Model, cpu};

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
        let (inputs, labels) = parity::episode(&model, 1, 12);
        let names = [3, 0, 4, 1, 2];
        let renamed: Vec<u32> = labels.iter().map(|&l| names[l as usize]).collect();
        let before = last(&cpu::forward(&model, &inputs, &labels).unwrap(), 5);
        let after = last(&cpu::forward(&model, &inputs, &renamed).unwrap(), 5);
        let expected: Vec<f32> = (0..5).map(|c| before[names.iter().position(|&n| n == c).unwrap()]).collect();
        assert_close(&after, &expected);
        assert!(before.iter().any(|log| (log - before[0]).abs() > 0.1), "the learner says something: {before:?}");
    }

    #[test]
    fn order_and_rotation_change_nothing() {
        let model = Model::random(spec(), 2).unwrap();
        let (inputs, labels) = parity::episode(&model, 2, 12);
        let before = last(&cpu::forward(&model, &inputs, &labels).unwrap(), 5);
        let (mut turned, mut moved) = (inputs.clone(), labels.clone());
        turned[..11 * 6].rotate_left(4 * 6);
        moved[..11].rotate_left(4);
        assert_close(&last(&cpu::forward(&model, &turned, &moved).unwrap(), 5), &before);
        let rotated: Vec<f32> = inputs
            .chunks_exact(2)
            .flat_map(|pair| [(pair[0] - pair[1]) * FRAC_1_SQRT_2, (pair[0] + pair[1]) * FRAC_1_SQRT_2])
            .collect();
        assert_close(&last(&cpu::forward(&model, &rotated, &labels).unwrap(), 5), &before);
    }

    #[test]
    fn nothing_shown_gives_equal_chances_among_the_classes_in_use() {
        let model = Model::random(spec(), 3).unwrap();
        let (inputs, _) = parity::episode(&model, 3, 1);
        let manner = Manner { classes: 4, drawings: false };
        let answers = forward_as(&model, &inputs, &[0], manner).unwrap();
        assert_close(&answers, &[0.25f32.ln(), 0.25f32.ln(), 0.25f32.ln(), 0.25f32.ln(), f32::NEG_INFINITY]);
        assert!(forward_as(&model, &inputs, &[4], manner).is_err());
    }

    #[test]
    fn a_stem_matters_for_drawings_alone() {
        let mut spec = spec();
        let stem = Stem {
            side: 4,
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
        let (inputs, labels) = parity::episode(&model, 4, 9);
        let answer = |model: &Model, drawings| {
            last(&forward_as(model, &inputs, &labels, Manner { classes: 5, drawings }).unwrap(), 5)
        };
        assert_close(&answer(&model, false), &answer(&other, false));
        assert_ne!(answer(&model, true), answer(&other, true));
    }

    #[test]
    fn a_shown_example_is_scored_as_if_it_were_left_out() {
        // the closed form against leaving it out for real
        let model = Model::random(spec(), 5).unwrap();
        let (inputs, labels) = parity::episode(&model, 5, 8);
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
