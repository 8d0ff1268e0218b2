//! LSTMs on top of each other over the tokens of sequences; the formulas stand with the learner in `trainer`.
//!
//! What depends on the state before goes step by step, for all sequences of a piece at once; the products with all tokens
//! and the gradients of the weights are one matrix product each.

use std::ops::Range;

use crate::buffer::room;
use crate::cells::{Rows, Tick};
use crate::matrix::{Matrix, add_rows, multiply, sum_rows};
use crate::sequences::{Places, ReadOut, Token};

/// Sizes of an LSTM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// What it reads.
    pub token: Token,
    /// H: cells of a layer.
    pub hidden: usize,
    /// Layers.
    pub layers: usize,
}

impl Sizes {
    /// Numbers in all tensors.
    pub fn parameters(&self) -> usize {
        self.readout().bias.end
    }

    /// Where the tensors of a layer lie: input `[in, 4·H]`, recurrent `[H, 4·H]`, bias `[4·H]`.
    fn layer(&self, layer: usize) -> [Range<usize>; 3] {
        let gates = 4 * self.hidden;
        let of = |width: usize| gates * (width + self.hidden + 1);
        let first = if layer == 0 { 0 } else { of(self.token.size()) + (layer - 1) * of(self.hidden) };
        let width = if layer == 0 { self.token.size() } else { self.hidden };
        let recurrent = first + gates * width;
        let bias = recurrent + gates * self.hidden;
        [first..recurrent, recurrent..bias, bias..bias + gates]
    }

    fn readout(&self) -> Places {
        let [_, _, bias] = self.layer(self.layers - 1);
        Places::new(bias.end, self.hidden, self.token.classes)
    }
}

/// What a layer keeps for its backward half; `[T, B, ·]`, position outermost.
#[derive(Default)]
struct Layer {
    /// `[T, B, 4·H]`: activations, and then the gradient of their sums.
    gates: Vec<f32>,
    /// `[1 + T, B, H]`: zeros, then the cells after each token.
    cells: Vec<f32>,
    /// tanh of the cells, `[T, B, H]`.
    squashed: Vec<f32>,
    /// `[1 + T, B, H]`: zeros, then what each token gives.
    outputs: Vec<f32>,
}

/// Buffers of some sequences, kept from step to step; one for each thread.
pub struct Workspace {
    sizes: Sizes,
    /// `[T, B, token]`
    tokens: Vec<f32>,
    layers: Vec<Layer>,
    read_out: ReadOut,
    /// Of a layer's outputs, `[T, B, H]`.
    d_outputs: Vec<f32>,
    /// Of a layer's inputs.
    d_inputs: Vec<f32>,
    d_cell: Vec<f32>,
}

impl Workspace {
    /// Buffers for an LSTM.
    pub fn new(sizes: Sizes) -> Workspace {
        Workspace {
            sizes,
            tokens: Vec::new(),
            layers: (0..sizes.layers).map(|_| Layer::default()).collect(),
            read_out: ReadOut::default(),
            d_outputs: Vec::new(),
            d_inputs: Vec::new(),
            d_cell: Vec::new(),
        }
    }

    /// Adds the gradient of `scale` times the cross-entropy, summed over all positions, to `gradient`; gives the
    /// log-probabilities.
    ///
    /// # Shapes
    /// `weights` and `gradient` flat: of each layer input `[in, 4·H]`, recurrent `[H, 4·H]` and bias `[4·H]`, then the
    /// read-out's weight `[H, C]` and bias `[C]`; `inputs` `[B, T, X]`, `labels` `[B, T]`; the result `[B, T, C]`.
    ///
    /// # Panics
    /// For buffers of other sizes, and for labels beyond C.
    pub fn gradient(
        &mut self,
        weights: &[f32],
        (inputs, labels): (&[f32], &[u32]),
        tokens: usize,
        scale: f32,
        gradient: &mut [f32],
    ) -> Vec<f32> {
        let rows = labels.len();
        let Sizes { token, hidden, layers, .. } = self.sizes;
        assert!(rows.is_multiple_of(tokens) && inputs.len() == rows * token.inputs, "inputs of another size");
        assert!(weights.len() == self.sizes.parameters() && gradient.len() == weights.len(), "weights of another LSTM");
        let sequences = rows / tokens;
        token.write((inputs, labels), tokens, &mut self.tokens);
        for layer in 0..layers {
            self.layer_forward(weights, layer, sequences);
        }
        let places = self.sizes.readout();
        let outputs = &self.layers[layers - 1].outputs[sequences * hidden..];
        self.read_out.forward(weights, &places, outputs);
        let asked = (labels, tokens, scale);
        self.read_out.backward((weights, gradient), &places, outputs, asked, &mut self.d_outputs);
        for layer in (0..layers).rev() {
            self.layer_backward(weights, layer, sequences, gradient);
        }
        self.read_out.by_sequence(tokens, token.classes)
    }

