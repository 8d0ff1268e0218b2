//! What the CPU engine computes with, where it takes long: halves of the kernels in f32, in loops that compilers turn into
//! SIMD, four lanes wide in WebAssembly. The halves beside the WGSL ones are in f64 and stay what all others are compared
//! with; these are held to the tolerances of the WGSL ones.
//!
//! Loops run over arrays of [`LANES`] values with their sums in local arrays, so that no slice is checked inside and nothing
//! is written before its turn.

use std::f32::consts::FRAC_1_SQRT_2;

use crate::kernel::{attention, convolve, linear, project, relate, set_attention, sweep, update};
use crate::spec::{LINEAR_FEATURES, QK_NORM_EPSILON, RMS_EPSILON, SOFTMAX_FEATURES};

/// Columns that are summed at a time: two vectors of WebAssembly's.
const LANES: usize = 8;
/// Rows of a tile of a product; with [`LANES`] columns its sums fill half of the vector registers.
const TILE: usize = 4;
/// Fewer rows are multiplied one by one: weights are then read once, in their order.
const FEW: usize = 4;
/// Windows of a convolution that are laid out at a time.
const WINDOWS: usize = 512;
/// Tokens of a set learner that are updated at a time.
const TOKENS: usize = 16;

/// The values of a chunk of [`LANES`].
fn lanes(chunk: &[f32]) -> [f32; LANES] {
    let mut all = [0.0; LANES];
    all.copy_from_slice(chunk);
    all
}

/// a·b
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        let (a, b) = (lanes(a), lanes(b));
        for l in 0..LANES {
            sums[l] += a[l] * b[l];
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// The larger of x and 0. `f32::max` minds NaN, for which WebAssembly has no instruction, and would be a call.
fn positive(x: f32) -> f32 {
    if x > 0.0 { x } else { 0.0 }
}

/// out += factor·row
fn add(out: &mut [f32], factor: f32, row: &[f32]) {
    out.iter_mut().zip(row).for_each(|(out, value)| *out += factor * value);
}

/// out += x·W for one row. `weight` begins at the first column wanted; its rows are `stride` apart.
///
/// Four rows of W are read at a time, one of each quarter, so that each quarter is read from its beginning to its end: memory
/// is what this waits for.
fn add_row(out: &mut [f32], x: &[f32], weight: &[f32], stride: usize) {
    let columns = out.len();
    let whole = columns - columns % LANES;
    let quarter = x.len() / 4;
    for first in 0..quarter {
        let row = |i: usize| &weight[(i * quarter + first) * stride..][..columns];
        let rows = [row(0), row(1), row(2), row(3)];
        let x = [x[first], x[quarter + first], x[2 * quarter + first], x[3 * quarter + first]];
        let [a, b, c, d] = rows.map(|row| row.chunks_exact(LANES));
        for ((((out, a), b), c), d) in out.chunks_exact_mut(LANES).zip(a).zip(b).zip(c).zip(d) {
            let (mut sums, a, b, c, d) = (lanes(out), lanes(a), lanes(b), lanes(c), lanes(d));
            for l in 0..LANES {
                sums[l] += (x[0] * a[l] + x[1] * b[l]) + (x[2] * c[l] + x[3] * d[l]);
            }
            out.copy_from_slice(&sums);
        }
        for (x, row) in x.iter().zip(rows) {
            add(&mut out[whole..], *x, &row[whole..]);
        }
    }
    let done = 4 * quarter;
    for (&x, row) in x[done..].iter().zip(weight.get(done * stride..).unwrap_or_default().chunks(stride)) {
        add(out, x, row);
    }
}

/// output += input·W for many rows, in tiles of [`TILE`] rows and [`LANES`] columns, both laid out beforehand in the order in
/// which a tile reads them. `room` is scratch.
///
/// # Shapes
/// `input` rows of I values, `row` apart; `weight` `[I, O]`, `output` rows of O values.
fn add_rows(output: &mut [f32], input: &[f32], row: usize, inputs: usize, weight: &[f32], room: &mut Vec<f32>) {
    let outputs = weight.len() / inputs;
    let rows = output.len() / outputs;
    if rows < FEW {
        for (out, x) in output.chunks_exact_mut(outputs).zip(input.chunks(row)) {
            add_row(out, &x[..inputs], weight, outputs);
        }
        return;
    }
    let tiles = rows.div_ceil(TILE);
    room.clear();
    room.resize((tiles * TILE + LANES) * inputs, 0.0);
    let (panel, tall) = room.split_at_mut(LANES * inputs);
    for (at, x) in input.chunks(row).take(rows).enumerate() {
        let tile = &mut tall[at / TILE * TILE * inputs..][..TILE * inputs];
        tile.iter_mut().skip(at % TILE).step_by(TILE).zip(x).for_each(|(to, &x)| *to = x);
    }
    for first in (0..outputs).step_by(LANES) {
        let count = LANES.min(outputs - first);
        let columns = weight.chunks_exact(outputs).map(|row| &row[first..first + count]);
        for (to, from) in panel.chunks_exact_mut(LANES).zip(columns) {
            // a copy of known size is no call
            match count {
                LANES => to.copy_from_slice(&lanes(from)),
                _ => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
            }
        }
        for (tile, x) in tall.chunks_exact(TILE * inputs).enumerate() {
            let mut sums = [[0.0; LANES]; TILE];
            for (x, w) in x.chunks_exact(TILE).zip(panel.chunks_exact(LANES)) {
                let w = lanes(w);
                for i in 0..TILE {
                    for l in 0..LANES {
                        sums[i][l] += x[i] * w[l];
                    }
                }
            }
            let outs = output[tile * TILE * outputs..].chunks_exact_mut(outputs);
            for (out, sums) in outs.zip(&sums) {
                let out = &mut out[first..first + count];
                match count {
                    LANES => {
                        let mut all = lanes(out);
                        (0..LANES).for_each(|l| all[l] += sums[l]);
                        out.copy_from_slice(&all);
                    }
                    _ => out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum),
                }
            }
        }
    }
}

