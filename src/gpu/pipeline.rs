//! From a kernel's text to a pipeline, and from a pipeline and buffers to a dispatch.

use super::dispatch::{Bind, Dispatch, Groups};
use super::{Gpu, Verdict};
use crate::{Error, Result};
use std::any::Any;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;

/// A kernel, compiled with others by [`Gpu::compile`], or when it is first recorded.
pub(super) struct Pipeline {
    label: String,
    /// Before [`super::GpuOptions::patch`].
    source: String,
    text: KernelText,
    /// Of its bindings, stated and not derived: a format may leave one unused.
    pub layout: wgpu::BindGroupLayout,
    made: OnceCell<wgpu::ComputePipeline>,
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("label", &self.label).finish_non_exhaustive()
    }
}

/// What a compiler needs to know of a kernel.
#[derive(Clone, Debug, serde::Serialize)]
pub struct KernelText {
    /// WGSL with an entry point `main`.
    pub code: String,
    /// Of each binding of group 0, a storage buffer, whether it is written.
    pub writes: Vec<bool>,
}

/// Compiles kernels side by side, as a browser can but wgpu cannot ask of it: they are there when wgpu asks for them, as long as
/// what this gives is held.
pub type CompileAhead = Rc<dyn Fn(Vec<KernelText>) -> Pin<Box<dyn Future<Output = Box<dyn Any>>>>>;

/// What a device has compiled or will.
#[derive(Default)]
pub(super) struct Pipelines {
    by_text: RefCell<HashMap<String, Rc<Pipeline>>>,
    /// Those that may not be compiled yet.
    waiting: RefCell<Vec<Rc<Pipeline>>>,
    /// Of the texts compiled since the last wait, with their kernels' names.
    verdicts: RefCell<Vec<(String, String, Verdict)>>,
}

impl Gpu {
    /// Binds buffers in order (binding 0, 1, ...) to the kernel of a WGSL text (from [`super::shader::compose`]), which is
    /// compiled once: by [`Gpu::compile`], or when it is first submitted. An error shows at the next wait.
    pub fn dispatch(&self, label: &str, source: String, binds: &[Bind], groups: [Groups; 2]) -> Dispatch {
        self.count(|c| c.texts += 1);
        let pipeline = self.pipeline(label, source, binds);
        self.bind(label.into(), pipeline, binds.iter().map(|bind| bind.buffer().clone()).collect(), groups)
    }

    fn pipeline(&self, label: &str, source: String, binds: &[Bind]) -> Rc<Pipeline> {
        let pipelines = &self.shared.pipelines;
        if let Some(pipeline) = pipelines.by_text.borrow().get(&source) {
            return pipeline.clone();
        }
        self.count(|c| c.pipelines += 1);
        let code = match self.shared.options.patch {
            Some(patch) => patch(label, source.clone()),
            None => source.clone(),
        };
        let text =
            KernelText { code, writes: binds.iter().map(|bind| matches!(bind, Bind::Write(_))).collect() };
        let layout = bind_group_layout(&self.shared.device, &text.writes);
        let made = OnceCell::new();
        let pipeline = Rc::new(Pipeline { label: label.into(), source: source.clone(), text, layout, made });
        pipelines.waiting.borrow_mut().push(pipeline.clone());
        pipelines.by_text.borrow_mut().insert(source, pipeline.clone());
        pipeline
    }

    /// Compiles all kernels that were asked for and are not compiled yet, as many at once as the machine can.
    pub async fn compile(&self) {
        let waiting: Vec<_> =
            self.shared.pipelines.waiting.take().into_iter().filter(|p| p.made.get().is_none()).collect();
        let texts = || waiting.iter().map(|pipeline| pipeline.text.clone()).collect();
        let _ahead = match &self.shared.options.compile_ahead {
            // a CPU has better things to do at the same time
            Some(ahead) if !self.caps.cpu => Some(ahead(texts()).await),
            _ => None,
        };
        for (i, made) in make_all(&self.shared.device, &waiting) {
            waiting[i].made.get_or_init(|| self.judged(&waiting[i], made));
        }
    }

