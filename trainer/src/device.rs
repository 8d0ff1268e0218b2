//! Where to train: a real GPU through wgpu, else the CPU. A software adapter is used only where it is asked for by name:
//! it computes on the CPU what a GPU would, slower than flex, so that the GPU's path can be tried without a GPU.

use backprop_gpu::wgpu;
use burn::tensor::Device;
use shaders::gpu::Gpu;

/// What `--device` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceArg {
    /// A GPU if there is one, else the CPU.
    Auto,
    /// Burn's flex backend.
    Cpu,
    /// GPU number n, in the order of [`gpus`].
    Gpu(usize),
    /// A GPU's driver that computes on the CPU, such as Mesa's llvmpipe: for tests of the GPU's path.
    Software,
}

impl std::str::FromStr for DeviceArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "auto" => Ok(DeviceArg::Auto),
            None if text == "cpu" => Ok(DeviceArg::Cpu),
            None if text == "gpu" => Ok(DeviceArg::Gpu(0)),
            None if text == "software" => Ok(DeviceArg::Software),
            Some(("gpu", n)) => {
                n.parse().map(DeviceArg::Gpu).map_err(|_| format!("expected gpu:0, gpu:1 …, found `{text}`"))
            }
            _ => Err(format!("expected auto, cpu, gpu, gpu:n or software, found `{text}`")),
        }
    }
}

/// What computes on a GPU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Engine {
    /// Burn, for every learner.
    #[default]
    Burn,
    /// The steps in WGSL that [`backprop_gpu`] writes out by hand, for causal learners.
    Wgsl,
}

impl std::str::FromStr for Engine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "burn" => Ok(Engine::Burn),
            "wgsl" => Ok(Engine::Wgsl),
            _ => Err(format!("expected burn or wgsl, found `{text}`")),
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
    /// Where steps are taken in WGSL; [`TrainDevice::device`] then is the CPU, where the learner lives between them.
    pub wgsl: Option<Gpu>,
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
    /// `--device software` without such a driver.
    #[error(
        "no software adapter was found (real GPUs: {}); on Debian and Ubuntu it is in mesa-vulkan-drivers and libvulkan1",
        if found.is_empty() { "none".into() } else { found.join(", ") }
    )]
    NoSoftware {
        /// Names of the GPUs found.
        found: Vec<String>,
    },
    /// `--device software` in a build that compiles past WGSL.
    #[error(
        "this trainer was built with the feature `vulkan`, whose shaders software adapters compute wrong; \
         build it with `--features gpu` to use --device software"
    )]
    SoftwareWithVulkan,
    /// The device that Burn opened is not the one that was chosen.
    #[error(
        "the adapter chosen was {chosen}, and Burn opened {opened}; choose another with --device gpu:n, or train with \
         --device cpu"
    )]
    OtherAdapter {
        /// Name in wgpu's list.
        chosen: String,
        /// Name that Burn's device says.
        opened: String,
    },
    /// `--engine wgsl` on a CPU.
    #[error("--engine wgsl needs a GPU: choose --device gpu or gpu:n, or --device software to try it without one")]
    WgslOnCpu,
    /// The adapter gave no device.
    #[error(transparent)]
    Wgsl(#[from] shaders::gpu::GpuError),
    /// A build without the CPU backend and no GPU.
    #[error("no GPU was found and this trainer was built without the `cpu` feature")]
    NoCpu,
}

/// Opens what was asked for.
///
/// # Errors
/// No such device.
pub fn open(choice: DeviceArg) -> Result<TrainDevice, DeviceError> {
    let names = |gpus: &[TrainDevice]| gpus.iter().map(|gpu| gpu.name.clone()).collect();
    let device = match choice {
        DeviceArg::Cpu => return cpu(),
        DeviceArg::Auto => match gpus().first() {
            Some(gpu) => gpu.clone(),
            None => return cpu(),
        },
        _ if !cfg!(feature = "wgpu") => return Err(DeviceError::NotBuilt),
        DeviceArg::Gpu(asked) => {
            let gpus = gpus();
            gpus.get(asked).cloned().ok_or_else(|| DeviceError::NotFound { asked, found: names(&gpus) })?
        }
        DeviceArg::Software if cfg!(feature = "vulkan") => return Err(DeviceError::SoftwareWithVulkan),
        DeviceArg::Software => software().ok_or_else(|| DeviceError::NoSoftware { found: names(&gpus()) })?,
    };
    device.check()?;
    Ok(device)
}

