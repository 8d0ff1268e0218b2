//! A WebGPU device with the kernels compiled for it.
//!
//! Nothing here panics on what a device does: validation and memory errors are caught by error scopes, a lost
//! device sets a flag, and both come back as [`SessionError`], so that the caller can go on with the CPU engine.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context as Wake, Poll, Waker};

use crate::kernel;
use crate::kernel::common::{Kernel, Shader};
use crate::model::spec::ModelSpec;
use crate::plan::Plan;
#[cfg(not(target_arch = "wasm32"))]
use crate::plan::turns::LLVMPIPE;
use crate::session::error::SessionError;

/// Why there is no device to work with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GpuError {
    /// No adapter at all.
    #[error("no GPU adapter was found: {0}. Use a browser with WebGPU, or go on with the CPU engine")]
    NoAdapter(String),
    /// The adapter gave no device.
    #[error("the GPU adapter {adapter} gave no device: {message}. Go on with the CPU engine")]
    NoDevice {
        /// Name of the adapter.
        adapter: String,
        /// What it said.
        message: String,
    },
}

/// What went wrong outside any call.
#[derive(Default)]
struct Health {
    lost: Mutex<Option<String>>,
    fault: Mutex<Option<String>>,
}

/// A device. Clones share it.
#[derive(Clone)]
pub struct Gpu {
    /// The device itself.
    pub device: wgpu::Device,
    /// Its queue.
    pub queue: wgpu::Queue,
    /// In the order of [`kernel::ALL`], those that were needed so far.
    pipelines: Arc<[OnceLock<Pipeline>]>,
    health: Arc<Health>,
    info: wgpu::AdapterInfo,
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gpu({})", self.description())
    }
}

/// A kernel that was compiled.
pub struct Pipeline {
    layout: wgpu::BindGroupLayout,
    params_size: usize,
    /// What a compute pass is given.
    pub pipeline: wgpu::ComputePipeline,
}

/// Offset between the parameter blocks of launches: WebGPU's largest alignment of dynamic uniform offsets.
pub const PARAMS_STRIDE: usize = 256;

