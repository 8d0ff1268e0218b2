//! Distances in local units, ε_ij = δ_ij/(r_i·r_j), and the kernels of the ridges: (|x_i|² + |x_j|² − |x_i − x_j|²)/(2s),
//! e^(−δ/2) or e^−ε.

use super::common::{Case, Kernel, Shader, UNTOUCHED, bare, params, read, values, words, write};
use crate::model::spec::{Ridge, RidgeKernel};
use crate::simd::exp;

params! {
    /// R.
    rows,
    /// N.
    shown,
    /// Element of `relations` where the planes of the view begin.
    base,
    /// Ridges.
    ridges,
    /// Two bits for the kernel of each ridge, see [`kinds`].
    kinds,
    /// A bit for each ridge that sees this view, the lowest for the first.
    seen,
    /// Padding.
    unused_1,
    /// Padding.
    unused_2,
}

const THREADS: u32 = 64;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "gram",
        source: bare!("gram.wgsl"),
        workgroup: [THREADS, 1, 1],
        constants: &[("THREADS", THREADS as f64)],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("row_scales"), read("scales"), write("relations"), write("output")],
    },
    #[cfg(feature = "parity")]
    cases,
};

/// The kernels of at most 16 ridges, two bits each.
pub fn kinds(ridges: &[Ridge]) -> u32 {
    let kind = |ridge: &Ridge| match ridge.kernel {
        RidgeKernel::Linear => 0,
        RidgeKernel::Gaussian => 1,
        RidgeKernel::Local => 2,
    };
    ridges.iter().enumerate().map(|(index, ridge)| kind(ridge) << (2 * index)).sum()
}

/// A bit for each ridge that sees a view; `raw` for the inputs themselves where there are embeddings as well.
pub fn seen(ridges: &[Ridge], raw: bool) -> u32 {
    ridges.iter().enumerate().map(|(index, ridge)| u32::from(ridge.raw == raw) << index).sum()
}

/// Workgroups: a thread for each pair.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.shown.div_ceil(THREADS), p.rows, 1]
}

/// Straight from the formula, in f64.
///
/// # Shapes
/// `row_scales` `[R, 2]`, `scales` `[N, 2]`; `relations` from `base` on `[3, R, N]`: it reads δ and writes ε; `output`
/// `[ridges, R, N]`.
pub fn reference(p: &Params, row_scales: &[f32], scales: &[f32], relations: &mut [f32], output: &mut [f32]) {
    let (r, n) = (p.rows as usize, p.shown as usize);
    let pairs = r * n;
    let (distances, locals) = relations[p.base as usize + pairs..][..2 * pairs].split_at_mut(pairs);
    for (row, own) in row_scales.chunks_exact(2).take(r).enumerate() {
        for (j, other) in scales.chunks_exact(2).take(n).enumerate() {
            let at = row * n + j;
            let distance = f64::from(distances[at]);
            let local = distance / (f64::from(own[1]) * f64::from(other[1]));
            locals[at] = local as f32;
            for ridge in (0..p.ridges as usize).filter(|ridge| p.seen >> ridge & 1 == 1) {
                let value = match p.kinds >> (2 * ridge) & 3 {
                    0 => (f64::from(own[0]) + f64::from(other[0]) - distance) / 2.0,
                    1 => (-distance / 2.0).exp(),
                    _ => (-local).exp(),
                };
                output[ridge * pairs + at] = value as f32;
            }
        }
    }
}