/// Opens what was asked for, for one of the engines.
///
/// # Errors
/// No such device, or none on which the engine computes.
pub fn open_for(engine: Engine, choice: DeviceArg) -> Result<TrainDevice, DeviceError> {
    use wgpu::DeviceType::{Cpu, DiscreteGpu, IntegratedGpu, VirtualGpu};
    if engine == Engine::Burn {
        return open(choice);
    }
    let adapters = wgpu_adapters();
    let of = |kind| adapters.iter().filter(move |adapter: &&wgpu::Adapter| adapter.get_info().device_type == kind);
    let gpus: Vec<&wgpu::Adapter> = [DiscreteGpu, IntegratedGpu, VirtualGpu].into_iter().flat_map(of).collect();
    let name = |adapter: &wgpu::Adapter| format!("{} ({:?})", adapter.get_info().name, adapter.get_info().backend);
    let found = || gpus.iter().map(|gpu| name(gpu)).collect();
    let adapter = match choice {
        DeviceArg::Cpu => return Err(DeviceError::WgslOnCpu),
        DeviceArg::Auto => *gpus.first().ok_or(DeviceError::WgslOnCpu)?,
        DeviceArg::Gpu(asked) => gpus.get(asked).ok_or_else(|| DeviceError::NotFound { asked, found: found() })?,
        DeviceArg::Software => of(Cpu).next().ok_or_else(|| DeviceError::NoSoftware { found: found() })?,
    };
    let gpu = pollster::block_on(Gpu::with_adapter(adapter))?;
    Ok(TrainDevice { device: host(), name: format!("{}, in WGSL", name(adapter)), cpu: true, wgsl: Some(gpu) })
}

impl TrainDevice {
    /// Opens the device, and compares the name that Burn finds with that of the adapter that was chosen: both number
    /// the adapters of each kind by themselves, and must agree.
    #[cfg(feature = "wgpu")]
    fn check(&self) -> Result<(), DeviceError> {
        match self.device.identity() {
            Some(opened) if !self.name.starts_with(&opened.name) => {
                Err(DeviceError::OtherAdapter { chosen: self.name.clone(), opened: opened.name })
            }
            _ => Ok(()),
        }
    }

    #[cfg(not(feature = "wgpu"))]
    fn check(&self) -> Result<(), DeviceError> {
        Ok(())
    }

    /// Bytes that the device's allocator holds, in use and for reuse; none where it does not say.
    pub fn bytes_reserved(&self) -> Option<u64> {
        self.device.memory_pool_usage().map(|usage| usage.bytes_reserved)
    }
}

/// Switches the fusion of kernels off in this process: each operation is then a kernel of its own, which is slower. Call
/// it before anything is computed; later calls change nothing.
pub fn disable_fusion() {
    #[cfg(feature = "fusion")]
    {
        use burn_std::config::{BurnConfig, RuntimeConfig};
        // its fields are private: what a burn.toml would say. Fusion that may explore nothing fuses nothing.
        let unfused = serde_json::json!({ "fusion": { "beam_search": { "max_explorations": 0 } } });
        BurnConfig::try_set(serde_json::from_value(unfused).expect("settings that Burn knows"));
    }
}

/// Whether kernels are fused on GPUs: by the build, and neither switched off here nor by Burn's own settings.
pub fn fuses() -> bool {
    #[cfg(feature = "fusion")]
    {
        use burn_std::config::{BurnConfig, RuntimeConfig};
        BurnConfig::get().fusion().beam_search.max_explorations != Some(0)
    }
    #[cfg(not(feature = "fusion"))]
    false
}

