//! The backward pass of LayerNorm: dx = scale·(e − mean(e) − x̂·mean(e·x̂)) with e = dy·γ.

use super::common::{Kernel, ROWS, Shader, bare, buffers, params, read, write};
#[cfg(feature = "parity")]
use super::common::{case, values};
#[cfg(feature = "parity")]
use shaders::kernel::common::Case;

params! {
    /// N.
    rows,
    /// D.
    width,
    /// Place of γ among the weights.
    gamma,
    /// Whether the gradient is added to what is there.
    add,
}

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "norm_backward",
        source: bare!("norm_backward.wgsl"),
        workgroup: [8, ROWS, 1],
        constants: &[],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("d_output"), read("weights"), read("normal"), read("scale"), write("d_input")],
    },
    run: |p, buffers| run(&bytemuck::pod_read_unaligned(p), buffers),
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for 8 rows.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.rows.div_ceil(ROWS), 1, 1]
}

/// # Shapes
/// `d_output`, `normal` and `d_input` `[N, D]`, `weights` from `gamma` `[D]`, `scale` `[N]`
fn run(p: &Params, all: &mut [Vec<f64>]) {
    let [d_output, weights, normal, scale, d_input] = buffers(all);
    let d = p.width as usize;
    let gamma = &weights[p.gamma as usize..][..d];
    for row in 0..p.rows as usize {
        let normal = &normal[row * d..(row + 1) * d];
        let each: Vec<f64> = d_output[row * d..].iter().zip(gamma).map(|(d, gamma)| d * gamma).collect();
        let mean = each.iter().sum::<f64>() / d as f64;
        let along = each.iter().zip(normal).map(|(e, x)| e * x).sum::<f64>() / d as f64;
        for i in 0..d {
            let value = scale[row] * (each[i] - mean - normal[i] * along);
            let to = &mut d_input[row * d + i];
            *to = if p.add != 0 { *to + value } else { value };
        }
    }
}

#[cfg(feature = "parity")]
fn cases() -> Vec<Case> {
    let case = |name, rows: u32, width: u32, add, size: f32| {
        let p = Params { rows, width, gamma: 2, add };
        let (n, d) = (rows as usize, width as usize);
        let before = vec![
            values("norm d", n * d, size),
            values("norm weights", 2 + d, 2.0),
            values("norm normal", n * d, 1.7),
            values("norm scale", n, 2.0),
            values("norm to", n * d, 1.0),
        ];
        // up to 2·2·1.7·(1 + 1.7) of size, of which some ulp of a mean
        case(&KERNEL, name, (&p, grid(&p)), before, 1e-5 * size)
    };
    vec![
        case("one element", 1, 1, 0, 1.0),
        case("one row", 1, 128, 0, 1.0),
        case("added, sizes that no workgroup divides", 19, 67, 1, 1.0),
        case("values near ±80", 9, 256, 1, 80.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::common::testing::{check_gradient, numbers};
    use crate::kernel::norm;

    #[test]
    fn the_way_back_is_the_slope_of_the_way_there() {
        let (rows, width) = (3u32, 7u32);
        let count = (rows * width) as usize;
        let (x, weights, d) = (numbers("x", count), numbers("weights", 2 + 14), numbers("d", count));
        let there = |x: &[f64]| {
            let p = norm::Params { rows, width, gamma: 2, ..Default::default() };
            let mut all = [x.to_vec(), weights.clone(), vec![0.0; count], vec![0.0; 3], vec![0.0; count]];
            (norm::KERNEL.run)(bytemuck::bytes_of(&p), &mut all);
            all
        };
        let [_, _, normal, scale, _] = there(&x);
        let mut all = [d.clone(), weights.clone(), normal, scale, vec![0.0; count]];
        run(&Params { rows, width, gamma: 2, add: 0 }, &mut all);
        check_gradient("norm", |x| there(x)[4].iter().zip(&d).map(|(y, d)| y * d).sum(), &x, &all[4]);
    }
}
