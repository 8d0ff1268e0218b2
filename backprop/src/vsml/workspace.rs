//! The buffers of a sequence, and from its inputs to log-probabilities and back to the gradient of every weight.
//!
//! State is laid out as `[S, C, X]`: the inputs lie side by side, which makes long rows of a grid's many short ones. Each
//! example takes two ticks, forward without feedback and then with it; the last one takes only the first, for nobody reads
//! what it would teach.

use super::sizes::{Places, Sizes};
use crate::buffer::room;
use crate::cells::Tick;
use crate::matrix::{Matrix, multiply, sum_rows};
use crate::simd::{self, TimesPlus};

/// Buffers of one sequence, kept from step to step; one for each thread. They take 28·S·C·X bytes a tick.
pub struct Workspace {
    sizes: Sizes,
    places: Places,
    /// State before the first tick and after each, one after another: gates `[4, S, N]`, cell, squashed cell, output.
    states: Vec<f32>,
    /// Messages that each state sends, to classes `[S, C]` and to inputs `[S, X]`.
    messages: Vec<f32>,
    /// Error and label of each class at each example, `[T, 2, C]`.
    feedback: Vec<f32>,
    /// `[T, C]`
    log_probabilities: Vec<f32>,
    /// What gates have from inputs, `[4·S, X]`, and from classes, `[4·S, C]`; then the gradient of that.
    of_input: Vec<f32>,
    of_class: Vec<f32>,
    /// Gradients of a state, `[S, N]`, and of its messages.
    d_output: Vec<f32>,
    d_cell: Vec<f32>,
    d_to_class: Vec<f32>,
    d_to_input: Vec<f32>,
}

impl Workspace {
    /// Buffers for a grid.
    pub fn new(sizes: Sizes) -> Workspace {
        Workspace {
            sizes,
            places: Places::new(&sizes),
            states: Vec::new(),
            messages: Vec::new(),
            feedback: Vec::new(),
            log_probabilities: Vec::new(),
            of_input: Vec::new(),
            of_class: Vec::new(),
            d_output: Vec::new(),
            d_cell: Vec::new(),
            d_to_class: Vec::new(),
            d_to_input: Vec::new(),
        }
    }

    /// Adds the gradient of `scale` times the cross-entropy, summed over all positions, to `gradient`; gives the
    /// log-probabilities.
    ///
    /// # Shapes
    /// `weights` and `gradient` flat, in the order input `[1, 4·S]`, feedback `[2, 4·S]`, forward, backward and own
    /// `[S, 4·S]`, bias `[4·S]`, readout `[S, 1]`; `inputs` `[T, X]`, `labels` `[T]`; the result `[T, C]`.
    ///
    /// # Panics
    /// For buffers of other sizes, and for labels beyond C.
    pub fn gradient(
        &mut self,
        weights: &[f32],
        (inputs, labels): (&[f32], &[u32]),
        scale: f32,
        gradient: &mut [f32],
    ) -> &[f32] {
        let Sizes { inputs: x, .. } = self.sizes;
        assert_eq!(inputs.len(), labels.len() * x, "inputs of another size");
        assert!(weights.len() == self.sizes.parameters() && gradient.len() == weights.len(), "weights of another grid");
        self.forward(weights, inputs, labels);
        self.backward(weights, (inputs, labels), scale, gradient);
        &self.log_probabilities
    }

