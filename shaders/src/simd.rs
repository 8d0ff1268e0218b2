//! What the f32 halves of kernels and the baselines compute with: loops over arrays of [`LANES`] values, which compilers turn
//! into SIMD, four lanes wide in WebAssembly. Sums are in local arrays, so that no slice is checked inside and nothing is
//! written before its turn.

use std::f32::consts::FRAC_1_SQRT_2;

/// Columns that are summed at a time: two vectors of WebAssembly's.
pub const LANES: usize = 8;
/// Rows of a tile of a product; with [`LANES`] columns its sums fill half of the vector registers.
pub const TILE: usize = 4;
/// Fewer rows are multiplied one by one: weights are then read once, in their order.
const FEW: usize = 4;

/// The values of a chunk of N.
pub fn lanes<const N: usize>(chunk: &[f32]) -> [f32; N] {
    let mut all = [0.0; N];
    all.copy_from_slice(chunk);
    all
}

/// a·b in N sums, and what is left over at the end.
fn products<const N: usize>(a: &[f32], b: &[f32]) -> ([f32; N], f32) {
    let mut sums = [0.0; N];
    let (a, b) = (a.chunks_exact(N), b.chunks_exact(N));
    let rest = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        let (a, b): ([f32; N], [f32; N]) = (lanes(a), lanes(b));
        for l in 0..N {
            sums[l] += a[l] * b[l];
        }
    }
    (sums, rest)
}

/// a·b
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (sums, rest) = products::<LANES>(a, b);
    sums.iter().sum::<f32>() + rest
}

/// a·b in twice as many sums, which are added in f64: nearly as fast, and more exact.
pub fn dot_in_f64(a: &[f32], b: &[f32]) -> f64 {
    let (sums, rest) = products::<{ 2 * LANES }>(a, b);
    sums.iter().map(|&sum| f64::from(sum)).sum::<f64>() + f64::from(rest)
}

/// The larger of x and 0. `f32::max` minds NaN, for which WebAssembly has no instruction, and would be a call.
pub fn positive(x: f32) -> f32 {
    if x > 0.0 { x } else { 0.0 }
}

/// out += factor·row
pub fn add(out: &mut [f32], factor: f32, row: &[f32]) {
    out.iter_mut().zip(row).for_each(|(out, value)| *out += factor * value);
}

/// Sums, and a chunk of each of four rows.
type Five = ([f32; LANES], [f32; LANES], [f32; LANES], [f32; LANES], [f32; LANES]);

/// out += x·W for one row. `weight` begins at the first column wanted; its rows are `stride` apart.
///
/// Four rows of W are read at a time, one of each quarter, so that each quarter is read from its beginning to its end: memory
/// is what this waits for.
pub fn add_row(out: &mut [f32], x: &[f32], weight: &[f32], stride: usize) {
    let columns = out.len();
    let whole = columns - columns % LANES;
    let quarter = x.len() / 4;
    for first in 0..quarter {
        let row = |i: usize| &weight[(i * quarter + first) * stride..][..columns];
        let rows = [row(0), row(1), row(2), row(3)];
        let x = [x[first], x[quarter + first], x[2 * quarter + first], x[3 * quarter + first]];
        let [a, b, c, d] = rows.map(|row| row.chunks_exact(LANES));
        for ((((out, a), b), c), d) in out.chunks_exact_mut(LANES).zip(a).zip(b).zip(c).zip(d) {
            let (mut sums, a, b, c, d): Five = (lanes(out), lanes(a), lanes(b), lanes(c), lanes(d));
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

/// output += input·W for many rows, in tiles of `TILE` rows and `LANES` columns, both laid out beforehand in the order in
/// which a tile reads them. `tiles` is scratch.
///
/// # Shapes
/// `input` rows of I values, `row` apart; `weight` `[I, O]`, `output` rows of O values.
pub fn add_rows(output: &mut [f32], input: &[f32], row: usize, inputs: usize, weight: &[f32], tiles: &mut Vec<f32>) {
    let outputs = weight.len() / inputs;
    let rows = output.len() / outputs;
    if rows < FEW {
        for (out, x) in output.chunks_exact_mut(outputs).zip(input.chunks(row)) {
            add_row(out, &x[..inputs], weight, outputs);
        }
        return;
    }
    tiles.clear();
    tiles.resize((rows.next_multiple_of(TILE) + LANES) * inputs, 0.0);
    let (panel, tall) = tiles.split_at_mut(LANES * inputs);
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
                LANES => to.copy_from_slice(&lanes::<LANES>(from)),
                _ => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
            }
        }
        for (tile, x) in tall.chunks_exact(TILE * inputs).enumerate() {
            let sums = tile_sums(x, panel);
            let outs = output[tile * TILE * outputs..].chunks_exact_mut(outputs);
            outs.zip(&sums).for_each(|(out, sums)| add_sums(&mut out[first..first + count], sums));
        }
    }
}

