//! Causal attention: softmax over slots of scale·q·s_j, and the mix of their values.
//!
//! Row r sees the first `cached + step·r` slots of the cache, and its own slot if `own` is set: tokens that are
//! kept are in the cache already (step 1, no own slot); queries that are not kept bring theirs (step 0, own slot).
//! The scale is 1/√K, or with q/k norm e^τ of the head while q is divided by √(Σq² + ε) here and slot keys came
//! normalised.

use super::common::{Case, Kernel, Shader, UNTOUCHED, bare, params, read, values, words, write};
use crate::model::spec::QK_NORM_EPSILON;
use crate::simd::{add, dot, softmax};

params! {
    /// R.
    rows,
    /// H.
    heads,
    /// K.
    key_size,
    /// Cached slots that row 0 sees.
    cached,
    /// More cached slots for each following row.
    step,
    /// 1 if each row has its own slot after the cached ones, else 0.
    own,
    /// Whether queries are normalised.
    normalise,
    /// Whether softmax weights are written; then all rows must see equally many slots.
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
/// Most slots that a row may see; [`crate::ModelSpec::validate`] keeps `longest` within it.
pub const SLOTS: u32 = 2048;
/// Largest K.
const KEYS: u32 = 256;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "attention",
        source: bare!("attention.wgsl"),
        workgroup: [THREADS, 1, 1],
        constants: &[
            ("THREADS", THREADS as f64),
            ("SLOTS", SLOTS as f64),
            ("KEYS", KEYS as f64),
            ("EPSILON", QK_NORM_EPSILON as f64),
        ],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[
            read("query"),
            read("slots"),
            read("slot_values"),
            read("own_slot"),
            read("own_value"),
            read("scale"),
            write("output"),
            write("weights"),
        ],
    },
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for each row and head.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.rows, p.heads, 1]
}

/// What it reads, in the order of the bindings.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// `[R, H, K]`
    pub query: &'a [f32],
    /// Slot keys in the cache, `[N, H, K]`.
    pub slots: &'a [f32],
    /// Values in the cache, `[N, H, K]`.
    pub slot_values: &'a [f32],
    /// Slot keys of the rows themselves, `[R, H, K]`.
    pub own_slot: &'a [f32],
    /// Values of the rows themselves, `[R, H, K]`.
    pub own_value: &'a [f32],
    /// Factor of the logits, `[H]`.
    pub scale: &'a [f32],
}

/// Straight from the formula, with its sums in f64.
///
/// # Shapes
/// `query`, `own_slot`, `own_value` and `output` `[R, H, K]`; `slots` and `slot_values` `[T, H, K]`; `scale` `[H]`;
/// `weights` from `weights_first` on `[R, H, slots seen]`.
pub fn reference(p: &Params, inputs: &Inputs<'_>, output: &mut [f32], weights: &mut [f32]) {
    let Inputs { query, slots, slot_values, own_slot, own_value, scale } = *inputs;
    let (heads, size) = (p.heads as usize, p.key_size as usize);
    let mut shares = Vec::new();
    let mut mix = vec![0f64; size];
    for row in 0..p.rows as usize {
        let cached = p.cached as usize + p.step as usize * row;
        let count = cached + p.own as usize;
        for (head, &scale) in scale.iter().enumerate() {
            let at = |row: usize| (row * heads + head) * size;
            let query = &query[at(row)..][..size];
            let norm = match p.normalise {
                0 => 1.0,
                _ => (query.iter().map(|&q| f64::from(q).powi(2)).sum::<f64>() + f64::from(QK_NORM_EPSILON)).sqrt(),
            };
            let factor = f64::from(scale) / norm;
            // slot `slot` of this head: in the cache, or the row's own
            let pick = |cache, own, slot| -> &[f32] {
                let (buffer, first): (&[f32], usize) = if slot < cached { (cache, at(slot)) } else { (own, at(row)) };
                &buffer[first..first + size]
            };
            shares.clear();
            for slot in 0..count {
                let dot: f64 =
                    query.iter().zip(pick(slots, own_slot, slot)).map(|(&q, &s)| f64::from(q) * f64::from(s)).sum();
                shares.push(factor * dot);
            }
            let largest = shares.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            shares.iter_mut().for_each(|share| *share = (*share - largest).exp());
            let total: f64 = shares.iter().sum();
            mix.fill(0.0);
            for (slot, &share) in shares.iter().enumerate() {
                mix.iter_mut().zip(pick(slot_values, own_value, slot)).for_each(|(m, &v)| *m += share * f64::from(v));
            }
            output[at(row)..][..size].iter_mut().zip(&mix).for_each(|(o, m)| *o = (m / total) as f32);
            if p.weights != 0 {
                let first = p.weights_first as usize + (row * heads + head) * count;
                weights[first..][..count].iter_mut().zip(&shares).for_each(|(w, s)| *w = (s / total) as f32);
            }
        }
    }
}

