//! The kernels: each a pair of files of one name.
//!
//! The Rust half of a pair holds the parameter block, the launch grid, the list of bindings, cases with a tolerance, and
//! the computation on the CPU: `run` for the engine and, where that is in f32, a `reference` straight from the formula with
//! its sums in f64. The WGSL half compiles as it stands. Listing a pair in [`ALL`] is all its registration: the test of
//! layouts below and the parity check of [`crate::parity`] walk that list, natively and in the browser.
//!
//! Binding 0 of group 0 is the parameter block (uniform); the bindings of [`Kernel::bindings`] follow from 1, all of
//! them storage buffers, at most 8 as WebGPU guarantees.

// without the parity check, its cases are unused
#![cfg_attr(not(feature = "parity"), allow(dead_code, unused_imports))]

pub mod attention;
pub mod common;
pub mod convolve;
pub mod embed;
pub mod gram;
pub mod key_shift;
pub mod layer_norm;
#[cfg(all(feature = "native", feature = "parity"))]
pub mod layout;
pub mod linear;
pub mod local_scale;
pub mod log_softmax;
pub mod mean;
pub mod pairwise;
pub mod qkv;
pub mod ridge_scores;
pub mod set_attention;
pub mod set_embed;
pub mod set_logits;
pub mod set_mlp;
pub mod sweep;

use common::Kernel;

/// Every kernel.
pub static ALL: &[&Kernel] = &[
    &embed::KERNEL,
    &linear::KERNEL,
    &layer_norm::KERNEL,
    &key_shift::KERNEL,
    &attention::KERNEL,
    &log_softmax::KERNEL,
    // of set learners
    &convolve::KERNEL,
    &mean::KERNEL,
    &pairwise::KERNEL,
    &local_scale::KERNEL,
    &gram::KERNEL,
    &sweep::KERNEL,
    &ridge_scores::KERNEL,
    &set_embed::KERNEL,
    &qkv::KERNEL,
    &set_attention::KERNEL,
    &set_mlp::KERNEL,
    &set_logits::KERNEL,
];

/// Where a kernel is in [`ALL`].
pub fn index(kernel: &Kernel) -> usize {
    ALL.iter().position(|other| other.name == kernel.name).expect("every kernel is registered")
}

#[cfg(all(test, feature = "parity"))]
mod tests {
    use super::*;

    #[test]
    fn comments_are_left_out_and_lines_stay() {
        let whole = include_str!("attention.wgsl");
        let source = attention::KERNEL.source;
        assert!(whole.contains("// ") && !source.contains("//"));
        assert_eq!(source.lines().count(), whole.lines().count());
        for (bare, line) in source.lines().zip(whole.lines()) {
            assert_eq!(bare, line.split("//").next().unwrap().trim_end());
        }
    }

    #[cfg(feature = "native")]
    #[test]
    fn every_kernel_is_laid_out_as_rust_says_and_has_the_awkward_cases() {
        for &kernel in ALL {
            layout::check(kernel);
            layout::check_cases(kernel, &(kernel.cases)());
        }
    }
}
