//! The synthetic prior: endless random class-conditional generators, so that a learner can be meta-trained without
//! any data set. Each task draws one family and its hyper-parameters afresh.
//!
//! Every family returns examples whose entries have mean 0 and mean square 1 each (standardised per example, as the
//! encoding `per-example` does to images).

use rand::RngExt;
use serde::{Deserialize, Serialize};
use shaders::pixels;
use shaders::random::Stream;
use shaders::strokes::{Character, bezier, log_uniform, normal};

use super::fields;
use super::labels::Classes;
use super::projection::normals;
use super::shapes;

/// Side of the pictures that families of pictures draw; D₀ = 14·14, as data sets are pooled.
pub(super) const SIDE: usize = 14;
/// D₀ of the vector families.
const LATENT: usize = 64;

/// How often each family is drawn; the numbers are weights and need not sum to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prior {
    /// Power-law spectra, several modes a class, noise that differs by class.
    pub spectral: f64,
    /// The same, seen through a random ReLU layer.
    pub network: f64,
    /// One Gaussian a class with a random full covariance.
    pub clusters: f64,
    /// Plain prototypes and white noise.
    pub prototypes: f64,
    /// Non-negative features that are mostly zero.
    pub sparse: f64,
    /// Pictures of random strokes, redrawn with a shaky hand.
    pub strokes: f64,
    /// Pictures of smooth random fields: lines, shapes, textures.
    #[serde(default)]
    pub fields: f64,
    /// Pictures of things made of a few parts, painted anew in each example.
    #[serde(default)]
    pub shapes: f64,
    /// Gaussian modes in groups of similar classes with heavy tails and directions of their own, often seen through
    /// random ReLU layers.
    #[serde(default)]
    pub mixtures: f64,
}

impl Default for Prior {
    fn default() -> Self {
        Prior {
            spectral: 0.25,
            network: 0.2,
            clusters: 0.05,
            prototypes: 0.05,
            sparse: 0.1,
            strokes: 0.35,
            fields: 0.0,
            shapes: 0.0,
            mixtures: 0.0,
        }
    }
}

impl Prior {
    /// No family at all, to name a few.
    pub fn none() -> Prior {
        Prior {
            spectral: 0.0,
            network: 0.0,
            clusters: 0.0,
            prototypes: 0.0,
            sparse: 0.0,
            strokes: 0.0,
            fields: 0.0,
            shapes: 0.0,
            mixtures: 0.0,
        }
    }

    /// `t` examples of a new task: (`[T, D₀]`, D₀, class of each). `task` draws what the task is, `stream` its examples.
    pub fn sample(
        &self,
        classes: &Classes,
        t: usize,
        task: &mut Stream,
        stream: &mut Stream,
    ) -> (Vec<f32>, usize, Vec<u32>) {
        let own = classes.sequence(t, stream);
        let raw = self.raw(classes.count(), &own, false, task, stream);
        let dimensions = raw.len() / t;
        (raw, dimensions, own)
    }

    /// Sum of all weights.
    pub fn total(&self) -> f64 {
        let vectors = self.spectral + self.network + self.clusters + self.prototypes + self.sparse + self.mixtures;
        vectors + self.strokes + self.fields + self.shapes
    }

    /// Whether some family draws pictures.
    pub fn draws_pictures(&self) -> bool {
        self.strokes + self.fields + self.shapes > 0.0
    }