/// e^x to about 2 ulp, for x in ±87; what is below gives almost nothing.
fn exp(x: f32) -> f32 {
    // 2^n·e^r with |r| at most ln 2/2; the sum's last bits are those of the nearest whole number
    const SHIFT: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 87.0);
    let shifted = x * std::f32::consts::LOG2_E + SHIFT;
    let n = shifted - SHIFT;
    // ln 2 in two parts
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let p = ((((1.0 / 720.0 * r + 1.0 / 120.0) * r + 1.0 / 24.0) * r + 1.0 / 6.0) * r + 0.5) * r * r + r + 1.0;
    p * f32::from_bits(((n as i32 + 127) << 23) as u32)
}

/// x·Φ(x). erf by formula 7.1.26 of Abramowitz and Stegun, which is within 1.5e-7 of it.
fn gelu(x: f32) -> f32 {
    let z = x.abs() * FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let series = ((((1.061_405_4 * t - 1.453_152_1) * t + 1.421_413_8) * t - 0.284_496_72) * t + 0.254_829_6) * t;
    // of what is above 0, half of 1 − erf is missing; of what is below, that is all there is
    let tail = 0.5 * x * series * exp(-z * z);
    if x > 0.0 { x - tail } else { tail }
}

/// See [`linear::cpu`].
pub fn linear(p: &linear::Params, input: &[f32], weight: &[f32], bias: &[f32], output: &mut [f32], room: &mut Room) {
    let (inputs, outputs, rows) = (p.inputs as usize, p.outputs as usize, p.rows as usize);
    let row = if p.row == 0 { inputs } else { p.row as usize };
    let out = &mut output[p.output_first as usize * outputs..][..rows * outputs];
    let bias = if p.unbiased == 0 { &bias[..outputs] } else { &[] };
    if p.accumulate == 0 {
        out.fill(0.0);
    }
    // GELU is of the sum alone, not of what it is added to
    let before = if p.gelu != 0 && p.accumulate != 0 { out.to_vec() } else { Vec::new() };
    if !before.is_empty() {
        out.fill(0.0);
    }
    add_rows(out, input, row, inputs, weight, &mut room.tiles);
    out.chunks_exact_mut(outputs).for_each(|out| add(out, 1.0, bias));
    if p.gelu != 0 {
        out.iter_mut().for_each(|value| *value = gelu(*value));
    }
    add(out, 1.0, &before);
}