    /// The state after `k` ticks.
    fn state(states: &mut [f32], plane: usize, k: usize) -> Tick<'_> {
        let own = &mut states[k * 7 * plane..(k + 1) * 7 * plane];
        let (gates, rest) = own.split_at_mut(4 * plane);
        let (cell, rest) = rest.split_at_mut(plane);
        let (squashed, output) = rest.split_at_mut(plane);
        Tick { gates, cell, squashed, output }
    }

    fn forward(&mut self, weights: &[f32], inputs: &[f32], labels: &[u32]) {
        let Sizes { inputs: x, classes: c, size: s } = self.sizes;
        let (t, plane, sent) = (labels.len(), s * c * x, s * (c + x));
        room(&mut self.states, 2 * t * 7 * plane)[..7 * plane].fill(0.0);
        room(&mut self.messages, 2 * t * sent)[..sent].fill(0.0);
        room(&mut self.feedback, t * 2 * c).fill(0.0);
        room(&mut self.log_probabilities, t * c);
        let readout = &weights[self.places.readout.clone()];
        for (i, &label) in labels.iter().enumerate() {
            let input = &inputs[i * x..(i + 1) * x];
            self.tick(weights, input, None, 2 * i);
            let to_class = &self.messages[(2 * i + 1) * sent..][..s * c];
            let row = &mut self.log_probabilities[i * c..(i + 1) * c];
            row.fill(0.0);
            for (message, weight) in to_class.chunks_exact(c).zip(readout) {
                row.iter_mut().zip(message).for_each(|(logit, m)| *logit += m * weight);
            }
            simd::log_softmax(row);
            let (error, shown) = self.feedback[i * 2 * c..(i + 1) * 2 * c].split_at_mut(c);
            error.iter_mut().zip(&*row).for_each(|(error, log)| *error = -simd::exp(*log));
            error[label as usize] += 1.0;
            shown[label as usize] = 1.0;
            if i + 1 < t {
                self.tick(weights, input, Some(i), 2 * i + 1);
            }
        }
    }

    /// From the state after `k` ticks to the next one and its messages, with the feedback of an example if there is any.
    fn tick(&mut self, weights: &[f32], input: &[f32], feedback: Option<usize>, k: usize) {
        let Sizes { inputs: x, classes: c, size: s } = self.sizes;
        let (plane, sent, n) = (s * c * x, s * (c + x), self.sizes.lstms());
        let of = |place: &std::ops::Range<usize>| &weights[place.clone()];
        let (to_class, to_input) = self.messages[k * sent..(k + 1) * sent].split_at(s * c);

        let of_input = room(&mut self.of_input, 4 * s * x);
        let gates = of(&self.places.input).iter().zip(of(&self.places.bias));
        for (row, (weight, bias)) in of_input.chunks_exact_mut(x).zip(gates) {
            row.iter_mut().zip(input).for_each(|(to, input)| *to = input.times_plus(*weight, *bias));
        }
        let by_input = Matrix::columns(of(&self.places.backward), 4 * s);
        multiply([4 * s, s, x], by_input, Matrix::rows(to_input, x), of_input, x, true);

        let of_class = room(&mut self.of_class, 4 * s * c);
        match feedback {
            None => of_class.fill(0.0),
            Some(i) => {
                let by_feedback = Matrix::columns(of(&self.places.feedback), 4 * s);
                let told = Matrix::rows(&self.feedback[i * 2 * c..(i + 1) * 2 * c], c);
                multiply([4 * s, 2, c], by_feedback, told, of_class, c, false);
            }
        }
        let by_class = Matrix::columns(of(&self.places.forward), 4 * s);
        multiply([4 * s, s, c], by_class, Matrix::rows(to_class, c), of_class, c, true);

        let (before, after) = self.states.split_at_mut((k + 1) * 7 * plane);
        let before = Self::state(before, plane, k);
        let mut after = Self::state(after, plane, 0);
        let rows = after.gates.chunks_exact_mut(n).zip(of_input.chunks_exact(x)).zip(of_class.chunks_exact(c));
        simd::fast(
            #[inline(always)]
            || {
                for ((gates, of_input), of_class) in rows {
                    for (gates, class) in gates.chunks_exact_mut(x).zip(of_class) {
                        gates.iter_mut().zip(of_input).for_each(|(gate, input)| *gate = input + class);
                    }
                }
            },
        );
        let own = Matrix::columns(of(&self.places.own), 4 * s);
        multiply([4 * s, s, n], own, Matrix::rows(before.output, n), after.gates, n, true);
        after.forward(before.cell);
        self.send(k + 1);
    }

    /// The messages of the state after `k` ticks.
    fn send(&mut self, k: usize) {
        let Sizes { inputs: x, classes: c, size: s } = self.sizes;
        let (plane, sent) = (s * c * x, s * (c + x));
        let output = &*Self::state(&mut self.states, plane, k).output;
        let (to_class, to_input) = self.messages[k * sent..(k + 1) * sent].split_at_mut(s * c);
        sum_sides(output, x, (to_class, to_input));
        let [class, input] = scales(&self.sizes);
        to_class.iter_mut().for_each(|m| *m *= class);
        to_input.iter_mut().for_each(|m| *m *= input);
    }

    fn backward(&mut self, weights: &[f32], (inputs, labels): (&[f32], &[u32]), scale: f32, gradient: &mut [f32]) {
        let Sizes { inputs: x, classes: c, size: s } = self.sizes;
        let (t, plane, sent) = (labels.len(), s * c * x, s * (c + x));
        for (buffer, length) in [
            (&mut self.d_output, plane),
            (&mut self.d_cell, plane),
            (&mut self.d_to_class, s * c),
            (&mut self.d_to_input, s * x),
        ] {
            room(buffer, length).fill(0.0);
        }
        let readout = &weights[self.places.readout.clone()];
        // of the errors that the tick after this one was told
        let mut d_error: Option<Vec<f32>> = None;
        for k in (0..2 * t - 1).rev() {
            let (i, asked) = (k / 2, k % 2 == 0);
            if asked {
                let row = &self.log_probabilities[i * c..(i + 1) * c];
                let d_logits = d_logits(row, labels[i] as usize, scale, d_error.take().as_deref());
                let to_class = &self.messages[(k + 1) * sent..][..s * c];
                let d_readout = &mut gradient[self.places.readout.clone()];
                let both = d_readout.iter_mut().zip(readout);
                let sides = self.d_to_class.chunks_exact_mut(c).zip(to_class.chunks_exact(c));
                for ((d_readout, weight), (d_message, message)) in both.zip(sides) {
                    *d_readout += message.iter().zip(&d_logits).map(|(m, d)| m * d).sum::<f32>();
                    d_message.iter_mut().zip(&d_logits).for_each(|(to, d)| *to += d * weight);
                }
            }
            let input = &inputs[i * x..(i + 1) * x];
            self.tick_backward(weights, input, (!asked).then_some(i), k, gradient);
            if !asked {
                let by_error = &weights[self.places.feedback.clone()][..4 * s];
                let mut d = vec![0.0; c];
                multiply(
                    [1, 4 * s, c],
                    Matrix::rows(by_error, 4 * s),
                    Matrix::rows(&self.of_class, c),
                    &mut d,
                    c,
                    false,
                );
                d_error = Some(d);
            }
        }
    }

    /// From the gradient of the state after `k + 1` ticks to that of the state before, and to that of the weights.
    fn tick_backward(
        &mut self,
        weights: &[f32],
        input: &[f32],
        feedback: Option<usize>,
        k: usize,
        gradient: &mut [f32],
    ) {
        let Sizes { inputs: x, classes: c, size: s } = self.sizes;
        let (plane, sent, n) = (s * c * x, s * (c + x), self.sizes.lstms());
        spread(&mut self.d_output, x, (&self.d_to_class, &self.d_to_input), scales(&self.sizes));
        let (before, after) = self.states.split_at_mut((k + 1) * 7 * plane);
        let before = Self::state(before, plane, k);
        let mut after = Self::state(after, plane, 0);
        after.backward(before.cell, &self.d_output, &mut self.d_cell);
        let d_gates = &*after.gates;
        let (of_class, of_input) = (&mut self.of_class[..], &mut self.of_input[..]);
        sum_sides(d_gates, x, (of_class, of_input));

        let of = |place: &std::ops::Range<usize>| &weights[place.clone()];
        let own = Matrix::rows(before.output, n);
        let places = &self.places;
        multiply([s, n, 4 * s], own, Matrix::columns(d_gates, n), &mut gradient[places.own.clone()], 4 * s, true);
        let own = Matrix::rows(of(&places.own), 4 * s);
        multiply([s, 4 * s, n], own, Matrix::rows(d_gates, n), &mut self.d_output, n, false);

        let (to_class, to_input) = self.messages[k * sent..(k + 1) * sent].split_at(s * c);
        let (by_class, by_input) = (Matrix::columns(of_class, c), Matrix::columns(of_input, x));
        let d = &mut gradient[places.forward.clone()];
        multiply([s, c, 4 * s], Matrix::rows(to_class, c), by_class, d, 4 * s, true);
        let d = &mut gradient[places.backward.clone()];
        multiply([s, x, 4 * s], Matrix::rows(to_input, x), by_input, d, 4 * s, true);
        multiply([1, x, 4 * s], Matrix::rows(input, x), by_input, &mut gradient[places.input.clone()], 4 * s, true);
        let d_bias = gradient[places.bias.clone()].iter_mut().zip(of_input.chunks_exact(x));
        d_bias.for_each(|(d, row)| *d += row.iter().sum::<f32>());
        if let Some(i) = feedback {
            let told = Matrix::rows(&self.feedback[i * 2 * c..(i + 1) * 2 * c], c);
            multiply([2, c, 4 * s], told, by_class, &mut gradient[places.feedback.clone()], 4 * s, true);
        }
        let forward = Matrix::rows(of(&places.forward), 4 * s);
        multiply([s, 4 * s, c], forward, Matrix::rows(of_class, c), &mut self.d_to_class, c, false);
        let backward = Matrix::rows(of(&places.backward), 4 * s);
        multiply([s, 4 * s, x], backward, Matrix::rows(of_input, x), &mut self.d_to_input, x, false);
    }
}

