//! Log-probabilities: z − log Σ exp z over each row.

use super::common::{Case, Kernel, Shader, UNTOUCHED, bare, params, read, values, words, write};

params! {
    /// R.
    rows,
    /// C.
    classes,
    /// Row of `output` that takes row 0.
    output_first,
    /// Padding.
    unused_0,
}

const THREADS: u32 = 64;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "log_softmax",
        source: bare!("log_softmax.wgsl"),
        workgroup: [THREADS, 1, 1],
        constants: &[("THREADS", THREADS as f64)],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("input"), write("output")],
    },
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for each row.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.rows, 1, 1]
}

/// On the CPU, with its sums in f64: the engine has no faster half, as little time is spent here.
///
/// # Shapes
/// `input` `[R, C]`, `output` `[output_first + R, C]`.
pub fn run(p: &Params, input: &[f32], output: &mut [f32]) {
    let classes = p.classes as usize;
    let outs = output.chunks_exact_mut(classes).skip(p.output_first as usize);
    for (row, out) in input.chunks_exact(classes).take(p.rows as usize).zip(outs) {
        let largest = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let log_sum = row.iter().map(|&z| (f64::from(z) - largest).exp()).sum::<f64>().ln();
        out.iter_mut().zip(row).for_each(|(out, &z)| *out = (f64::from(z) - largest - log_sum) as f32);
    }
}

fn cases() -> Vec<Case> {
    let case = |name, rows: u32, classes: u32, output_first: u32, make: fn(usize) -> Vec<f32>| {
        let p = Params { rows, classes, output_first, ..Params::default() };
        let input = make((rows * classes) as usize);
        let mut output = vec![UNTOUCHED; ((output_first + rows + 1) * classes) as usize];
        let before = vec![words(&input), words(&output)];
        run(&p, &input, &mut output);
        // results up to 160 have an ulp of 1.5e-5; log and exp on WebGPU may be 3 ulp off near 1
        let tolerance = 5e-5;
        Case {
            name,
            params: bytemuck::bytes_of(&p).to_vec(),
            grid: grid(&p),
            before,
            after: vec![(1, output)],
            tolerance,
        }
    };
    vec![
        case("one row", 1, 2, 0, |n| values("softmax", n, 3.0)),
        case("classes that no workgroup divides", 5, 67, 3, |n| values("softmax", n, 3.0)),
        case("most classes", 255, 256, 0, |n| values("softmax", n, 5.0)),
        case("values near ±80", 4, 10, 0, |n| values("softmax", n, 80.0)),
        case("equal values", 2, 10, 0, |n| vec![80.0; n]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_are_equal_chances() {
        let p = Params { rows: 1, classes: 4, ..Params::default() };
        let mut output = [0.0; 4];
        run(&p, &[80.0; 4], &mut output);
        output.iter().for_each(|value| assert!((value + 4f32.ln()).abs() < 1e-6));
    }
}
