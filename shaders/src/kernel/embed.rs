//! Where a token begins: h = W_y[y_{i−1}] + p_i, without its inputs, which `linear` adds.

use super::common::{Case, Kernel, Shader, UNTOUCHED, bare, params, read, values, words, write};

/// The label of a token that has no example before it; it contributes nothing.
pub const NO_LABEL: u32 = u32::MAX;

params! {
    /// R.
    rows,
    /// D.
    width,
    /// Position of row 0.
    first,
    /// Positions from one row to the next: 1 for tokens in a row, 0 for queries on one context.
    step,
    /// C; labels from here on contribute nothing.
    classes,
    /// Whether there is a table of positions.
    positions,
    /// Padding.
    unused_0,
    /// Padding.
    unused_1,
}

const THREADS: u32 = 64;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "embed",
        source: bare!("embed.wgsl"),
        workgroup: [THREADS, 1, 1],
        constants: &[("THREADS", THREADS as f64)],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("labels"), read("label_table"), read("position_table"), write("output")],
    },
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: a thread for each element.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.width.div_ceil(THREADS), p.rows, 1]
}

/// On the CPU, with its sums in f64: the engine has no faster half, as little time is spent here.
///
/// # Shapes
/// `labels` `[R]`, `label_table` `[C, D]`, `position_table` `[T, D]` (or anything, where there are no positions), `output` `[R, D]`.
pub fn run(p: &Params, labels: &[u32], label_table: &[f32], position_table: &[f32], output: &mut [f32]) {
    let width = p.width as usize;
    for (row, out) in output.chunks_exact_mut(width).take(p.rows as usize).enumerate() {
        out.fill(0.0);
        if labels[row] < p.classes {
            out.copy_from_slice(&label_table[labels[row] as usize * width..][..width]);
        }
        if p.positions != 0 {
            let position = p.first as usize + p.step as usize * row;
            out.iter_mut().zip(&position_table[position * width..]).for_each(|(o, value)| *o += value);
        }
    }
}

fn cases() -> Vec<Case> {
    let case = |name, p: Params, labels: &[u32]| {
        let (width, longest) = (p.width as usize, 2048);
        let label_table = values("embed labels", p.classes as usize * width, 80.0);
        let position_table = values("embed positions", longest * width, 1.0);
        let mut output = vec![UNTOUCHED; (p.rows as usize + 1) * width];
        let before = vec![labels.to_vec(), words(&label_table), words(&position_table), words(&output)];
        run(&p, labels, &label_table, &position_table, &mut output);
        // one addition of the same two numbers: the last bit at 80, should a device not round to nearest
        let tolerance = 1e-5;
        Case {
            name,
            params: bytemuck::bytes_of(&p).to_vec(),
            grid: grid(&p),
            before,
            after: vec![(3, output)],
            tolerance,
        }
    };
    let p = Params { rows: 1, width: 1, classes: 2, ..Params::default() };
    vec![
        case("one element without a label", p, &[NO_LABEL]),
        case("a width that no workgroup divides", Params { rows: 3, width: 67, classes: 10, ..p }, &[NO_LABEL, 9, 0]),
        case(
            "tokens up to the longest position",
            Params { rows: 4, width: 64, classes: 5, first: 2044, step: 1, positions: 1, ..p },
            &[0, 4, 1, 2],
        ),
        case(
            "queries at one position",
            Params { rows: 3, width: 65, classes: 5, first: 2047, positions: 1, ..p },
            &[3, 3, NO_LABEL],
        ),
    ]
}
