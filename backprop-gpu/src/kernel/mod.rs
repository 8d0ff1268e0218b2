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

#[cfg(all(test, feature = "parity"))]
mod tests {
    use super::*;
    use naga::valid::{Capabilities, ValidationFlags, Validator};
    use naga::{AddressSpace, Expression, Literal, Module, StorageAccess, TypeInner};

    fn parse(kernel: &Kernel) -> Module {
        naga::front::wgsl::parse_str(kernel.source)
            .unwrap_or_else(|error| panic!("{}", error.emit_to_string(kernel.source)))
    }

    #[test]
    fn every_kernel_is_valid_wgsl_without_extensions_and_fits_webgpus_limits() {
        for &kernel in ALL {
            let module = parse(kernel);
            Validator::new(ValidationFlags::all(), Capabilities::empty())
                .validate(&module)
                .unwrap_or_else(|error| panic!("{}: {}", kernel.name, error.emit_to_string(kernel.source)));
            assert_eq!(module.entry_points.len(), 1);
            assert_eq!(module.entry_points[0].name, "main");
            assert_eq!(module.entry_points[0].workgroup_size, kernel.workgroup, "{}", kernel.name);
            assert!(kernel.workgroup.iter().product::<u32>() <= 256, "{}", kernel.name);
            let shared = module.global_variables.iter().filter(|(_, g)| g.space == AddressSpace::WorkGroup);
            let bytes: u32 = shared.map(|(_, g)| module.types[g.ty].inner.size(module.to_ctx())).sum();
            assert!(bytes <= 16 << 10, "{}: {bytes} bytes", kernel.name);
        }
    }

    #[test]
    fn every_parameter_block_and_constant_is_what_the_shader_reads() {
        for &kernel in ALL {
            let module = parse(kernel);
            let (_, params) = module.global_variables.iter().find(|(_, g)| g.space == AddressSpace::Uniform).unwrap();
            let TypeInner::Struct { members, span } = &module.types[params.ty].inner else {
                panic!("{}: parameters are no struct", kernel.name);
            };
            let found: Vec<_> = members.iter().map(|m| (m.name.as_deref().unwrap(), m.offset as usize)).collect();
            assert_eq!(found, kernel.fields, "{}", kernel.name);
            assert_eq!((*span as usize, kernel.params_size % 16), (kernel.params_size, 0), "{}", kernel.name);
            for member in members {
                assert_eq!(module.types[member.ty].inner, TypeInner::Scalar(naga::Scalar::U32), "{}", kernel.name);
            }
            assert_eq!(module.overrides.len(), kernel.constants.len(), "{}", kernel.name);
            for (name, value) in kernel.constants {
                let (_, found) = module.overrides.iter().find(|(_, o)| o.name.as_deref() == Some(name)).unwrap();
                let default = &module.global_expressions[found.init.expect("the file compiles as it stands")];
                assert!(matches!(default, Expression::Literal(Literal::F32(f)) if *f == *value as f32), "{name}");
            }
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

    #[test]
    fn every_binding_is_where_rust_puts_it() {
        for &kernel in ALL {
            let module = parse(kernel);
            let mut found = Vec::new();
            for (_, global) in module.global_variables.iter() {
                if let AddressSpace::Storage { access } = global.space {
                    let at = global.binding.as_ref().unwrap();
                    found.push((at.binding, global.name.clone().unwrap(), access.contains(StorageAccess::STORE)));
                }
            }
            found.sort();
            let expected: Vec<_> =
                (1..).zip(kernel.bindings).map(|(at, b)| (at, b.name.to_string(), b.written)).collect();
            assert_eq!(found, expected, "{}", kernel.name);
            assert!(found.len() <= 8, "{}: WebGPU guarantees 8 storage buffers", kernel.name);
        }
    }

    #[test]
    fn every_kernel_has_the_awkward_cases() {
        for &kernel in ALL {
            let cases = (kernel.cases)();
            assert!(cases.len() >= 3, "{}", kernel.name);
            for case in cases {
                assert_eq!(case.params.len(), kernel.params_size, "{}: {}", kernel.name, case.name);
                assert_eq!(case.before.len(), kernel.bindings.len(), "{}: {}", kernel.name, case.name);
                let written = kernel.bindings.iter().filter(|binding| binding.written).count();
                assert_eq!(case.after.len(), written, "{}: {}", kernel.name, case.name);
            }
        }
    }
}
