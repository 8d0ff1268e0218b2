//! The engine on WebGPU.

pub mod device;
pub mod session;

pub use device::{Gpu, GpuError};
pub use session::Session;