/// Scratch that calls pass on.
#[derive(Debug, Clone, Default)]
pub struct Room {
    /// Of [`add_rows`].
    tiles: Vec<f32>,
    /// Windows of a convolution, or states.
    rows: Vec<f32>,
    /// Hidden units.
    hidden: Vec<f32>,
}

/// See [`convolve::cpu`].
pub fn convolve(
    p: &convolve::Params,
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    output: &mut [f32],
    room: &mut Room,
) {
    let (side, inputs, outputs) = (p.side as usize, p.inputs as usize, p.outputs as usize);
    let (size, after, stride) = (p.size as usize, p.after as usize, p.stride as usize);
    let plane = if p.row == 0 { side * side * inputs } else { p.row as usize };
    let (window, places) = (size * size * inputs, after * after);
    let output = &mut output[..p.rows as usize * places * outputs];
    for (part, out) in output.chunks_mut(WINDOWS * outputs).enumerate() {
        let count = out.len() / outputs;
        room.rows.clear();
        room.rows.resize(count * window, 0.0);
        for (i, row) in room.rows.chunks_exact_mut(window).enumerate() {
            let place = part * WINDOWS + i;
            let plane = &input[place / places * plane..][..side * side * inputs];
            let (top, left) = (place % places / after * stride, place % after * stride);
            // the columns of the window that are inside; `edge` are missing before
            let edge = (size / 2).saturating_sub(left);
            let from = (left + edge).wrapping_sub(size / 2);
            let width = (size - edge).min(side - from);
            for dy in 0..size {
                // above the first row this wraps around to a number that is too large
                let y = (top + dy).wrapping_sub(size / 2);
                if y < side {
                    let to = &mut row[(dy * size + edge) * inputs..][..width * inputs];
                    let from = &plane[(y * side + from) * inputs..][..width * inputs];
                    // a few numbers each: a call of `memcpy` would take longer
                    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
                }
            }
        }
        out.chunks_exact_mut(outputs).for_each(|out| out.copy_from_slice(&bias[..outputs]));
        add_rows(out, &room.rows, window, window, &weight[..window * outputs], &mut room.tiles);
        out.iter_mut().for_each(|out| *out = positive(*out));
    }
}

/// See [`relate::cpu`].
pub fn relate(
    p: &relate::Params,
    rows: &[f32],
    shown: &[f32],
    centre: &[f32],
    relations: &mut [f32],
    squares: &mut [f32],
) {
    let (r, n, x) = (p.rows as usize, p.shown as usize, p.inputs as usize);
    let (dots, distances) = relations[p.base as usize..][..2 * r * n].split_at_mut(r * n);
    let mut row = vec![0.0; x];
    for (i, raw) in rows.chunks_exact(x).enumerate().take(r) {
        row.iter_mut().zip(raw.iter().zip(centre)).for_each(|(row, (raw, mean))| *row = raw - mean);
        squares[i] = dot(&row, &row);
        for (j, other) in shown.chunks_exact(x).enumerate().take(if p.among != 0 { i + 1 } else { n }) {
            let (dot, distance) = products(&row, other, &centre[..x]);
            (dots[i * n + j], distances[i * n + j]) = (dot, distance);
            if p.among != 0 {
                (dots[j * n + i], distances[j * n + i]) = (dot, distance);
            }
        }
    }
}