    fn layer_forward(&mut self, weights: &[f32], layer: usize, b: usize) {
        let h = self.sizes.hidden;
        let [input, recurrent, bias] = self.sizes.layer(layer).map(|place| &weights[place]);
        let (below, own) = self.layers.split_at_mut(layer);
        let (below, width) = below_of(&self.tokens, below, &self.sizes, b);
        let rows = below.len() / width;
        let Layer { gates, cells, squashed, outputs } = &mut own[0];
        let (gates, squashed) = (room(gates, rows * 4 * h), room(squashed, rows * h));
        let [cells, outputs] = [cells, outputs].map(|buffer| room(buffer, (b + rows) * h));
        cells[..b * h].fill(0.0);
        outputs[..b * h].fill(0.0);
        multiply([rows, width, 4 * h], Matrix::rows(below, width), Matrix::rows(input, 4 * h), gates, 4 * h, false);
        add_rows(gates, bias);
        for i in 0..rows / b {
            let gates = &mut gates[i * b * 4 * h..(i + 1) * b * 4 * h];
            let (before, outputs) = outputs[i * b * h..(i + 2) * b * h].split_at_mut(b * h);
            multiply([b, h, 4 * h], Matrix::rows(before, h), Matrix::rows(recurrent, 4 * h), gates, 4 * h, true);
            let (before, cells) = cells[i * b * h..(i + 2) * b * h].split_at_mut(b * h);
            let squashed = &mut squashed[i * b * h..(i + 1) * b * h];
            Rows { tick: Tick { gates, cell: cells, squashed, output: outputs }, width: h }.forward(before);
        }
    }

    /// From the gradient of a layer's outputs to that of its weights and of its inputs, unless those are the tokens.
    fn layer_backward(&mut self, weights: &[f32], layer: usize, b: usize, gradient: &mut [f32]) {
        let h = self.sizes.hidden;
        let places = self.sizes.layer(layer);
        let [input, recurrent, _] = places.clone().map(|place| &weights[place]);
        let (below, own) = self.layers.split_at_mut(layer);
        let (below, width) = below_of(&self.tokens, below, &self.sizes, b);
        let rows = below.len() / width;
        let Layer { gates, cells, squashed, outputs } = &mut own[0];
        let d_cell = room(&mut self.d_cell, b * h);
        d_cell.fill(0.0);
        for i in (0..rows / b).rev() {
            let (own, after) = gates[i * b * 4 * h..].split_at_mut(b * 4 * h);
            let d_outputs = &mut self.d_outputs[i * b * h..(i + 1) * b * h];
            if !after.is_empty() {
                let by_gates = Matrix::columns(recurrent, 4 * h);
                multiply([b, 4 * h, h], Matrix::rows(after, 4 * h), by_gates, d_outputs, h, true);
            }
            let (before, cell) = cells[i * b * h..(i + 2) * b * h].split_at_mut(b * h);
            let squashed = &mut squashed[i * b * h..(i + 1) * b * h];
            let output = &mut outputs[(i + 1) * b * h..(i + 2) * b * h];
            let mut rows = Rows { tick: Tick { gates: own, cell, squashed, output }, width: h };
            rows.backward(before, d_outputs, d_cell);
        }
        let [d_input, d_recurrent, d_bias] = gradient.get_disjoint_mut(places).expect("tensors do not overlap");
        let by_gates = Matrix::rows(gates, 4 * h);
        multiply([width, rows, 4 * h], Matrix::columns(below, width), by_gates, d_input, 4 * h, true);
        multiply([h, rows, 4 * h], Matrix::columns(&outputs[..rows * h], h), by_gates, d_recurrent, 4 * h, true);
        sum_rows(gates, d_bias);
        if layer > 0 {
            let d_inputs = room(&mut self.d_inputs, rows * h);
            multiply([rows, 4 * h, h], by_gates, Matrix::columns(input, 4 * h), d_inputs, h, false);
            std::mem::swap(&mut self.d_inputs, &mut self.d_outputs);
        }
    }
}

/// What a layer reads, `[T, B, in]`, and its width: the outputs of the layer below, or the tokens.
fn below_of<'a>(tokens: &'a [f32], below: &'a [Layer], sizes: &Sizes, b: usize) -> (&'a [f32], usize) {
    match below.last() {
        Some(below) => (&below.outputs[b * sizes.hidden..], sizes.hidden),
        None => (tokens, sizes.token.size()),
    }
}
