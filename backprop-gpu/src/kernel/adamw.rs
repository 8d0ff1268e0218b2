//! A step of AdamW (Loshchilov and Hutter, arXiv 1711.05101) with the formula of [`backprop::AdamW`], after the gradient was
//! cut to a norm, and then of the weights' running average. A loss or a norm that is not finite leaves everything as it was.

use super::common::{Kernel, Shader, bare, buffers, number, params, read, write};
#[cfg(feature = "parity")]
use super::common::{case, values};
#[cfg(feature = "parity")]
use shaders::kernel::common::Case;

params! {
    /// Weights.
    total,
    /// Learning rate; this and what follows are the bits of an f32.
    rate,
    /// What weights are multiplied by: 1 − rate·decay.
    keep,
    /// Decay of the first moment.
    beta_1,
    /// Decay of the second moment.
    beta_2,
    /// ε.
    epsilon,
    /// 1/(1 − β₁^t).
    unbias_1,
    /// 1/(1 − β₂^t).
    unbias_2,
    /// Largest norm of the gradient; 0 is for no limit.
    clip,
    /// Decay of the running average.
    average_keep,
    /// What it takes of the weights.
    average_take,
    /// Padding.
    unused_0,
}

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "adamw",
        source: bare!("adamw.wgsl"),
        workgroup: [256, 1, 1],
        constants: &[],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[
            read("gradient"),
            read("numbers"),
            read("others"),
            write("weights"),
            write("average"),
            write("first"),
            write("second"),
        ],
    },
    run: |p, buffers| run(&bytemuck::pod_read_unaligned(p), buffers),
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for 1,024 weights.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.total.div_ceil(1024), 1, 1]
}

/// # Shapes
/// `numbers` `[2 + T]`: loss, norm, …; `others` 1 where another optimiser moves a weight; all but `numbers` `[weights]`
fn run(p: &Params, all: &mut [Vec<f64>]) {
    let [gradient, numbers, others, weights, average, first, second] = buffers(all);
    if !numbers[..2].iter().all(|number| number.is_finite()) {
        return;
    }
    let most = number(p.clip);
    let scale = if most > 0.0 { (most / (numbers[1] + 1e-9)).min(1.0) } else { 1.0 };
    for at in (0..p.total as usize).filter(|&at| others[at] == 0.0) {
        let g = gradient[at] * scale;
        first[at] = first[at] * number(p.beta_1) + g * (1.0 - number(p.beta_1));
        second[at] = second[at] * number(p.beta_2) + g * g * (1.0 - number(p.beta_2));
        let (m, v) = (first[at] * number(p.unbias_1), second[at] * number(p.unbias_2));
        weights[at] = weights[at] * number(p.keep) - m / (v.sqrt() + number(p.epsilon)) * number(p.rate);
        average[at] = average[at] * number(p.average_keep) + weights[at] * number(p.average_take);
    }
}

#[cfg(feature = "parity")]
fn cases() -> Vec<Case> {
    let case = |name, total: u32, [clip, norm]: [f32; 2], size: f32| {
        let bits = |value: f32| value.to_bits();
        let p = Params { total, rate: bits(1e-2), keep: bits(0.999), beta_1: bits(0.9), ..Params::default() };
        let p = Params { beta_2: bits(0.99), epsilon: bits(1e-8), unbias_1: bits(1.9), unbias_2: bits(20.0), ..p };
        let p = Params { clip: bits(clip), average_keep: bits(0.7), average_take: bits(0.3), ..p };
        let count = total as usize;
        let second = values("second", count, size * size).into_iter().map(f32::abs).collect();
        let before = vec![
            values("gradient", count, size),
            vec![1.0, norm, 3.0],
            (0..count).map(|at| f32::from(u8::from(at % 7 == 3))).collect(),
            values("weights", count, 1.0),
            values("average", count, 1.0),
            values("first", count, size),
            second,
        ];
        // moments of size and size²
        case(&KERNEL, name, (&p, grid(&p)), before, 1e-6 * (size * size).max(1.0))
    };
    vec![
        case("one weight", 1, [0.0, 1.0], 1.0),
        case("a number that no workgroup divides, cut to a norm", 2500, [1.0, 4.0], 1.0),
        case("a norm below the limit", 1024, [8.0, 4.0], 1.0),
        case("values near ±80", 100, [0.0, 80.0], 80.0),
        case("a norm that is no number", 100, [1.0, f32::NAN], 1.0),
        case("a norm that is infinite", 100, [1.0, f32::INFINITY], 1.0),
    ]
}
