//! Multinomial logistic regression through a kernel.

use crate::linalg::multiply;
use crate::probability::log_softmax;

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Mean cross-entropy.
fn loss(logits: &[f64], places: &[usize], k: usize) -> f64 {
    let example = |(row, &place): (&[f64], &usize)| {
        let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        top + row.iter().map(|v| (v - top).exp()).sum::<f64>().ln() - row[place]
    };
    logits.chunks_exact(k).zip(places).map(example).sum::<f64>() / places.len() as f64
}

/// Gradient in the kernel's space: (P − Y)/n + λ a.
fn gradient(a: &[f64], logits: &[f64], places: &[usize], k: usize, penalty: f64) -> Vec<f64> {
    let n = places.len();
    let mut g = logits.to_vec();
    for (row, &place) in g.chunks_exact_mut(k).zip(places) {
        log_softmax(row);
        row.iter_mut().for_each(|v| *v = v.exp());
        row[place] -= 1.0;
    }
    g.iter_mut().zip(a).for_each(|(g, a)| *g = *g / n as f64 + penalty * a);
    g
}

/// Coefficients a [n, k] that minimise the mean cross-entropy of the logits K·a plus λ/2 ⟨a, a⟩.
pub fn fit(kernel: &[f64], places: &[usize], k: usize, penalty: f64) -> Vec<f64> {
    let n = places.len();
    let loss = |logits: &[f64]| loss(logits, places, k);
    let gradient = |a: &[f64], logits: &[f64]| gradient(a, logits, places, k, penalty);

    let mut a = vec![0f64; n * k];
    let mut logits = vec![0f64; n * k];
    let mut value = loss(&logits);
    let mut g = gradient(&a, &logits);
    let mut kg = multiply(kernel, &g, n, k);
    // The last steps s and changes of gradient y, with their products with K.
    let mut memory: std::collections::VecDeque<[Vec<f64>; 4]> = std::collections::VecDeque::new();
    for _ in 0..200 {
        if inner(&g, &kg) < 1e-9 {
            break;
        }
        let mut p = g.clone();
        let mut alphas = Vec::with_capacity(memory.len());
        for [s, ks, y, ky] in memory.iter().rev() {
            let alpha = inner(ks, &p) / inner(s, ky);
            p.iter_mut().zip(y).for_each(|(p, y)| *p -= alpha * y);
            alphas.push(alpha);
        }
        // The first step's length: the loss curves by at most half the mean square norm, which is 1.
        let scale = memory.back().map_or(1.0, |[s, _, y, ky]| inner(s, ky) / inner(y, ky));
        p.iter_mut().for_each(|p| *p *= scale);
        for ([s, _, _, ky], alpha) in memory.iter().zip(alphas.into_iter().rev()) {
            let beta = inner(ky, &p) / inner(s, ky);
            p.iter_mut().zip(s).for_each(|(p, s)| *p += (alpha - beta) * s);
        }
        p.iter_mut().for_each(|p| *p = -*p);
        let kp = multiply(kernel, &p, n, k);
        let slope = inner(&p, &kg);
        let (square, along) = (inner(&p, &kp), inner(&a, &kp));
        let norm = inner(&a, &logits);
        // Backtracking until the loss falls by a part of what the slope promises.
        let mut step = 1.0;
        let (next, next_value) = loop {
            let next: Vec<f64> = logits.iter().zip(&kp).map(|(f, d)| f + step * d).collect();
            let next_value = loss(&next) + penalty / 2.0 * (norm + 2.0 * step * along + step * step * square);
            if next_value <= value + 1e-4 * step * slope || step < 1e-8 {
                break (next, next_value);
            }
            step *= 0.5;
        };
        if next_value >= value {
            break;
        }
        let s: Vec<f64> = p.iter().map(|p| step * p).collect();
        let ks: Vec<f64> = kp.iter().map(|p| step * p).collect();
        a.iter_mut().zip(&s).for_each(|(a, s)| *a += s);
        (logits, value) = (next, next_value);
        let next_g = gradient(&a, &logits);
        let next_kg = multiply(kernel, &next_g, n, k);
        let y: Vec<f64> = next_g.iter().zip(&g).map(|(b, a)| b - a).collect();
        let ky: Vec<f64> = next_kg.iter().zip(&kg).map(|(b, a)| b - a).collect();
        (g, kg) = (next_g, next_kg);
        if inner(&s, &ky) > 1e-14 {
            memory.push_back([s, ks, y, ky]);
            if memory.len() > 10 {
                memory.pop_front();
            }
        }
    }
    a
}