/// 1/√X for messages to a class, 1/√C for those to an input.
fn scales(sizes: &Sizes) -> [f32; 2] {
    [1.0 / (sizes.inputs as f32).sqrt(), 1.0 / (sizes.classes as f32).sqrt()]
}

/// Sums of planes over inputs and over classes.
///
/// # Shapes
/// `planes` `[P, C, X]`; to `[P, C]` and `[P, X]`.
fn sum_sides(planes: &[f32], x: usize, (to_class, to_input): (&mut [f32], &mut [f32])) {
    let c = planes.len() / to_input.len();
    simd::fast(
        #[inline(always)]
        || {
            for (to, row) in to_class.iter_mut().zip(planes.chunks_exact(x)) {
                *to = simd::sum(row, row, |v, _| v);
            }
        },
    );
    to_input.fill(0.0);
    for (to, plane) in to_input.chunks_exact_mut(x).zip(planes.chunks_exact(c * x)) {
        sum_rows(plane, to);
    }
}

/// planes += a·(by class) + b·(by input)
///
/// # Shapes
/// As [`sum_sides`].
fn spread(planes: &mut [f32], x: usize, (by_class, by_input): (&[f32], &[f32]), [a, b]: [f32; 2]) {
    let c = planes.len() / by_input.len();
    simd::fast(
        #[inline(always)]
        || {
            let rows = planes.chunks_exact_mut(c * x).zip(by_class.chunks_exact(c)).zip(by_input.chunks_exact(x));
            for ((plane, by_class), by_input) in rows {
                for (row, class) in plane.chunks_exact_mut(x).zip(by_class) {
                    row.iter_mut().zip(by_input).for_each(|(d, input)| *d += class * a + input * b);
                }
            }
        },
    );
}

/// The gradient of the logits: of `scale` times the cross-entropy, and of the errors y − p that the example taught.
///
/// # Shapes
/// All `[C]`.
fn d_logits(log_probabilities: &[f32], label: usize, scale: f32, d_error: Option<&[f32]>) -> Vec<f32> {
    let p: Vec<f32> = log_probabilities.iter().map(|log| simd::exp(*log)).collect();
    let mut d: Vec<f32> = p.iter().map(|p| p * scale).collect();
    d[label] -= scale;
    if let Some(d_error) = d_error {
        let along: f32 = p.iter().zip(d_error).map(|(p, e)| p * e).sum();
        d.iter_mut().zip(p.iter().zip(d_error)).for_each(|(d, (p, e))| *d -= p * (e - along));
    }
    d
}
