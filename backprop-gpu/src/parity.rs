//! Does this device compute the formulas? Every case of every kernel against its CPU half.

use shaders::gpu::Gpu;
use shaders::gpu::device::{caught, compile};
use shaders::parity::{Report, compare};
use shaders::session::SessionError;

use crate::kernel;

/// Every case of every kernel of [`kernel::ALL`] on this device, against the CPU halves.
///
/// # Errors
/// A kernel that does not compile; a device that is lost or fails.
pub async fn kernels(gpu: &Gpu) -> Result<Vec<Report>, SessionError> {
    let mut reports = Vec::new();
    for &kernel in kernel::ALL {
        let (pipeline, errors) = caught(&gpu.device, || compile(&gpu.device, kernel));
        gpu.settle(errors).await?;
        for case in (kernel.cases)() {
            let after = gpu.run_pipeline(&pipeline, &case.params, case.grid, &case.before).await?;
            for (binding, want) in &case.after {
                let got: Vec<f32> = after[*binding].iter().map(|word| f32::from_bits(*word)).collect();
                let name = format!("{}.{}", kernel.name, kernel.bindings[*binding].name);
                reports.push(compare(&name, case.name, &got, want, case.tolerance));
            }
        }
    }
    Ok(reports)
}
