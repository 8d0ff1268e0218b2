//! The kernels: each a pair of files of one name.
//!
//! The Rust half of a pair holds the parameter block, the launch grid, the list of bindings, a CPU version written
//! straight from the formula with its sums in f64, and cases with a tolerance. The WGSL half compiles as it
//! stands. Listing a pair in [`ALL`] is all its registration: the layout test below and the parity check of
//! [`crate::parity`] walk that list, natively and in the browser.
//!
//! Binding 0 of group 0 is the parameter block (uniform); the bindings of [`Kernel::bindings`] follow from 1, all of
//! them storage buffers, at most 8 as WebGPU guarantees.

// without the parity check, nobody asks for its cases
#![cfg_attr(not(feature = "parity"), allow(dead_code, unused_imports))]

pub mod attention;
pub mod begin;
pub mod centre;
pub mod convolve;
pub mod embed;
pub mod keys;
pub mod layer_norm;
pub mod linear;
pub mod log_softmax;
pub mod project;
pub mod reach;
pub mod read_out;
pub mod relate;
pub mod score;
pub mod set_attention;
pub mod similarity;
pub mod sweep;
pub mod update;

/// One kernel.
pub struct Kernel {
    /// Name of the pair.
    pub name: &'static str,
    /// The WGSL half, without its comments.
    pub source: &'static str,
    /// Workgroup size.
    pub workgroup: [u32; 3],
    /// Values of the `override` constants.
    pub constants: &'static [(&'static str, f64)],
    /// Name and byte offset of each member of the parameter block.
    pub fields: &'static [(&'static str, usize)],
    /// Bytes of the parameter block.
    pub params_size: usize,
    /// Storage bindings in order, from binding 1.
    pub bindings: &'static [Binding],
    /// Cases for the parity check.
    #[cfg(feature = "parity")]
    pub cases: fn() -> Vec<Case>,
}

/// A storage binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// Name in WGSL.
    pub name: &'static str,
    /// Whether the kernel writes to it.
    pub written: bool,
}

const fn read(name: &'static str) -> Binding {
    Binding { name, written: false }
}

const fn write(name: &'static str) -> Binding {
    Binding { name, written: true }
}

/// Every kernel.
pub static ALL: [&Kernel; 18] = [
    &embed::KERNEL,
    &linear::KERNEL,
    &layer_norm::KERNEL,
    &keys::KERNEL,
    &attention::KERNEL,
    &log_softmax::KERNEL,
    // of set learners
    &convolve::KERNEL,
    &centre::KERNEL,
    &relate::KERNEL,
    &reach::KERNEL,
    &similarity::KERNEL,
    &sweep::KERNEL,
    &score::KERNEL,
    &begin::KERNEL,
    &project::KERNEL,
    &set_attention::KERNEL,
    &update::KERNEL,
    &read_out::KERNEL,
];

/// Where a kernel is in [`ALL`].
pub fn index(kernel: &Kernel) -> usize {
    ALL.iter().position(|other| other.name == kernel.name).expect("every kernel is registered")
}

/// One input of the parity check with what the CPU version makes of it.
pub struct Case {
    /// What is special about it.
    pub name: &'static str,
    /// The parameter block.
    pub params: Vec<u8>,
    /// Workgroups.
    pub grid: [u32; 3],
    /// Contents of the storage buffers before the launch, in the order of the bindings.
    pub before: Vec<Vec<u32>>,
    /// Binding index (from 0, storage only) and contents after the launch, of every written binding. Elements that the
    /// kernel must leave alone are among them.
    pub after: Vec<(usize, Vec<f32>)>,
    /// Largest absolute difference allowed.
    pub tolerance: f32,
}

/// Marks elements of a case's output that no kernel should touch.
pub(crate) const UNTOUCHED: f32 = -7.5;

/// f32 values as the words of a buffer.
pub(crate) fn words(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// `count` seeded values, uniform in ±`size`.
pub(crate) fn values(purpose: &str, count: usize, size: f32) -> Vec<f32> {
    use rand::Rng;
    let mut stream = crate::random::stream(1, purpose, 0);
    (0..count).map(|_| size * (stream.next_u32() as f32 / (1u64 << 31) as f32 - 1.0)).collect()
}

/// sums += row·weight, the inputs outermost: weights are read in their order, and the inner loop vectorises.
///
/// # Shapes
/// `row` `[I]`, `weight` `[I]` rows of `[O]`, `sums` `[O]`.
fn accumulate<'a>(sums: &mut [f64], row: impl Iterator<Item = f64>, weight: impl Iterator<Item = &'a [f32]>) {
    for (x, weights) in row.zip(weight) {
        sums.iter_mut().zip(weights).for_each(|(sum, &w)| *sum += x * f64::from(w));
    }
}

/// What RMS norm divides a token of a set learner by: √(mean of u² over classes and channels + ε).
fn rms<T: Copy + Into<f64>>(token: &[T]) -> f64 {
    let squares: f64 = token.iter().map(|&u| u.into() * u.into()).sum();
    (squares / token.len() as f64 + f64::from(crate::spec::RMS_EPSILON)).sqrt()
}

/// The text of a WGSL file without its comments: whoever loads the page reads them where they are written. Lines stay where
/// they were, so that a compiler's words still point to them.
macro_rules! bare {
    ($file:literal) => {{
        const SOURCE: &[u8] = include_bytes!($file);
        const BARE: [u8; $crate::kernel::strip::<0>(SOURCE).1] = $crate::kernel::strip(SOURCE).0;
        match std::str::from_utf8(&BARE) {
            Ok(source) => source,
            Err(_) => panic!("the file is UTF-8"),
        }
    }};
}
use bare;

/// What is left of a source without `// …` and the spaces before it, in the first `N` bytes, and how much that is.
const fn strip<const N: usize>(source: &[u8]) -> ([u8; N], usize) {
    let (mut text, mut length, mut at) = ([0; N], 0, 0);
    // bytes up to the last one of its line that is no space
    let mut kept = 0;
    while at < source.len() {
        if source[at] == b'/' && at + 1 < source.len() && source[at + 1] == b'/' {
            while at < source.len() && source[at] != b'\n' {
                at += 1;
            }
            length = kept;
            continue;
        }
        if length < N {
            text[length] = source[at];
        }
        length += 1;
        if source[at] != b' ' {
            kept = length;
        }
        at += 1;
    }
    (text, length)
}

/// Declares a parameter block whose members are all `u32`, with its layout.
macro_rules! params {
    ($($(#[$doc:meta])* $field:ident),+ $(,)?) => {
        /// The parameter block, as the WGSL half declares it. Uniform layout: its size is a multiple of 16 bytes.
        #[repr(C)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, bytemuck::Pod, bytemuck::Zeroable)]
        pub struct Params {
            $($(#[$doc])* pub $field: u32,)+
        }

        const FIELDS: &[(&str, usize)] = &[$((stringify!($field), std::mem::offset_of!(Params, $field))),+];
    };
}
use params;

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
        for kernel in ALL {
            let module = parse(kernel);
            Validator::new(ValidationFlags::all(), Capabilities::empty())
                .validate(&module)
                .unwrap_or_else(|error| panic!("{}: {}", kernel.name, error.emit_to_string(kernel.source)));
        }
    }

    #[test]
    fn every_parameter_block_has_the_layout_that_the_shader_reads() {
        for kernel in ALL {
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
        for kernel in ALL {
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
        for kernel in ALL {
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
        for kernel in ALL {
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