/// As [`reference()`] in f32, for the engine on the CPU.
pub fn run(p: &Params, inputs: &Inputs<'_>, output: &mut [f32], weights: &mut [f32]) {
    let Inputs { query, slots, slot_values, own_slot, own_value, scale } = *inputs;
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

fn cases() -> Vec<Case> {
    let case = |name, p: Params, size: f32, scale: f32| {
        let (rows, channels) = (p.rows as usize, (p.heads * p.key_size) as usize);
        let most = (p.cached + p.step * (p.rows - 1)) as usize;
        let query = values("attention query", rows * channels, size);
        let slots = values("attention slots", most.max(1) * channels, size);
        let slot_values = values("attention values", most.max(1) * channels, 2.0);
        let own_slot = values("attention own slot", rows * channels, size);
        let own_value = values("attention own value", rows * channels, 2.0);
        let scale = vec![scale; p.heads as usize];
        let mut output = vec![UNTOUCHED; (rows + 1) * channels];
        let shares = if p.weights != 0 { rows * p.heads as usize * (p.cached + p.own) as usize } else { 0 };
        let mut weights = vec![UNTOUCHED; p.weights_first as usize + shares + 1];
        let buffers = [&query, &slots, &slot_values, &own_slot, &own_value, &scale, &output, &weights];
        let before = buffers.map(|buffer| words(buffer)).to_vec();
        let inputs = Inputs {
            query: &query,
            slots: &slots,
            slot_values: &slot_values,
            own_slot: &own_slot,
            own_value: &own_value,
            scale: &scale,
        };
        reference(&p, &inputs, &mut output, &mut weights);
        // An error e in a logit multiplies a weight by 1 + e. A logit is a sum of K products, at most
        // scale·K·size² (scale after normalisation): about 4 ulp of it, and 4e-6 for the sums over slots.
        let reach = if p.normalise != 0 { scale[0] } else { scale[0] * p.key_size as f32 * size * size };
        let tolerance = 2.0 * 4.0 * reach / (1 << 23) as f32 + 4e-6;
        let after = vec![(6, output), (7, weights)];
        Case { name, params: bytemuck::bytes_of(&p).to_vec(), grid: grid(&p), before, after, tolerance }
    };
    let p = Params { rows: 1, heads: 1, key_size: 1, own: 1, ..Params::default() };
    vec![
        case("one query with nothing shown", Params { weights: 1, ..p }, 1.0, 1.0),
        case(
            "zero vectors under the norm",
            Params { rows: 2, heads: 2, key_size: 16, cached: 5, normalise: 1, ..p },
            0.0,
            10.0,
        ),
        case(
            "queries, with weights",
            Params { rows: 3, heads: 2, key_size: 67, cached: 37, normalise: 1, weights: 1, weights_first: 5, ..p },
            1.0,
            10.0,
        ),
        case(
            "tokens in a row",
            Params { rows: 100, heads: 3, key_size: 33, cached: 1, step: 1, own: 0, ..p },
            1.0,
            0.2,
        ),
        case(
            "the longest context",
            Params { rows: 2, heads: 1, key_size: 64, cached: 2047, weights: 1, ..p },
            1.0,
            0.125,
        ),
        case("the largest key", Params { rows: 2, heads: 1, key_size: 256, cached: 70, normalise: 1, ..p }, 3.0, 20.0),
        // logits up to ±80·80·scale/… : a softmax that is all on one slot
        case("values near ±80", Params { rows: 4, heads: 2, key_size: 4, cached: 20, ..p }, 80.0, 0.5),
        case(
            "values near ±80 under the norm",
            Params { rows: 4, heads: 2, key_size: 4, cached: 20, normalise: 1, ..p },
            80.0,
            10.0,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_logits_average_the_values() {
        let p = Params { rows: 1, heads: 1, key_size: 1, cached: 2, own: 1, weights: 1, ..Params::default() };
        let (mut output, mut weights) = ([0.0], [0.0; 3]);
        let inputs = Inputs {
            query: &[0.0],
            slots: &[1.0, 2.0],
            slot_values: &[3.0, 6.0],
            own_slot: &[5.0],
            own_value: &[9.0],
            scale: &[1.0],
        };
        reference(&p, &inputs, &mut output, &mut weights);
        assert_eq!(output, [6.0]);
        weights.iter().for_each(|w| assert!((w - 1.0 / 3.0).abs() < 1e-7));
    }

    #[test]
    fn tokens_do_not_see_later_ones() {
        let p = Params { rows: 2, heads: 1, key_size: 1, cached: 1, step: 1, ..Params::default() };
        let mut output = [0.0; 2];
        let (slots, slot_values) = (&[1.0, 1.0], &[3.0, 5.0]);
        let inputs = Inputs { query: &[1.0, 0.0], slots, slot_values, own_slot: &[], own_value: &[], scale: &[1.0] };
        reference(&p, &inputs, &mut output, &mut []);
        assert_eq!(output, [3.0, 4.0]);
    }

    #[test]
    #[cfg(feature = "parity")]
    fn the_f32_half_is_as_close_to_the_formula_as_the_one_in_wgsl() {
        crate::kernel::common::check_run(&KERNEL, |p, b| {
            let [query, slots, slot_values, own_slot, own_value, scale, output, weights] = b else { unreachable!() };
            let inputs = Inputs { query, slots, slot_values, own_slot, own_value, scale };
            run(p, &inputs, output, weights);
        });
    }
}
