//! Log-probabilities of a set learner: log_softmax_c(\[RMS(u_c), scores_c\]·W_r), with the γ of the norm in W_r already.

use super::common::{Case, Kernel, Shader, UNTOUCHED, bare, params, read, rms, values, words, write};
use crate::model::spec::RMS_EPSILON;

params! {
    /// R.
    rows,
    /// C in use.
    classes,
    /// D.
    width,
    /// S.
    scores,
    /// Row of `output` that takes row 0.
    output_first,
    /// Padding.
    unused_0,
    /// Padding.
    unused_1,
    /// Padding.
    unused_2,
}

const THREADS: u32 = 64;
/// Most classes, see [`crate::ModelSpec::validate`].
pub const CLASSES: u32 = 256;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "set_logits",
        source: bare!("set_logits.wgsl"),
        workgroup: [THREADS, 1, 1],
        constants: &[("THREADS", THREADS as f64), ("CLASSES", CLASSES as f64), ("EPSILON", RMS_EPSILON as f64)],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("state"), read("scores"), read("weight"), write("output")],
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
/// `state` `[R, C, D]`, `scores` `[S, R, C]`, `weight` `[D + S]`, `output` `[output_first + R, C]`.
pub fn run(p: &Params, state: &[f32], scores: &[f32], weight: &[f32], output: &mut [f32]) {
    let (rows, classes, width) = (p.rows as usize, p.classes as usize, p.width as usize);
    let outs = output.chunks_exact_mut(classes).skip(p.output_first as usize);
    for (row, (token, out)) in state.chunks_exact(classes * width).take(rows).zip(outs).enumerate() {
        let scale = 1.0 / rms(token);
        let logit = |class: usize| -> f64 {
            let own = token[class * width..][..width].iter().zip(weight);
            let own: f64 = own.map(|(&u, &w)| f64::from(u) * f64::from(w)).sum();
            let said = weight[width..].iter().take(p.scores as usize).enumerate();
            let said = said.map(|(s, &w)| f64::from(scores[(s * rows + row) * classes + class]) * f64::from(w));
            own * scale + said.sum::<f64>()
        };
        let logits: Vec<f64> = (0..classes).map(logit).collect();
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let log_sum = logits.iter().map(|logit| (logit - largest).exp()).sum::<f64>().ln();
        out.iter_mut().zip(&logits).for_each(|(out, logit)| *out = (logit - largest - log_sum) as f32);
    }
}

fn cases() -> Vec<Case> {
    let case = |name, p: Params, size: f32| {
        let (rows, classes) = (p.rows as usize, p.classes as usize);
        let state = values("read-out state", rows * classes * p.width as usize, size);
        let scores = values("read-out scores", p.scores as usize * rows * classes, 4.0);
        let weight = values("read-out weight", (p.width + p.scores) as usize, 2.0);
        let mut output = vec![UNTOUCHED; (p.output_first as usize + rows + 1) * classes];
        let before = [&state, &scores, &weight, &output].map(|buffer| words(buffer)).to_vec();
        run(&p, &state, &scores, &weight, &mut output);
        // sums of D products of about 2 and of S of at most 8
        let tolerance = 1e-5 + 1e-6 * (p.width + 4 * p.scores) as f32;
        let params = bytemuck::bytes_of(&p).to_vec();
        Case { name, params, grid: grid(&p), before, after: vec![(3, output)], tolerance }
    };
    let p = Params { rows: 1, classes: 2, width: 1, scores: 1, ..Params::default() };
    vec![
        case("one row", p, 1.0),
        case(
            "sizes that no workgroup divides",
            Params { rows: 5, classes: 67, width: 19, scores: 7, output_first: 3, ..p },
            1.0,
        ),
        case("the most classes", Params { rows: 2, classes: 256, width: 8, scores: 33, ..p }, 1.0),
        case("a state of zeros", Params { rows: 2, classes: 10, width: 16, ..p }, 0.0),
        case("many rows", Params { rows: 255, classes: 10, width: 16, scores: 5, ..p }, 1.0),
        case("values near ±80", Params { rows: 3, classes: 10, width: 100, ..p }, 80.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_classes_have_equal_chances() {
        let p = Params { rows: 1, classes: 4, width: 1, scores: 1, ..Params::default() };
        let mut output = [0.0; 4];
        run(&p, &[2.0; 4], &[1.0; 4], &[5.0, 7.0], &mut output);
        output.iter().for_each(|value| assert!((value + 4f32.ln()).abs() < 1e-6));
    }
}