/// a·(b − centre) and |a − (b − centre)|²
fn products(a: &[f32], b: &[f32], centre: &[f32]) -> (f32, f32) {
    let (mut dots, mut distances) = ([0.0; LANES], [0.0; LANES]);
    let (a, b, centre) = (a.chunks_exact(LANES), b.chunks_exact(LANES), centre.chunks_exact(LANES));
    for (a, (b, c)) in a.remainder().iter().zip(b.remainder().iter().zip(centre.remainder())) {
        let b = b - c;
        dots[0] += a * b;
        distances[0] += (a - b) * (a - b);
    }
    for ((a, b), c) in a.zip(b).zip(centre) {
        let (a, b, c) = (lanes(a), lanes(b), lanes(c));
        for l in 0..LANES {
            let b = b[l] - c[l];
            let apart = a[l] - b;
            dots[l] += a[l] * b;
            distances[l] += apart * apart;
        }
    }
    (dots.iter().sum(), distances.iter().sum())
}

/// See [`sweep::cpu`]. The block itself is inverted in f64: it is small, and every later one leans on it.
pub fn sweep(p: &sweep::Params, input: &[f32], lambda: &[f32], output: &mut [f32], room: &mut Room) {
    let n = p.shown as usize;
    let block = p.first as usize..(p.first as usize + sweep::BLOCK as usize).min(n);
    let size = block.len();
    let sign = if p.last != 0 { -1.0 } else { 1.0 };
    for (ridge, &lambda) in lambda.iter().enumerate().take(p.ridges as usize) {
        let input = &input[ridge * n * n..][..n * n];
        let output = &mut output[ridge * n * n..][..n * n];
        let lambda = if p.initial != 0 { lambda } else { 0.0 };
        let mut inverse = vec![0f64; size * size];
        for (i, row) in inverse.chunks_exact_mut(size).enumerate() {
            let from = &input[(block.start + i) * n + block.start..][..size];
            row.iter_mut().zip(from).for_each(|(to, &from)| *to = f64::from(from));
            row[i] += f64::from(lambda);
        }
        let mut column = vec![0f64; size];
        for p in 0..size {
            column.iter_mut().zip(inverse.chunks_exact(size)).for_each(|(to, row)| *to = row[p]);
            let share = 1.0 / column[p];
            for (i, row) in inverse.chunks_exact_mut(size).enumerate() {
                let factor = column[i] * share;
                match i == p {
                    true => row.iter_mut().zip(&column).for_each(|(value, c)| *value = c * share),
                    false => row.iter_mut().zip(&column).for_each(|(value, c)| *value -= factor * c),
                }
                row[p] = if i == p { -share } else { factor };
            }
        }
        let inverse: Vec<f32> = inverse.iter().map(|&value| value as f32).collect();
        // what multiplies the rows of the block: −A_iP·D, or D in the block itself
        let factors = &mut room.hidden;
        factors.clear();
        factors.resize(n * size, 0.0);
        add_rows(factors, &input[block.start..], n, size, &inverse, &mut room.tiles);
        for (i, row) in inverse.chunks_exact(size).enumerate() {
            let to = &mut factors[(block.start + i) * size..][..size];
            to.iter_mut().zip(row).for_each(|(to, value)| *to = -value);
        }
        output.copy_from_slice(input);
        if p.initial != 0 {
            output.iter_mut().step_by(n + 1).for_each(|value| *value += lambda);
        }
        output[block.start * n..block.end * n].fill(0.0);
        add_rows(output, factors, size, size, &input[block.start * n..block.end * n], &mut room.tiles);
        for (out, factors) in output.chunks_exact_mut(n).zip(factors.chunks_exact(size)) {
            out[block.clone()].iter_mut().zip(factors).for_each(|(out, factor)| *out = -factor);
        }
        output.iter_mut().for_each(|out| *out *= sign);
    }
}

/// 1/√(mean of squares + ε)
fn inverse_rms(token: &[f32]) -> f32 {
    1.0 / (dot(token, token) / token.len() as f32 + RMS_EPSILON).sqrt()
}

/// See [`project::cpu`].
pub fn project(p: &project::Params, state: &[f32], weight: &[f32], output: &mut [f32]) {
    let (classes, width, outputs) = (p.classes as usize, p.width as usize, p.outputs as usize);
    let (first, count, stride) = (p.first as usize, p.count as usize, p.stride as usize);
    let outs = output.chunks_exact_mut(classes * stride);
    let mut normed = vec![0.0; width];
    for (token, out) in state.chunks_exact(classes * width).take(p.rows as usize).zip(outs) {
        let scale = inverse_rms(token);
        for (u, out) in token.chunks_exact(width).zip(out.chunks_exact_mut(stride)) {
            normed.iter_mut().zip(u).for_each(|(to, u)| *to = u * scale);
            let out = &mut out[first..first + count];
            out.fill(0.0);
            add_row(out, &normed, &weight[first..], outputs);
        }
    }
}

