//! Attention to the shown examples with weights that all classes share: softmax heads, and heads whose weights are linear
//! in the features of a pair.

use super::features::{Features, Kind, Slopes};
use super::sizes::Sizes;
use crate::buffer::room;
use crate::matrix::{Matrix, multiply};
use crate::simd;

/// Which rows ask: all from the `first` on.
#[derive(Debug, Clone, Copy)]
pub struct Asking {
    pub sizes: Sizes,
    pub first: usize,
}

impl Asking {
    /// How many there are.
    pub fn rows(&self) -> usize {
        self.sizes.m - self.first
    }

    /// C·K
    fn size(&self) -> usize {
        self.sizes.c * self.sizes.k
    }
}

/// What heads are made of.
#[derive(Clone, Copy)]
pub struct Heads<'a> {
    /// τ, `[H]`
    pub temperature: &'a [f32],
    /// `[F, H]`
    pub softmax: &'a [f32],
    /// `[F, linear heads]`
    pub linear: Option<&'a [f32]>,
}

/// Their gradients.
pub struct HeadGradients<'a> {
    pub temperature: &'a mut [f32],
    pub softmax: &'a mut [f32],
    pub linear: Option<&'a mut [f32]>,
}

/// What the backward half needs.
#[derive(Default)]
pub struct Attention {
    /// Of each head, `[H, rows, C·K]`, times τ/√(C·K).
    query: Vec<f32>,
    /// `[H, N, C·K]`
    key: Vec<f32>,
    /// `[H + linear, N, C·K]`
    value: Vec<f32>,
    /// `[H + linear, rows, stride]`, 0 after the N-th value and where a row is the shown example itself
    weights: Vec<f32>,
    softmax: Slopes,
    linear: Slopes,
}

/// Buffers that layers share.
#[derive(Default)]
pub struct Buffers {
    /// Mixed values or their gradients by head, `[H + linear, rows, C·K]`.
    mixed: Vec<f32>,
    d_weights: Vec<f32>,
    d_query: Vec<f32>,
    d_key: Vec<f32>,
    d_value: Vec<f32>,
}

/// From `[T, C, width]`, K values of each head from column `at` on, to `[heads, T, C·K]`.
fn split(from: &[f32], (at, width): (usize, usize), (c, k): (usize, usize), to: &mut [f32]) {
    let tokens = from.len() / (c * width);
    for (h, to) in to.chunks_exact_mut(tokens * c * k).enumerate() {
        for (to, from) in to.chunks_exact_mut(k).zip(from.chunks_exact(width)) {
            to.copy_from_slice(&from[at + h * k..][..k]);
        }
    }
}

/// The way back of [`split`].
fn join(from: &[f32], (at, width): (usize, usize), (c, k): (usize, usize), to: &mut [f32]) {
    let tokens = to.len() / (c * width);
    for (h, from) in from.chunks_exact(tokens * c * k).enumerate() {
        for (to, from) in to.chunks_exact_mut(width).zip(from.chunks_exact(k)) {
            to[at + h * k..][..k].copy_from_slice(from);
        }
    }
}

impl Attention {
    /// Mixed values.
    ///
    /// # Shapes
    /// `query` `[rows·C, H·K]`; `pairs` keys and values of the shown examples side by side, `[N·C, H·K + A]`; `mixed`
    /// `[rows·C, A]`
    pub fn forward(
        &mut self,
        asking: Asking,
        heads: Heads<'_>,
        [query, pairs]: [&[f32]; 2],
        features: &Features,
        (buffers, mixed): (&mut Buffers, &mut [f32]),
    ) {
        let Asking { sizes: Sizes { n, stride, c, k, heads: h, linear, .. }, first } = asking;
        let (rows, size) = (asking.rows(), asking.size());
        let (hk, all) = (h * k, h + linear);
        let scaled = room(&mut self.query, h * rows * size);
        split(query, (0, hk), (c, k), scaled);
        for (query, tau) in scaled.chunks_exact_mut(rows * size).zip(heads.temperature) {
            let scale = tau / (size as f32).sqrt();
            query.iter_mut().for_each(|query| *query *= scale);
        }
        let key = room(&mut self.key, h * n * size);
        split(pairs, (0, hk + all * k), (c, k), key);
        let value = room(&mut self.value, all * n * size);
        split(pairs, (hk, hk + all * k), (c, k), value);
        let weights = room(&mut self.weights, all * rows * stride);
        let (of_softmax, of_linear) = weights.split_at_mut(h * rows * stride);
        for ((weights, query), key) in of_softmax
            .chunks_exact_mut(rows * stride)
            .zip(scaled.chunks_exact(rows * size))
            .zip(key.chunks_exact(n * size))
        {
            multiply([rows, size, n], Matrix::rows(query, size), Matrix::columns(key, size), weights, stride, false);
        }
        features.slopes(Kind::Softmax, heads.softmax, h, &mut self.softmax);
        features.weigh(Kind::Softmax, &self.softmax, (first, stride), of_softmax);
        for weights in of_softmax.chunks_exact_mut(rows * stride) {
            normalise(weights, (first, n), stride);
        }
        if let Some(slopes) = heads.linear {
            features.slopes(Kind::Linear, slopes, linear, &mut self.linear);
            of_linear.fill(0.0);
            features.weigh(Kind::Linear, &self.linear, (first, stride), of_linear);
        }
        let by_head = room(&mut buffers.mixed, all * rows * size);
        let of_heads = by_head.chunks_exact_mut(rows * size).zip(weights.chunks_exact(rows * stride));
        for ((mixed, weights), value) in of_heads.zip(value.chunks_exact(n * size)) {
            multiply([rows, n, size], Matrix::rows(weights, stride), Matrix::rows(value, size), mixed, size, false);
        }
        join(by_head, (0, all * k), (c, k), mixed);
    }

