//! Attention of a set learner, one set of weights a row and head for all classes:
//!
//! ```text
//! softmax heads  a_ij = softmax_j(τ_h/√(C·K) · Σ_c q_ic·k_jc + w_h·(cos, cos², −δ, −ε)_ij)      over all views
//! linear heads   a_ij = w_h·(cos, cos², e^−ε)_ij/M_i + Σ_r w_hr·α^r_ij                  M_i shown inputs are seen
//! output_ic = Σ_j a_ij·v_jc
//! ```
//!
//! A shown input does not see itself; where there is no other, the output is 0.

use super::common::{Case, Kernel, Shader, UNTOUCHED, bare, params, read, values, words, write};
use crate::model::spec::{LINEAR_FEATURES, SOFTMAX_FEATURES};
use crate::simd::{LANES, Scratch, TILE, add, copy_lanes, exp, fill_zeros, interleave, softmax, tile_sums};

params! {
    /// R.
    rows,
    /// C in use.
    classes,
    /// H: softmax heads.
    heads,
    /// Linear heads.
    linear_heads,
    /// K.
    key_size,
    /// N.
    shown,
    /// Whether the rows are the shown inputs themselves.
    among,
    /// Elements of `query` from one row and class to the next.
    query_stride,
    /// Views whose features the slopes weigh.
    views,
    /// Planes of `relations` from one view to the next; 0 if one view stands for all.
    view_step,
    /// Ridges.
    ridges,
    /// Whether the weights of the softmax heads are written, with one more for a slot of the row's own; then R = 1.
    weights,
    /// Element of `weights` that takes the first weight.
    weights_first,
    /// Padding.
    unused_0,
    /// Padding.
    unused_1,
    /// Padding.
    unused_2,
}

pub(crate) const THREADS: u32 = 64;
/// Most shown inputs; [`crate::ModelSpec::validate`] keeps `longest` of set learners within it.
pub const SLOTS: u32 = 1024;
/// Rows that the f32 half weighs at a time: each panel of keys and values is read once for all of them.
const ROWS: usize = 16;
/// Fewer rows are weighed one by one on the CPU: to lay out keys and values takes longer.
const FEWEST: usize = 4;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "set_attention",
        source: bare!("set_attention.wgsl"),
        workgroup: [THREADS, 1, 1],
        constants: &[("THREADS", THREADS as f64), ("SLOTS", SLOTS as f64)],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[
            read("query"),
            read("slots"),
            read("relations"),
            read("alpha"),
            read("slopes"),
            write("output"),
            write("weights"),
        ],
    },
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for each row and head.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.rows, p.heads + p.linear_heads, 1]
}

/// What it reads, in the order of the bindings. A is (H + linear heads)·K.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// `[R, C, query_stride]`, of which the first H·K are read.
    pub query: &'a [f32],
    /// Queries, keys and values of the shown examples, `[N, C, 2·H·K + A]`.
    pub slots: &'a [f32],
    /// cos, δ and ε, `[views or 1, 3, R, N]`.
    pub relations: &'a [f32],
    /// `[ridges, R, N]`
    pub alpha: &'a [f32],
    /// τ `[H]`, then `[views·4, H]`, then `[views·3 + ridges, linear heads]`.
    pub slopes: &'a [f32],
}

/// Sizes that follow from the parameters, and the parts of the slopes.
struct Parts<'a> {
    /// Rows, shown examples, classes and K.
    sizes: (usize, usize, usize, usize),
    /// Softmax heads, linear heads and views.
    heads: (usize, usize, usize),
    /// τ `[H]`
    temperature: &'a [f32],
    /// `[views·4, H]`
    softmax: &'a [f32],
    /// `[views·3 + ridges, linear heads]`
    linear: &'a [f32],
}

impl<'a> Parts<'a> {
    fn new(p: &Params, slopes: &'a [f32]) -> Self {
        let (heads, linear, views) = (p.heads as usize, p.linear_heads as usize, p.views as usize);
        let (temperature, rest) = slopes.split_at(heads);
        let (softmax, slopes) = rest.split_at(SOFTMAX_FEATURES * views * heads);
        let sizes = (p.rows as usize, p.shown as usize, p.classes as usize, p.key_size as usize);
        Parts { sizes, heads: (heads, linear, views), temperature, softmax, linear: slopes }
    }