/// See [`update::cpu`].
pub fn update(
    p: &update::Params,
    mixed: &[f32],
    output_weight: &[f32],
    up: &[f32],
    down: &[f32],
    state: &mut [f32],
    room: &mut Room,
) {
    let (classes, width, channels) = (p.classes as usize, p.width as usize, p.channels as usize);
    let units = p.hidden as usize;
    let (own, rest) = up.split_at(width * units);
    let (shared, up_bias) = rest.split_at(width * units);
    let (down, down_bias) = down.split_at(units * width);
    let state = &mut state[..p.rows as usize * classes * width];
    let Room { tiles, rows, hidden } = room;
    let parts = state.chunks_mut(TOKENS * classes * width).zip(mixed.chunks(TOKENS * classes * channels));
    for (state, mixed) in parts {
        add_rows(state, mixed, channels, channels, output_weight, tiles);
        rows.clear();
        hidden.clear();
        for token in state.chunks_exact(classes * width) {
            let scale = inverse_rms(token);
            rows.extend(token.iter().map(|u| u * scale));
            let mut mean = vec![0.0; width];
            let normed = &rows[rows.len() - token.len()..];
            normed.chunks_exact(width).for_each(|z| add(&mut mean, 1.0 / classes as f32, z));
            // what all classes have in common
            let mut common = up_bias[..units].to_vec();
            add_row(&mut common, &mean, shared, units);
            (0..classes).for_each(|_| hidden.extend_from_slice(&common));
        }
        add_rows(hidden, rows, width, width, own, tiles);
        hidden.iter_mut().for_each(|h| *h = positive(*h));
        state.chunks_exact_mut(width).for_each(|u| add(u, 1.0, down_bias));
        add_rows(state, hidden, units, units, down, tiles);
    }
}

/// See [`attention::cpu`].
pub fn attention(
    p: &attention::Params,
    query: &[f32],
    slots: &[f32],
    slot_values: &[f32],
    own_slot: &[f32],
    own_value: &[f32],
    scale: &[f32],
    output: &mut [f32],
    weights: &mut [f32],
) {
    let (heads, size) = (p.heads as usize, p.key_size as usize);
    let mut shares = Vec::new();
    for row in 0..p.rows as usize {
        let cached = p.cached as usize + p.step as usize * row;
        let count = cached + p.own as usize;
        for (head, &scale) in scale.iter().enumerate().take(heads) {
            let at = |row: usize| (row * heads + head) * size;
            let query = &query[at(row)..][..size];
            let norm = if p.normalise == 0 { 1.0 } else { (dot(query, query) + QK_NORM_EPSILON).sqrt() };
            let factor = scale / norm;
            // slot `slot` of this head: in the cache, or the row's own
            let pick = |cache, own, slot| -> &[f32] {
                let (buffer, first): (&[f32], usize) = if slot < cached { (cache, at(slot)) } else { (own, at(row)) };
                &buffer[first..first + size]
            };
            shares.clear();
            shares.extend((0..count).map(|slot| factor * dot(query, pick(slots, own_slot, slot))));
            softmax(&mut shares);
            let out = &mut output[at(row)..][..size];
            out.fill(0.0);
            for (slot, &share) in shares.iter().enumerate() {
                add(out, share, pick(slot_values, own_value, slot));
            }
            if p.weights != 0 {
                weights[p.weights_first as usize + (row * heads + head) * count..][..count].copy_from_slice(&shares);
            }
        }
    }
}

fn softmax(shares: &mut [f32]) {
    let largest = shares.iter().fold(f32::NEG_INFINITY, |most, &share| if share > most { share } else { most });
    shares.iter_mut().for_each(|share| *share = exp(*share - largest));
    let total: f32 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= total);
}

