//! Variant `equivariant` straight from the formulas in [`crate::spec`], all in f64, for one query at a time.

use crate::file::Model;
use crate::spec::{COSINE_EPSILON, FEATURES, LINEAR_SLOPE, RMS_EPSILON, Ridge, RidgeKernel, SOFTMAX_SLOPE, Stem};

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
    /// Whether inputs are drawings that the stem may read.
    pub drawings: bool,
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
    let mut views = vec![relations(&rows, n)];
    if let Some(stem) = &set.stem {
        views.push(match question.drawings {
            true => relations(&rows.iter().map(|row| embed(model, stem, row)).collect::<Vec<_>>(), n),
            false => views[0].clone(),
        });
    }
    let sees = |i: usize, j: usize| i != j;
    let seen = |i: usize| if i < n { n - 1 } else { n };

    let scores: Vec<Vec<Vec<f64>>> =
        set.ridge.iter().map(|ridge| ridge_scores(ridge, &views[0], question.labels, c)).collect();
    let score = |i: usize, class: usize| -> Vec<f64> { scores.iter().map(|s| s[i][class]).collect() };
    let (shown, label, query) = (tensor("embed.shown"), tensor("embed.label"), tensor("embed.query"));
    let table = if scores.is_empty() { Vec::new() } else { tensor("embed.ridge") };
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
                                let (cos, distance) = (r.cosine[i][j], r.distance[i][j]);
                                let slope = |f: usize| softmax[(view * FEATURES + f) * spec.heads + head];
                                slope(0) * cos + slope(1) * cos * cos - slope(2) * distance
                            });
                            temperature[head] / (size as f64).sqrt() * dot
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
                                let (cos, distance) = (r.cosine[i][j], r.distance[i][j]);
                                let slope = |f: usize| linear[(view * FEATURES + f) * set.linear_heads + head];
                                slope(0) * cos + slope(1) * cos * cos + slope(2) * (-distance).exp()
                            });
                            f64::from(LINEAR_SLOPE) * slopes.sum::<f64>() / seen(i).max(1) as f64
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
}

fn relations(rows: &[Vec<f64>], n: usize) -> Relations {
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
    Relations {
        cosine: each(&|i, j| {
            dot(&centred[i], &centred[j]) / (squares[i] * squares[j] + f64::from(COSINE_EPSILON)).sqrt()
        }),
        distance: each(&|i, j| centred[i].iter().zip(&centred[j]).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / s),
        square: squares.iter().map(|square| square / s).collect(),
    }
}

/// Answers of one regression, `[N + 1][C]`.
fn ridge_scores(ridge: &Ridge, view: &Relations, labels: &[u32], classes: usize) -> Vec<Vec<f64>> {
    let n = labels.len();
    if n == 0 {
        return vec![vec![0.0; classes]];
    }
    let reach: Vec<f64> = (0..=n)
        .map(|i| match ridge.kernel {
            RidgeKernel::Local { neighbour } => {
                let mut others: Vec<f64> = (0..n).filter(|&j| j != i).map(|j| view.distance[i][j]).collect();
                others.sort_by(f64::total_cmp);
                others.get(neighbour.min(others.len()).wrapping_sub(1)).copied().unwrap_or(1.0).max(1e-6).sqrt()
            }
            _ => 1.0,
        })
        .collect();
    let kernel = |i: usize, j: usize| match ridge.kernel {
        RidgeKernel::Linear => (view.square[i] + view.square[j] - view.distance[i][j]) / 2.0,
        RidgeKernel::Gaussian { gamma } => (-f64::from(gamma) * view.distance[i][j]).exp(),
        RidgeKernel::Local { .. } => (-view.distance[i][j] / (reach[i] * reach[j])).exp(),
    };
    let target = |j: usize, class: usize| f64::from(u8::from(labels[j] as usize == class)) - 1.0 / classes as f64;
    let system: Vec<Vec<f64>> = (0..n)
        .map(|i| (0..n).map(|j| kernel(i, j) + if i == j { f64::from(ridge.lambda) } else { 0.0 }).collect())
        .collect();
    let inverse = invert(system);
    let alpha = |j: usize, class: usize| (0..n).map(|m| inverse[j][m] * target(m, class)).sum::<f64>();
    let mut scores: Vec<Vec<f64>> = (0..n)
        .map(|i| (0..classes).map(|class| target(i, class) - alpha(i, class) / inverse[i][i]).collect())
        .collect();
    scores.push((0..classes).map(|class| (0..n).map(|j| kernel(n, j) * alpha(j, class)).sum()).collect());
    scores
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

#[cfg(test)]
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
            Ridge { kernel: RidgeKernel::Linear, lambda: 0.3 },
            Ridge { kernel: RidgeKernel::Gaussian { gamma: 1.0 }, lambda: 0.1 },
            Ridge { kernel: RidgeKernel::Local { neighbour: 2 }, lambda: 0.05 },
        ];
        spec.equivariant = Some(Equivariant { linear_heads: 2, ridge, stem: None });
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
        other.tensors.get_mut("stem.convolution.0.weight").unwrap().iter_mut().for_each(|w| *w = -*w);
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
        for ridge in &model.spec.set().ridge[..2] {
            let all = super::relations(&rows, 8);
            let closed = super::ridge_scores(ridge, &all, &labels, 5);
            // example 7 as the query; centre and scale stay those of all eight
            let mut without = all.clone();
            for table in [&mut without.cosine, &mut without.distance] {
                table.iter_mut().for_each(|row| {
                    row.truncate(7);
                });
                table.truncate(8);
            }
            let opened = super::ridge_scores(ridge, &without, &labels[..7], 5);
            for (a, b) in closed[7].iter().zip(&opened[7]) {
                assert!((a - b).abs() < 1e-9, "{:?} {:?}", closed[7], opened[7]);
            }
        }
    }
}
