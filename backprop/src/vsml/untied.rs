//! The grid without symmetries: k × k tiny LSTMs, each with weights of its own, over the tokens of sequences.
//!
//! Rows a and columns b of the grid; an LSTM reads its row's part of the token, the messages to its column and to its row,
//! and its own output. Buffers lie by LSTM, so that the gradient of each one's weights is a product over all tokens.

use std::ops::Range;

use crate::buffer::room;
use crate::cells::{Rows, Tick};
use crate::matrix::{Matrix, add_rows, multiply, sum_rows};
use crate::sequences::{Places, ReadOut, Token};

/// Sizes of a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// What it reads.
    pub token: Token,
    /// k: rows and columns.
    pub grid: usize,
    /// S: cells of each LSTM.
    pub size: usize,
}

impl Sizes {
    /// Numbers in all tensors.
    pub fn parameters(&self) -> usize {
        self.readout().bias.end
    }

    /// Where the embedding lies: weight `[token, k·S]`, bias `[k·S]`.
    fn embed(&self) -> Places {
        Places::new(0, self.token.size(), self.grid * self.size)
    }

    /// Where the weights of all LSTMs lie, `[k·k, 4·S, 4·S]`, and their biases, `[k·k, 4·S]`.
    fn cells(&self) -> [Range<usize>; 2] {
        let (first, lstms, gates) = (self.embed().bias.end, self.grid * self.grid, 4 * self.size);
        let bias = first + lstms * gates * gates;
        [first..bias, bias..bias + lstms * gates]
    }

    fn readout(&self) -> Places {
        Places::new(self.cells()[1].end, self.grid * self.size, self.token.classes)
    }
}

/// What one LSTM keeps for its backward half.
#[derive(Default)]
struct Lstm {
    /// What it read, `[T, B, 4·S]`: token, message to its column, message to its row, its own output.
    inputs: Vec<f32>,
    /// `[T, B, 4·S]`: activations, and then the gradient of their sums.
    gates: Vec<f32>,
    /// `[1 + T, B, S]`: zeros, then the cells after each token.
    cells: Vec<f32>,
    /// tanh of the cells, `[T, B, S]`.
    squashed: Vec<f32>,
    /// `[1 + T, B, S]`: zeros, then what each token gives.
    outputs: Vec<f32>,
    /// Gradients of what it gives, and of its cells, `[B, S]`.
    d_output: Vec<f32>,
    d_cell: Vec<f32>,
}

/// Buffers of some sequences, kept from step to step; one for each thread.
pub struct Workspace {
    sizes: Sizes,
    /// `[T, B, token]`
    tokens: Vec<f32>,
    /// What rows read, `[T, B, k, S]`, and the gradient of that.
    rows: Vec<f32>,
    d_rows: Vec<f32>,
    lstms: Vec<Lstm>,
    /// Messages to columns and to rows, `[k, B, S]`, and their gradients.
    to_columns: Vec<f32>,
    to_rows: Vec<f32>,
    /// Sums of columns, `[T, B, k, S]`, and the gradient of that.
    columns: Vec<f32>,
    d_columns: Vec<f32>,
    /// Of what an LSTM read, `[B, 4·S]`.
    d_inputs: Vec<f32>,
    read_out: ReadOut,
}

impl Workspace {
    /// Buffers for a grid.
    pub fn new(sizes: Sizes) -> Workspace {
        Workspace {
            sizes,
            tokens: Vec::new(),
            rows: Vec::new(),
            d_rows: Vec::new(),
            lstms: (0..sizes.grid * sizes.grid).map(|_| Lstm::default()).collect(),
            to_columns: Vec::new(),
            to_rows: Vec::new(),
            columns: Vec::new(),
            d_columns: Vec::new(),
            d_inputs: Vec::new(),
            read_out: ReadOut::default(),
        }
    }

    /// Adds the gradient of `scale` times the cross-entropy, summed over all positions, to `gradient`; gives the
    /// log-probabilities.
    ///
    /// # Shapes
    /// `weights` and `gradient` flat: the embedding's weight `[token, k·S]` and bias `[k·S]`, the LSTMs' weights
    /// `[k·k, 4·S, 4·S]` and biases `[k·k, 4·S]`, the read-out's weight `[k·S, C]` and bias `[C]`; `inputs` `[B, T, X]`,
    /// `labels` `[B, T]`; the result `[B, T, C]`.
    ///
    /// # Panics
    /// For buffers of other sizes, and for labels beyond C.
    pub fn gradient(
        &mut self,
        weights: &[f32],
        (inputs, labels): (&[f32], &[u32]),
        t: usize,
        scale: f32,
        gradient: &mut [f32],
    ) -> Vec<f32> {
        let rows = labels.len();
        let Sizes { token, .. } = self.sizes;
        assert!(rows.is_multiple_of(t) && inputs.len() == rows * token.inputs, "inputs of another size");
        assert!(weights.len() == self.sizes.parameters() && gradient.len() == weights.len(), "weights of another grid");
        token.write((inputs, labels), t, &mut self.tokens);
        self.forward(weights, [t, rows / t]);
        let places = self.sizes.readout();
        self.read_out.forward(weights, &places, &self.columns);
        let asked = (labels, t, scale);
        self.read_out.backward((weights, gradient), &places, &self.columns, asked, &mut self.d_columns);
        self.backward(weights, [t, rows / t], gradient);
        self.read_out.by_sequence(t, token.classes)
    }

