//! The one decision about what to use of an adapter.

use super::{CompileAhead, Tuning};
use crate::{Error, Result};

/// What the caller asks of the device.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct GpuOptions {
    /// Part of the adapter's name; the best adapter when absent.
    pub adapter: Option<String>,
    /// What the adapter is called, in browsers, where wgpu is not told.
    pub adapter_name: Option<String>,
    /// Do not use subgroups although the adapter has them.
    pub no_subgroups: bool,
    /// Keep to WebGPU's default limits although the adapter offers more.
    pub default_limits: bool,
    /// Be able to time kernels where the adapter can ([`super::Gpu::time`]).
    #[serde(skip)]
    pub timestamps: bool,
    /// Changes a kernel's WGSL (label, text) before it is compiled: for tests that plant a fault.
    #[serde(skip)]
    pub patch: Option<fn(&str, String) -> String>,
    /// How kernels are compiled side by side in a browser.
    #[serde(skip)]
    pub compile_ahead: Option<CompileAhead>,
}

/// The tier: what kernels may use on this device.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Caps {
    /// Adapter name.
    pub adapter: String,
    /// Backend, such as `Vulkan` or `BrowserWebGpu`.
    pub backend: String,
    /// Driver and version, where known.
    pub driver: String,
    /// Subgroup operations may be used, and every subgroup has at least 8 invocations.
    pub subgroups: bool,
    /// Smallest and largest subgroup of the adapter.
    pub subgroup_sizes: (u32, u32),
    /// Largest buffer that can be bound, in bytes.
    pub max_binding: u64,
    /// The device computes on a CPU.
    pub cpu: bool,
    /// Which way kernels take that have more than one.
    pub tuning: Tuning,
}

impl Caps {
    /// Most neighbouring invocations, up to 32, that are sure to be in one subgroup: a power of two. 8 where there are no
    /// subgroups, and workgroup memory does the same.
    pub fn cluster(&self) -> u32 {
        match (self.subgroups, self.subgroup_sizes.0) {
            (true, 32..) => 32,
            (true, 16..) => 16,
            _ => 8,
        }
    }
}

/// The adapter, device and tier for `options`.
pub(super) async fn open(options: &GpuOptions) -> Result<(wgpu::Device, wgpu::Queue, Caps)> {
    let adapter = adapter(options).await?;
    let info = adapter.get_info();
    let features = adapter.features();
    // The cluster sums of matvec need 8 neighbouring lanes in one subgroup.
    let subgroups = !options.no_subgroups && has_subgroups(features) && info.subgroup_min_size >= 8;
    let limits = if options.default_limits { wgpu::Limits::default() } else { adapter.limits() };
    let mut required = wgpu::Features::empty();
    required.set(wgpu::Features::SUBGROUP, subgroups && !cfg!(target_arch = "wasm32"));
    required.set(
        wgpu::Features::TIMESTAMP_QUERY,
        options.timestamps && features.contains(wgpu::Features::TIMESTAMP_QUERY),
    );
    let max_binding = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) & !15;
    let (device, queue) = adapter
        .request_device(&wgpu::DeviceDescriptor {
            label: Some("minke"),
            required_features: required,
            required_limits: limits,
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        })
        .await
        .map_err(|e| Error::NoAdapter(format!("{} gave no device: {e}", info.name)))?;
    let caps = Caps {
        adapter: options.adapter_name.clone().unwrap_or(info.name),
        backend: format!("{:?}", info.backend),
        driver: format!("{} {}", info.driver, info.driver_info).trim().into(),
        subgroups,
        subgroup_sizes: (info.subgroup_min_size, info.subgroup_max_size),
        max_binding,
        cpu: info.device_type == wgpu::DeviceType::Cpu,
        tuning: Tuning::default(),
    };
    Ok((device, queue, caps))
}

/// wgpu 30 does not map WebGPU's `subgroups`: in a browser the worker asks for the feature itself and
/// sets `noSubgroups` where the adapter lacks it.
fn has_subgroups(features: wgpu::Features) -> bool {
    cfg!(target_arch = "wasm32") || features.contains(wgpu::Features::SUBGROUP)
}

async fn adapter(options: &GpuOptions) -> Result<wgpu::Adapter> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::VULKAN
        | wgpu::Backends::METAL
        | wgpu::Backends::DX12
        | wgpu::Backends::BROWSER_WEBGPU;
    let instance = wgpu::Instance::new(descriptor);
    let Some(name) = &options.adapter else {
        return instance
            .request_adapter(&wgpu::RequestAdapterOptions {
                power_preference: wgpu::PowerPreference::HighPerformance,
                ..Default::default()
            })
            .await
            .map_err(|e| Error::NoAdapter(e.to_string()));
    };
    let adapters = instance.enumerate_adapters(wgpu::Backends::all()).await;
    let names: Vec<_> = adapters.iter().map(|a| a.get_info().name).collect();
    adapters
        .into_iter()
        .find(|a| a.get_info().name.to_lowercase().contains(&name.to_lowercase()))
        .ok_or_else(|| Error::NoAdapter(format!("none is named {name:?}; there are {names:?}")))
}
