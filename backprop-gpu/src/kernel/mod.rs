//! The kernels of a training step: each a pair of files of one name, as in [`shaders::kernel`].
//!
//! The CPU half of a pair is the formula in f64; the tests hold the half in WGSL to it on a device, and backward
//! passes to finite differences of forward ones. The halves also run whole steps ([`crate::reference`]).
//!
//! A WGSL file compiles as it stands, and the language has no `include`: the kernels that sum over a row each have their
//! own copy of `sum_of_row`. Change all four together.

// without the parity check, its cases are unused
#![cfg_attr(not(feature = "parity"), allow(dead_code, unused_imports))]

pub mod adamw;
pub mod column_sums;
pub mod common;
pub mod cross_entropy;
pub mod muon_momentum;
pub mod muon_step;
pub mod muon_unit;
pub mod norm;
pub mod norm_backward;
pub mod positions;
pub mod product;
pub mod query_key;
pub mod query_key_backward;
pub mod score;
pub mod softmax;
pub mod softmax_backward;
pub mod sum_shares;
pub mod tokens;

use common::Kernel;

/// Every kernel.
pub static ALL: &[&Kernel] = &[
    &tokens::KERNEL,
    &positions::KERNEL,
    &product::KERNEL,
    &norm::KERNEL,
    &query_key::KERNEL,
    &softmax::KERNEL,
    &cross_entropy::KERNEL,
    // the backward pass
    &norm_backward::KERNEL,
    &softmax_backward::KERNEL,
    &query_key_backward::KERNEL,
    &column_sums::KERNEL,
    // the step
    &sum_shares::KERNEL,
    &score::KERNEL,
    &adamw::KERNEL,
    &muon_momentum::KERNEL,
    &muon_unit::KERNEL,
    &muon_step::KERNEL,
];

/// Where a kernel is in [`ALL`].
pub fn index(kernel: &Kernel) -> usize {
    ALL.iter().position(|other| other.name == kernel.name).expect("every kernel is registered")
}

#[cfg(all(test, feature = "native", feature = "parity"))]
mod tests {
    use super::*;
    use shaders::kernel::layout;

    #[test]
    fn every_kernel_is_laid_out_as_rust_says_and_has_the_awkward_cases() {
        for &kernel in ALL {
            layout::check(kernel);
            layout::check_cases(kernel, &(kernel.cases)());
        }
    }

    /// Constants that both halves of a pair name, such as the kinds of epilogues.
    #[test]
    fn kinds_have_the_same_numbers_in_both_halves() {
        let pairs = [
            (&product::KERNEL, vec![("WRITE_LOWER", product::WRITE_LOWER), ("LOWER", product::LOWER)]),
            (&product::KERNEL, vec![("UPPER", product::UPPER), ("ADD", product::ADD)]),
            (&product::KERNEL, vec![("GELU", product::GELU), ("TIMES", product::TIMES)]),
            (&product::KERNEL, vec![("POLYNOMIAL", product::POLYNOMIAL), ("DIAGONAL", product::DIAGONAL)]),
            (&query_key::KERNEL, vec![("GATED", query_key::GATED)]),
            (&query_key_backward::KERNEL, vec![("GATED", query_key::GATED)]),
            (&norm::KERNEL, vec![("ROWS", common::ROWS)]),
            (&norm_backward::KERNEL, vec![("ROWS", common::ROWS)]),
            (&softmax::KERNEL, vec![("ROWS", common::ROWS)]),
            (&softmax_backward::KERNEL, vec![("ROWS", common::ROWS)]),
        ];
        for (kernel, constants) in pairs {
            for (name, value) in constants {
                let line = format!("const {name}: u32 = {value};");
                assert!(kernel.source.contains(&line), "{}: {line}", kernel.name);
            }
        }
    }
}
