//! Sums over rows, in shares: of x, or of x·y and then of x. They are the gradients of what every row has in common: γ and β
//! of a LayerNorm, positions, and the gates and temperatures of heads.

use super::common::{Kernel, Shader, bare, buffers, params, read, write};
#[cfg(feature = "parity")]
use super::common::{case, values};
#[cfg(feature = "parity")]
use shaders::kernel::common::Case;

params! {
    /// Rows that are summed.
    rows,
    /// Values of a row.
    columns,
    /// Place of the first sum.
    first,
    /// Shares of the rows, each summed by itself.
    shares,
    /// From the sums of one share to the next.
    out_share,
    /// Whether x·y is summed, and x after it.
    product,
    /// Padding.
    unused_0,
    /// Padding.
    unused_1,
}

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "column_sums",
        source: bare!("column_sums.wgsl"),
        workgroup: [64, 4, 1],
        constants: &[],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("x"), read("y"), write("out")],
    },
    run: |p, buffers| run(&bytemuck::pod_read_unaligned(p), buffers),
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for 64 columns of each share.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.columns.div_ceil(64), p.shares, 1]
}

/// Turns of an invocation's loops: a share of the rows, which four lanes share.
pub fn turns(p: &Params) -> u64 {
    u64::from(p.rows.div_ceil(p.shares).div_ceil(KERNEL.workgroup[1])) + u64::from(KERNEL.workgroup[1])
}

/// # Shapes
/// `x` and `y` `[rows, columns]`, `out` `[shares]` of `[columns]` or, of a product, `[2, columns]`
fn run(p: &Params, all: &mut [Vec<f64>]) {
    let [x, y, out] = buffers(all);
    let part = p.rows.div_ceil(p.shares);
    for share in 0..p.shares {
        let rows = p.rows.min(share * part)..p.rows.min((share + 1) * part);
        for column in 0..p.columns {
            let places = rows.clone().map(|row| (row * p.columns + column) as usize);
            let at = (p.first + share * p.out_share + column) as usize;
            let sum = places.clone().map(|place| x[place]).sum();
            if p.product != 0 {
                out[at] = places.map(|place| x[place] * y[place]).sum();
                out[at + p.columns as usize] = sum;
            } else {
                out[at] = sum;
            }
        }
    }
}

#[cfg(feature = "parity")]
fn cases() -> Vec<Case> {
    let case = |name, rows: u32, columns: u32, shares: u32, product, size: f32| {
        let p = Params { rows, columns, first: 3, shares, out_share: 2 * columns + 1, product, ..Params::default() };
        let count = (rows * columns) as usize;
        let out = values("sums out", (3 + shares * p.out_share) as usize, 1.0);
        let before = vec![values("sums x", count, size), values("sums y", count, 1.0), out];
        // √R steps of half an ulp of a partial sum of size √R
        case(&KERNEL, name, (&p, grid(&p)), before, 4.0 * size * rows as f32 / (1 << 24) as f32)
    };
    vec![
        case("one element", 1, 1, 1, 0, 1.0),
        case("sizes that no workgroup divides", 103, 67, 1, 0, 1.0),
        case("products, in shares", 103, 67, 4, 1, 1.0),
        case("more shares than rows", 2, 5, 4, 1, 1.0),
        case("values near ±80", 300, 130, 2, 1, 80.0),
    ]
}