    /// 1/√k, for messages and read-out.
    fn scale(&self) -> f32 {
        1.0 / (self.sizes.grid as f32).sqrt()
    }

    fn forward(&mut self, weights: &[f32], [t, b]: [usize; 2]) {
        let Sizes { token, grid: k, size: s } = self.sizes;
        let embed = self.sizes.embed();
        let rows = room(&mut self.rows, t * b * k * s);
        let weight = Matrix::rows(&weights[embed.weight], k * s);
        multiply([t * b, token.size(), k * s], Matrix::rows(&self.tokens, token.size()), weight, rows, k * s, false);
        add_rows(rows, &weights[embed.bias]);
        for lstm in &mut self.lstms {
            for (buffer, width) in [(&mut lstm.inputs, 4 * s), (&mut lstm.gates, 4 * s), (&mut lstm.squashed, s)] {
                room(buffer, t * b * width);
            }
            for buffer in [&mut lstm.cells, &mut lstm.outputs] {
                room(buffer, (1 + t) * b * s)[..b * s].fill(0.0);
            }
        }
        room(&mut self.columns, t * b * k * s);
        for i in 0..t {
            self.send(i, b);
            for ab in 0..k * k {
                self.tick(weights, ab, i, b);
            }
            self.sum_columns(i, b);
        }
    }

    /// Messages of the outputs before token `i`.
    fn send(&mut self, i: usize, b: usize) {
        let Sizes { grid: k, size: s, .. } = self.sizes;
        let (scale, plane) = (self.scale(), b * s);
        let [to_columns, to_rows] = [&mut self.to_columns, &mut self.to_rows].map(|buffer| room(buffer, k * plane));
        to_columns.fill(0.0);
        to_rows.fill(0.0);
        for (ab, lstm) in self.lstms.iter().enumerate() {
            let output = &lstm.outputs[i * plane..(i + 1) * plane];
            add_scaled(&mut to_columns[ab % k * plane..][..plane], output, scale);
            add_scaled(&mut to_rows[ab / k * plane..][..plane], output, scale);
        }
    }

    /// Token `i` of LSTM `ab`.
    fn tick(&mut self, weights: &[f32], ab: usize, i: usize, b: usize) {
        let Sizes { grid: k, size: s, .. } = self.sizes;
        let [all, biases] = self.sizes.cells().map(|place| &weights[place]);
        let (weight, bias) = (&all[ab * 16 * s * s..(ab + 1) * 16 * s * s], &biases[ab * 4 * s..(ab + 1) * 4 * s]);
        let plane = b * s;
        let Lstm { inputs, gates, cells, squashed, outputs, .. } = &mut self.lstms[ab];
        let inputs = &mut inputs[i * 4 * plane..(i + 1) * 4 * plane];
        let gates = &mut gates[i * 4 * plane..(i + 1) * 4 * plane];
        let (before, output) = outputs[i * plane..(i + 2) * plane].split_at_mut(plane);
        let (cells_before, cell) = cells[i * plane..(i + 2) * plane].split_at_mut(plane);
        let (a, column) = (ab / k, ab % k);
        for (r, input) in inputs.chunks_exact_mut(4 * s).enumerate() {
            let row = ((i * b + r) * k + a) * s;
            input[..s].copy_from_slice(&self.rows[row..row + s]);
            input[s..2 * s].copy_from_slice(&self.to_columns[column * plane + r * s..][..s]);
            input[2 * s..3 * s].copy_from_slice(&self.to_rows[a * plane + r * s..][..s]);
            input[3 * s..].copy_from_slice(&before[r * s..(r + 1) * s]);
        }
        let weight = Matrix::rows(weight, 4 * s);
        multiply([b, 4 * s, 4 * s], Matrix::rows(inputs, 4 * s), weight, gates, 4 * s, false);
        add_rows(gates, bias);
        let squashed = &mut squashed[i * plane..(i + 1) * plane];
        Rows { tick: Tick { gates, cell, squashed, output }, width: s }.forward(cells_before);
    }