    /// H·K, A, and values of a class in a slot.
    fn channels(&self) -> (usize, usize, usize) {
        let ((.., size), (heads, linear, _)) = (self.sizes, self.heads);
        let (channels, all) = (heads * size, (heads + linear) * size);
        (channels, all, 2 * channels + all)
    }

    /// Factor of the product of a query and a key: τ_h/√(C·K).
    fn stretch(&self, head: usize) -> f32 {
        let (.., classes, size) = self.sizes;
        self.temperature[head] / ((classes * size) as f32).sqrt()
    }

    /// The shown examples that row `row` sees.
    fn seen_by(&self, row: usize, among: u32) -> impl Iterator<Item = usize> + Clone {
        (0..self.sizes.1).filter(move |&j| among == 0 || j != row)
    }
}

/// Straight from the formula, with its sums in f64.
///
/// # Shapes
/// See [`Inputs`]; `output` `[R, C, A]`; `weights` from `weights_first` on `[H, N + 1]`.
pub fn reference(p: &Params, inputs: &Inputs<'_>, output: &mut [f32], weights: &mut [f32]) {
    let parts = Parts::new(p, inputs.slopes);
    let ((r, n, c, size), (heads, linear, _)) = (parts.sizes, parts.heads);
    let (channels, all, stride) = parts.channels();
    // weight of head h and slot j in [N, heads], so that a slot's values are read once for all heads
    let mut shares = vec![0f64; n * (heads + linear)];
    let mut mix = vec![0f64; c * all];
    let mut wide = vec![0f64; all];
    for row in 0..r {
        let seen = parts.seen_by(row, p.among);
        weigh_reference(p, inputs, &parts, row, &mut shares);
        for head in 0..heads {
            let each = || seen.clone().map(|j| j * (heads + linear) + head);
            let largest = each().map(|at| shares[at]).fold(f64::NEG_INFINITY, f64::max);
            each().for_each(|at| shares[at] = (shares[at] - largest).exp());
            let total: f64 = each().map(|at| shares[at]).sum();
            each().for_each(|at| shares[at] /= total);
        }
        mix.fill(0.0);
        for j in seen {
            let shares = &shares[j * (heads + linear)..][..heads + linear];
            wide.chunks_exact_mut(size).zip(shares).for_each(|(wide, &share)| wide.fill(share));
            let values = inputs.slots[j * c * stride..].chunks_exact(stride).take(c).map(|slot| &slot[2 * channels..]);
            for (mix, values) in mix.chunks_exact_mut(all).zip(values) {
                let pairs = mix.iter_mut().zip(wide.iter().zip(values));
                pairs.for_each(|(mix, (share, &value))| *mix += share * f64::from(value));
            }
        }
        let out = &mut output[row * c * all..][..c * all];
        out.iter_mut().zip(&mix).for_each(|(out, &mix)| *out = mix as f32);
        if p.weights != 0 {
            for (head, out) in weights[p.weights_first as usize..].chunks_exact_mut(n + 1).take(heads).enumerate() {
                (0..n).for_each(|j| out[j] = shares[j * (heads + linear) + head] as f32);
                out[n] = if n == 0 { 1.0 } else { 0.0 };
            }
        }
    }
}