/// Products of a tile's rows and a panel's columns.
///
/// # Shapes
/// `x` `[inputs, TILE]`, `panel` `[inputs, LANES]`
pub fn tile_sums(x: &[f32], panel: &[f32]) -> [[f32; LANES]; TILE] {
    let mut sums = [[0.0; LANES]; TILE];
    for (x, w) in x.chunks_exact(TILE).zip(panel.chunks_exact(LANES)) {
        let w: [f32; LANES] = lanes(w);
        for i in 0..TILE {
            for l in 0..LANES {
                sums[i][l] += x[i] * w[l];
            }
        }
    }
    sums
}

fn add_sums(out: &mut [f32], sums: &[f32; LANES]) {
    match out.len() {
        LANES => {
            let mut all: [f32; LANES] = lanes(out);
            (0..LANES).for_each(|l| all[l] += sums[l]);
            out.copy_from_slice(&all);
        }
        _ => out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum),
    }
}

/// output += input·W at and below the diagonal of a square matrix; above it anything may stand afterwards, see
/// [`mirror_lower`]. `tiles` is scratch.
///
/// # Shapes
/// `input` `[N, inputs]`, `weight` `[inputs, N]`, `output` `[N, N]`.
pub fn add_lower(output: &mut [f32], input: &[f32], inputs: usize, weight: &[f32], tiles: &mut Vec<f32>) {
    let n = weight.len() / inputs;
    tiles.clear();
    tiles.resize((TILE + n.next_multiple_of(LANES)) * inputs, 0.0);
    let (tall, panels) = tiles.split_at_mut(TILE * inputs);
    for (panel, first) in panels.chunks_exact_mut(LANES * inputs).zip((0..n).step_by(LANES)) {
        let count = LANES.min(n - first);
        for (to, from) in panel.chunks_exact_mut(LANES).zip(weight.chunks_exact(n)) {
            to[..count].copy_from_slice(&from[first..first + count]);
        }
    }
    for (tile, rows) in output.chunks_mut(TILE * n).enumerate() {
        let count = rows.len() / n;
        for (i, x) in input[tile * TILE * inputs..].chunks_exact(inputs).take(count).enumerate() {
            tall.iter_mut().skip(i).step_by(TILE).zip(x).for_each(|(to, x)| *to = *x);
        }
        let end = tile * TILE + count;
        for (panel, first) in panels.chunks_exact(LANES * inputs).zip((0..end).step_by(LANES)) {
            let sums = tile_sums(tall, panel);
            for (out, sums) in rows.chunks_exact_mut(n).zip(&sums) {
                add_sums(&mut out[first..n.min(first + LANES)], sums);
            }
        }
    }
}

/// out += x·A for a symmetric A, of which only what stands at and below the diagonal is read. Four rows are read at a time, for
/// memory is what this waits for.
///
/// # Shapes
/// `x` and `out` `[N]`, `matrix` `[N, N]`.
pub fn add_symmetric(out: &mut [f32], x: &[f32], matrix: &[f32]) {
    let n = x.len();
    for first in (0..n).step_by(TILE) {
        let count = TILE.min(n - first);
        if count == TILE {
            let [a, b, c, d]: [&[f32]; TILE] = std::array::from_fn(|i| &matrix[(first + i) * n..][..first]);
            let factors: [f32; TILE] = std::array::from_fn(|i| x[first + i]);
            let mut sums = [[0.0; LANES]; TILE];
            let chunks = out[..first].chunks_exact_mut(LANES).zip(x.chunks_exact(LANES));
            let rows =
                a.chunks_exact(LANES).zip(b.chunks_exact(LANES)).zip(c.chunks_exact(LANES).zip(d.chunks_exact(LANES)));
            for ((out, x), ((a, b), (c, d))) in chunks.zip(rows) {
                let rows: [[f32; LANES]; TILE] = [lanes(a), lanes(b), lanes(c), lanes(d)];
                let (mut to, x): ([f32; LANES], [f32; LANES]) = (lanes(out), lanes(x));
                for i in 0..TILE {
                    for l in 0..LANES {
                        to[l] += factors[i] * rows[i][l];
                        sums[i][l] += x[l] * rows[i][l];
                    }
                }
                out.copy_from_slice(&to);
            }
            (0..TILE).for_each(|i| out[first + i] += sums[i].iter().sum::<f32>());
        }
        // what is left of the rows: up to the diagonal
        let begin = if count == TILE { first - first % LANES } else { 0 };
        for i in first..first + count {
            for j in begin..i {
                out[j] += x[i] * matrix[i * n + j];
                out[i] += x[j] * matrix[i * n + j];
            }
            out[i] += x[i] * matrix[i * n + i];
        }
    }
}