    /// Examples of a new task with `k` classes, standardised, `[T, D₀]`. `own`: class of each; `pictures`: whether only
    /// families of pictures may be drawn.
    pub fn raw(&self, k: usize, own: &[u32], pictures: bool, task: &mut Stream, stream: &mut Stream) -> Vec<f32> {
        let mut weights = [
            self.spectral,
            self.network,
            self.clusters,
            self.prototypes,
            self.sparse,
            self.strokes,
            self.fields,
            self.shapes,
            self.mixtures,
        ];
        if pictures {
            weights[..5].fill(0.0);
            weights[8] = 0.0;
        }
        let mut raw = match super::choose(&weights, weights.len(), task) {
            0 => spectral(k, own, task, stream),
            1 => {
                let z = spectral(k, own, task, stream);
                network(&z, task)
            }
            2 => clusters(k, own, task, stream),
            3 => prototypes(k, own, task, stream),
            4 => sparse(k, own, task, stream),
            5 => strokes(k, own, task, stream),
            6 => fields::fields(k, own, task, stream),
            7 => shapes::shapes(k, own, task, stream),
            _ => mixtures(k, own, task, stream),
        };
        let dimensions = raw.len() / own.len();
        for example in raw.chunks_exact_mut(dimensions) {
            pixels::standardise(example);
        }
        raw
    }
}

/// i^(−a) for i = 1…D with a log-uniform in 0.3…2, scaled to mean square 1.
fn power_law(stream: &mut Stream) -> Vec<f32> {
    let exponent = -log_uniform(0.3, 2.0, stream);
    let mut values: Vec<f32> = (1..=LATENT).map(|i| (i as f32).powf(exponent)).collect();
    let rms = (values.iter().map(|v| v * v).sum::<f32>() / LATENT as f32).sqrt();
    values.iter_mut().for_each(|v| *v /= rms);
    values
}

/// Class means and sub-modes with one spectrum, noise with another and a scale of its own a class and dimension.
fn spectral(k: usize, own: &[u32], task: &mut Stream, stream: &mut Stream) -> Vec<f32> {
    let (signal, noise) = (power_law(task), power_law(task));
    let modes = task.random_range(1..=4);
    let mode_scale = log_uniform(0.05, 1.5, task);
    let noise_scale = log_uniform(0.3, 3.0, task);
    let means = normals(k * LATENT, task);
    let centres = normals(k * modes * LATENT, task);
    let own_noise: Vec<f32> = normals(k * LATENT, task).into_iter().map(|v| (0.5 * v).exp()).collect();
    let mut out = Vec::with_capacity(own.len() * LATENT);
    for &class in own {
        let class = class as usize;
        let mode = class * modes + stream.random_range(0..modes);
        for d in 0..LATENT {
            let centre = means[class * LATENT + d] + mode_scale * centres[mode * LATENT + d];
            out.push(signal[d] * centre + noise_scale * noise[d] * own_noise[class * LATENT + d] * normal(stream));
        }
    }
    out
}

/// One random ReLU layer with a bias, so that examples are no longer Gaussian.
fn network(z: &[f32], task: &mut Stream) -> Vec<f32> {
    let rms = (z.iter().map(|v| v * v).sum::<f32>() / z.len() as f32).sqrt();
    let gain = log_uniform(0.5, 2.0, task) / (rms * (LATENT as f32).sqrt());
    let weight = normals(LATENT * LATENT, task);
    let mut out = vec![0.0; z.len()];
    for (row, x) in out.chunks_exact_mut(LATENT).zip(z.chunks_exact(LATENT)) {
        for (d, value) in x.iter().enumerate() {
            for (o, w) in row.iter_mut().zip(&weight[d * LATENT..(d + 1) * LATENT]) {
                *o += gain * value * w;
            }
        }
        row.iter_mut().for_each(|v| *v = (*v + 0.3).max(0.0));
    }
    out
}

/// N(μ_c, S_c S_cᵀ) with a random low-rank factor a class and a little white noise.
fn clusters(k: usize, own: &[u32], task: &mut Stream, stream: &mut Stream) -> Vec<f32> {
    let rank = task.random_range(1..=16);
    let spread = log_uniform(0.3, 3.0, task) / (rank as f32).sqrt();
    let white = log_uniform(0.1, 1.0, task);
    let means = normals(k * LATENT, task);
    let factors = normals(k * rank * LATENT, task);
    let mut out = Vec::with_capacity(own.len() * LATENT);
    for &class in own {
        let class = class as usize;
        let mut x: Vec<f32> = (0..LATENT).map(|d| means[class * LATENT + d] + white * normal(stream)).collect();
        for r in 0..rank {
            let amount = spread * normal(stream);
            let from = (class * rank + r) * LATENT;
            for (v, f) in x.iter_mut().zip(&factors[from..from + LATENT]) {
                *v += amount * f;
            }
        }
        out.extend(x);
    }
    out
}