/// Logits of the softmax heads and weights of the linear heads of one row, `[N, heads]`.
fn weigh_reference(p: &Params, inputs: &Inputs<'_>, parts: &Parts<'_>, row: usize, shares: &mut [f64]) {
    let ((r, n, c, size), (heads, linear, views)) = (parts.sizes, parts.heads);
    let (channels, _, stride) = parts.channels();
    let pairs = r * n;
    let plane = |view: usize, plane: usize, at: usize| -> f64 {
        f64::from(inputs.relations[(view * p.view_step as usize + plane) * pairs + at])
    };
    let query: Vec<f64> = (0..c)
        .flat_map(|class| &inputs.query[(row * c + class) * p.query_stride as usize..][..channels])
        .map(|&q| f64::from(q))
        .collect();
    let mut products = vec![0f64; channels];
    let seen = parts.seen_by(row, p.among);
    let count = seen.clone().count() as f64;
    for j in seen {
        let at = row * n + j;
        products.fill(0.0);
        let slots = inputs.slots[j * c * stride..].chunks_exact(stride).take(c);
        for (query, slot) in query.chunks_exact(channels).zip(slots) {
            let pairs = products.iter_mut().zip(query.iter().zip(&slot[channels..2 * channels]));
            pairs.for_each(|(product, (q, &k))| *product += q * f64::from(k));
        }
        let shares = &mut shares[j * (heads + linear)..][..heads + linear];
        for head in 0..heads {
            let dot: f64 = products[head * size..][..size].iter().sum();
            shares[head] = f64::from(parts.temperature[head]) / ((c * size) as f64).sqrt() * dot;
        }
        shares[heads..].fill(0.0);
        for view in 0..views {
            let (cosine, distance, near) = (plane(view, 0, at), plane(view, 1, at), plane(view, 2, at));
            for (f, feature) in [cosine, cosine * cosine, -distance, -near].into_iter().enumerate() {
                let slopes = &parts.softmax[(view * SOFTMAX_FEATURES + f) * heads..][..heads];
                shares.iter_mut().zip(slopes).for_each(|(share, &slope)| *share += feature * f64::from(slope));
            }
            for (f, feature) in [cosine, cosine * cosine, (-near).exp()].into_iter().enumerate() {
                let slopes = &parts.linear[(view * LINEAR_FEATURES + f) * linear..][..linear];
                let feature = feature / count;
                let pairs = shares[heads..].iter_mut().zip(slopes);
                pairs.for_each(|(share, &slope)| *share += feature * f64::from(slope));
            }
        }
        for ridge in 0..p.ridges as usize {
            let slopes = &parts.linear[(views * LINEAR_FEATURES + ridge) * linear..][..linear];
            let share = f64::from(inputs.alpha[ridge * pairs + at]);
            shares[heads..].iter_mut().zip(slopes).for_each(|(sum, &slope)| *sum += share * f64::from(slope));
        }
    }
}

/// As [`reference()`] in f32, for the engine on the CPU.
pub fn run(p: &Params, inputs: &Inputs<'_>, output: &mut [f32], weights: &mut [f32], scratch: &mut Scratch) {
    let parts = Parts::new(p, inputs.slopes);
    let ((r, n, c, _), (heads, ..)) = (parts.sizes, parts.heads);
    if n == 0 {
        output[..r * c * parts.channels().1].fill(0.0);
        if p.weights != 0 {
            weights[p.weights_first as usize..][..heads].fill(1.0);
        }
    } else if r < FEWEST {
        match parts.channels() {
            // the sizes of `general` and `drawing`
            (16, 24, _) => run_rows::<16, 24>(p, inputs, &parts, output, weights),
            _ => run_rows::<0, 0>(p, inputs, &parts, output, weights),
        }
    } else {
        run_tiles(p, inputs, &parts, output, scratch);
    }
}

/// [`run`] for few rows, one after another: each reads the slots once, as they lie. `CHANNELS` and `ALL` are H·K and A
/// where the compiler is to know them, so that it can unroll the loops over them, and else 0.
fn run_rows<const CHANNELS: usize, const ALL: usize>(
    p: &Params,
    inputs: &Inputs<'_>,
    parts: &Parts<'_>,
    output: &mut [f32],
    weights: &mut [f32],
) {
    let ((r, n, c, size), (heads, linear, _)) = (parts.sizes, parts.heads);
    let (channels, all, stride) = match parts.channels() {
        (_, _, stride) if ALL > 0 => (CHANNELS, ALL, stride),
        any => any,
    };
    let query_stride = p.query_stride as usize;
    // a row of weights of every head over the slots
    let mut shares = vec![0.0; n * (heads + linear)];
    let mut products = vec![0.0; channels];
    let mut wide = vec![0.0; all];
    let mut near = vec![0.0; n];
    for row in 0..r {
        let query = &inputs.query[row * c * query_stride..];
        for (j, slots) in inputs.slots.chunks_exact(c * stride).take(n).enumerate() {
            let products = &mut products[..channels];
            products.fill(0.0);
            for (query, slot) in query.chunks(query_stride).zip(slots.chunks_exact(stride)) {
                let (query, keys) = (&query[..channels], &slot[channels..][..channels]);
                (0..channels).for_each(|k| products[k] += query[k] * keys[k]);
            }
            for (head, product) in products.chunks_exact(size).enumerate() {
                shares[head * n + j] = parts.stretch(head) * product.iter().sum::<f32>();
            }
        }
        weigh(p, inputs, parts, row, &mut shares, &mut near);
        let out = &mut output[row * c * all..][..c * all];
        out.fill(0.0);
        for (j, slots) in inputs.slots.chunks_exact(c * stride).take(n).enumerate() {
            wide.chunks_exact_mut(size).enumerate().for_each(|(head, wide)| wide.fill(shares[head * n + j]));
            let wide = &wide[..all];
            for (out, slot) in out.chunks_exact_mut(all).zip(slots.chunks_exact(stride)) {
                let (out, values) = (&mut out[..all], &slot[2 * channels..][..all]);
                (0..all).for_each(|k| out[k] += wide[k] * values[k]);
            }
        }
        if p.weights != 0 {
            for (head, out) in weights[p.weights_first as usize..].chunks_exact_mut(n + 1).take(heads).enumerate() {
                out[..n].copy_from_slice(&shares[head * n..][..n]);
                out[n] = 0.0;
            }
        }
    }
}

