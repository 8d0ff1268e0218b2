//! The launches from losses back to the gradient of every weight, in shares.

use backprop::causal::Layer;
use shaders::model::spec::{ModelSpec, Positions};

use super::buffer::{Buffer, Sizes};
use super::forward::{meeting, multiply};
use super::launch::Launch;
use super::places::Places;
use crate::kernel::product::{LOWER, Params, TIMES, UPPER, WRITE_LOWER};
use crate::kernel::{column_sums, norm_backward, query_key_backward, softmax_backward};

/// All launches.
pub(super) fn launches(spec: &ModelSpec, s: &Sizes, places: &Places) -> Vec<Launch> {
    let last = 2 * spec.layers as u32;
    let mut all = vec![
        of_matrix(s, places.readout, [s.d, s.c], [Buffer::Z(last), Buffer::Logits]),
        through(s, places.readout, [s.c, s.d], [Buffer::Logits, Buffer::DZ]),
    ];
    all.extend(norm(s, places.norm, last, false));
    for (l, layer) in places.layers.iter().enumerate().rev() {
        all.extend(mlp(s, layer, l as u32));
        all.extend(attention(spec, s, layer, l as u32));
    }
    all.push(of_matrix(s, places.embedding, [s.x + s.c, s.d], [Buffer::Tokens, Buffer::DState]));
    if spec.positions == Positions::Learned {
        all.push(sums(s, [s.batch, s.tokens * s.d], places.positions, [Buffer::DState; 2], false));
    }
    all
}

/// The gradient of a matrix `[inputs, outputs]` and of the bias after it: xᵀ·d, Σ d.
fn of_matrix(s: &Sizes, place: u32, [inputs, outputs]: [u32; 2], [x, d]: [Buffer; 2]) -> Launch {
    let p = Params { a_row: 1, a_depth: inputs, ..Params::new([inputs, s.rows, outputs]) };
    multiply(&shared(s, Params { out_first: place, ..p }), [x, d, Buffer::Parts, Buffer::Nothing])
}

/// A product whose depth are the tokens, into shares of the gradient.
fn shared(s: &Sizes, p: Params) -> Params {
    Params { shares: s.shares, out_share: s.total, sums: 1, ..p }
}

/// The gradient of what a matrix `[inputs, outputs]` was given: d·Wᵀ.
fn back(s: &Sizes, place: u32, [outputs, inputs]: [u32; 2]) -> Params {
    Params { b_first: place, b_depth: 1, b_column: outputs, ..Params::new([s.rows, outputs, inputs]) }
}

fn through(s: &Sizes, place: u32, sizes: [u32; 2], [d, to]: [Buffer; 2]) -> Launch {
    multiply(&back(s, place, sizes), [d, Buffer::Weights, to, Buffer::Nothing])
}

/// Sums over rows, into shares of the gradient.
fn sums(s: &Sizes, [rows, columns]: [u32; 2], first: u32, [x, y]: [Buffer; 2], product: bool) -> Launch {
    let p = column_sums::Params { rows, columns, first, shares: s.shares, out_share: s.total, ..Default::default() };
    let p = column_sums::Params { product: product.into(), ..p };
    Launch::new(&column_sums::KERNEL, &p, column_sums::grid(&p), &[x, y, Buffer::Parts])
}

/// Through a LayerNorm, and the gradients of its γ and β; with `add` it is added to what is there of the residual stream's.
fn norm(s: &Sizes, gamma: u32, number: u32, add: bool) -> [Launch; 2] {
    let (normal, scale) = (Buffer::Normal(number), Buffer::Scale(number));
    let p = norm_backward::Params { rows: s.rows, width: s.d, gamma, add: add.into() };
    let buffers = [Buffer::DZ, Buffer::Weights, normal, scale, Buffer::DState];
    [
        sums(s, [s.rows, s.d], gamma, [Buffer::DZ, normal], true),
        Launch::new(&norm_backward::KERNEL, &p, norm_backward::grid(&p), &buffers),
    ]
}

fn mlp(s: &Sizes, layer: &Layer, l: u32) -> Vec<Launch> {
    let [up, down] = [&layer.up, &layer.down].map(|linear| linear[0].start as u32);
    let number = 2 * l + 1;
    let active = Params { epilogue: TIMES, ..back(s, down, [s.d, s.f]) };
    let mut all = vec![
        of_matrix(s, down, [s.f, s.d], [Buffer::Active(l), Buffer::DState]),
        multiply(&active, [Buffer::DState, Buffer::Weights, Buffer::DActive, Buffer::Slope(l)]),
        of_matrix(s, up, [s.d, s.f], [Buffer::Z(number), Buffer::DActive]),
        through(s, up, [s.f, s.d], [Buffer::DActive, Buffer::DZ]),
    ];
    all.extend(norm(s, layer.norm2[0].start as u32, number, true));
    all
}