impl Gpu {
    /// Opens the fastest adapter that the browser or the system offers; natively wgpu's environment variables
    /// (`WGPU_BACKEND`) and the Vulkan loader's (`VK_DRIVER_FILES`) narrow the choice.
    ///
    /// # Errors
    /// No adapter, no device.
    pub async fn new() -> Result<Self, GpuError> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter =
            instance.request_adapter(&options).await.map_err(|error| GpuError::NoAdapter(error.to_string()))?;
        Gpu::with_adapter(&adapter).await
    }

    /// Opens a given adapter.
    ///
    /// # Errors
    /// No device.
    pub async fn with_adapter(adapter: &wgpu::Adapter) -> Result<Self, GpuError> {
        let info = adapter.get_info();
        let most = adapter.limits();
        // WebGPU's guaranteed limits, less where the adapter has less (a kernel then fails to compile, in words),
        // and the largest buffers there are, for large models
        let limits = wgpu::Limits {
            max_storage_buffer_binding_size: most.max_storage_buffer_binding_size,
            max_buffer_size: most.max_buffer_size,
            ..wgpu::Limits::default().or_worse_values_from(&most)
        };
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("learner"),
            required_limits: limits,
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        };
        let (device, queue) = adapter
            .request_device(&descriptor)
            .await
            .map_err(|error| GpuError::NoDevice { adapter: info.name.clone(), message: error.to_string() })?;
        let health = Arc::new(Health::default());
        let shared = health.clone();
        device.set_device_lost_callback(move |reason, message| {
            let said = if message.is_empty() { format!("{reason:?}") } else { message };
            shared.lost.lock().expect("no holder panics").get_or_insert(said);
        });
        let shared = health.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            shared.fault.lock().expect("no holder panics").get_or_insert(error.to_string());
        }));
        let pipelines = kernel::ALL.iter().map(|_| OnceLock::new()).collect();
        Ok(Gpu { device, queue, pipelines, health, info })
    }

    /// Compiles what learners of `spec` need and what is not compiled yet.
    ///
    /// # Errors
    /// A kernel that does not compile; a device that is lost.
    pub async fn prepare(&self, spec: &ModelSpec) -> Result<(), SessionError> {
        self.compile(&Plan::new(spec).kernels()).await
    }

    /// Compiles those kernels that were not yet.
    async fn compile(&self, kernels: &[&'static Kernel]) -> Result<(), SessionError> {
        self.check()?;
        let missing =
            kernels.iter().map(|kernel| kernel::index(kernel)).filter(|&at| self.pipelines[at].get().is_none());
        // all are on their way before the first is waited for
        let started: Vec<_> =
            missing.map(|at| (at, caught(&self.device, || compile(&self.device, kernel::ALL[at])))).collect();
        for (at, (pipeline, errors)) in started {
            if let Some(message) = errors.first().await {
                self.check()?;
                let (kernel, adapter) = (kernel::ALL[at].name, &self.info.name);
                return Err(SessionError::Gpu(format!("kernel {kernel} did not compile on {adapter}: {message}")));
            }
            // another session may have been sooner
            let _ = self.pipelines[at].set(pipeline);
        }
        self.check()
    }

    /// A kernel that was compiled.
    pub(super) fn pipeline(&self, kernel: usize) -> &Pipeline {
        self.pipelines[kernel].get().expect("kernels are compiled before they are used")
    }

    /// Name and driver of the adapter, where the browser or the system reports any.
    pub fn name(&self) -> Option<String> {
        let parts = [self.info.name.as_str(), self.info.driver.as_str(), self.info.driver_info.as_str()];
        let named: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        (!named.is_empty()).then(|| named.join(", "))
    }

    /// Name, driver and interface of the adapter, as far as the browser reports them.
    pub fn description(&self) -> String {
        format!("{} ({:?})", self.name().unwrap_or_else(|| "unnamed adapter".into()), self.info.backend)
    }

    /// Whether the adapter reports that it computes on a CPU.
    pub fn software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    /// Looks whether the adapter stays in all loops of these launches, each given as its kernel and the turns of an
    /// invocation. Mesa's software rasteriser does not; browsers do not offer it.
    ///
    /// # Errors
    /// The launch with most turns, if they are too many.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn check_turns(&self, launches: impl Iterator<Item = (u64, &'static str)>) -> Result<(), SessionError> {
        if !self.info.name.to_lowercase().contains("llvmpipe") {
            return Ok(());
        }
        match launches.max() {
            Some((turns, kernel)) if turns > LLVMPIPE => Err(SessionError::Turns { kernel, turns, most: LLVMPIPE }),
            _ => Ok(()),
        }
    }

    /// Why the device was lost, once it was.
    pub fn lost(&self) -> Option<String> {
        self.health.lost.lock().expect("no holder panics").clone()
    }

    /// Destroys the device, as if it had been lost: every later call on it ends in [`SessionError::Lost`].
    pub fn destroy(&self) {
        self.health.lost.lock().expect("no holder panics").get_or_insert("it was destroyed".into());
        self.device.destroy();
    }

    /// Runs one kernel on buffers with the given contents, and returns their contents afterwards.
    ///
    /// # Errors
    /// A device that is lost, or fails.
    pub async fn run(
        &self,
        kernel: &'static Kernel,
        params: &[u8],
        grid: [u32; 3],
        contents: &[Vec<u32>],
    ) -> Result<Vec<Vec<u32>>, SessionError> {
        self.compile(&[kernel]).await?;
        self.run_pipeline(self.pipeline(kernel::index(kernel)), params, grid, contents).await
    }

    /// As [`Gpu::run`], a kernel that the caller compiled.
    ///
    /// # Errors
    /// A device that is lost, or fails.
    pub async fn run_pipeline(
        &self,
        pipeline: &Pipeline,
        params: &[u8],
        grid: [u32; 3],
        contents: &[Vec<u32>],
    ) -> Result<Vec<Vec<u32>>, SessionError> {
        let ((buffers, staging), errors) = caught(&self.device, || {
            let buffers: Vec<wgpu::Buffer> =
                contents.iter().map(|words| self.upload(bytemuck::cast_slice(words))).collect();
            let uniform = self.buffer(PARAMS_STRIDE as u64, wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST);
            self.queue.write_buffer(&uniform, 0, params);
            let bound: Vec<&wgpu::Buffer> = buffers.iter().collect();
            let group = self.bind(pipeline, &uniform, &bound);
            let mut encoder = self.device.create_command_encoder(&Default::default());
            {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                pass.set_pipeline(&pipeline.pipeline);
                pass.set_bind_group(0, &group, &[0]);
                pass.dispatch_workgroups(grid[0], grid[1], grid[2]);
            }
            let staging: Vec<wgpu::Buffer> =
                buffers.iter().map(|b| self.stage(&mut encoder, &[(b, b.size())])).collect();
            self.queue.submit([encoder.finish()]);
            (buffers, staging)
        });
        self.settle(errors).await?;
        let mut after = Vec::new();
        for (staging, words) in staging.iter().zip(contents) {
            let bytes = self.read(staging).await?;
            after.push(bytemuck::pod_collect_to_vec(&bytes[..words.len() * 4]));
        }
        drop(buffers);
        Ok(after)
    }

    /// Whether the device can be used.
    ///
    /// # Errors
    /// It is lost, or something failed outside any call.
    pub fn check(&self) -> Result<(), SessionError> {
        if let Some(why) = self.lost() {
            return Err(SessionError::Lost(why));
        }
        match self.health.fault.lock().expect("no holder panics").take() {
            Some(fault) => Err(SessionError::Gpu(fault)),
            None => Ok(()),
        }
    }

    /// Waits for what error scopes caught.
    ///
    /// # Errors
    /// What was caught; a device that is lost.
    pub async fn settle(&self, errors: Caught) -> Result<(), SessionError> {
        let first = errors.first().await;
        // a lost device is the cause, whatever else was reported
        self.check()?;
        first.map_or(Ok(()), |message| Err(SessionError::Gpu(message)))
    }

    /// A buffer of at least 16 bytes, for an empty one cannot be bound.
    pub fn buffer(&self, bytes: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        let size = bytes.max(16).next_multiple_of(4);
        self.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
    }

    /// A storage buffer of at least `bytes` bytes.
    pub fn storage(&self, bytes: u64) -> wgpu::Buffer {
        use wgpu::BufferUsages as Usage;
        self.buffer(bytes, Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC)
    }

    /// A storage buffer with these contents.
    pub fn upload(&self, bytes: &[u8]) -> wgpu::Buffer {
        let buffer = self.storage(bytes.len() as u64);
        self.queue.write_buffer(&buffer, 0, bytes);
        buffer
    }

    /// The bind group of a kernel: the parameter blocks and its storage buffers in order.
    pub fn bind(&self, pipeline: &Pipeline, uniform: &wgpu::Buffer, buffers: &[&wgpu::Buffer]) -> wgpu::BindGroup {
        let size = wgpu::BufferSize::new(pipeline.params_size as u64);
        let params = wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: uniform, offset: 0, size });
        let storage = buffers.iter().map(|buffer| buffer.as_entire_binding());
        let entries: Vec<_> = (0..)
            .zip(std::iter::once(params).chain(storage))
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource })
            .collect();
        let layout = &pipeline.layout;
        self.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
    }

    /// Copies the first bytes of each buffer, as many as given with it, one after another to a new buffer that
    /// [`Gpu::read`] takes.
    pub fn stage(&self, encoder: &mut wgpu::CommandEncoder, parts: &[(&wgpu::Buffer, u64)]) -> wgpu::Buffer {
        let bytes = parts.iter().map(|(_, bytes)| bytes).sum();
        let staging = self.buffer(bytes, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST);
        let mut at = 0;
        for &(buffer, bytes) in parts {
            encoder.copy_buffer_to_buffer(buffer, 0, &staging, at, bytes);
            at += bytes;
        }
        staging
    }

    /// The contents of a staging buffer, once everything submitted before is done.
    ///
    /// # Errors
    /// A device that is lost, or fails.
    pub async fn read(&self, staging: &wgpu::Buffer) -> Result<Vec<u8>, SessionError> {
        let (sender, receiver) = promise();
        staging.map_async(wgpu::MapMode::Read, .., move |result| sender.keep(result));
        // In the browser this does nothing and the event loop calls back. Elsewhere it waits; an error means that no
        // callback may ever come.
        if let Err(error) = self.device.poll(wgpu::PollType::wait_indefinitely()) {
            self.check()?;
            return Err(SessionError::Gpu(error.to_string()));
        }
        let mapped = receiver.await;
        self.check()?;
        mapped.map_err(|error| SessionError::Gpu(error.to_string()))?;
        let bytes = match staging.get_mapped_range(..) {
            Ok(range) => range.to_vec(),
            Err(error) => return Err(SessionError::Gpu(error.to_string())),
        };
        staging.unmap();
        Ok(bytes)
    }
}

