//! One convolution of a stem: ReLU(window·W + b) with zeros around ("same" padding, ⌊size/2⌋ on each side).

use super::common::{Case, Kernel, Shader, UNTOUCHED, accumulate, bare, params, read, values, words, write};
use crate::simd::{Scratch, add_rows, positive};

params! {
    /// R.
    rows,
    /// Side of the input.
    side,
    /// Channels of the input.
    inputs,
    /// Channels of the output.
    outputs,
    /// Side of the window.
    size,
    /// Stride.
    stride,
    /// Side of the output, ⌈side/stride⌉.
    after,
    /// Values from one row of the input to the next, where the input is what a learner is given: its channels lie plane after
    /// plane. 0 for what a convolution gave: side² · inputs values, the channels of a pixel together.
    row,
}

const THREADS: u32 = 64;
/// Windows that the f32 half lays out at a time.
const WINDOWS: usize = 512;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "convolve",
        source: bare!("convolve.wgsl"),
        workgroup: [THREADS, 1, 1],
        constants: &[("THREADS", THREADS as f64)],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("input"), read("weight"), read("bias"), write("output")],
    },
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: a thread for each element of the output.
pub fn grid(p: &Params) -> [u32; 3] {
    [(p.after * p.after * p.outputs).div_ceil(THREADS), p.rows, 1]
}

/// Values from one row to the next, from pixel to pixel and from channel to channel.
fn layout(p: &Params) -> (usize, usize, usize) {
    let (pixels, inputs) = ((p.side * p.side) as usize, p.inputs as usize);
    if p.row == 0 { (pixels * inputs, inputs, 1) } else { (p.row as usize, 1, pixels) }
}

/// Straight from the formula, with its sums in f64.
///
/// # Shapes
/// `input` `[R, row]`, of each row `[I, side, side]`, or `[R, side, side, I]` where `row` is 0; `weight` `[size, size, I, O]`, `bias` `[O]`, `output` `[R, after, after, O]`.
pub fn reference(p: &Params, input: &[f32], weight: &[f32], bias: &[f32], output: &mut [f32]) {
    let (side, inputs, outputs) = (p.side as usize, p.inputs as usize, p.outputs as usize);
    let (size, after) = (p.size as usize, p.after as usize);
    let mut sums = vec![0f64; outputs];
    let (row, pixel, channel) = layout(p);
    let planes = input.chunks_exact(row).zip(output.chunks_exact_mut(after * after * outputs));
    for (plane, output) in planes.take(p.rows as usize) {
        for (at, out) in output.chunks_exact_mut(outputs).enumerate() {
            sums.iter_mut().zip(bias).for_each(|(sum, &bias)| *sum = f64::from(bias));
            for window in 0..size * size {
                // beyond the first row or column this wraps around to a number that is too large
                let y = (at / after * p.stride as usize + window / size).wrapping_sub(size / 2);
                let x = (at % after * p.stride as usize + window % size).wrapping_sub(size / 2);
                if y >= side || x >= side {
                    continue;
                }
                let from = (0..inputs).map(|i| f64::from(plane[(y * side + x) * pixel + i * channel]));
                accumulate(&mut sums, from, weight[window * inputs * outputs..].chunks_exact(outputs));
            }
            out.iter_mut().zip(&sums).for_each(|(out, sum)| *out = sum.max(0.0) as f32);
        }
    }
}

