//! A perceptron with one hidden layer, trained online.

use shaders::random::Stream;

use tasks::projection::normals;

/// Hidden units.
pub const HIDDEN: usize = 128;
/// Rate of Adam's steps.
pub const ADAM_RATE: f32 = 1e-3;

/// x → ReLU → log-probabilities, with the moments of Adam.
pub(super) struct Perceptron {
    inputs: usize,
    classes: usize,
    /// W₁ [X, H], b₁ `[H]`, W₂ [H, C], b₂ `[C]`
    weights: Vec<f32>,
    moments: [Vec<f32>; 2],
    steps: i32,
}

impl Perceptron {
    pub(super) fn new(inputs: usize, classes: usize, stream: &mut Stream) -> Perceptron {
        let scaled = |count: usize, fan_in: usize, stream: &mut Stream| -> Vec<f32> {
            let scale = 1.0 / (fan_in as f32).sqrt();
            normals(count, stream).into_iter().map(|v| v * scale).collect()
        };
        let mut weights = scaled(inputs * HIDDEN, inputs, stream);
        weights.resize(weights.len() + HIDDEN, 0.0);
        weights.extend(scaled(HIDDEN * classes, HIDDEN, stream));
        weights.resize(weights.len() + classes, 0.0);
        let zeros = vec![0.0; weights.len()];
        Perceptron { inputs, classes, weights, moments: [zeros.clone(), zeros], steps: 0 }
    }

    /// Where b₁, W₂ and b₂ begin.
    fn places(&self) -> (usize, usize, usize) {
        let b1 = self.inputs * HIDDEN;
        (b1, b1 + HIDDEN, b1 + HIDDEN + HIDDEN * self.classes)
    }

    /// Hidden units `[H]` and chances `[C]`.
    pub(super) fn forward(&self, x: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (b1, w2, b2) = self.places();
        let mut hidden = self.weights[b1..w2].to_vec();
        for (row, &value) in self.weights.chunks_exact(HIDDEN).zip(x) {
            hidden.iter_mut().zip(row).for_each(|(h, w)| *h += value * w);
        }
        hidden.iter_mut().for_each(|h| *h = h.max(0.0));
        let mut logits = self.weights[b2..].to_vec();
        for (row, &h) in self.weights[w2..b2].chunks_exact(self.classes).zip(&hidden) {
            logits.iter_mut().zip(row).for_each(|(l, w)| *l += h * w);
        }
        let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        logits.iter_mut().for_each(|l| *l = (*l - top).exp());
        let sum: f32 = logits.iter().sum();
        logits.iter_mut().for_each(|l| *l /= sum);
        (hidden, logits)
    }

    /// Gradient of the cross-entropy of one example, in the layout of `weights`.
    pub(super) fn gradient(&self, x: &[f32], label: u32) -> Vec<f32> {
        let (b1, w2, b2) = self.places();
        let (hidden, mut error) = self.forward(x);
        error[label as usize] -= 1.0;
        let mut gradient = vec![0.0; self.weights.len()];
        gradient[b2..].copy_from_slice(&error);
        for (h, &value) in hidden.iter().enumerate().filter(|(_, value)| **value > 0.0) {
            let row = w2 + h * self.classes;
            let mut back = 0.0;
            for (c, e) in error.iter().enumerate() {
                gradient[row + c] = value * e;
                back += e * self.weights[row + c];
            }
            gradient[b1 + h] = back;
            for (i, v) in x.iter().enumerate() {
                gradient[i * HIDDEN + h] = v * back;
            }
        }
        gradient
    }

    pub(super) fn step(&mut self, gradient: &[f32], rate: f32) {
        self.weights.iter_mut().zip(gradient).for_each(|(w, g)| *w -= rate * g);
    }

    /// One step of Adam. Not the hand-written step's, which rounds its averages in another order: figures that were published
    /// would change in their last digits.
    pub(super) fn adam(&mut self, gradient: &[f32]) {
        self.steps += 1;
        let (b1, b2) = (0.9f32, 0.999f32);
        let (c1, c2) = (1.0 - b1.powi(self.steps), 1.0 - b2.powi(self.steps));
        let [first, second] = &mut self.moments;
        for (((w, g), m), v) in self.weights.iter_mut().zip(gradient).zip(first).zip(second) {
            *m += (1.0 - b1) * (g - *m);
            *v += (1.0 - b2) * (g * g - *v);
            *w -= ADAM_RATE * (*m / c1) / ((*v / c2).sqrt() + 1e-8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shaders::random;

    #[test]
    fn the_perceptrons_gradient_is_that_of_its_loss() {
        let mut net = Perceptron::new(5, 3, &mut random::stream(2, "net", 0));
        let x = normals(5, &mut random::stream(2, "x", 0));
        let gradient = net.gradient(&x, 1);
        let loss = |net: &Perceptron| -f64::from(net.forward(&x).1[1]).ln();
        for at in [0, 77, 5 * HIDDEN + 3, 5 * HIDDEN + HIDDEN + 40, 6 * HIDDEN + 3 * HIDDEN + 1] {
            let (old, step) = (net.weights[at], 2e-2f32);
            net.weights[at] = old + step;
            let up = loss(&net);
            net.weights[at] = old - step;
            let down = loss(&net);
            net.weights[at] = old;
            let found = (up - down) / (2.0 * f64::from(step));
            assert!((found - f64::from(gradient[at])).abs() < 2e-3, "{at}: {found} against {}", gradient[at]);
        }
    }
}