    /// From the gradient of mixed values to those of queries and of keys and values; adds those of the heads' numbers.
    ///
    /// # Shapes
    /// As in [`Attention::forward`]; `query` what it was given, `d` written to.
    pub fn backward(
        &mut self,
        asking: Asking,
        (heads, d_heads): (Heads<'_>, HeadGradients<'_>),
        (query, d_mixed): (&[f32], &[f32]),
        (features, buffers): (&mut Features, &mut Buffers),
        [d_query, d_pairs]: [&mut [f32]; 2],
    ) {
        let Asking { sizes: Sizes { n, stride, c, k, heads: h, linear, .. }, first } = asking;
        let (rows, size) = (asking.rows(), asking.size());
        let (hk, all) = (h * k, h + linear);
        let Buffers { mixed, d_weights, d_query: by_query, d_key, d_value } = buffers;
        let mixed = room(mixed, all * rows * size);
        split(d_mixed, (0, all * k), (c, k), mixed);
        let d_weights = room(d_weights, all * rows * stride);
        let d_value = room(d_value, all * n * size);
        let of_heads = mixed.chunks_exact(rows * size).zip(d_weights.chunks_exact_mut(rows * stride));
        let of_heads = of_heads.zip(self.weights.chunks_exact(rows * stride));
        let values = self.value.chunks_exact(n * size).zip(d_value.chunks_exact_mut(n * size));
        for (((d, d_weights), weights), (value, d_value)) in of_heads.zip(values) {
            let d = Matrix::rows(d, size);
            multiply([rows, size, n], d, Matrix::columns(value, size), d_weights, stride, false);
            multiply([n, rows, size], Matrix::columns(weights, stride), d, d_value, size, false);
        }
        let (d_softmax, d_linear) = d_weights.split_at_mut(h * rows * stride);
        let of_softmax = d_softmax.chunks_exact_mut(stride).zip(self.weights.chunks_exact(stride));
        simd::fast(
            #[inline(always)]
            || {
                // a·(d − Σ a·d), zero wherever a is
                for (d, weights) in of_softmax {
                    d[n..].fill(0.0);
                    let along = simd::dot(d, weights);
                    d.iter_mut().zip(weights).for_each(|(d, a)| *d = a * (*d - along));
                }
            },
        );
        features.backward(Kind::Softmax, &mut self.softmax, (first, stride), d_softmax);
        features.add_slopes(Kind::Softmax, &self.softmax, d_heads.softmax);
        if let Some(to) = d_heads.linear {
            d_linear.chunks_exact_mut(stride).for_each(|d| d[n..].fill(0.0));
            features.backward(Kind::Linear, &mut self.linear, (first, stride), d_linear);
            features.add_slopes(Kind::Linear, &self.linear, to);
        }
        let by_query = room(by_query, h * rows * size);
        let d_key = room(d_key, h * n * size);
        for (head, d) in d_softmax.chunks_exact(rows * stride).enumerate() {
            let (keys, queries) = (&self.key[head * n * size..], &self.query[head * rows * size..]);
            let to = &mut by_query[head * rows * size..][..rows * size];
            multiply([rows, n, size], Matrix::rows(d, stride), Matrix::rows(keys, size), to, size, false);
            let to = &mut d_key[head * n * size..][..n * size];
            multiply([n, rows, size], Matrix::columns(d, stride), Matrix::rows(queries, size), to, size, false);
        }
        join(by_query, (0, hk), (c, k), d_query);
        temper(heads.temperature, (query, d_query), (size, k), d_heads.temperature);
        join(d_key, (0, hk + all * k), (c, k), d_pairs);
        join(d_value, (hk, hk + all * k), (c, k), d_pairs);
    }
}

/// Softmax over the shown examples that a row sees: not itself.
fn normalise(weights: &mut [f32], (first, n): (usize, usize), stride: usize) {
    // an exponent that counts as 0
    const UNSEEN: f32 = -1e30;
    simd::fast(
        #[inline(always)]
        || {
            for (i, row) in weights.chunks_exact_mut(stride).enumerate() {
                let own = (first + i < n).then_some(first + i);
                row[n..].fill(UNSEEN);
                if let Some(own) = own {
                    row[own] = UNSEEN;
                }
                simd::softmax(row);
                row[n..].fill(0.0);
                if let Some(own) = own {
                    row[own] = 0.0;
                }
            }
        },
    );
}

/// From the gradient of scaled queries to that of queries, and adds those of the temperatures.
///
/// # Shapes
/// `query` and `d` `[rows·C, H·K]`, the others `[H]`; `size` C·K
fn temper(temperature: &[f32], (query, d): (&[f32], &mut [f32]), (size, k): (usize, usize), to: &mut [f32]) {
    let root = 1.0 / (size as f32).sqrt();
    let width = temperature.len() * k;
    for (query, d) in query.chunks_exact(width).zip(d.chunks_exact_mut(width)) {
        let heads = query.chunks_exact(k).zip(d.chunks_exact_mut(k)).zip(temperature).zip(&mut *to);
        for (((query, d), tau), to) in heads {
            let along: f32 = query.iter().zip(&*d).map(|(query, d)| query * d).sum();
            *to += along * root;
            d.iter_mut().for_each(|d| *d *= tau * root);
        }
    }
}
