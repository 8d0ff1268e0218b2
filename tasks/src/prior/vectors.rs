//! Families of vectors: Gaussian modes, random layers, sparse features.

use rand::RngExt;
use shaders::input::strokes::{log_uniform, normal};
use shaders::random::Stream;

use super::super::projection::normals;
use super::side::SIDE;

/// D₀ of the vector families.
const LATENT: usize = 64;

/// i^(−a) for i = 1…D with a log-uniform in 0.3…2, scaled to mean square 1.
fn power_law(stream: &mut Stream) -> Vec<f32> {
    let exponent = -log_uniform(0.3, 2.0, stream);
    let mut values: Vec<f32> = (1..=LATENT).map(|i| (i as f32).powf(exponent)).collect();
    let rms = (values.iter().map(|v| v * v).sum::<f32>() / LATENT as f32).sqrt();
    values.iter_mut().for_each(|v| *v /= rms);
    values
}

/// Class means and sub-modes with one spectrum, noise with another and a scale of its own a class and dimension.
pub(super) fn spectral(k: usize, own: &[u32], task: &mut Stream, stream: &mut Stream) -> Vec<f32> {
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
pub(super) fn network(z: &[f32], task: &mut Stream) -> Vec<f32> {
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
pub(super) fn clusters(k: usize, own: &[u32], task: &mut Stream, stream: &mut Stream) -> Vec<f32> {
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

pub(super) fn prototypes(k: usize, own: &[u32], task: &mut Stream, stream: &mut Stream) -> Vec<f32> {
    let noise = log_uniform(0.3, 3.0, task);
    let means = normals(k * LATENT, task);
    let mut out = Vec::with_capacity(own.len() * LATENT);
    for &class in own {
        out.extend((0..LATENT).map(|d| means[class as usize * LATENT + d] + noise * normal(stream)));
    }
    out
}

/// Each class switches on its own features more often; values are exponential.
pub(super) fn sparse(k: usize, own: &[u32], task: &mut Stream, stream: &mut Stream) -> Vec<f32> {
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
pub(super) fn mixtures(k: usize, own: &[u32], task: &mut Stream, stream: &mut Stream) -> Vec<f32> {
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