/// Compiles a kernel with its constants.
pub fn compile(device: &wgpu::Device, kernel: &Shader) -> Pipeline {
    use wgpu::BufferBindingType::{Storage, Uniform};
    let entry = |binding, ty, dynamic, size| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty,
            has_dynamic_offset: dynamic,
            min_binding_size: wgpu::BufferSize::new(size),
        },
        count: None,
    };
    let mut entries = vec![entry(0, Uniform, true, kernel.params_size as u64)];
    entries.extend((1..).zip(kernel.bindings).map(|(at, b)| entry(at, Storage { read_only: !b.written }, false, 4)));
    let layout = device
        .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(kernel.name), entries: &entries });
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(kernel.name),
        source: wgpu::ShaderSource::Wgsl(kernel.source.into()),
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(kernel.name),
        layout: Some(&device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(kernel.name),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        })),
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: kernel.constants,
            // every kernel writes workgroup memory before it reads it; zeroing it takes software adapters longer than
            // the work itself (browsers zero it regardless)
            zero_initialize_workgroup_memory: false,
        },
        cache: None,
    });
    Pipeline { layout, params_size: kernel.params_size, pipeline }
}

/// Errors of the work between pushing and popping error scopes, still to be waited for.
pub struct Caught(Vec<Pin<Box<dyn Future<Output = Option<wgpu::Error>>>>>);