    /// What the read-out has of token `i`.
    fn sum_columns(&mut self, i: usize, b: usize) {
        let Sizes { grid: k, size: s, .. } = self.sizes;
        let (scale, plane) = (self.scale(), b * s);
        let columns = &mut self.columns[i * b * k * s..(i + 1) * b * k * s];
        columns.fill(0.0);
        for (ab, lstm) in self.lstms.iter().enumerate() {
            let output = &lstm.outputs[(i + 1) * plane..(i + 2) * plane];
            for (to, output) in columns.chunks_exact_mut(k * s).zip(output.chunks_exact(s)) {
                add_scaled(&mut to[ab % k * s..(ab % k + 1) * s], output, scale);
            }
        }
    }

    fn backward(&mut self, weights: &[f32], [t, b]: [usize; 2], gradient: &mut [f32]) {
        let Sizes { token, grid: k, size: s } = self.sizes;
        let (scale, plane) = (self.scale(), b * s);
        for lstm in &mut self.lstms {
            room(&mut lstm.d_output, plane).fill(0.0);
            room(&mut lstm.d_cell, plane).fill(0.0);
        }
        room(&mut self.d_rows, t * b * k * s).fill(0.0);
        for i in (0..t).rev() {
            let d_columns = &self.d_columns[i * b * k * s..(i + 1) * b * k * s];
            for (ab, lstm) in self.lstms.iter_mut().enumerate() {
                for (to, d) in lstm.d_output.chunks_exact_mut(s).zip(d_columns.chunks_exact(k * s)) {
                    add_scaled(to, &d[ab % k * s..(ab % k + 1) * s], scale);
                }
            }
            self.to_columns.fill(0.0);
            self.to_rows.fill(0.0);
            for ab in 0..k * k {
                self.tick_backward(weights, ab, i, b);
            }
            // messages of the outputs before
            for (ab, lstm) in self.lstms.iter_mut().enumerate() {
                add_scaled(&mut lstm.d_output, &self.to_columns[ab % k * plane..][..plane], scale);
                add_scaled(&mut lstm.d_output, &self.to_rows[ab / k * plane..][..plane], scale);
            }
        }
        let [d_weights, d_biases] = gradient.get_disjoint_mut(self.sizes.cells()).expect("tensors do not overlap");
        let gates = 4 * s;
        let each = d_weights.chunks_exact_mut(gates * gates).zip(d_biases.chunks_exact_mut(gates));
        for (lstm, (d_weight, d_bias)) in self.lstms.iter().zip(each) {
            let (inputs, d) = (Matrix::columns(&lstm.inputs, gates), Matrix::rows(&lstm.gates, gates));
            multiply([gates, t * b, gates], inputs, d, d_weight, gates, true);
            sum_rows(&lstm.gates, d_bias);
        }
        let embed = self.sizes.embed();
        let (tokens, d) = (Matrix::columns(&self.tokens, token.size()), Matrix::rows(&self.d_rows, k * s));
        multiply([token.size(), t * b, k * s], tokens, d, &mut gradient[embed.weight], k * s, true);
        sum_rows(&self.d_rows, &mut gradient[embed.bias]);
    }

    /// From the gradient of what LSTM `ab` gives at token `i` to those of what it read; its own output's is what is left
    /// in `d_output`.
    fn tick_backward(&mut self, weights: &[f32], ab: usize, i: usize, b: usize) {
        let Sizes { grid: k, size: s, .. } = self.sizes;
        let plane = b * s;
        let weight = &weights[self.sizes.cells()[0].clone()][ab * 16 * s * s..(ab + 1) * 16 * s * s];
        let Lstm { gates, cells, squashed, outputs, d_output, d_cell, .. } = &mut self.lstms[ab];
        let gates = &mut gates[i * 4 * plane..(i + 1) * 4 * plane];
        let (before, cell) = cells[i * plane..(i + 2) * plane].split_at_mut(plane);
        let (squashed, output) =
            (&mut squashed[i * plane..(i + 1) * plane], &mut outputs[(i + 1) * plane..(i + 2) * plane]);
        Rows { tick: Tick { gates, cell, squashed, output }, width: s }.backward(before, d_output, d_cell);
        let d_inputs = room(&mut self.d_inputs, 4 * plane);
        multiply([b, 4 * s, 4 * s], Matrix::rows(gates, 4 * s), Matrix::columns(weight, 4 * s), d_inputs, 4 * s, false);
        let (a, column) = (ab / k, ab % k);
        for (r, d) in d_inputs.chunks_exact(4 * s).enumerate() {
            let row = ((i * b + r) * k + a) * s;
            add_scaled(&mut self.d_rows[row..row + s], &d[..s], 1.0);
            add_scaled(&mut self.to_columns[column * plane + r * s..][..s], &d[s..2 * s], 1.0);
            add_scaled(&mut self.to_rows[a * plane + r * s..][..s], &d[2 * s..3 * s], 1.0);
            d_output[r * s..(r + 1) * s].copy_from_slice(&d[3 * s..]);
        }
    }
}

/// to += scale·from
#[inline]
fn add_scaled(to: &mut [f32], from: &[f32], scale: f32) {
    to.iter_mut().zip(from).for_each(|(t, f)| *t += f * scale);
}
