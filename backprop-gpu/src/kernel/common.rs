//! What every kernel has: both halves, and its cases.

use std::ops::Deref;

#[cfg(feature = "parity")]
use shaders::kernel::common::{Case, words};

pub use shaders::kernel::common::{Shader, read, values, write};
pub use shaders::{bare, params};

/// One kernel: its half in WGSL, and its half on the CPU.
pub struct Kernel {
    /// The WGSL half; all its bindings hold f32.
    pub shader: Shader,
    /// The CPU half, straight from the formula in f64: takes the parameter block and the buffers in the order of the
    /// bindings, and changes those that are written.
    pub run: fn(&[u8], &mut [Vec<f64>]),
    /// Cases for the parity check.
    #[cfg(feature = "parity")]
    pub cases: fn() -> Vec<Case>,
}

/// A kernel is asked for what its WGSL half has.
impl Deref for Kernel {
    type Target = Shader;

    fn deref(&self) -> &Shader {
        &self.shader
    }
}

/// Rows that a workgroup of those kernels takes which give 8 threads to a row.
pub const ROWS: u32 = 8;

/// What an f32 that travels as the bits of a `u32` is.
pub fn number(bits: u32) -> f64 {
    f64::from(f32::from_bits(bits))
}

/// A case with the result of the CPU half. One more value than there is belongs to every written buffer, which no kernel
/// may touch.
#[cfg(feature = "parity")]
pub fn case<P: bytemuck::Pod>(
    kernel: &Kernel,
    name: &'static str,
    (p, grid): (&P, [u32; 3]),
    mut before: Vec<Vec<f32>>,
    tolerance: f32,
) -> Case {
    for (values, binding) in before.iter_mut().zip(kernel.bindings) {
        if binding.written {
            values.push(shaders::kernel::common::UNTOUCHED);
        }
    }
    let params = bytemuck::bytes_of(p).to_vec();
    let mut buffers: Vec<Vec<f64>> = before.iter().map(|b| b.iter().map(|&v| f64::from(v)).collect()).collect();
    (kernel.run)(&params, &mut buffers);
    let written = kernel.bindings.iter().zip(buffers).enumerate().filter(|(_, (binding, _))| binding.written);
    let after = written.map(|(at, (_, values))| (at, values.iter().map(|&v| v as f32).collect())).collect();
    Case { name, params, grid, before: before.iter().map(|values| words(values)).collect(), after, tolerance }
}

/// Takes a kernel's buffers apart, as many as it has bindings.
pub fn buffers<const N: usize>(all: &mut [Vec<f64>]) -> &mut [Vec<f64>; N] {
    all.try_into().expect("as many buffers as bindings")
}

/// What the tests of the CPU halves share.
#[cfg(test)]
pub mod testing {
    /// Seeded numbers in ±1.
    pub fn numbers(purpose: &str, count: usize) -> Vec<f64> {
        shaders::kernel::common::values(purpose, count, 1.0).into_iter().map(f64::from).collect()
    }

    /// Holds a gradient to central differences of `f`.
    pub fn check_gradient(name: &str, f: impl Fn(&[f64]) -> f64, at: &[f64], gradient: &[f64]) {
        const STEP: f64 = 1e-5;
        assert_eq!(at.len(), gradient.len(), "{name}");
        let mut moved = at.to_vec();
        for (i, &found) in gradient.iter().enumerate() {
            let mut of = |value: f64| {
                moved[i] = value;
                f(&moved)
            };
            let expected = (of(at[i] + STEP) - of(at[i] - STEP)) / (2.0 * STEP);
            moved[i] = at[i];
            // the third derivative and the rounding of f cost some 1e-9 of numbers of size 1
            let size = 1.0 + expected.abs();
            assert!((found - expected).abs() < 1e-6 * size, "{name}, {i}: {found}, by differences {expected}");
        }
    }
}
