//! The launches from tokens to losses.

use backprop::causal::Layer;
use shaders::model::spec::{KeyShift, ModelSpec, Positions};

use super::buffer::{Buffer, Sizes};
use super::launch::Launch;
use super::places::Places;
use crate::kernel::{cross_entropy, norm, positions, product, query_key, softmax, tokens};

/// A product's launch.
pub(super) fn multiply(p: &product::Params, buffers: [Buffer; 4]) -> Launch {
    Launch::new(&product::KERNEL, p, product::grid(p), &buffers)
}

/// How queries and keys of a layer meet.
pub(super) fn meeting(spec: &ModelSpec, s: &Sizes, layer: &Layer) -> query_key::Params {
    let shift = match spec.key_shift {
        KeyShift::None => 0,
        KeyShift::Gated => query_key::GATED,
        KeyShift::Full => query_key::FULL,
    };
    query_key::Params {
        rows: s.rows,
        tokens: s.tokens,
        heads: s.h,
        size: s.k,
        row: s.p,
        key: if s.parts == 3 { s.hk } else { 0 },
        shift,
        gate: layer.gate.as_ref().map_or(0, |gate| gate.start as u32),
        normalise: spec.qk_norm.into(),
        temperature: layer.temperature.as_ref().map_or(0, |temperature| temperature.start as u32),
        ..Default::default()
    }
}

/// All launches.
pub(super) fn launches(spec: &ModelSpec, s: &Sizes, places: &Places) -> Vec<Launch> {
    let mut all = embed(spec, s, places);
    for (l, layer) in (0..).zip(&places.layers) {
        all.extend(attend(spec, s, layer, l));
        all.extend(mlp(s, layer, l));
    }
    let last = 2 * spec.layers as u32;
    all.push(normalise(s, places.norm, last));
    let p = product::Params { b_first: places.readout, bias: 1, ..product::Params::new([s.rows, s.d, s.c]) };
    all.push(multiply(&p, [Buffer::Z(last), Buffer::Weights, Buffer::Logits, Buffer::Nothing]));
    let p = cross_entropy::Params { rows: s.rows, classes: s.c, ..Default::default() };
    let buffers = [Buffer::Labels, Buffer::Logits, Buffer::Losses];
    all.push(Launch::new(&cross_entropy::KERNEL, &p, cross_entropy::grid(&p), &buffers));
    all
}

/// The residual stream before the first layer.
fn embed(spec: &ModelSpec, s: &Sizes, places: &Places) -> Vec<Launch> {
    let p = tokens::Params { rows: s.rows, inputs: s.x, classes: s.c, tokens: s.tokens };
    let buffers = [Buffer::Inputs, Buffer::Labels, Buffer::Tokens];
    let mut all = vec![Launch::new(&tokens::KERNEL, &p, tokens::grid(&p), &buffers)];
    let learned = spec.positions == Positions::Learned;
    if learned {
        let p = positions::Params { rows: s.rows, width: s.d, tokens: s.tokens, first: places.positions };
        all.push(Launch::new(&positions::KERNEL, &p, positions::grid(&p), &[Buffer::Weights, Buffer::State]));
    }
    let p = product::Params {
        b_first: places.embedding,
        bias: 1,
        epilogue: if learned { product::ADD } else { 0 },
        ..product::Params::new([s.rows, s.x + s.c, s.d])
    };
    all.push(multiply(&p, [Buffer::Tokens, Buffer::Weights, Buffer::State, Buffer::Nothing]));
    all
}

/// LayerNorm of the residual stream.
fn normalise(s: &Sizes, gamma: u32, number: u32) -> Launch {
    let p = norm::Params { rows: s.rows, width: s.d, gamma, ..Default::default() };
    let kept = [Buffer::Normal(number), Buffer::Scale(number), Buffer::Z(number)];
    let buffers = [Buffer::State, Buffer::Weights, kept[0], kept[1], kept[2]];
    Launch::new(&norm::KERNEL, &p, norm::grid(&p), &buffers)
}

fn attend(spec: &ModelSpec, s: &Sizes, layer: &Layer, l: u32) -> Vec<Launch> {
    let &Sizes { tokens: t, d, h, k, hk, p: width, .. } = s;
    let mut all = vec![normalise(s, layer.norm1[0].start as u32, 2 * l)];
    // query, key and value side by side
    let p = product::Params {
        outer: s.parts,
        b_first: layer.query[0].start as u32,
        b_outer: (d + 1) * hk,
        bias: 1,
        out_row: width,
        out_outer: hk,
        ..product::Params::new([s.rows, d, hk])
    };
    all.push(multiply(&p, [Buffer::Z(2 * l), Buffer::Weights, Buffer::Projected(l), Buffer::Nothing]));
    let p = meeting(spec, s, layer);
    let buffers = [Buffer::Projected(l), Buffer::Weights, Buffer::Met(l), Buffer::Scales(l)];
    all.push(Launch::new(&query_key::KERNEL, &p, query_key::grid(&p), &buffers));
    let each = product::Params { outer: s.batch, inner: h, ..product::Params::new([t, k, t]) };
    let scores = product::Params {
        a_row: hk,
        a_outer: t * hk,
        a_inner: k,
        b_first: s.rows * hk,
        b_depth: 1,
        b_column: hk,
        b_outer: t * hk,
        b_inner: k,
        out_outer: h * t * t,
        out_inner: t * t,
        triangle: product::WRITE_LOWER,
        ..each
    };
    all.push(multiply(&scores, [Buffer::Met(l), Buffer::Met(l), Buffer::Attention(l), Buffer::Nothing]));
    let p = softmax::Params { tokens: t, squares: s.batch * h, ..Default::default() };
    all.push(Launch::new(&softmax::KERNEL, &p, softmax::grid(&p), &[Buffer::Attention(l)]));
    let mixed = product::Params {
        outer: s.batch,
        inner: h,
        a_outer: h * t * t,
        a_inner: t * t,
        b_first: width - hk,
        b_depth: width,
        b_outer: t * width,
        b_inner: k,
        out_row: hk,
        out_outer: t * hk,
        out_inner: k,
        triangle: product::LOWER,
        ..product::Params::new([t, t, k])
    };
    all.push(multiply(&mixed, [Buffer::Attention(l), Buffer::Projected(l), Buffer::Mixed(l), Buffer::Nothing]));
    let output = layer.output[0].start as u32;
    let p =
        product::Params { b_first: output, bias: 1, epilogue: product::ADD, ..product::Params::new([s.rows, hk, d]) };
    all.push(multiply(&p, [Buffer::Mixed(l), Buffer::Weights, Buffer::State, Buffer::Nothing]));
    all
}

fn mlp(s: &Sizes, layer: &Layer, l: u32) -> Vec<Launch> {
    let [up, down] = [&layer.up, &layer.down].map(|linear| linear[0].start as u32);
    let number = 2 * l + 1;
    let into = product::Params::new([s.rows, s.d, s.f]);
    let into = product::Params { b_first: up, bias: 1, epilogue: product::GELU, ..into };
    let back = product::Params::new([s.rows, s.f, s.d]);
    let back = product::Params { b_first: down, bias: 1, epilogue: product::ADD, ..back };
    vec![
        normalise(s, layer.norm2[0].start as u32, number),
        multiply(&into, [Buffer::Z(number), Buffer::Weights, Buffer::Active(l), Buffer::Slope(l)]),
        multiply(&back, [Buffer::Active(l), Buffer::Weights, Buffer::State, Buffer::Nothing]),
    ]
}