fn prototypes(k: usize, own: &[u32], task: &mut Stream, stream: &mut Stream) -> Vec<f32> {
    let noise = log_uniform(0.3, 3.0, task);
    let means = normals(k * LATENT, task);
    let mut out = Vec::with_capacity(own.len() * LATENT);
    for &class in own {
        out.extend((0..LATENT).map(|d| means[class as usize * LATENT + d] + noise * normal(stream)));
    }
    out
}

/// Each class switches on its own features more often; values are exponential.
fn sparse(k: usize, own: &[u32], task: &mut Stream, stream: &mut Stream) -> Vec<f32> {
    let (base, contrast) = (log_uniform(0.03, 0.4, task), log_uniform(0.5, 3.0, task));
    let chance: Vec<f32> = (0..k * LATENT)
        .map(|_| {
            let odds = base / (1.0 - base) * (contrast * normal(task)).exp();
            odds / (1.0 + odds)
        })
        .collect();
    let mut out = Vec::with_capacity(own.len() * LATENT);
    for &class in own {
        for d in 0..LATENT {
            let on = stream.random::<f32>() < chance[class as usize * LATENT + d];
            out.push(if on { -(1.0 - stream.random::<f32>()).ln() } else { 0.0 });
        }
    }
    out
}

/// Gaussian modes; class means fall into groups, tails may be Student's t with 3 degrees of freedom, classes may have
/// directions of their own. Up to two random ReLU layers follow, and a random matrix, so that no axis is special.
fn mixtures(k: usize, own: &[u32], task: &mut Stream, stream: &mut Stream) -> Vec<f32> {
    const WIDE: usize = 128;
    let m = [8, 16, 32, 64, 196][task.random_range(0..5usize)];
    let spectrum = |task: &mut Stream| {
        let exponent = -log_uniform(0.3, 2.0, task);
        let values: Vec<f32> = (1..=m).map(|i| (i as f32).powf(exponent)).collect();
        let rms = (values.iter().map(|v| v * v).sum::<f32>() / m as f32).sqrt();
        values.into_iter().map(|v| v / rms).collect::<Vec<f32>>()
    };
    let (signal, noise) = (spectrum(task), spectrum(task));
    let groups = task.random_range(1..=7usize);
    let apart = task.random_range(0.3..1.0f32);
    let centres = normals(groups * m, task);
    let means: Vec<f32> = (0..k)
        .flat_map(|_| {
            let group = task.random_range(0..groups) * m;
            let own = normals(m, task);
            (0..m)
                .map(|d| signal[d] * ((1.0 - apart * apart).sqrt() * centres[group + d] + apart * own[d]))
                .collect::<Vec<_>>()
        })
        .collect();
    let modes = task.random_range(1..=4usize);
    let mode_scale = log_uniform(0.05, 1.5, task);
    let mode_centres = normals(k * modes * m, task);
    let heavy = task.random_bool(0.3);
    let noise_scale = log_uniform(0.3, 2.5, task);
    let own_noise: Vec<f32> = normals(k * m, task).into_iter().map(|v| (0.5 * v).exp()).collect();
    const RANK: usize = 3;
    let own_scale = if task.random_bool(0.5) { log_uniform(0.1, 1.0, task) } else { 0.0 };
    let directions = normals(k * RANK * m, task);
    let mut rows: Vec<Vec<f32>> = own
        .iter()
        .map(|&class| {
            let class = class as usize;
            let mode = (class * modes + stream.random_range(0..modes)) * m;
            let along: [f32; RANK] = std::array::from_fn(|_| own_scale * normal(stream));
            (0..m)
                .map(|d| {
                    // Student's t: a normal over the root of a mean of squares of three more
                    let tail = if heavy {
                        let square: f32 = (0..3).map(|_| normal(stream).powi(2)).sum();
                        (square / 3.0).sqrt().max(0.05)
                    } else {
                        1.0
                    };
                    let mut value = means[class * m + d] + mode_scale * signal[d] * mode_centres[mode + d];
                    value += noise_scale * noise[d] * own_noise[class * m + d] * normal(stream) / tail;
                    value + (0..RANK).map(|r| along[r] * directions[(class * RANK + r) * m + d]).sum::<f32>()
                })
                .collect()
        })
        .collect();
    let scale = |rows: &mut [Vec<f32>]| {
        let count = rows.iter().map(Vec::len).sum::<usize>() as f32;
        let rms = (rows.iter().flatten().map(|v| v * v).sum::<f32>() / count).sqrt() + 1e-6;
        rows.iter_mut().flatten().for_each(|v| *v /= rms);
    };
    scale(&mut rows);
    for _ in 0..[0, 1, 1, 2][task.random_range(0..4usize)] {
        let gain = log_uniform(0.5, 2.0, task);
        let bias = task.random_range(-0.5..0.5f32);
        rows = through(&rows, WIDE, gain, task);
        rows.iter_mut().flatten().for_each(|v| *v = (*v + bias).max(0.0));
        scale(&mut rows);
    }
    through(&rows, SIDE * SIDE, 1.0, task).into_iter().flatten().collect()
}