/// As [`reference()`] in f32, for the engine on the CPU.
pub fn run(p: &Params, input: &[f32], weight: &[f32], bias: &[f32], output: &mut [f32], scratch: &mut Scratch) {
    let (side, inputs, outputs) = (p.side as usize, p.inputs as usize, p.outputs as usize);
    let (size, after, stride) = (p.size as usize, p.after as usize, p.stride as usize);
    let (row, _, channel) = layout(p);
    let planar = p.row != 0 && inputs > 1;
    let (window, places) = (size * size * inputs, after * after);
    let output = &mut output[..p.rows as usize * places * outputs];
    for (part, out) in output.chunks_mut(WINDOWS * outputs).enumerate() {
        let count = out.len() / outputs;
        scratch.rows.clear();
        scratch.rows.resize(count * window, 0.0);
        for (i, own) in scratch.rows.chunks_exact_mut(window).enumerate() {
            let place = part * WINDOWS + i;
            let plane = &input[place / places * row..][..side * side * inputs];
            let (top, left) = (place % places / after * stride, place % after * stride);
            // the columns of the window that are inside; `edge` are missing before
            let edge = (size / 2).saturating_sub(left);
            let from = (left + edge).wrapping_sub(size / 2);
            let width = (size - edge).min(side - from);
            for dy in 0..size {
                // above the first row this wraps around to a number that is too large
                let y = (top + dy).wrapping_sub(size / 2);
                if y < side {
                    let to = &mut own[(dy * size + edge) * inputs..][..width * inputs];
                    if planar {
                        for (x, to) in to.chunks_exact_mut(inputs).enumerate() {
                            let at = y * side + from + x;
                            to.iter_mut().enumerate().for_each(|(i, to)| *to = plane[at + i * channel]);
                        }
                    } else {
                        let from = &plane[(y * side + from) * inputs..][..width * inputs];
                        // a few numbers each: a call of `memcpy` would take longer
                        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
                    }
                }
            }
        }
        out.chunks_exact_mut(outputs).for_each(|out| out.copy_from_slice(&bias[..outputs]));
        add_rows(out, &scratch.rows, window, window, &weight[..window * outputs], &mut scratch.tiles);
        out.iter_mut().for_each(|out| *out = positive(*out));
    }
}

fn cases() -> Vec<Case> {
    let case = |name, p: Params, values_size: f32| {
        let p = Params { after: p.side.div_ceil(p.stride), ..p };
        let window = p.size * p.size * p.inputs;
        let row = if p.row == 0 { p.side * p.side * p.inputs } else { p.row };
        let input = values("convolve input", (p.rows * row) as usize, values_size);
        let weight = values("convolve weight", (window * p.outputs) as usize, 1.0 / (window as f32).sqrt());
        let bias = values("convolve bias", p.outputs as usize, 1.0);
        let mut output = vec![UNTOUCHED; (p.rows * p.after * p.after * p.outputs) as usize + 1];
        let before = [&input, &weight, &bias, &output].map(|buffer| words(buffer)).to_vec();
        reference(&p, &input, &weight, &bias, &mut output);
        // as for `linear`: a sum of as many products as the window has values
        let size = values_size.max(1.0);
        let tolerance = 8.0 * size * (window as f32).sqrt() / (1 << 24) as f32 + 1e-6 * size;
        let params = bytemuck::bytes_of(&p).to_vec();
        Case { name, params, grid: grid(&p), before, after: vec![(3, output)], tolerance }
    };
    let p = Params { rows: 1, side: 1, inputs: 1, outputs: 1, size: 1, stride: 1, ..Params::default() };
    vec![
        case("one value", p, 1.0),
        case("the border alone", Params { side: 2, size: 9, inputs: 2, outputs: 3, ..p }, 1.0),
        case(
            "stride 2 on an odd side",
            Params { rows: 3, side: 7, inputs: 3, outputs: 5, size: 3, stride: 2, ..p },
            3.0,
        ),
        case("stride 4, no overlap", Params { rows: 2, side: 14, outputs: 67, size: 3, stride: 4, ..p }, 1.0),
        case(
            "the grey of a colour picture",
            Params { rows: 3, side: 5, outputs: 7, size: 3, stride: 2, row: 80, ..p },
            1.0,
        ),
        case(
            "planes of a colour picture",
            Params { rows: 3, side: 5, inputs: 3, outputs: 7, size: 3, stride: 2, row: 80, ..p },
            1.0,
        ),
        case("a drawing", Params { rows: 2, side: 28, outputs: 16, size: 5, stride: 2, ..p }, 1.0),
        case("values near ±80", Params { rows: 2, side: 6, inputs: 33, outputs: 4, size: 3, ..p }, 80.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_lie_around_the_input() {
        let p = Params { rows: 1, side: 2, inputs: 1, outputs: 1, size: 3, stride: 1, after: 2, ..Params::default() };
        let mut output = [0.0; 4];
        reference(&p, &[1.0, 2.0, 3.0, 4.0], &[1.0, 0.0, 0.0, 0.0, 10.0, 0.0, 0.0, 0.0, 0.0], &[-15.0], &mut output);
        assert_eq!(output, [0.0, 5.0, 15.0, 26.0]);
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