/// As [`reference()`] in f32, for the engine on the CPU.
pub fn run(p: &Params, row_scales: &[f32], scales: &[f32], relations: &mut [f32], output: &mut [f32]) {
    let (r, n) = (p.rows as usize, p.shown as usize);
    let pairs = r * n;
    let (distances, locals) = relations[p.base as usize + pairs..][..2 * pairs].split_at_mut(pairs);
    let (lengths, reaches): (Vec<f32>, Vec<f32>) = scales.chunks_exact(2).take(n).map(|one| (one[0], one[1])).unzip();
    for (row, own) in row_scales.chunks_exact(2).take(r).enumerate() {
        let (distances, locals) = (&distances[row * n..][..n], &mut locals[row * n..][..n]);
        let locals_of = locals.iter_mut().zip(distances.iter().zip(&reaches));
        locals_of.for_each(|(local, (distance, reach))| *local = distance / (own[1] * reach));
        for ridge in (0..p.ridges as usize).filter(|ridge| p.seen >> ridge & 1 == 1) {
            let output = output[ridge * pairs + row * n..][..n].iter_mut();
            match p.kinds >> (2 * ridge) & 3 {
                0 => output.zip(distances.iter().zip(&lengths)).for_each(|(to, (distance, length))| {
                    *to = (own[0] + length - distance) * 0.5;
                }),
                1 => output.zip(distances).for_each(|(to, distance)| *to = exp(distance * -0.5)),
                _ => output.zip(&*locals).for_each(|(to, local)| *to = exp(-local)),
            }
        }
    }
}

fn cases() -> Vec<Case> {
    let case = |name, p: Params, size: f32| {
        let (r, n) = (p.rows as usize, p.shown as usize);
        let positive =
            |purpose, count| -> Vec<f32> { values(purpose, count, size).iter().map(|v| v.abs() + 0.05).collect() };
        let (row_scales, scales) = (positive("similarity rows", 2 * r), positive("similarity shown", 2 * n));
        let mut relations = vec![UNTOUCHED; p.base as usize + r * n];
        relations.extend(positive("similarity distances", r * n));
        relations.extend(vec![UNTOUCHED; r * n + 1]);
        let mut output = vec![UNTOUCHED; p.ridges as usize * r * n + 1];
        let before = [&row_scales, &scales, &relations, &output].map(|buffer| words(buffer)).to_vec();
        reference(&p, &row_scales, &scales, &mut relations, &mut output);
        // a few roundings of the largest result; e^−x loses x ulp of itself, at most ulp/e
        let largest = relations.iter().chain(&output).fold(1f32, |most, value| most.max(value.abs()));
        let tolerance = 1e-6 * largest;
        let params = bytemuck::bytes_of(&p).to_vec();
        Case { name, params, grid: grid(&p), before, after: vec![(2, relations), (3, output)], tolerance }
    };
    let p = Params { rows: 1, shown: 1, ..Params::default() };
    vec![
        case("one pair, no ridge", p, 1.0),
        case(
            "every kernel, sizes that no workgroup divides",
            Params { rows: 5, shown: 67, base: 3, ridges: 3, kinds: 0b10_01_00, seen: 0b111, ..p },
            3.0,
        ),
        case(
            "sixteen ridges, the longest context",
            Params { rows: 2, shown: 1024, ridges: 16, kinds: 0x9249_2492, seen: 0xffff, ..p },
            2.0,
        ),
        case(
            "ridges that see another view are left alone",
            Params { rows: 3, shown: 9, ridges: 4, kinds: 0b1001_0010, seen: 0b0101, ..p },
            1.0,
        ),
        case("values near 80", Params { rows: 4, shown: 20, ridges: 2, kinds: 0b0110, seen: 0b11, ..p }, 80.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_have_their_known_values() {
        let ridges = [RidgeKernel::Linear, RidgeKernel::Gaussian, RidgeKernel::Local].map(|kernel| Ridge {
            kernel,
            lambda: 1.0,
            raw: false,
        });
        let p = Params {
            rows: 1,
            shown: 1,
            ridges: 3,
            kinds: kinds(&ridges),
            seen: seen(&ridges, false),
            ..Params::default()
        };
        let (mut relations, mut output) = ([0.0, 2.0, 0.0], [0.0; 3]);
        reference(&p, &[3.0, 0.5], &[1.0, 4.0], &mut relations, &mut output);
        assert_eq!(relations[2], 1.0);
        for (found, expected) in output.iter().zip([1.0, (-1f32).exp(), (-1f32).exp()]) {
            assert!((found - expected).abs() < 1e-6, "{output:?}");
        }
    }
    #[test]
    #[cfg(feature = "parity")]
    fn the_f32_half_is_as_close_to_the_formula_as_the_one_in_wgsl() {
        crate::kernel::common::check_run(&KERNEL, |p, b| {
            let [row_scales, scales, relations, output] = b else { unreachable!() };
            run(p, row_scales, scales, relations, output);
        });
    }
}