/// A random matrix with entries of variance gain²/in.
fn through(rows: &[Vec<f32>], outputs: usize, gain: f32, task: &mut Stream) -> Vec<Vec<f32>> {
    let inputs = rows[0].len();
    let weight = normals(inputs * outputs, task);
    let gain = gain / (inputs as f32).sqrt();
    rows.iter()
        .map(|row| {
            let mut out = vec![0f32; outputs];
            for (x, weights) in row.iter().zip(weight.chunks_exact(outputs)) {
                if *x != 0.0 {
                    out.iter_mut().zip(weights).for_each(|(o, w)| *o += gain * x * w);
                }
            }
            out
        })
        .collect()
}

/// One picture of it: control points moved by `shake`, an affine distortion, a pen of random width.
fn picture(character: &Character, shake: f32, stream: &mut Stream) -> Vec<f32> {
    const SAMPLES: usize = 14;
    let mut points = Vec::with_capacity(character.strokes.len() * SAMPLES);
    for stroke in &character.strokes {
        let moved = stroke.map(|p| [p[0] + shake * normal(stream), p[1] + shake * normal(stream)]);
        for s in 0..SAMPLES {
            points.push(bezier(&moved, s as f32 / (SAMPLES - 1) as f32));
        }
    }
    // rotation, shear and scale of a hand; sizes in units of the picture
    let angle = (8.0 * normal(stream)).clamp(-18.0, 18.0).to_radians();
    let shear = 0.12 * normal(stream);
    let (sin, cos) = angle.sin_cos();
    let (wide, high) = ((0.1 * normal(stream)).exp(), (0.1 * normal(stream)).exp());
    for p in &mut points {
        let x = wide * (p[0] + shear * p[1]);
        let y = high * p[1];
        *p = [cos * x - sin * y, sin * x + cos * y];
    }
    // centre of mass in the middle, longest side of the box 10 of 14 pixels: the preprocessing of real drawings
    let n = points.len() as f32;
    let mean = [0, 1].map(|axis| points.iter().map(|p| p[axis]).sum::<f32>() / n);
    let extent = [0, 1]
        .map(|axis| {
            let values = points.iter().map(|p| p[axis]);
            values.clone().fold(f32::MIN, f32::max) - values.fold(f32::MAX, f32::min)
        })
        .into_iter()
        .fold(0.15, f32::max);
    let scale = 9.5 / extent;
    let middle = (SIDE as f32 - 1.0) / 2.0;
    let pen = stream.random_range(0.4..0.9f32);
    let ink = stream.random_range(0.6..2.0f32);
    let mut picture = vec![0.0f32; SIDE * SIDE];
    for p in &points {
        let (x, y) = ((p[0] - mean[0]) * scale + middle, (p[1] - mean[1]) * scale + middle);
        let rows = (y - 2.5).max(0.0) as usize..((y + 3.5).max(0.0) as usize).min(SIDE);
        for row in rows {
            let columns = (x - 2.5).max(0.0) as usize..((x + 3.5).max(0.0) as usize).min(SIDE);
            for column in columns {
                let square = (row as f32 - y).powi(2) + (column as f32 - x).powi(2);
                picture[row * SIDE + column] += ink * (-square / (2.0 * pen * pen)).exp();
            }
        }
    }
    picture.iter_mut().for_each(|v| *v = 1.0 - (-*v).exp());
    picture
}