/// [`run`] for many rows: products of matrices, each head by itself, with keys and values laid out in the order in which tiles
/// read them.
fn run_tiles(p: &Params, inputs: &Inputs<'_>, parts: &Parts<'_>, output: &mut [f32], scratch: &mut Scratch) {
    let ((r, n, c, size), (heads, linear, _)) = (parts.sizes, parts.heads);
    let (_, all, _) = parts.channels();
    let inner = c * size;
    let Scratch { tiles, rows: keys, hidden: values } = scratch;
    lay_out_keys(inputs, parts, keys);
    lay_out_values(inputs, parts, values);
    let mut shares = vec![0.0; ROWS * (heads + linear) * n];
    let mut near = vec![0.0; n];
    for first in (0..r).step_by(ROWS) {
        let count = ROWS.min(r - first);
        let shares = &mut shares[..count * (heads + linear) * n];
        for (head, keys) in keys.chunks_exact(n.next_multiple_of(LANES) * inner).enumerate() {
            // the queries of the head, [tiles, C·K, TILE]
            fill_zeros(tiles, count.next_multiple_of(TILE) * inner);
            for i in 0..count {
                let query = inputs.query[(first + i) * c * p.query_stride as usize..].chunks(p.query_stride as usize);
                let query = query.take(c).flat_map(|query| &query[head * size..][..size]);
                interleave::<TILE>(tiles, i, inner, query.map(|q| parts.stretch(head) * q));
            }
            for (panel, begin) in keys.chunks_exact(LANES * inner).zip((0..n).step_by(LANES)) {
                for (tile, queries) in tiles.chunks_exact(TILE * inner).enumerate() {
                    for (i, sums) in (tile * TILE..count).zip(&tile_sums(queries, panel)) {
                        let to = &mut shares[(i * (heads + linear) + head) * n..][..n];
                        copy_lanes(&mut to[begin..], sums);
                    }
                }
            }
        }
        for (i, shares) in shares.chunks_exact_mut((heads + linear) * n).enumerate() {
            weigh(p, inputs, parts, first + i, shares, &mut near);
        }
        for (head, values) in values.chunks_exact(inner.next_multiple_of(LANES) * n).enumerate() {
            // the weights of the head, [tiles, N, TILE]
            fill_zeros(tiles, count.next_multiple_of(TILE) * n);
            for (i, shares) in shares.chunks_exact((heads + linear) * n).enumerate() {
                interleave::<TILE>(tiles, i, n, shares[head * n..][..n].iter().copied());
            }
            for (panel, begin) in values.chunks_exact(LANES * n).zip((0..inner).step_by(LANES)) {
                for (tile, shares) in tiles.chunks_exact(TILE * n).enumerate() {
                    for (i, sums) in (tile * TILE..count).zip(&tile_sums(shares, panel)) {
                        let out = &mut output[(first + i) * c * all..][..c * all];
                        for (channel, sum) in (begin..inner).zip(sums) {
                            out[channel / size * all + head * size + channel % size] = *sum;
                        }
                    }
                }
            }
        }
    }
}

/// Keys of the softmax heads in panels of [`LANES`] slots, `[heads, panels, C·K, LANES]`; slots that there are not are 0.
fn lay_out_keys(inputs: &Inputs<'_>, parts: &Parts<'_>, keys: &mut Vec<f32>) {
    let ((_, n, c, size), (heads, ..)) = (parts.sizes, parts.heads);
    let (channels, _, stride) = parts.channels();
    let inner = c * size;
    fill_zeros(keys, heads * n.next_multiple_of(LANES) * inner);
    for (head, keys) in keys.chunks_exact_mut(n.next_multiple_of(LANES) * inner).enumerate() {
        for (j, slot) in inputs.slots.chunks_exact(c * stride).take(n).enumerate() {
            let from = slot.chunks_exact(stride).flat_map(|slot| &slot[channels + head * size..][..size]);
            interleave::<LANES>(keys, j, inner, from.copied());
        }
    }
}