impl Caught {
    /// The first error in words.
    async fn first(self) -> Option<String> {
        let mut first = None;
        for scope in self.0 {
            let error = scope.await;
            first = first.or(error.map(|error| error.to_string()));
        }
        first
    }
}

/// Does `work` within error scopes of every kind.
pub fn caught<T>(device: &wgpu::Device, work: impl FnOnce() -> T) -> (T, Caught) {
    let filters = [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation];
    let scopes = filters.map(|filter| device.push_error_scope(filter));
    let result = work();
    let mut errors: Vec<Pin<Box<dyn Future<Output = Option<wgpu::Error>>>>> = Vec::new();
    for scope in scopes.into_iter().rev() {
        errors.push(Box::pin(scope.pop()));
    }
    (result, Caught(errors))
}

/// A value that a callback will bring.
pub struct Promise<T>(Arc<Mutex<(Option<T>, Option<Waker>)>>);

/// What the callback has of it.
pub struct Sender<T>(Arc<Mutex<(Option<T>, Option<Waker>)>>);

/// A promise, and what keeps it.
pub fn promise<T>() -> (Sender<T>, Promise<T>) {
    let shared = Arc::new(Mutex::new((None, None)));
    (Sender(shared.clone()), Promise(shared))
}

impl<T> Promise<T> {
    /// The value, if it has come, without waiting.
    pub fn take(&self) -> Option<T> {
        self.0.lock().expect("no holder panics").0.take()
    }
}

impl<T> Sender<T> {
    /// Brings the value.
    pub fn keep(self, value: T) {
        let waker = {
            let mut shared = self.0.lock().expect("no holder panics");
            shared.0 = Some(value);
            shared.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Future for Promise<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, wake: &mut Wake<'_>) -> Poll<T> {
        let mut shared = self.0.lock().expect("no holder panics");
        match shared.0.take() {
            Some(value) => Poll::Ready(value),
            None => {
                shared.1 = Some(wake.waker().clone());
                Poll::Pending
            }
        }
    }
}