fn strokes(k: usize, own: &[u32], task: &mut Stream, stream: &mut Stream) -> Vec<f32> {
    // some classes are written in more than one way, as people do
    let ways: Vec<Vec<Character>> = (0..k)
        .map(|_| (0..if task.random_bool(0.3) { 2 } else { 1 }).map(|_| Character::draw(task)).collect())
        .collect();
    let shake = log_uniform(0.06, 0.3, task);
    let mut out = Vec::with_capacity(own.len() * SIDE * SIDE);
    for &class in own {
        let ways = &ways[class as usize];
        let way = &ways[stream.random_range(0..ways.len())];
        out.extend(picture(way, shake, stream));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::TaskConfig;
    use super::*;
    use shaders::random::stream;

    /// Accuracy of the nearest class mean on the second half, from the first half.
    fn nearest_mean(raw: &[f32], d: usize, own: &[u32], k: usize) -> f64 {
        let half = own.len() / 2;
        let mut means = vec![0f32; k * d];
        let mut count = vec![0f32; k];
        for i in 0..half {
            let c = own[i] as usize;
            count[c] += 1.0;
            for x in 0..d {
                means[c * d + x] += raw[i * d + x];
            }
        }
        let right = (half..own.len()).filter(|&i| {
            let distance = |c: usize| -> f32 {
                (0..d).map(|x| (raw[i * d + x] - means[c * d + x] / count[c].max(1.0)).powi(2)).sum()
            };
            let best = (0..k).min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap();
            best == own[i] as usize
        });
        right.count() as f64 / (own.len() - half) as f64
    }

    #[test]
    fn every_family_can_be_learned_and_is_standardised() {
        let names =
            ["spectral", "network", "clusters", "prototypes", "sparse", "strokes", "fields", "shapes", "mixtures"];
        for (i, name) in names.iter().enumerate() {
            let mut prior = Prior::none();
            *[
                &mut prior.spectral,
                &mut prior.network,
                &mut prior.clusters,
                &mut prior.prototypes,
                &mut prior.sparse,
                &mut prior.strokes,
                &mut prior.fields,
                &mut prior.shapes,
                &mut prior.mixtures,
            ][i] = 1.0;
            let mut accuracy = 0.0;
            for task in 0..20 {
                let mut a = stream(9, "prior task", task);
                let mut b = stream(9, "prior examples", task);
                let classes = Classes::draw(&TaskConfig::default(), 10, &mut a);
                let (raw, d, own) = prior.sample(&classes, 200, &mut a, &mut b);
                for x in raw.chunks_exact(d) {
                    let mean = x.iter().sum::<f32>() / d as f32;
                    assert!(mean.abs() < 1e-3 && x.iter().all(|v| v.is_finite()), "{name}");
                }
                accuracy += nearest_mean(&raw, d, &own, 10) / 20.0;
            }
            // far above chance (0.1), and not trivial
            assert!((0.3..0.995).contains(&accuracy), "{name}: nearest mean {accuracy}");
        }
    }
}
