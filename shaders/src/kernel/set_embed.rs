//! Where a token of a set learner begins, in each class: start + \[c = y\]·label + scores·W_s.

use super::common::{Case, Kernel, Shader, UNTOUCHED, bare, params, read, values, words, write};

params! {
    /// R.
    rows,
    /// C in use.
    classes,
    /// D.
    width,
    /// S.
    scores,
    /// Whether the rows have labels.
    labelled,
    /// Padding.
    unused_0,
    /// Padding.
    unused_1,
    /// Padding.
    unused_2,
}

const THREADS: u32 = 64;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "set_embed",
        source: bare!("set_embed.wgsl"),
        workgroup: [THREADS, 1, 1],
        constants: &[("THREADS", THREADS as f64)],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("labels"), read("start"), read("label"), read("table"), read("scores"), write("state")],
    },
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: a thread for each element.
pub fn grid(p: &Params) -> [u32; 3] {
    [(p.classes * p.width).div_ceil(THREADS), p.rows, 1]
}

/// On the CPU, with its sums in f64: the engine has no faster half, as little time is spent here.
///
/// # Shapes
/// `labels` `[R]`, `start` and `label` `[D]`, `table` `[S, D]`, `scores` `[S, R, C]`, `state` `[R, C, D]`.
pub fn run(p: &Params, labels: &[u32], start: &[f32], label: &[f32], table: &[f32], scores: &[f32], state: &mut [f32]) {
    let (rows, classes, width) = (p.rows as usize, p.classes as usize, p.width as usize);
    let mut sums = vec![0f64; width];
    for (at, out) in state.chunks_exact_mut(width).take(rows * classes).enumerate() {
        sums.iter_mut().zip(start).for_each(|(sum, &value)| *sum = f64::from(value));
        if p.labelled != 0 && labels[at / classes] as usize == at % classes {
            sums.iter_mut().zip(label).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        for (plane, weights) in table.chunks_exact(width).take(p.scores as usize).enumerate() {
            let score = f64::from(scores[plane * rows * classes + at]);
            sums.iter_mut().zip(weights).for_each(|(sum, &w)| *sum += score * f64::from(w));
        }
        out.iter_mut().zip(&sums).for_each(|(out, &sum)| *out = sum as f32);
    }
}

fn cases() -> Vec<Case> {
    let case = |name, p: Params, size: f32| {
        let labels: Vec<u32> = (0..p.rows).map(|row| row * 7 % p.classes).collect();
        let start = values("begin start", p.width as usize, 1.0);
        let label = values("begin label", p.width as usize, 2.0);
        let table = values("begin table", (p.scores * p.width) as usize, 1.0);
        let scores = values("begin scores", (p.scores * p.rows * p.classes) as usize, size);
        let mut state = vec![UNTOUCHED; ((p.rows * p.classes + 1) * p.width) as usize];
        let mut before = vec![labels.clone()];
        before.extend([&start, &label, &table, &scores, &state].map(|buffer| words(buffer)));
        run(&p, &labels, &start, &label, &table, &scores, &mut state);
        // S + 2 additions
        let tolerance = (p.scores + 2) as f32 * 2e-7 * size.max(4.0);
        let params = bytemuck::bytes_of(&p).to_vec();
        Case { name, params, grid: grid(&p), before, after: vec![(5, state)], tolerance }
    };
    let p = Params { rows: 1, classes: 2, width: 1, scores: 1, ..Params::default() };
    vec![
        case("a query of one channel", p, 1.0),
        case(
            "shown, sizes that no workgroup divides",
            Params { rows: 5, classes: 7, width: 19, scores: 3, labelled: 1, ..p },
            3.0,
        ),
        case("a long context", Params { rows: 1024, classes: 10, width: 16, scores: 7, labelled: 1, ..p }, 3.0),
        case("scores near ±80", Params { rows: 3, classes: 20, width: 32, scores: 33, ..p }, 80.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_marks_its_own_class() {
        let p = Params { rows: 1, classes: 2, width: 1, scores: 1, labelled: 1, ..Params::default() };
        let mut state = [0.0; 2];
        run(&p, &[1], &[1.0], &[10.0], &[100.0], &[1.0, 2.0], &mut state);
        assert_eq!(state, [101.0, 211.0]);
    }
}
