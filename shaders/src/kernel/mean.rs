//! The mean of the shown inputs, pulled towards 0 as if one more input of 0 had been shown: Σ_j x_j/(N + 1).

use super::common::{Case, Kernel, Shader, UNTOUCHED, bare, params, read, values, words, write};

params! {
    /// N.
    shown,
    /// X.
    inputs,
    /// Padding.
    unused_0,
    /// Padding.
    unused_1,
}

const THREADS: u32 = 64;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "mean",
        source: bare!("mean.wgsl"),
        workgroup: [THREADS, 1, 1],
        constants: &[("THREADS", THREADS as f64)],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("shown"), write("output")],
    },
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: a thread for each input.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.inputs.div_ceil(THREADS), 1, 1]
}

/// On the CPU, with its sums in f64: the engine has no faster half, as little time is spent here.
///
/// # Shapes
/// `shown` `[N, X]`, `output` `[X]`.
pub fn run(p: &Params, shown: &[f32], output: &mut [f32]) {
    let mut sums = vec![0f64; p.inputs as usize];
    for row in shown.chunks_exact(p.inputs as usize).take(p.shown as usize) {
        sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    let count = f64::from(p.shown + 1);
    output.iter_mut().zip(&sums).for_each(|(out, sum)| *out = (sum / count) as f32);
}

fn cases() -> Vec<Case> {
    let case = |name, shown: u32, inputs: u32, size: f32| {
        let p = Params { shown, inputs, ..Params::default() };
        let rows = values("centre", (shown * inputs) as usize, size);
        let mut output = vec![UNTOUCHED; inputs as usize + 1];
        let before = vec![words(&rows), words(&output)];
        run(&p, &rows, &mut output);
        // a running sum of N values up to `size` loses half an ulp of itself at each step; its mean N of them at most
        let tolerance = 1e-6 * size;
        let params = bytemuck::bytes_of(&p).to_vec();
        Case { name, params, grid: grid(&p), before, after: vec![(1, output)], tolerance }
    };
    vec![
        case("one value", 1, 1, 1.0),
        case("sizes that no workgroup divides", 37, 67, 3.0),
        case("the longest context", 1024, 65, 1.0),
        case("values near ±80", 9, 200, 80.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_input_of_0_is_counted() {
        let mut output = [0.0; 2];
        run(&Params { shown: 2, inputs: 2, ..Params::default() }, &[1.0, 2.0, 5.0, 7.0], &mut output);
        assert_eq!(output, [2.0, 3.0]);
    }
}
