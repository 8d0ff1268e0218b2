//! output\[r\] = (output\[r\] +) activation(input\[r\]·W + b), the activation none or the exact GELU x·Φ(x).

use super::common::{Case, Kernel, Shader, bare, params, read, values, words, write};
use crate::simd::{self, Scratch, add, add_rows};

params! {
    /// R.
    rows,
    /// Inputs of a row.
    inputs,
    /// Outputs of a row.
    outputs,
    /// Row of `output` that takes row 0.
    output_first,
    /// Whether GELU is applied.
    gelu,
    /// Whether `output` is added to, a residual connection, instead of overwritten.
    accumulate,
    /// Whether there is no bias; the binding then holds anything.
    unbiased,
    /// Values from one row of the input to the next; 0 for the inputs that are read.
    row,
}

const COLUMNS: u32 = 64;
const ROWS: u32 = 16;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "linear",
        source: bare!("linear.wgsl"),
        workgroup: [COLUMNS, 4, 1],
        constants: &[],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("input"), read("weight"), read("bias"), write("output")],
    },
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for each tile of 16 rows and 64 columns.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.outputs.div_ceil(COLUMNS), p.rows.div_ceil(ROWS), 1]
}

/// GELU with the exact erf.
pub fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2))
}

/// Straight from the formula, with its sums in f64.
///
/// # Shapes
/// `input` `[R, row]`, of each row the first I; `weight` `[I, O]`, `bias` `[O]` unless `unbiased`, `output` `[output_first + R, O]`.
pub fn reference(p: &Params, input: &[f32], weight: &[f32], bias: &[f32], output: &mut [f32]) {
    let (inputs, outputs) = (p.inputs as usize, p.outputs as usize);
    let mut sums = vec![0f64; outputs];
    let outs = output.chunks_exact_mut(outputs).skip(p.output_first as usize);
    let stride = if p.row == 0 { inputs } else { p.row as usize };
    for (row, out) in input.chunks_exact(stride).take(p.rows as usize).zip(outs) {
        match p.unbiased {
            0 => sums.iter_mut().zip(bias).for_each(|(sum, &b)| *sum = f64::from(b)),
            _ => sums.fill(0.0),
        }
        // inputs outermost: the weights are read in their order, and the inner loop vectorises
        for (&x, weights) in row.iter().zip(weight.chunks_exact(outputs)) {
            let x = f64::from(x);
            sums.iter_mut().zip(weights).for_each(|(sum, &w)| *sum += x * f64::from(w));
        }
        for (out, &sum) in out.iter_mut().zip(&sums) {
            let value = if p.gelu != 0 { gelu(sum) } else { sum };
            *out = if p.accumulate != 0 { (f64::from(*out) + value) as f32 } else { value as f32 };
        }
    }
}

/// As [`reference()`] in f32, for the engine on the CPU.
pub fn run(p: &Params, input: &[f32], weight: &[f32], bias: &[f32], output: &mut [f32], scratch: &mut Scratch) {
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
    add_rows(out, input, row, inputs, weight, &mut scratch.tiles);
    out.chunks_exact_mut(outputs).for_each(|out| add(out, 1.0, bias));
    if p.gelu != 0 {
        out.iter_mut().for_each(|value| *value = simd::gelu(*value));
    }
    add(out, 1.0, &before);
}

fn cases() -> Vec<Case> {
    let case = |name, p: Params, size: f32| {
        let (rows, inputs, outputs) = (p.rows as usize, p.inputs as usize, p.outputs as usize);
        let row = if p.row == 0 { inputs } else { p.row as usize };
        let input = values("linear input", rows * row, size);
        let weight = values("linear weight", inputs * outputs, 1.0 / (inputs as f32).sqrt());
        let bias = values("linear bias", outputs, 1.0);
        let mut output = values("linear output", (p.output_first as usize + rows + 1) * outputs, 1.0);
        let before = vec![words(&input), words(&weight), words(&bias), words(&output)];
        reference(&p, &input, &weight, &bias, &mut output);
        // A sum of I products of at most `size/√I` each, in f32: its rounding is a random walk of about √I steps
        // of half an ulp of a partial sum (at most about `size`): 2^-24·size·√I; 8 times that for chance, and 1e-6 for
        // the series of erf.
        let tolerance = 8.0 * size.max(1.0) * (inputs as f32).sqrt() / (1 << 24) as f32 + 1e-6 * size.max(1.0);
        Case {
            name,
            params: bytemuck::bytes_of(&p).to_vec(),
            grid: grid(&p),
            before,
            after: vec![(3, output)],
            tolerance,
        }
    };
    let p = Params::default();
    vec![
        case("one element", Params { rows: 1, inputs: 1, outputs: 1, ..p }, 1.0),
        case("one row", Params { rows: 1, inputs: 128, outputs: 512, ..p }, 3.0),
        case("four rows, the most that are read directly", Params { rows: 4, inputs: 67, outputs: 65, ..p }, 3.0),
        case("five rows, the fewest that are staged", Params { rows: 5, inputs: 67, outputs: 65, ..p }, 3.0),
        case("sizes that no tile divides", Params { rows: 19, inputs: 37, outputs: 71, ..p }, 3.0),
        case(
            "added to rows from the third on",
            Params { rows: 5, inputs: 33, outputs: 10, output_first: 2, accumulate: 1, ..p },
            3.0,
        ),
        case("the beginning of a row", Params { rows: 2, inputs: 37, outputs: 19, row: 40, ..p }, 3.0),
        case("the beginnings of many rows", Params { rows: 21, inputs: 37, outputs: 67, row: 101, ..p }, 3.0),
        case("no bias", Params { rows: 3, inputs: 67, outputs: 19, unbiased: 1, ..p }, 3.0),
        case("GELU near 0", Params { rows: 17, inputs: 64, outputs: 65, gelu: 1, ..p }, 2.0),
        case("GELU of values near ±80", Params { rows: 6, inputs: 1, outputs: 200, gelu: 1, ..p }, 80.0),
        case("a long context, wide", Params { rows: 255, inputs: 256, outputs: 256, ..p }, 3.0),
        case(
            "one row of values near ±80, added",
            Params { rows: 1, inputs: 1024, outputs: 64, accumulate: 1, ..p },
            80.0,
        ),
        case("values near ±80, added", Params { rows: 9, inputs: 1024, outputs: 64, accumulate: 1, ..p }, 80.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gelu_has_its_known_values() {
        // x·Φ(x) with Φ(1) = 0.841344746068543
        assert!((gelu(1.0) - 0.841_344_746_068_543).abs() < 1e-12);
        assert!((gelu(-1.0) + 1.0 - 0.841_344_746_068_543).abs() < 1e-12);
        assert_eq!(gelu(0.0), 0.0);
        assert_eq!(gelu(80.0), 80.0);
        assert_eq!(gelu(-80.0), 0.0);
    }

    #[test]
    fn rows_beyond_the_last_are_left_alone() {
        let p = Params { rows: 1, inputs: 2, outputs: 1, output_first: 1, ..Params::default() };
        let mut output = [9.0; 3];
        reference(&p, &[2.0, 3.0], &[10.0, 100.0], &[1.0], &mut output);
        assert_eq!(output, [9.0, 321.0, 9.0]);
    }

    #[test]
    #[cfg(feature = "parity")]
    fn the_f32_half_is_as_close_to_the_formula_as_the_one_in_wgsl() {
        crate::kernel::common::check_run(&KERNEL, |p, b| {
            let [input, weight, bias, output] = b else { unreachable!() };
            run(p, input, weight, bias, output, &mut Scratch::default());
        });
    }
}