fn attention(spec: &ModelSpec, s: &Sizes, layer: &Layer, l: u32) -> Vec<Launch> {
    let &Sizes { d, h, hk, p: width, .. } = s;
    let output = layer.output[0].start as u32;
    let mut all = vec![
        of_matrix(s, output, [hk, d], [Buffer::Mixed(l), Buffer::DState]),
        through(s, output, [d, hk], [Buffer::DState, Buffer::DMixed]),
    ];
    all.extend(unmix(s, l));
    let p = meeting(spec, s, layer);
    let kept = [Buffer::Projected(l), Buffer::Weights, Buffer::Met(l), Buffer::Scales(l)];
    let buffers = [&kept[..], &[Buffer::DMet, Buffer::DProjected, Buffer::Slopes]].concat();
    let grid = crate::kernel::query_key::grid(&p);
    all.push(Launch::new(&query_key_backward::KERNEL, &p, grid, &buffers));
    if let Some(first) = layer.gate.as_ref().or(layer.temperature.as_ref()) {
        all.push(sums(s, [s.rows, s.switches * h], first.start as u32, [Buffer::Slopes; 2], false));
    }
    // query, key and value: their matrices and biases lie one after another
    let (place, piece) = (layer.query[0].start as u32, (d + 1) * hk);
    let of_parts = Params { a_row: 1, a_depth: d, b_depth: width, b_outer: hk, ..Params::new([d, s.rows, hk]) };
    let of_parts = Params { outer: s.parts, out_first: place, out_outer: piece, ..shared(s, of_parts) };
    let through = Params { fold: hk, b_first: place, b_fold: piece, ..Params::new([s.rows, width, d]) };
    let through = Params { b_depth: 1, b_column: hk, ..through };
    all.push(multiply(&of_parts, [Buffer::Z(2 * l), Buffer::DProjected, Buffer::Parts, Buffer::Nothing]));
    all.push(multiply(&through, [Buffer::DProjected, Buffer::Weights, Buffer::DZ, Buffer::Nothing]));
    all.extend(norm(s, layer.norm1[0].start as u32, 2 * l, true));
    all
}

/// From the gradient of mixed values to those of values, queries and slot keys.
fn unmix(s: &Sizes, l: u32) -> [Launch; 5] {
    let &Sizes { batch, tokens: t, rows, h, k, hk, p: width, .. } = s;
    let (square, squares) = (t * t, h * t * t);
    let d_weights = Params {
        outer: batch,
        inner: h,
        a_row: hk,
        a_outer: t * hk,
        a_inner: k,
        b_first: width - hk,
        b_depth: 1,
        b_column: width,
        b_outer: t * width,
        b_inner: k,
        out_outer: squares,
        out_inner: square,
        triangle: WRITE_LOWER,
        ..Params::new([t, k, t])
    };
    // a square times rows of H·K, to rows of H·K
    let rows_of = Params {
        outer: batch,
        inner: h,
        a_outer: squares,
        a_inner: square,
        b_depth: hk,
        b_outer: t * hk,
        b_inner: k,
        out_row: hk,
        out_outer: t * hk,
        out_inner: k,
        triangle: LOWER,
        ..Params::new([t, t, k])
    };
    let columns_of = Params { a_row: 1, a_depth: t, triangle: UPPER, ..rows_of };
    let d_value = Params { out_first: width - hk, out_row: width, out_outer: t * width, ..columns_of };
    let d_query = Params { b_first: rows * hk, ..rows_of };
    let d_key = Params { out_first: rows * hk, ..columns_of };
    let p = softmax_backward::Params { tokens: t, squares: batch * h, ..Default::default() };
    let (weights, d_scores, nothing) = (Buffer::Attention(l), Buffer::DAttention, Buffer::Nothing);
    [
        multiply(&d_weights, [Buffer::DMixed, Buffer::Projected(l), d_scores, nothing]),
        multiply(&d_value, [weights, Buffer::DMixed, Buffer::DProjected, nothing]),
        Launch::new(&softmax_backward::KERNEL, &p, softmax_backward::grid(&p), &[weights, d_scores]),
        multiply(&d_query, [d_scores, Buffer::Met(l), Buffer::DMet, nothing]),
        multiply(&d_key, [d_scores, Buffer::Met(l), Buffer::DMet, nothing]),
    ]
}