/// See [`set_attention::cpu`].
pub fn set_attention(
    p: &set_attention::Params,
    query: &[f32],
    slots: &[f32],
    relations: &[f32],
    alpha: &[f32],
    slopes: &[f32],
    output: &mut [f32],
    weights: &mut [f32],
) {
    let (r, n, c, size) = (p.rows as usize, p.shown as usize, p.classes as usize, p.key_size as usize);
    let (heads, linear, views) = (p.heads as usize, p.linear_heads as usize, p.views as usize);
    let (channels, all) = (heads * size, (heads + linear) * size);
    let (stride, pairs) = (2 * channels + all, r * n);
    let (temperature, rest) = slopes.split_at(heads);
    let (softmax_slopes, linear_slopes) = rest.split_at(SOFTMAX_FEATURES * views * heads);
    // a row of weights of every head over the slots
    let mut shares = vec![0.0; n * (heads + linear)];
    let mut products = vec![0.0; channels];
    let mut wide = vec![0.0; all];
    let mut near = vec![0.0; n];
    for row in 0..r {
        let seen = n - if p.among != 0 { 1.min(n) } else { 0 };
        let sees = |j: usize| p.among == 0 || j != row;
        shares.fill(0.0);
        let stretch = 1.0 / ((c * size) as f32).sqrt();
        for j in (0..n).filter(|&j| sees(j)) {
            products.fill(0.0);
            let keys = slots[j * c * stride..].chunks_exact(stride).take(c).map(|slot| &slot[channels..2 * channels]);
            let queries = query[row * c * p.query_stride as usize..].chunks(p.query_stride as usize);
            for (query, keys) in queries.zip(keys) {
                let pairs = products.iter_mut().zip(query[..channels].iter().zip(keys));
                pairs.for_each(|(product, (q, k))| *product += q * k);
            }
            for (head, product) in products.chunks_exact(size).enumerate() {
                shares[head * n + j] = temperature[head] * stretch * product.iter().sum::<f32>();
            }
        }
        for view in 0..views {
            let plane = |plane: usize| &relations[(view * p.view_step as usize + plane) * pairs + row * n..][..n];
            let (cosine, distance, local) = (plane(0), plane(1), plane(2));
            near.iter_mut().zip(local).for_each(|(near, local)| *near = exp(-local));
            for (head, shares) in shares.chunks_exact_mut(n.max(1)).enumerate() {
                let slope = |f: usize| softmax_slopes[(view * SOFTMAX_FEATURES + f) * heads + head];
                let line = |f: usize| linear_slopes[(view * LINEAR_FEATURES + f) * linear + head - heads] / seen as f32;
                let all = shares.iter_mut().zip(cosine.iter().zip(distance).zip(local.iter().zip(&near)));
                if head < heads {
                    let (a, b, d, e) = (slope(0), slope(1), slope(2), slope(3));
                    all.for_each(|(share, ((cos, far), (local, _)))| {
                        *share += (a + b * cos) * cos - (d * far + e * local);
                    });
                } else {
                    let (a, b, e) = (line(0), line(1), line(2));
                    all.for_each(|(share, ((cos, _), (_, near)))| *share += (a + b * cos) * cos + e * near);
                }
            }
        }
        let (soft, lines) = shares.split_at_mut(heads * n);
        for ridge in 0..p.ridges as usize {
            let slopes = &linear_slopes[(views * LINEAR_FEATURES + ridge) * linear..][..linear];
            let alpha = &alpha[ridge * pairs + row * n..][..n];
            lines.chunks_exact_mut(n.max(1)).zip(slopes).for_each(|(shares, slope)| add(shares, *slope, alpha));
        }
        if p.among != 0 {
            soft.iter_mut().skip(row).step_by(n).for_each(|share| *share = f32::NEG_INFINITY);
            lines.iter_mut().skip(row).step_by(n).for_each(|share| *share = 0.0);
        }
        if seen > 0 {
            soft.chunks_exact_mut(n).for_each(softmax);
        }
        let out = &mut output[row * c * all..][..c * all];
        out.fill(0.0);
        for j in (0..n).filter(|&j| sees(j)) {
            wide.chunks_exact_mut(size).enumerate().for_each(|(head, wide)| wide.fill(shares[head * n + j]));
            let values = slots[j * c * stride..].chunks_exact(stride).take(c).map(|slot| &slot[2 * channels..]);
            for (out, values) in out.chunks_exact_mut(all).zip(values) {
                let pairs = out.iter_mut().zip(wide.iter().zip(values));
                pairs.for_each(|(out, (share, value))| *out += share * value);
            }
        }
        if p.weights != 0 {
            for (head, out) in weights[p.weights_first as usize..].chunks_exact_mut(n + 1).take(heads).enumerate() {
                out[..n].copy_from_slice(&shares[head * n..][..n]);
                out[n] = if n == 0 { 1.0 } else { 0.0 };
            }
        }
    }
}