/// Gives a square matrix above its diagonal what stands below it, in blocks that stay in the cache.
///
/// # Shapes
/// `matrix` `[N, N]`
pub fn mirror_lower(matrix: &mut [f32], n: usize) {
    const SIDE: usize = 16;
    for first in (0..n).step_by(SIDE) {
        for begin in (0..=first).step_by(SIDE) {
            for i in first..n.min(first + SIDE) {
                for j in begin..i.min(begin + SIDE) {
                    matrix[j * n + i] = matrix[i * n + j];
                }
            }
        }
    }
}

/// e^x to about 2 ulp, for x in ±87; what is below gives almost nothing.
pub fn exp(x: f32) -> f32 {
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
pub fn gelu(x: f32) -> f32 {
    let z = x.abs() * FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let series = ((((1.061_405_4 * t - 1.453_152_1) * t + 1.421_413_8) * t - 0.284_496_72) * t + 0.254_829_6) * t;
    // of what is above 0, half of 1 − erf is missing; of what is below, that is all there is
    let tail = 0.5 * x * series * exp(-z * z);
    if x > 0.0 { x - tail } else { tail }
}

/// Makes `values` a vector of `count` zeros.
pub fn fill_zeros(values: &mut Vec<f32>, count: usize) {
    values.clear();
    values.resize(count, 0.0);
}

/// Writes row `row` into tiles of N rows, which hold the first values of all of their rows, then the second ones, and so on.
///
/// # Shapes
/// `tiles` `[rows / N, length, N]`, `values` `[length]`
pub fn interleave<const N: usize>(tiles: &mut [f32], row: usize, length: usize, values: impl Iterator<Item = f32>) {
    let tile = &mut tiles[row / N * N * length..][..N * length];
    tile.iter_mut().skip(row % N).step_by(N).zip(values).for_each(|(to, value)| *to = value);
}

/// Copies as many of the sums as `to` has room for, at most [`LANES`].
pub fn copy_lanes(to: &mut [f32], sums: &[f32; LANES]) {
    match to.first_chunk_mut::<LANES>() {
        // a copy of known size is no call
        Some(to) => *to = *sums,
        None => to.iter_mut().zip(sums).for_each(|(to, sum)| *to = *sum),
    }
}

/// Softmax in place.
pub fn softmax(shares: &mut [f32]) {
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let mut most = [f32::NEG_INFINITY; LANES];
    let chunks = shares.chunks_exact(LANES);
    let rest = chunks.remainder().iter().copied().fold(f32::NEG_INFINITY, larger);
    for chunk in chunks {
        let chunk: [f32; LANES] = lanes(chunk);
        (0..LANES).for_each(|l| most[l] = larger(most[l], chunk[l]));
    }
    let largest = most.into_iter().fold(rest, larger);
    shares.iter_mut().for_each(|share| *share = exp(*share - largest));
    let scale = 1.0 / sum(shares);
    shares.iter_mut().for_each(|share| *share *= scale);
}

/// Sum of all values, in [`LANES`] sums.
pub fn sum(values: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        let chunk: [f32; LANES] = lanes(chunk);
        (0..LANES).for_each(|l| sums[l] += chunk[l]);
    }
    sums.iter().sum::<f32>() + rest
}

/// Memory that calls pass on.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    /// Of [`add_rows`].
    pub tiles: Vec<f32>,
    /// Windows of a convolution, or states.
    pub rows: Vec<f32>,
    /// Hidden units.
    pub hidden: Vec<f32>,
}

/// 1/√(mean of squares + ε)
pub fn inverse_rms(token: &[f32], epsilon: f32) -> f32 {
    1.0 / (dot(token, token) / token.len() as f32 + epsilon).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_and_gelu_are_those_of_the_library() {
        let exact = |x: f64| 0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2));
        for step in -8_000..8_000 {
            let x = step as f32 / 100.0;
            let (got, want) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((got / want - 1.0).abs() < 4e-7, "e^{x}: {got}, {want}");
            let (got, want) = (f64::from(gelu(x)), exact(f64::from(x)));
            assert!((got - want).abs() < 3e-7 * want.abs().max(1.0), "gelu({x}): {got}, {want}");
        }
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn half_of_a_symmetric_matrix_is_enough() {
        for n in [0, 1, 3, 4, 7, 8, 21, 40] {
            let value = |i: usize, j: usize| ((i.max(j) * 7 + i.min(j) * 3) % 11) as f32 - 5.0;
            let x: Vec<f32> = (0..n).map(|i| (i % 5) as f32 - 2.0).collect();
            let below = |at: usize| if at % n <= at / n { value(at / n, at % n) } else { f32::NAN };
            let lower: Vec<f32> = (0..n * n).map(below).collect();
            let mut out = vec![1.0; n];
            add_symmetric(&mut out, &x, &lower);
            let expected = |j: usize| 1.0 + (0..n).map(|i| x[i] * value(i, j)).sum::<f32>();
            assert_eq!(out, (0..n).map(expected).collect::<Vec<f32>>(), "{n}");
        }
    }
}
