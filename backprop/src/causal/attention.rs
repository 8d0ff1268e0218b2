//! Causal attention with its key shift and its normalised queries and keys; formulas in [`shaders::model::spec`].

use shaders::model::spec::{KeyShift, QK_NORM_EPSILON};

use crate::buffer::sized;
use crate::matrix::{Matrix, multiply};
use crate::simd;

/// Rows of a block: what a block of queries may not see is left out in whole columns.
const BLOCK: usize = 32;

/// Sizes.
pub struct Heads {
    /// T
    pub tokens: usize,
    /// H
    pub heads: usize,
    /// K
    pub size: usize,
    /// Where the key of a slot comes from.
    pub shift: KeyShift,
}

impl Heads {
    /// H·K
    pub fn width(&self) -> usize {
        self.heads * self.size
    }

    /// First row, rows and visible slots of each block.
    fn blocks(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let tokens = self.tokens;
        (0..tokens).step_by(BLOCK).map(move |from| {
            let to = (from + BLOCK).min(tokens);
            (from, to - from, to)
        })
    }
}

/// Numbers of heads that a learner has or has not, `[H]` each.
#[derive(Clone, Copy)]
pub struct Switches<'a> {
    /// Gates of the key shift.
    pub gate: Option<&'a [f32]>,
    /// Logarithms of temperatures, with normalised queries and keys.
    pub temperature: Option<&'a [f32]>,
}

/// Gradients of a head's numbers, `[H]` each.
pub struct Slopes {
    /// Of the gates.
    pub gate: Vec<f32>,
    /// Of the logarithms of the temperatures.
    pub temperature: Vec<f32>,
}

/// What the backward half needs.
#[derive(Default)]
pub struct Attention {
    /// Queries and slot keys as they meet, `[N, H·K]`.
    query: Vec<f32>,
    key: Vec<f32>,
    /// 1/√(Σz² + ε) of queries and slot keys, `[N, H]`.
    query_scale: Vec<f32>,
    key_scale: Vec<f32>,
    /// Softmax, `[B, H, T, T]`; zero where j > i.
    weights: Vec<f32>,
    /// `[N, H·K]`
    mixed: Vec<f32>,
    d_query: Vec<f32>,
    d_key: Vec<f32>,
    d_weights: Vec<f32>,
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

impl Attention {
    /// The mixed values of the last forward half, `[N, H·K]`.
    pub fn mixed(&self) -> &[f32] {
        &self.mixed
    }

    /// Mixed values, `[N, H·K]`.
    ///
    /// # Shapes
    /// `projected` `[N, P]`: query, key (unless it is the query; P then is 2·H·K) and value, H·K each
    pub fn forward(&mut self, heads: &Heads, projected: &[f32], p: usize, switches: Switches<'_>) -> &[f32] {
        self.meet(heads, projected, p, switches);
        let &Heads { tokens, heads: h, size, .. } = heads;
        let hk = heads.width();
        let rows = projected.len() / p;
        let value_at = p - hk;
        let square = tokens * tokens;
        let (query, key) = (&self.query, &self.key);
        let weights = sized(&mut self.weights, rows / tokens * h * square);
        let mixed = sized(&mut self.mixed, rows * hk);
        for (pair, weights) in weights.chunks_exact_mut(square).enumerate() {
            let at = pair / h * tokens * hk + pair % h * size;
            let values = &projected[pair / h * tokens * p + value_at + pair % h * size..];
            for (from, count, seen) in heads.blocks() {
                let block = &mut weights[from * tokens..(from + count) * tokens];
                let queries = Matrix::rows(&query[at + from * hk..], hk);
                multiply([count, size, seen], queries, Matrix::columns(&key[at..], hk), block, tokens, false);
                simd::fast(
                    #[inline(always)]
                    || {
                        for (i, row) in block.chunks_exact_mut(tokens).enumerate() {
                            simd::softmax(&mut row[..from + i + 1]);
                            row[from + i + 1..seen].fill(0.0);
                        }
                    },
                );
                let out = &mut mixed[at + from * hk..];
                multiply([count, seen, size], Matrix::rows(block, tokens), Matrix::rows(values, p), out, hk, false);
            }
        }
        mixed
    }