#[cfg(all(test, feature = "parity"))]
mod tests {
    use super::*;
    use crate::kernel::{Case, Kernel};

    /// Every case of a kernel within the tolerance of its WGSL half; `run` is given the buffers and changes them.
    fn check<P: bytemuck::AnyBitPattern>(kernel: &Kernel, run: impl Fn(&P, &mut [Vec<f32>])) {
        for Case { name, params, before, after, tolerance, .. } in (kernel.cases)() {
            let mut buffers: Vec<Vec<f32>> =
                before.iter().map(|words| words.iter().map(|word| f32::from_bits(*word)).collect()).collect();
            run(&bytemuck::pod_read_unaligned(&params), &mut buffers);
            for (index, want) in after {
                let differ = buffers[index].iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
                let finite = buffers[index].iter().all(|value| value.is_finite());
                assert!(differ <= tolerance && finite, "{}, {name}: differs by {differ}, {tolerance}", kernel.name);
            }
        }
    }

    #[test]
    fn every_fast_half_is_as_close_to_the_formulas_as_the_one_in_wgsl() {
        let room = || Room::default();
        check(&linear::KERNEL, |p, b| {
            let [input, weight, bias, output] = b else { unreachable!() };
            linear(p, input, weight, bias, output, &mut room());
        });
        check(&convolve::KERNEL, |p, b| {
            let [input, weight, bias, output] = b else { unreachable!() };
            convolve(p, input, weight, bias, output, &mut room());
        });
        check(&relate::KERNEL, |p, b| {
            let [rows, shown, centre, relations, squares] = b else { unreachable!() };
            relate(p, rows, shown, centre, relations, squares);
        });
        check(&sweep::KERNEL, |p, b| {
            let [input, lambda, output] = b else { unreachable!() };
            sweep(p, input, lambda, output, &mut room());
        });
        check(&project::KERNEL, |p, b| {
            let [state, weight, output] = b else { unreachable!() };
            project(p, state, weight, output);
        });
        check(&update::KERNEL, |p, b| {
            let [mixed, weight, up, down, state] = b else { unreachable!() };
            update(p, mixed, weight, up, down, state, &mut room());
        });
        check(&attention::KERNEL, |p, b| {
            let [query, slots, values, own_slot, own_value, scale, output, weights] = b else { unreachable!() };
            attention(p, query, slots, values, own_slot, own_value, scale, output, weights);
        });
        check(&set_attention::KERNEL, |p, b| {
            let [query, slots, relations, alpha, slopes, output, weights] = b else { unreachable!() };
            set_attention(p, query, slots, relations, alpha, slopes, output, weights);
        });
    }

    #[test]
    fn exp_and_gelu_are_those_of_the_library() {
        for step in -8_000..8_000 {
            let x = step as f32 / 100.0;
            let (got, want) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((got / want - 1.0).abs() < 4e-7, "e^{x}: {got}, {want}");
            let (got, want) = (f64::from(gelu(x)), crate::kernel::linear::gelu(f64::from(x)));
            assert!((got - want).abs() < 3e-7 * want.abs().max(1.0), "gelu({x}): {got}, {want}");
        }
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
    }
}
