//! For tests: holds the WGSL half of a kernel, as naga reads it, to what the Rust half says of it.

use wgpu::naga;

use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, ArraySize, Expression, Literal, Module, Scalar, StorageAccess, TypeInner};

use super::common::{Case, Shader};

/// The most threads of a workgroup that WebGPU guarantees.
const MAX_THREADS: u32 = 256;
/// Bytes of workgroup memory that WebGPU guarantees.
const MAX_WORKGROUP_BYTES: u32 = 16 << 10;
/// Storage buffers of a stage that WebGPU guarantees.
const MAX_STORAGE_BUFFERS: usize = 8;

/// Holds a kernel to its description: valid WGSL without extensions, its parameter block, its bindings, its overrides, and a
/// workgroup that fits WebGPU's default limits.
///
/// # Panics
/// Something is otherwise in WGSL than in Rust, or no device has to take it.
pub fn check(shader: &Shader) {
    let module = naga::front::wgsl::parse_str(shader.source)
        .unwrap_or_else(|error| panic!("{}: {}", shader.name, error.emit_to_string(shader.source)));
    Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .unwrap_or_else(|error| panic!("{}: {}", shader.name, error.emit_to_string(shader.source)));
    check_parameters(shader, &module);
    check_bindings(shader, &module);
    check_overrides(shader, &module);
    check_workgroup(shader, &module);
}

/// Holds the cases of a kernel to its bindings: enough of them, and a finite result for every buffer that is written.
///
/// # Panics
/// A case has other buffers than the kernel.
pub fn check_cases(shader: &Shader, cases: &[Case]) {
    assert!(cases.len() >= 3, "{}: {} cases", shader.name, cases.len());
    let expected: Vec<usize> = (0..shader.bindings.len()).filter(|&at| shader.bindings[at].written).collect();
    for case in cases {
        let name = format!("{}: {}", shader.name, case.name);
        assert_eq!(case.params.len(), shader.params_size, "{name}");
        assert_eq!(case.before.len(), shader.bindings.len(), "{name}");
        let written: Vec<usize> = case.after.iter().map(|(at, _)| *at).collect();
        assert_eq!(written, expected, "{name}");
        for (at, values) in &case.after {
            assert_eq!(values.len(), case.before[*at].len(), "{name}");
            assert!(values.iter().all(|value| value.is_finite()), "{name}");
        }
    }
}

fn check_parameters(shader: &Shader, module: &Module) {
    let uniform = module.global_variables.iter().find(|(_, global)| global.space == AddressSpace::Uniform);
    let (_, params) = uniform.unwrap_or_else(|| panic!("{}: no parameter block", shader.name));
    let binding = params.binding.as_ref().expect("a uniform has a binding");
    assert_eq!((binding.group, binding.binding), (0, 0), "{}", shader.name);
    let TypeInner::Struct { members, span } = &module.types[params.ty].inner else {
        panic!("{}: parameters are no struct", shader.name);
    };
    let found: Vec<_> =
        members.iter().map(|member| (member.name.as_deref().unwrap_or_default(), member.offset as usize)).collect();
    assert_eq!(found, shader.fields, "{}", shader.name);
    assert_eq!(*span as usize, shader.params_size, "{}", shader.name);
    assert_eq!(shader.params_size % 16, 0, "{}", shader.name);
    for member in members {
        assert_eq!(module.types[member.ty].inner, TypeInner::Scalar(Scalar::U32), "{}", shader.name);
    }
}

fn check_bindings(shader: &Shader, module: &Module) {
    let mut found = Vec::new();
    for (_, global) in module.global_variables.iter() {
        if let AddressSpace::Storage { access } = global.space {
            let at = global.binding.as_ref().expect("a storage buffer has a binding");
            assert_eq!(at.group, 0, "{}", shader.name);
            found.push((at.binding, global.name.clone().unwrap_or_default(), access.contains(StorageAccess::STORE)));
        }
    }
    found.sort();
    let expected: Vec<_> = (1..).zip(shader.bindings).map(|(at, b)| (at, b.name.to_string(), b.written)).collect();
    assert_eq!(found, expected, "{}", shader.name);
    assert!(found.len() <= MAX_STORAGE_BUFFERS, "{}: {} storage buffers", shader.name, found.len());
}

fn check_overrides(shader: &Shader, module: &Module) {
    assert_eq!(module.overrides.len(), shader.constants.len(), "{}", shader.name);
    for (name, value) in shader.constants {
        assert_eq!(override_value(module, name) as f32, *value as f32, "{}: {name}", shader.name);
    }
}

fn check_workgroup(shader: &Shader, module: &Module) {
    let [entry] = module.entry_points.as_slice() else {
        panic!("{}: {} entry points", shader.name, module.entry_points.len());
    };
    assert_eq!(entry.name, "main", "{}", shader.name);
    let sizes = [0, 1, 2].map(|axis| match entry.workgroup_size_overrides.and_then(|sizes| sizes[axis]) {
        None => entry.workgroup_size[axis],
        Some(expression) => match &module.global_expressions[expression] {
            Expression::Override(handle) => override_value(module, override_name(module, *handle)) as u32,
            Expression::Literal(Literal::U32(value)) => *value,
            Expression::Literal(Literal::I32(value)) => *value as u32,
            other => panic!("{}: workgroup size {other:?}", shader.name),
        },
    });
    assert_eq!(sizes, shader.workgroup, "{}", shader.name);
    assert!(sizes.iter().product::<u32>() <= MAX_THREADS, "{}: {sizes:?} threads", shader.name);
    let bytes = workgroup_bytes(module);
    assert!(bytes <= MAX_WORKGROUP_BYTES, "{}: {bytes} bytes of workgroup memory", shader.name);
}

/// Workgroup memory in bytes, at the default values of the overrides.
fn workgroup_bytes(module: &Module) -> u32 {
    let bytes = |ty| match &module.types[ty].inner {
        TypeInner::Array { size, stride, .. } => {
            stride
                * match size {
                    ArraySize::Constant(count) => count.get(),
                    ArraySize::Pending(handle) => override_value(module, override_name(module, *handle)) as u32,
                    ArraySize::Dynamic => panic!("workgroup memory has a size"),
                }
        }
        other => other.size(module.to_ctx()),
    };
    let shared = module.global_variables.iter().filter(|(_, global)| global.space == AddressSpace::WorkGroup);
    shared.map(|(_, global)| bytes(global.ty)).sum()
}

fn override_name(module: &Module, handle: naga::Handle<naga::Override>) -> &str {
    module.overrides[handle].name.as_deref().expect("an override has a name")
}

/// The default of an override. Each has one, so that the file compiles as it stands.
fn override_value(module: &Module, name: &str) -> f64 {
    let found = module.overrides.iter().find(|(_, found)| found.name.as_deref() == Some(name));
    let (_, found) = found.unwrap_or_else(|| panic!("no override {name}"));
    let default = found.init.unwrap_or_else(|| panic!("override {name} has no default"));
    match &module.global_expressions[default] {
        Expression::Literal(Literal::U32(value)) => f64::from(*value),
        Expression::Literal(Literal::F32(value)) => f64::from(*value),
        other => panic!("override {name} is no plain literal: {other:?}"),
    }
}
