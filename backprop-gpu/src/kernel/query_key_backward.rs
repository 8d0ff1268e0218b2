//! The backward pass of [`query_key`]: from the gradients of queries and slot keys as they met to those of the
//! projections, of the gates and of the temperatures. ẑ = z/|z| has the gradient (d − ẑ·(ẑ·d))/|z|.

use super::common::{Kernel, Shader, bare, buffers, read, write};
#[cfg(feature = "parity")]
use super::common::{case, values};
use super::query_key::{self, GATED, Params, factor, share};
#[cfg(feature = "parity")]
use shaders::kernel::common::Case;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "query_key_backward",
        source: bare!("query_key_backward.wgsl"),
        workgroup: [64, 1, 1],
        constants: &[],
        fields: query_key::KERNEL.shader.fields,
        params_size: size_of::<Params>(),
        bindings: &[
            read("projected"),
            read("weights"),
            read("met"),
            read("scales"),
            read("d_met"),
            write("d_projected"),
            write("slopes"),
        ],
    },
    run: |p, buffers| run(&bytemuck::pod_read_unaligned(p), buffers),
    #[cfg(feature = "parity")]
    cases,
};

/// Numbers of each head in a row of `slopes`: a gate, a temperature, both or none.
pub fn slopes(p: &Params) -> u32 {
    u32::from(p.shift == GATED) + p.normalise
}

/// # Shapes
/// `met` and `d_met` `[2, N, H, K]`, `scales` `[N, H, 2]`, `projected` and `d_projected` `[N, P]`, the latter without the
/// values, `slopes` `[N, G, H]`: of the gates, then of the temperatures
fn run(p: &Params, all: &mut [Vec<f64>]) {
    let [projected, weights, met, scales, d_met, d_projected, slope] = buffers(all);
    let (size, heads, tokens, rows) = (p.size as usize, p.heads as usize, p.tokens as usize, p.rows as usize);
    let keys = rows * heads * size;
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let gated = usize::from(p.shift == GATED);
    // the gradient of a slot key before it was normalised
    let of_slot = |pair: usize| -> Vec<f64> {
        let at = keys + pair * size;
        let (d, key) = (&d_met[at..at + size], &met[at..at + size]);
        match p.normalise {
            0 => d.to_vec(),
            _ => d.iter().zip(key).map(|(d_k, k)| scales[2 * pair + 1] * (d_k - k * dot(d, key))).collect(),
        }
    };
    for pair in 0..rows * heads {
        let (row, head) = (pair / heads, pair % heads);
        let at = pair * size;
        let (share, factor) = (share(p, weights, head), factor(p, weights, head));
        let (d, query) = (&d_met[at..at + size], &met[at..at + size]);
        let to = row * slopes(p) as usize * heads + head;
        let d_query: Vec<f64> = match p.normalise {
            0 => d.iter().map(|d| d * factor).collect(),
            _ => {
                // `query` is factor·q̂
                let along = dot(d, query);
                slope[to + gated * heads] = along;
                let unit = |(d, q): (&f64, &f64)| factor * scales[2 * pair] * (d - q * along / (factor * factor));
                d.iter().zip(query).map(unit).collect()
            }
        };
        let own = of_slot(pair);
        let next = if row % tokens + 1 < tokens { of_slot(pair + heads) } else { vec![0.0; size] };
        let query_at = row * p.row as usize + head * size;
        let key_at = query_at + p.key as usize;
        if gated == 1 {
            let before = |k: usize| if row % tokens > 0 { projected[key_at + k - p.row as usize] } else { 0.0 };
            let sum: f64 = (0..size).map(|k| own[k] * (before(k) - projected[key_at + k])).sum();
            slope[to] = sum * share * (1.0 - share);
        }
        d_projected[query_at..query_at + size].copy_from_slice(&d_query);
        for k in 0..size {
            let d_key = (1.0 - share) * own[k] + share * next[k];
            let to = &mut d_projected[key_at + k];
            *to = if p.key == 0 { *to + d_key } else { d_key };
        }
    }
}

#[cfg(feature = "parity")]
fn cases() -> Vec<Case> {
    let case = |(name, p): (&'static str, Params), size: f32| {
        let count = (p.rows * p.heads) as usize;
        let projected = values("query key", (p.rows * p.row) as usize, 2.0);
        let weights = values("query key weights", 1 + 2 * p.heads as usize, 1.0);
        let (met, scales) = (values("met", 2 * count * p.size as usize, 1.0), values("scales", 2 * count, 2.0));
        let d_met = values("d met", met.len(), size);
        let d_projected = values("d projected", projected.len(), 1.0);
        let slopes = vec![0.5; count * slopes(&p) as usize];
        let before = vec![projected, weights, met, scales, d_met, d_projected, slopes];
        // sums of K terms of size 2·size, times up to e^τ·2 and 2
        case(&KERNEL, name, (&p, query_key::grid(&p)), before, 1e-5 * size * p.size as f32)
    };
    let mut cases: Vec<Case> = query_key::ways().into_iter().map(|way| case(way, 1.0)).collect();
    let (_, last) = query_key::ways().remove(3);
    cases.push(case(("values near ±80", last), 80.0));
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::common::testing::{check_gradient, numbers};

    #[test]
    fn every_way_back_is_the_slope_of_the_way_there() {
        for (name, p) in query_key::ways() {
            let count = (p.rows * p.heads) as usize;
            let (width, size, heads) = (p.row as usize, p.size as usize, p.heads as usize);
            let inputs = p.rows as usize * width;
            // what was projected, then the weights
            let at = numbers(name, inputs + 1 + 2 * heads);
            let d_met = numbers("d met", 2 * count * size);
            let meet = |at: &[f64]| {
                let (projected, weights) = at.split_at(inputs);
                let mut all = [projected.to_vec(), weights.to_vec(), vec![0.0; 2 * count * size], vec![0.0; 2 * count]];
                (query_key::KERNEL.run)(bytemuck::bytes_of(&p), &mut all);
                all
            };
            let [projected, weights, met, scales] = meet(&at);
            let slope = vec![0.0; count * slopes(&p) as usize];
            let mut all = [projected, weights, met, scales, d_met.clone(), vec![0.0; inputs], slope];
            run(&p, &mut all);
            let mut gradient = all[5].clone();
            gradient.resize(at.len(), 0.0);
            for (i, slope) in all[6].iter().enumerate() {
                let of_row = i % (slopes(&p) as usize * heads);
                // gates lie before temperatures, in both
                let skipped = if p.shift == GATED { 0 } else { heads };
                gradient[inputs + 1 + skipped + of_row] += slope;
            }
            let along = |at: &[f64]| meet(at)[2].iter().zip(&d_met).map(|(met, d)| met * d).sum();
            check_gradient(name, along, &at, &gradient);
        }
    }
}