    /// Compiled by now.
    pub(super) fn compiled<'p>(&self, pipeline: &'p Pipeline) -> &'p wgpu::ComputePipeline {
        let make = || make(&self.shared.device, &pipeline.label, &pipeline.text, &pipeline.layout);
        pipeline.made.get_or_init(|| self.judged(pipeline, make()))
    }

    /// Keeps the verdict until somebody waits.
    fn judged(&self, pipeline: &Pipeline, (made, verdicts): Made) -> wgpu::ComputePipeline {
        for verdict in verdicts {
            let kernel = (pipeline.label.clone(), pipeline.source.clone(), verdict);
            self.shared.pipelines.verdicts.borrow_mut().push(kernel);
        }
        made
    }

    /// [`Error::Shader`] if the driver rejected a kernel since this was last asked. It is forgotten, so that it is
    /// rejected again when it is asked for again.
    pub(super) async fn check_shaders(&self) -> Result<()> {
        let pipelines = &self.shared.pipelines;
        let verdicts = pipelines.verdicts.take();
        let mut first = Ok(());
        for (kernel, source, verdict) in verdicts {
            if let Some(error) = verdict.await {
                pipelines.by_text.borrow_mut().remove(&source);
                if first.is_ok() {
                    first = Err(Error::Shader { kernel, problem: error.to_string() });
                }
            }
        }
        first
    }
}

/// A pipeline, and what the driver says of it.
type Made = (wgpu::ComputePipeline, [Verdict; 2]);

fn make(device: &wgpu::Device, label: &str, text: &KernelText, layout: &wgpu::BindGroupLayout) -> Made {
    // WGSL that is refused is the one, a compiler that gives up is the other
    let [validation, internal] = [wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::Internal]
        .map(|filter| device.push_error_scope(filter));
    let module = shader_module(device, label, &text.code);
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: &[Some(layout)],
        ..Default::default()
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(label),
        layout: Some(&layout),
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions::default(),
        cache: None,
    });
    let internal: Verdict = Box::pin(internal.pop());
    (pipeline, [internal, Box::pin(validation.pop())])
}

/// Makes all, with their places. Natively by threads: drivers compile while a pipeline is made.
fn make_all(device: &wgpu::Device, waiting: &[Rc<Pipeline>]) -> Vec<(usize, Made)> {
    let kernels: Vec<_> = waiting.iter().map(|p| (p.label.as_str(), &p.text, &p.layout)).collect();
    let make_each = |first: usize, step: usize| -> Vec<(usize, Made)> {
        let each = kernels.iter().enumerate().skip(first).step_by(step);
        each.map(|(i, (label, text, layout))| (i, make(device, label, text, layout))).collect()
    };
    #[cfg(target_arch = "wasm32")]
    return make_each(0, 1);
    #[cfg(not(target_arch = "wasm32"))]
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(kernels.len());
        let parts: Vec<_> = (0..threads).map(|i| scope.spawn(move || make_each(i, threads))).collect();
        // what a thread leaves is compiled when it is recorded
        parts.into_iter().flat_map(|part| part.join().unwrap_or_default()).collect()
    })
}

fn bind_group_layout(device: &wgpu::Device, writes: &[bool]) -> wgpu::BindGroupLayout {
    let entries: Vec<_> = writes
        .iter()
        .zip(0..)
        .map(|(writes, binding)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only: !writes },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        })
        .collect();
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries })
}

/// Natively wgpu would count every loop's rounds, so that none runs for ever: kernels took up to twice as long with that on an
/// H200 (27 November 2026). A browser's own compiler decides for itself.
#[allow(unsafe_code)]
fn shader_module(device: &wgpu::Device, label: &str, text: &str) -> wgpu::ShaderModule {
    let source = wgpu::ShaderSource::Wgsl(text.into());
    let checks =
        wgpu::ShaderRuntimeChecks { force_loop_bounding: false, ..wgpu::ShaderRuntimeChecks::checked() };
    // SAFETY: what is left to the caller is that every loop ends. All texts are this crate's, their loops count up to a
    // constant or to a number that the host has checked; bounds are still enforced.
    unsafe {
        device
            .create_shader_module_trusted(wgpu::ShaderModuleDescriptor { label: Some(label), source }, checks)
    }
}