fn cpu() -> Result<TrainDevice, DeviceError> {
    #[cfg(feature = "cpu")]
    return Ok(TrainDevice { device: host(), name: "CPU (flex)".into(), cpu: true, wgsl: None });
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
#[cfg(feature = "wgpu")]
pub fn gpus() -> Vec<TrainDevice> {
    #[cfg(feature = "cuda")]
    {
        let found = cuda_gpus();
        if !found.is_empty() {
            return found;
        }
    }
    use burn::tensor::DeviceKind;
    let adapters = adapters();
    let discrete = of_kind(&adapters, wgpu::DeviceType::DiscreteGpu, DeviceKind::DiscreteGpu);
    let integrated = of_kind(&adapters, wgpu::DeviceType::IntegratedGpu, DeviceKind::IntegratedGpu);
    let virtual_ = of_kind(&adapters, wgpu::DeviceType::VirtualGpu, DeviceKind::VirtualGpu);
    [discrete, integrated, virtual_].concat()
}

/// CUDA's devices in CUDA's order; none where no driver is installed.
#[cfg(feature = "cuda")]
fn cuda_gpus() -> Vec<TrainDevice> {
    use burn::tensor::DeviceType;
    let count = Device::enumerate(DeviceType::Cuda).into_iter().count();
    let chosen = |index: usize| {
        let device = Device::cuda(index);
        let name = device.identity().map_or_else(|| format!("GPU {index}"), |identity| identity.name);
        TrainDevice { device, name: format!("{name} (CUDA)"), cpu: false, wgsl: None }
    };
    (0..count).map(chosen).collect()
}

/// Every adapter that wgpu finds, of any kind, software included.
pub fn wgpu_adapters() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY))
}

#[cfg(feature = "wgpu")]
fn adapters() -> Vec<wgpu::AdapterInfo> {
    wgpu_adapters().iter().map(wgpu::Adapter::get_info).collect()
}

/// The adapters of one kind, in wgpu's order, which is Burn's as well.
#[cfg(feature = "wgpu")]
fn of_kind(
    adapters: &[wgpu::AdapterInfo],
    kind: wgpu::DeviceType,
    numbered: fn(usize) -> burn::tensor::DeviceKind,
) -> Vec<TrainDevice> {
    let of_kind = adapters.iter().filter(|info| info.device_type == kind);
    let device = |(index, info): (usize, &wgpu::AdapterInfo)| TrainDevice {
        device: gpu_device(numbered(index)),
        name: format!("{} ({:?})", info.name, info.backend),
        cpu: false,
        wgsl: None,
    };
    of_kind.enumerate().map(device).collect()
}

/// The first driver that computes on the CPU.
#[cfg(feature = "wgpu")]
fn software() -> Option<TrainDevice> {
    of_kind(&adapters(), wgpu::DeviceType::Cpu, |_| burn::tensor::DeviceKind::Cpu).into_iter().next()
}

#[cfg(not(feature = "wgpu"))]
fn software() -> Option<TrainDevice> {
    None
}

#[cfg(feature = "wgpu")]
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
#[cfg(not(feature = "wgpu"))]
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
        assert_eq!("software".parse(), Ok(DeviceArg::Software));
        assert!("cuda".parse::<DeviceArg>().unwrap_err().contains("expected auto, cpu, gpu"));
        assert_eq!(["burn", "wgsl"].map(|engine| engine.parse()), [Ok(Engine::Burn), Ok(Engine::Wgsl)]);
        assert!("cuda".parse::<Engine>().unwrap_err().contains("expected burn or wgsl"));
    }

    #[test]
    fn wgsl_is_for_gpus() {
        assert!(matches!(open_for(Engine::Wgsl, DeviceArg::Cpu), Err(DeviceError::WgslOnCpu)));
    }
}
