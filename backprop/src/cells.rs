//! One tick of LSTM cells (Hochreiter and Schmidhuber, 1997; with a forget gate that begins open):
//!
//! ```text
//! c = σ(f + 1)·c₋ + σ(i)·tanh(g);   h = σ(o)·tanh(c)
//! ```
//!
//! Each quantity is a plane of N numbers, so that what lies side by side is worked on side by side.

use crate::simd;

/// 1/(1 + e⁻ˣ)
#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + simd::exp(-x))
}

/// tanh x = 2·σ(2x) − 1
#[inline(always)]
fn tanh(x: f32) -> f32 {
    2.0 / (1.0 + simd::exp(-2.0 * x)) - 1.0
}

/// What a tick computes, one plane each.
pub struct Tick<'a> {
    /// Planes i, f, o, g, `[4, N]`: sums before, activations after [`Tick::forward`], gradients of the sums after
    /// [`Tick::backward`].
    pub gates: &'a mut [f32],
    /// c
    pub cell: &'a mut [f32],
    /// tanh(c)
    pub squashed: &'a mut [f32],
    /// h
    pub output: &'a mut [f32],
}

impl Tick<'_> {
    /// From sums to activations, and the new state.
    ///
    /// # Shapes
    /// `before` c₋ `[N]`.
    pub fn forward(&mut self, before: &[f32]) {
        let n = before.len();
        let [i, f, o, g] = planes(self.gates, n);
        let (cell, squashed, output) = (&mut self.cell[..n], &mut self.squashed[..n], &mut self.output[..n]);
        simd::fast(
            #[inline(always)]
            || {
                for k in 0..n {
                    i[k] = sigmoid(i[k]);
                    f[k] = sigmoid(f[k] + 1.0);
                    o[k] = sigmoid(o[k]);
                    g[k] = tanh(g[k]);
                    cell[k] = f[k] * before[k] + i[k] * g[k];
                    squashed[k] = tanh(cell[k]);
                    output[k] = o[k] * squashed[k];
                }
            },
        );
    }

    /// From activations to the gradient of their sums; `d_cell` becomes that of c₋.
    ///
    /// # Shapes
    /// All `[N]`: `before` c₋, `d_output` the gradient of h, `d_cell` that of c without what goes through h.
    pub fn backward(&mut self, before: &[f32], d_output: &[f32], d_cell: &mut [f32]) {
        let n = before.len();
        let [i, f, o, g] = planes(self.gates, n);
        let (squashed, d_output, d_cell) = (&self.squashed[..n], &d_output[..n], &mut d_cell[..n]);
        simd::fast(
            #[inline(always)]
            || {
                for k in 0..n {
                    let (write, keep, read, new) = (i[k], f[k], o[k], g[k]);
                    let d = d_cell[k] + d_output[k] * read * (1.0 - squashed[k] * squashed[k]);
                    i[k] = d * new * write * (1.0 - write);
                    f[k] = d * before[k] * keep * (1.0 - keep);
                    o[k] = d_output[k] * squashed[k] * read * (1.0 - read);
                    g[k] = d * write * (1.0 - new * new);
                    d_cell[k] = d * keep;
                }
            },
        );
    }
}

/// A tick of B rows, each with planes of its own: the gates of a row lie together.
///
/// # Shapes
/// As [`Tick`] with H numbers a plane: gates `[B, 4, H]`, all else `[B, H]`.
pub struct Rows<'a> {
    pub tick: Tick<'a>,
    /// H
    pub width: usize,
}

impl Rows<'_> {
    /// As [`Tick::forward`].
    pub fn forward(&mut self, before: &[f32]) {
        for (r, before) in before.chunks_exact(self.width).enumerate() {
            self.row(r).forward(before);
        }
    }

    /// As [`Tick::backward`], which does not read the output.
    pub fn backward(&mut self, before: &[f32], d_output: &[f32], d_cell: &mut [f32]) {
        let h = self.width;
        let rows = before.chunks_exact(h).zip(d_output.chunks_exact(h)).zip(d_cell.chunks_exact_mut(h));
        for (r, ((before, d_output), d_cell)) in rows.enumerate() {
            self.row(r).backward(before, d_output, d_cell);
        }
    }

    fn row(&mut self, r: usize) -> Tick<'_> {
        let place = r * self.width..(r + 1) * self.width;
        let Tick { gates, cell, squashed, output } = &mut self.tick;
        Tick {
            gates: &mut gates[4 * place.start..4 * place.end],
            cell: &mut cell[place.clone()],
            squashed: &mut squashed[place.clone()],
            output: &mut output[place],
        }
    }
}

/// The four planes of the gates.
fn planes(gates: &mut [f32], n: usize) -> [&mut [f32]; 4] {
    let (i, rest) = gates.split_at_mut(n);
    let (f, rest) = rest.split_at_mut(n);
    let (o, g) = rest.split_at_mut(n);
    [i, f, o, &mut g[..n]]
}
