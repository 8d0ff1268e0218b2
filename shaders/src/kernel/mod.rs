//! The kernels: each a pair of files of one name.
//!
//! The Rust half of a pair holds the parameter block, the launch grid, the list of bindings, cases with a tolerance, and
//! the computation on the CPU: `run` for the engine and, where that is in f32, a `reference` straight from the formula with
//! its sums in f64. The WGSL half compiles as it stands. Listing a pair in [`ALL`] is all its registration: the layout test
//! below and the parity check of [`crate::parity`] walk that list, natively and in the browser.
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
    use naga::valid::{Capabilities, ValidationFlags, Validator};
    use naga::{AddressSpace, Literal, Module, StorageAccess, TypeInner};

    fn parse(kernel: &Kernel) -> Module {
        naga::front::wgsl::parse_str(kernel.source)
            .unwrap_or_else(|error| panic!("{}", error.emit_to_string(kernel.source)))
    }

    fn override_value(module: &Module, name: &str) -> f64 {
        let (_, found) = module.overrides.iter().find(|(_, o)| o.name.as_deref() == Some(name)).unwrap();
        match &module.global_expressions[found.init.expect("an override has a default, so that the file compiles")] {
            naga::Expression::Literal(Literal::U32(value)) => f64::from(*value),
            naga::Expression::Literal(Literal::F32(value)) => f64::from(*value),
            other => panic!("override {name} is no plain literal: {other:?}"),
        }
    }

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

    #[test]
    fn every_kernel_is_valid_wgsl_without_extensions() {
        for &kernel in ALL {
            let module = parse(kernel);
            Validator::new(ValidationFlags::all(), Capabilities::empty())
                .validate(&module)
                .unwrap_or_else(|error| panic!("{}: {}", kernel.name, error.emit_to_string(kernel.source)));
        }
    }

    #[test]
    fn every_parameter_block_has_the_layout_that_the_shader_reads() {
        for &kernel in ALL {
            let module = parse(kernel);
            let (_, params) = module.global_variables.iter().find(|(_, g)| g.space == AddressSpace::Uniform).unwrap();
            let binding = params.binding.as_ref().unwrap();
            assert_eq!((binding.group, binding.binding), (0, 0), "{}", kernel.name);
            let TypeInner::Struct { members, span } = &module.types[params.ty].inner else {
                panic!("{}: parameters are no struct", kernel.name);
            };
            let found: Vec<_> = members.iter().map(|m| (m.name.as_deref().unwrap(), m.offset as usize)).collect();
            assert_eq!(found, kernel.fields, "{}", kernel.name);
            assert_eq!(*span as usize, kernel.params_size, "{}", kernel.name);
            assert_eq!(kernel.params_size % 16, 0, "{}", kernel.name);
            for member in members {
                assert_eq!(module.types[member.ty].inner, TypeInner::Scalar(naga::Scalar::U32), "{}", kernel.name);
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
                    assert_eq!(at.group, 0);
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
    fn every_workgroup_fits_webgpus_default_limits() {
        for &kernel in ALL {
            let module = parse(kernel);
            assert_eq!(module.entry_points.len(), 1);
            let entry = &module.entry_points[0];
            assert_eq!(entry.name, "main");
            let found: Vec<u32> = (0..3)
                .map(|axis| match entry.workgroup_size_overrides.and_then(|sizes| sizes[axis]) {
                    None => entry.workgroup_size[axis],
                    Some(expression) => match &module.global_expressions[expression] {
                        naga::Expression::Override(handle) => {
                            override_value(&module, module.overrides[*handle].name.as_ref().unwrap()) as u32
                        }
                        naga::Expression::Literal(Literal::U32(value)) => *value,
                        naga::Expression::Literal(Literal::I32(value)) => *value as u32,
                        other => panic!("{}: workgroup size {other:?}", kernel.name),
                    },
                })
                .collect();
            assert_eq!(found, kernel.workgroup, "{}", kernel.name);
            assert!(kernel.workgroup.iter().product::<u32>() <= 256, "{}", kernel.name);
            assert_eq!(module.overrides.len(), kernel.constants.len(), "{}", kernel.name);
            for (name, value) in kernel.constants {
                assert_eq!(override_value(&module, name) as f32, *value as f32, "{}: {name}", kernel.name);
            }
            assert!(workgroup_bytes(&module) <= 16 << 10, "{}: {} bytes", kernel.name, workgroup_bytes(&module));
        }
    }

    /// Workgroup memory at the default values of the overrides.
    fn workgroup_bytes(module: &Module) -> u32 {
        let bytes = |ty| match &module.types[ty].inner {
            TypeInner::Array { size, stride, .. } => {
                stride
                    * match size {
                        naga::ArraySize::Constant(count) => count.get(),
                        naga::ArraySize::Pending(handle) => {
                            override_value(module, module.overrides[*handle].name.as_ref().unwrap()) as u32
                        }
                        naga::ArraySize::Dynamic => panic!("workgroup memory has a size"),
                    }
            }
            other => other.size(module.to_ctx()),
        };
        module
            .global_variables
            .iter()
            .filter(|(_, g)| g.space == AddressSpace::WorkGroup)
            .map(|(_, g)| bytes(g.ty))
            .sum()
    }

    #[test]
    fn every_kernel_has_the_awkward_cases() {
        for &kernel in ALL {
            let cases = (kernel.cases)();
            assert!(cases.len() >= 3, "{}", kernel.name);
            for case in cases {
                assert_eq!(case.params.len(), kernel.params_size, "{}: {}", kernel.name, case.name);
                assert_eq!(case.before.len(), kernel.bindings.len(), "{}: {}", kernel.name, case.name);
                let written: Vec<usize> = case.after.iter().map(|(at, _)| *at).collect();
                let expected: Vec<usize> =
                    (0..kernel.bindings.len()).filter(|&at| kernel.bindings[at].written).collect();
                assert_eq!(written, expected, "{}: {}", kernel.name, case.name);
                for (at, values) in &case.after {
                    assert_eq!(values.len(), case.before[*at].len());
                    assert!(values.iter().all(|v| v.is_finite()), "{}: {}", kernel.name, case.name);
                }
            }
        }
    }
}