/// Values of all heads in panels of [`LANES`] channels, `[heads, panels, N, LANES]`; channels that there are not are 0.
fn lay_out_values(inputs: &Inputs<'_>, parts: &Parts<'_>, values: &mut Vec<f32>) {
    let ((_, n, c, size), (heads, linear, _)) = (parts.sizes, parts.heads);
    let (channels, _, stride) = parts.channels();
    let inner = c * size;
    fill_zeros(values, (heads + linear) * inner.next_multiple_of(LANES) * n);
    for (head, values) in values.chunks_exact_mut(inner.next_multiple_of(LANES) * n).enumerate() {
        for (j, slot) in inputs.slots.chunks_exact(c * stride).take(n).enumerate() {
            let from = slot.chunks_exact(stride).flat_map(|slot| &slot[2 * channels + head * size..][..size]);
            for (channel, value) in from.enumerate() {
                values[(channel / LANES * n + j) * LANES + channel % LANES] = *value;
            }
        }
    }
}

/// Turns products of queries and keys into the weights of one row, `[heads, N]`, in place. `near` is scratch, `[N]`.
fn weigh(p: &Params, inputs: &Inputs<'_>, parts: &Parts<'_>, row: usize, shares: &mut [f32], near: &mut [f32]) {
    let ((r, n, ..), (heads, linear, views)) = (parts.sizes, parts.heads);
    let pairs = r * n;
    let count = (n - usize::from(p.among != 0)) as f32;
    shares[heads * n..].fill(0.0);
    for view in 0..views {
        let plane = |plane: usize| &inputs.relations[(view * p.view_step as usize + plane) * pairs + row * n..][..n];
        let (cosine, distance, local) = (plane(0), plane(1), plane(2));
        near.iter_mut().zip(local).for_each(|(near, local)| *near = exp(-local));
        for (head, shares) in shares.chunks_exact_mut(n).enumerate() {
            let slope = |f: usize| parts.softmax[(view * SOFTMAX_FEATURES + f) * heads + head];
            let line = |f: usize| parts.linear[(view * LINEAR_FEATURES + f) * linear + head - heads] / count;
            let all = shares.iter_mut().zip(cosine.iter().zip(distance).zip(local.iter().zip(&*near)));
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
        let slopes = &parts.linear[(views * LINEAR_FEATURES + ridge) * linear..][..linear];
        let alpha = &inputs.alpha[ridge * pairs + row * n..][..n];
        lines.chunks_exact_mut(n).zip(slopes).for_each(|(shares, slope)| add(shares, *slope, alpha));
    }
    if p.among != 0 {
        soft.iter_mut().skip(row).step_by(n).for_each(|share| *share = f32::NEG_INFINITY);
        lines.iter_mut().skip(row).step_by(n).for_each(|share| *share = 0.0);
    }
    match count == 0.0 {
        // there is no other
        true => shares.fill(0.0),
        false => soft.chunks_exact_mut(n).for_each(softmax),
    }
}

fn cases() -> Vec<Case> {
    let case = |name, p: Params, size: f32| {
        let (r, n, c, k) = (p.rows as usize, p.shown as usize, p.classes as usize, p.key_size as usize);
        let (heads, linear, views) = (p.heads as usize, p.linear_heads as usize, p.views as usize);
        let all = (heads + linear) * k;
        let stride = 2 * heads * k + all;
        let slots = values("set slots", (n * c * stride).max(1), size);
        let query = match p.among {
            0 => values("set query", r * c * p.query_stride as usize, size),
            _ => slots.clone(),
        };
        let mut relations = values("set relations", (3 * views * r * n).max(1), 1.0);
        // δ and ε are not negative
        for (at, value) in relations.iter_mut().enumerate() {
            if at / (r * n).max(1) % 3 != 0 {
                *value = 2.0 * value.abs();
            }
        }
        let alpha = values("set alpha", (p.ridges as usize * r * n).max(1), 0.5);
        let mut slopes = vec![1.5; heads];
        slopes.extend(values("set slopes", SOFTMAX_FEATURES * views * heads, 5.0));
        slopes.extend(values("set linear slopes", (LINEAR_FEATURES * views + p.ridges as usize) * linear, 2.0));
        let mut output = vec![UNTOUCHED; (r * c + 1) * all];
        let shares = if p.weights != 0 { heads * (n + 1) } else { 0 };
        let mut weights = vec![UNTOUCHED; p.weights_first as usize + shares + 1];
        let buffers = [&query, &slots, &relations, &alpha, &slopes, &output, &weights];
        let before = buffers.map(|buffer| words(buffer)).to_vec();
        let inputs = Inputs { query: &query, slots: &slots, relations: &relations, alpha: &alpha, slopes: &slopes };
        reference(&p, &inputs, &mut output, &mut weights);
        // An error e in a logit multiplies a weight by 1 + e. A logit is 1.5/√(C·K) times C·K products of at most size²,
        // and four features a view of at most 10: about 4 ulp of all of it. Linear heads add N products of values.
        let logit = 1.5 * ((c * k) as f32).sqrt() * size * size + 40.0 * views as f32;
        let linear = (n as f32).sqrt() * (p.ridges + 1) as f32;
        let tolerance = size.max(1.0) * (8.0 * logit + 8.0 * linear + 16.0) / (1 << 23) as f32;
        let params = bytemuck::bytes_of(&p).to_vec();
        Case { name, params, grid: grid(&p), before, after: vec![(5, output), (6, weights)], tolerance }
    };
    let p = Params { rows: 1, classes: 2, heads: 1, key_size: 1, query_stride: 1, views: 1, ..Params::default() };
    let usual = Params { heads: 4, linear_heads: 2, key_size: 4, query_stride: 16, classes: 10, ..p };
    vec![
        case("nothing shown, with weights", Params { weights: 1, linear_heads: 1, ..p }, 1.0),
        case("the only one shown", Params { shown: 1, among: 1, query_stride: 3, ..p }, 1.0),
        case("a query, with weights", Params { shown: 100, ridges: 3, weights: 1, weights_first: 7, ..usual }, 1.0),
        case(
            "the shown ones, sizes that no workgroup divides",
            Params {
                rows: 37,
                shown: 37,
                among: 1,
                classes: 5,
                heads: 3,
                linear_heads: 1,
                key_size: 7,
                query_stride: 70,
                ridges: 1,
                ..p
            },
            1.0,
        ),
        case("two views", Params { rows: 3, shown: 19, views: 2, view_step: 3, ridges: 2, ..usual }, 1.0),
        case("one view for two", Params { rows: 3, shown: 19, views: 2, ..usual }, 1.0),
        case("no linear heads", Params { rows: 5, shown: 66, heads: 2, key_size: 3, query_stride: 6, ..p }, 1.0),
        case("the longest context", Params { rows: 2, shown: 1024, ..usual }, 1.0),
        case("many classes", Params { rows: 2, shown: 21, classes: 256, key_size: 8, query_stride: 32, ..usual }, 1.0),
        case("values near ±80", Params { rows: 4, shown: 20, ..usual }, 80.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_input_sees_the_others_alone() {
        let p = Params {
            rows: 2,
            classes: 1,
            heads: 1,
            linear_heads: 1,
            key_size: 1,
            shown: 2,
            among: 1,
            query_stride: 4,
            views: 1,
            ..Params::default()
        };
        // query, key, and the values of both heads
        let slots = [0.0, 0.0, 3.0, 5.0, 0.0, 0.0, 7.0, 11.0];
        let relations = [[1.0, 0.5, 0.5, 1.0], [0.0; 4], [0.0; 4]].concat();
        let slopes = [[1.0].as_slice(), &[0.0; 4], &[2.0, 0.0, 0.0]].concat();
        let mut output = [9.0; 4];
        let inputs = Inputs { query: &slots, slots: &slots, relations: &relations, alpha: &[], slopes: &slopes };
        reference(&p, &inputs, &mut output, &mut []);
        assert_eq!(output, [7.0, 11.0, 3.0, 5.0]);
    }

    #[test]
    #[cfg(feature = "parity")]
    fn the_f32_half_is_as_close_to_the_formula_as_the_one_in_wgsl() {
        crate::kernel::common::check_run(&KERNEL, |p, b| {
            let [query, slots, relations, alpha, slopes, output, weights] = b else { unreachable!() };
            run(p, &Inputs { query, slots, relations, alpha, slopes }, output, weights, &mut Scratch::default());
        });
    }
}