    /// Queries and slot keys as they meet: shifted, normalised, scaled.
    fn meet(&mut self, heads: &Heads, projected: &[f32], p: usize, Switches { gate, temperature }: Switches<'_>) {
        let &Heads { tokens, heads: h, size, shift } = heads;
        let hk = heads.width();
        let rows = projected.len() / p;
        let key_at = p - 2 * hk;
        let query = sized(&mut self.query, rows * hk);
        let key = sized(&mut self.key, rows * hk);
        let query_scale = sized(&mut self.query_scale, rows * h);
        let key_scale = sized(&mut self.key_scale, rows * h);
        let share: Vec<f32> = (0..h).map(|head| share(shift, gate, head)).collect();
        let factor: Vec<f32> = (0..h).map(|head| factor(size, temperature, head)).collect();
        simd::fast(
            #[inline(always)]
            || {
                for row in 0..rows {
                    let now = &projected[row * p..(row + 1) * p];
                    let before = (row % tokens > 0).then(|| &projected[(row - 1) * p..row * p]);
                    for head in 0..h {
                        let at = row * hk + head * size;
                        let (q, k) = (&mut query[at..at + size], &mut key[at..at + size]);
                        q.copy_from_slice(&now[head * size..(head + 1) * size]);
                        let own = &now[key_at + head * size..][..size];
                        match before {
                            _ if shift == KeyShift::None => k.copy_from_slice(own),
                            None => k.iter_mut().zip(own).for_each(|(k, own)| *k = own * (1.0 - share[head])),
                            Some(before) => {
                                let before = &before[key_at + head * size..][..size];
                                for i in 0..size {
                                    k[i] = own[i] + (before[i] - own[i]) * share[head];
                                }
                            }
                        }
                        let mut scale = factor[head];
                        if temperature.is_some() {
                            let unit = |z: &[f32]| 1.0 / (simd::dot(z, z) + QK_NORM_EPSILON).sqrt();
                            (query_scale[row * h + head], key_scale[row * h + head]) = (unit(q), unit(k));
                            scale *= query_scale[row * h + head];
                            k.iter_mut().for_each(|k| *k *= key_scale[row * h + head]);
                        }
                        q.iter_mut().for_each(|q| *q *= scale);
                    }
                }
            },
        );
    }

    /// Writes the gradient of what was projected, and gives those of the gates and temperatures.
    ///
    /// # Shapes
    /// `projected` and `d_projected` `[N, P]`, `d_mixed` `[N, H·K]`
    pub fn backward(
        &mut self,
        heads: &Heads,
        projected: &[f32],
        p: usize,
        switches: Switches<'_>,
        d_mixed: &[f32],
        d_projected: &mut [f32],
    ) -> Slopes {
        self.unmix(heads, projected, p, d_mixed, d_projected);
        self.part(heads, projected, p, switches, d_projected)
    }

    /// From the gradient of mixed values to those of values (into `d_projected`), queries and slot keys.
    fn unmix(&mut self, heads: &Heads, projected: &[f32], p: usize, d_mixed: &[f32], d_projected: &mut [f32]) {
        let &Heads { tokens, heads: h, size, .. } = heads;
        let hk = heads.width();
        let rows = projected.len() / p;
        let value_at = p - hk;
        let square = tokens * tokens;
        let d_query = sized(&mut self.d_query, rows * hk);
        let d_key = sized(&mut self.d_key, rows * hk);
        let d_weights = sized(&mut self.d_weights, square);
        d_projected.fill(0.0);
        for (pair, weights) in self.weights.chunks_exact(square).enumerate() {
            let at = pair / h * tokens * hk + pair % h * size;
            let values_at = pair / h * tokens * p + value_at + pair % h * size;
            let values = Matrix::columns(&projected[values_at..], p);
            for (from, count, seen) in heads.blocks() {
                let weights = &weights[from * tokens..(from + count) * tokens];
                let block = &mut d_weights[from * tokens..(from + count) * tokens];
                let d_out = Matrix::rows(&d_mixed[at + from * hk..], hk);
                multiply([count, size, seen], d_out, values, block, tokens, false);
                // softmax: a·(d − Σ a·d), zero wherever a is
                simd::fast(
                    #[inline(always)]
                    || {
                        for (row, weights) in block.chunks_exact_mut(tokens).zip(weights.chunks_exact(tokens)) {
                            let (row, weights) = (&mut row[..seen], &weights[..seen]);
                            let along = simd::dot(row, weights);
                            row.iter_mut().zip(weights).for_each(|(d, a)| *d = a * (*d - along));
                        }
                    },
                );
                let keys = Matrix::rows(&self.key[at..], hk);
                let to = &mut d_query[at + from * hk..];
                multiply([count, seen, size], Matrix::rows(block, tokens), keys, to, hk, false);
                let queries = Matrix::rows(&self.query[at + from * hk..], hk);
                // the last block sees every slot, the first ones fewer: each adds to what it sees
                let first = from == 0;
                if first {
                    (0..tokens).for_each(|t| d_key[at + t * hk..at + t * hk + size].fill(0.0));
                }
                multiply([seen, count, size], Matrix::columns(block, tokens), queries, &mut d_key[at..], hk, true);
                let to = &mut d_projected[values_at..];
                multiply([seen, count, size], Matrix::columns(weights, tokens), d_out, to, p, true);
            }
        }
    }

