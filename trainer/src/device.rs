//! Where to train: a real GPU through wgpu, else the CPU. A software GPU adapter is never picked: flex is faster.

use burn::tensor::Device;

/// What `--device` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceArg {
    /// A GPU if there is one, else the CPU.
    Auto,
    /// Burn's flex backend.
    Cpu,
    /// GPU number n, in the order of [`gpus`].
    Gpu(usize),
}

impl std::str::FromStr for DeviceArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "auto" => Ok(DeviceArg::Auto),
            None if text == "cpu" => Ok(DeviceArg::Cpu),
            None if text == "gpu" => Ok(DeviceArg::Gpu(0)),
            Some(("gpu", n)) => {
                n.parse().map(DeviceArg::Gpu).map_err(|_| format!("expected gpu:0, gpu:1 …, found `{text}`"))
            }
            _ => Err(format!("expected auto, cpu, gpu or gpu:n, found `{text}`")),
        }
    }
}

/// A device and its name for people.
#[derive(Debug, Clone)]
pub struct TrainDevice {
    /// Without autodiff.
    pub device: Device,
    /// Such as `CPU (flex)`.
    pub name: String,
    /// Whether micro-batches run in parallel threads.
    pub cpu: bool,
}

/// No such device in this build or on this machine.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// `--device gpu` in a build without it.
    #[error(
        "this trainer was built without GPU support; build it with `cargo build --release -p trainer --features gpu`"
    )]
    NotBuilt,
    /// Fewer GPUs than asked for.
    #[error("GPU {asked} was asked for, found {}: use --device auto or cpu", if found.is_empty() { "none".into() } else { found.join(", ") })]
    NotFound {
        /// Number asked for.
        asked: usize,
        /// Names of those found.
        found: Vec<String>,
    },
    /// A build without the CPU backend and no GPU.
    #[error("no GPU was found and this trainer was built without the `cpu` feature")]
    NoCpu,
}

/// Opens what was asked for.
///
/// # Errors
/// No such device.
pub fn open(choice: DeviceArg) -> Result<TrainDevice, DeviceError> {
    let gpus = gpus();
    match choice {
        DeviceArg::Cpu => cpu(),
        DeviceArg::Auto if gpus.is_empty() => cpu(),
        DeviceArg::Auto => Ok(gpus[0].clone()),
        DeviceArg::Gpu(_) if !cfg!(feature = "gpu") => Err(DeviceError::NotBuilt),
        DeviceArg::Gpu(asked) => gpus
            .get(asked)
            .cloned()
            .ok_or_else(|| DeviceError::NotFound { asked, found: gpus.iter().map(|gpu| gpu.name.clone()).collect() }),
    }
}

fn cpu() -> Result<TrainDevice, DeviceError> {
    #[cfg(feature = "cpu")]
    return Ok(TrainDevice { device: host(), name: "CPU (flex)".into(), cpu: true });
    #[cfg(not(feature = "cpu"))]
    Err(DeviceError::NoCpu)
}

/// The device of small work next to training: counting parameters, features, single questions. The CPU, or without the
/// `cpu` feature whatever else was built.
pub fn host() -> Device {
    #[cfg(feature = "cpu")]
    return Device::flex();
    #[cfg(not(feature = "cpu"))]
    Device::default()
}

/// Every GPU: through CUDA where this build has it and a driver is installed, else discrete, integrated and virtual ones
/// through wgpu, in this order.
#[cfg(feature = "gpu")]
pub fn gpus() -> Vec<TrainDevice> {
    #[cfg(feature = "cuda")]
    {
        let found = cuda_gpus();
        if !found.is_empty() {
            return found;
        }
    }
    wgpu_gpus()
}

/// CUDA's devices in CUDA's order; none where no driver is installed.
#[cfg(feature = "cuda")]
fn cuda_gpus() -> Vec<TrainDevice> {
    use burn::tensor::DeviceType;
    let count = Device::enumerate(DeviceType::Cuda).into_iter().count();
    let chosen = |index: usize| {
        let device = Device::cuda(index);
        let name = device.identity().map_or_else(|| format!("GPU {index}"), |identity| identity.name);
        TrainDevice { device, name: format!("{name} (CUDA)"), cpu: false }
    };
    (0..count).map(chosen).collect()
}

#[cfg(feature = "gpu")]
fn wgpu_gpus() -> Vec<TrainDevice> {
    use burn::tensor::DeviceKind;
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    let mut found: Vec<TrainDevice> = Vec::new();
    type Kind = (wgpu::DeviceType, fn(usize) -> DeviceKind);
    let kinds: [Kind; 3] = [
        (wgpu::DeviceType::DiscreteGpu, DeviceKind::DiscreteGpu),
        (wgpu::DeviceType::IntegratedGpu, DeviceKind::IntegratedGpu),
        (wgpu::DeviceType::VirtualGpu, DeviceKind::VirtualGpu),
    ];
    for (wanted, kind) in kinds {
        let names = adapters.iter().map(|a| a.get_info()).filter(|info| info.device_type == wanted);
        for (index, info) in names.enumerate() {
            found.push(TrainDevice {
                device: gpu_device(kind(index)),
                name: format!("{} ({:?})", info.name, info.backend),
                cpu: false,
            });
        }
    }
    found
}

#[cfg(feature = "gpu")]
fn gpu_device(kind: burn::tensor::DeviceKind) -> Device {
    // compiled straight to SPIR-V or MSL where that was asked for at build time
    #[cfg(feature = "vulkan")]
    return Device::vulkan(kind);
    #[cfg(all(feature = "metal", not(feature = "vulkan")))]
    return Device::metal(kind);
    #[cfg(not(any(feature = "vulkan", feature = "metal")))]
    Device::wgpu(kind)
}

/// None in this build.
#[cfg(not(feature = "gpu"))]
pub fn gpus() -> Vec<TrainDevice> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_and_mistakes_explained() {
        assert_eq!("gpu:1".parse(), Ok(DeviceArg::Gpu(1)));
        assert_eq!("auto".parse(), Ok(DeviceArg::Auto));
        assert!("cuda".parse::<DeviceArg>().unwrap_err().contains("expected auto, cpu, gpu"));
    }
}
