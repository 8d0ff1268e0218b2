//! What every kernel has: its description, its cases, and what several of them compute with.

use std::ops::Deref;

/// One kernel.
pub struct Kernel {
    /// The WGSL half.
    pub shader: Shader,
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

/// The WGSL half of a kernel: what a pipeline is made of, and how it is laid out.
pub struct Shader {
    /// Name of the pair.
    pub name: &'static str,
    /// WGSL, without its comments.
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
}

/// A storage binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// Name in WGSL.
    pub name: &'static str,
    /// Whether the kernel writes to it.
    pub written: bool,
}

/// A binding that the kernel reads.
pub const fn read(name: &'static str) -> Binding {
    Binding { name, written: false }
}

/// A binding that the kernel writes.
pub const fn write(name: &'static str) -> Binding {
    Binding { name, written: true }
}

/// One input of the parity check with the result of the CPU version.
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
pub const UNTOUCHED: f32 = -7.5;

/// f32 values as the words of a buffer.
pub fn words(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// `count` seeded values, uniform in ±`size`.
pub fn values(purpose: &str, count: usize, size: f32) -> Vec<f32> {
    use rand::Rng;
    let mut stream = crate::random::stream(1, purpose, 0);
    (0..count).map(|_| size * (stream.next_u32() as f32 / (1u64 << 31) as f32 - 1.0)).collect()
}

/// sums += row·weight, the inputs outermost: weights are read in their order, and the inner loop vectorises.
///
/// # Shapes
/// `row` `[I]`, `weight` `[I]` rows of `[O]`, `sums` `[O]`.
pub(super) fn accumulate<'a>(
    sums: &mut [f64],
    row: impl Iterator<Item = f64>,
    weight: impl Iterator<Item = &'a [f32]>,
) {
    for (x, weights) in row.zip(weight) {
        sums.iter_mut().zip(weights).for_each(|(sum, &w)| *sum += x * f64::from(w));
    }
}

/// What RMS norm divides a token of a set learner by: √(mean of u² over classes and channels + ε).
pub(super) fn rms<T: Copy + Into<f64>>(token: &[T]) -> f64 {
    let squares: f64 = token.iter().map(|&u| u.into() * u.into()).sum();
    (squares / token.len() as f64 + f64::from(crate::model::spec::RMS_EPSILON)).sqrt()
}

/// The text of a WGSL file without its comments: whoever loads the page reads them where they are written. Lines stay where
/// they were, so that a compiler's words still point to them.
#[doc(hidden)]
#[macro_export]
macro_rules! bare {
    ($file:literal) => {{
        const SOURCE: &[u8] = include_bytes!($file);
        const BARE: [u8; $crate::kernel::common::strip::<0>(SOURCE).1] = $crate::kernel::common::strip(SOURCE).0;
        match std::str::from_utf8(&BARE) {
            Ok(source) => source,
            Err(_) => panic!("the file is UTF-8"),
        }
    }};
}
pub use bare;

/// What is left of a source without `// …` and the spaces before it, in the first `N` bytes, and how much that is.
#[doc(hidden)]
pub const fn strip<const N: usize>(source: &[u8]) -> ([u8; N], usize) {
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
#[doc(hidden)]
#[macro_export]
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
pub use params;

/// Runs the f32 half of a kernel on every case: it has to be as close to the formula as the half in WGSL. `run` is given the
/// buffers and changes them.
#[cfg(all(test, feature = "parity"))]
pub(super) fn check_run<P: bytemuck::AnyBitPattern>(kernel: &Kernel, run: impl Fn(&P, &mut [Vec<f32>])) {
    for Case { name, params, before, after, tolerance, .. } in (kernel.cases)() {
        let mut buffers: Vec<Vec<f32>> =
            before.iter().map(|words| words.iter().map(|word| f32::from_bits(*word)).collect()).collect();
        run(&bytemuck::pod_read_unaligned(&params), &mut buffers);
        for (index, want) in after {
            let differ = buffers[index].iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
            let finite = buffers[index].iter().all(|value| value.is_finite());
            assert!(differ <= tolerance && finite, "{}, {name}: differs by {differ}, {tolerance}", kernel.name);
        }
    }
}
