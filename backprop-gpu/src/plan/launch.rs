//! One launch: kernel, parameters, buffers.

use super::buffer::Buffer;
use crate::kernel::common::Kernel;

/// One launch.
pub struct Launch {
    /// The kernel.
    pub kernel: &'static Kernel,
    /// Its parameter block.
    pub params: Vec<u8>,
    /// Workgroups.
    pub grid: [u32; 3],
    /// Its buffers, in the order of its bindings.
    pub buffers: Vec<Buffer>,
}

impl Launch {
    /// A launch with these parameters.
    pub fn new<P: bytemuck::Pod>(kernel: &'static Kernel, p: &P, grid: [u32; 3], buffers: &[Buffer]) -> Launch {
        assert_eq!(buffers.len(), kernel.bindings.len(), "buffers of {}", kernel.name);
        Launch { kernel, params: bytemuck::bytes_of(p).to_vec(), grid, buffers: buffers.to_vec() }
    }
}