    /// From the gradients of queries and slot keys as they met to those of what was projected.
    fn part(
        &mut self,
        heads: &Heads,
        projected: &[f32],
        p: usize,
        Switches { gate, temperature }: Switches<'_>,
        d_projected: &mut [f32],
    ) -> Slopes {
        let &Heads { tokens, heads: h, size, shift } = heads;
        let hk = heads.width();
        let rows = projected.len() / p;
        let key_at = p - 2 * hk;
        let (d_query, d_key) = (&mut self.d_query, &mut self.d_key);
        let shares: Vec<f32> = (0..h).map(|head| share(shift, gate, head)).collect();
        let factors: Vec<f32> = (0..h).map(|head| factor(size, temperature, head)).collect();
        let mut slopes = Slopes { gate: vec![0.0; h], temperature: vec![0.0; h] };
        simd::fast(
            #[inline(always)]
            || {
                for row in 0..rows {
                    let first = row % tokens == 0;
                    for head in 0..h {
                        let at = row * hk + head * size;
                        let (d_q, d_k) = (&mut d_query[at..at + size], &mut d_key[at..at + size]);
                        let (q, k) = (&self.query[at..at + size], &self.key[at..at + size]);
                        let factor = factors[head];
                        if temperature.is_some() {
                            // q̂ = q/|q| has the gradient (d − q̂·(q̂·d))/|q|; self.query is factor·q̂
                            let along = simd::dot(d_q, q);
                            slopes.temperature[head] += along;
                            let scale = factor * self.query_scale[row * h + head];
                            let back = along / (factor * factor);
                            d_q.iter_mut().zip(q).for_each(|(d, q)| *d = scale * (*d - q * back));
                            let along = simd::dot(d_k, k);
                            let scale = self.key_scale[row * h + head];
                            d_k.iter_mut().zip(k).for_each(|(d, k)| *d = scale * (*d - k * along));
                        } else {
                            d_q.iter_mut().for_each(|d| *d *= factor);
                        }
                        let share = shares[head];
                        let place = row * p + key_at + head * size;
                        if gate.is_some() {
                            let own = &projected[place..place + size];
                            let mut sum = -simd::dot(d_k, own);
                            if !first {
                                sum += simd::dot(d_k, &projected[place - p..place - p + size]);
                            }
                            slopes.gate[head] += sum * share * (1.0 - share);
                        }
                        let own = &mut d_projected[place..place + size];
                        own.iter_mut().zip(&*d_k).for_each(|(to, d)| *to += (1.0 - share) * d);
                        if !first && share > 0.0 {
                            let before = &mut d_projected[place - p..place - p + size];
                            before.iter_mut().zip(&*d_k).for_each(|(to, d)| *to += share * d);
                        }
                        let own = &mut d_projected[row * p + head * size..][..size];
                        own.iter_mut().zip(&*d_q).for_each(|(to, d)| *to += d);
                    }
                }
            },
        );
        slopes
    }
}

/// The share of the token before in the key of a slot.
fn share(shift: KeyShift, gate: Option<&[f32]>, head: usize) -> f32 {
    match (shift, gate) {
        (KeyShift::None, _) => 0.0,
        (KeyShift::Gated, Some(gate)) => sigmoid(gate[head]),
        _ => 1.0,
    }
}

/// What queries are multiplied by.
fn factor(size: usize, temperature: Option<&[f32]>, head: usize) -> f32 {
    temperature.map_or(1.0 / (size as f32).sqrt(), |temperature| temperature[head].exp())
}
