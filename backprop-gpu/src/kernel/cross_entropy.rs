//! Cross-entropy of log-softmax: loss and right answer of each token, and the gradient of the mean loss, (p − [c = y])/N, in
//! the place of its logits.

use super::common::{Kernel, Shader, bare, buffers, params, read, write};
#[cfg(feature = "parity")]
use super::common::{case, values};
#[cfg(feature = "parity")]
use shaders::kernel::common::Case;

params! {
    /// N.
    rows,
    /// C.
    classes,
    /// Padding.
    unused_0,
    /// Padding.
    unused_1,
}

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "cross_entropy",
        source: bare!("cross_entropy.wgsl"),
        workgroup: [64, 1, 1],
        constants: &[],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("labels"), write("logits"), write("losses")],
    },
    run: |p, buffers| run(&bytemuck::pod_read_unaligned(p), buffers),
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for 64 rows.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.rows.div_ceil(64), 1, 1]
}

/// # Shapes
/// `labels` `[N]`, `logits` `[N, C]`, `losses` `[2, N]`: losses, right answers
fn run(p: &Params, all: &mut [Vec<f64>]) {
    let [labels, logits, losses] = buffers(all);
    let rows = p.rows as usize;
    for (row, logits) in logits.chunks_exact_mut(p.classes as usize).take(rows).enumerate() {
        let label = labels[row] as usize;
        losses[rows + row] = f64::from(u8::from(shaders::answer(logits) == Some(label)));
        shaders::probability::log_softmax(logits);
        losses[row] = -logits[label];
        for (class, logit) in logits.iter_mut().enumerate() {
            *logit = (logit.exp() - f64::from(u8::from(class == label))) / rows as f64;
        }
    }
}

#[cfg(feature = "parity")]
fn cases() -> Vec<Case> {
    let case = |name, rows: u32, classes: u32, make: fn(f32) -> f32, size: f32| {
        let p = Params { rows, classes, ..Params::default() };
        let labels = (0..rows).map(|i| (i * 7 % classes) as f32).collect();
        let logits = values("logits", (rows * classes) as usize, size).into_iter().map(make).collect();
        // losses of up to 2·size + ln C, some ulp of them
        case(&KERNEL, name, (&p, grid(&p)), vec![labels, logits, vec![0.5; 2 * rows as usize]], 2e-6 * size.max(1.0))
    };
    vec![
        case("one class: no loss", 1, 1, |x| x, 1.0),
        case("sizes that no workgroup divides", 67, 5, |x| x, 3.0),
        case("equal logits: the first is the answer", 9, 3, |_| 0.25, 1.0),
        case("many classes", 130, 101, |x| x, 3.0),
        case("values near ±80", 20, 10, |x| x, 80.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::common::testing::{check_gradient, numbers};

    #[test]
    fn the_gradient_is_the_slope_of_the_mean_loss() {
        let (rows, classes) = (4, 3);
        let x = numbers("x", 12);
        let there = |x: &[f64]| {
            let mut all = [vec![0.0, 2.0, 1.0, 1.0], x.to_vec(), vec![0.0; 8]];
            run(&Params { rows, classes, ..Params::default() }, &mut all);
            all
        };
        check_gradient("loss", |x| there(x)[2][..4].iter().sum::<f64>() / 4.0, &x, &there(&x)[1]);
    }
}
