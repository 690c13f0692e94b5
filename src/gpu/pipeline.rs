//! From a kernel's text to a pipeline, and from a pipeline and buffers to a dispatch.

use super::dispatch::{Bind, Dispatch, Groups};
use super::{Gpu, Verdict};
use crate::{Error, Result};
use std::cell::RefCell;
use std::collections::HashMap;

/// What a device has compiled.
#[derive(Default)]
pub(super) struct Pipelines {
    by_text: RefCell<HashMap<String, wgpu::ComputePipeline>>,
    /// Of the texts compiled since the last wait, with their kernels' names.
    verdicts: RefCell<Vec<(String, String, Verdict)>>,
}

impl Gpu {
    /// Binds buffers in order (binding 0, 1, ...) to the kernel of a WGSL text (from [`super::shader::compose`]), which is
    /// compiled once. Drivers may compile later, and browsers always do: an error shows at the next wait.
    pub fn dispatch(&self, label: &str, source: String, binds: &[Bind], groups: [Groups; 2]) -> Dispatch {
        self.count(|c| c.texts += 1);
        let pipeline = self.pipeline(label, source, binds);
        self.bind(label.into(), pipeline, binds.iter().map(|bind| bind.buffer().clone()).collect(), groups)
    }

    fn pipeline(&self, label: &str, source: String, binds: &[Bind]) -> wgpu::ComputePipeline {
        let pipelines = &self.shared.pipelines;
        if let Some(pipeline) = pipelines.by_text.borrow().get(&source) {
            return pipeline.clone();
        }
        self.count(|c| c.pipelines += 1);
        let compiled = match self.shared.options.patch {
            Some(patch) => patch(label, source.clone()),
            None => source.clone(),
        };
        let device = &self.shared.device;
        // WGSL that is refused is the one, a compiler that gives up is the other
        let scopes = [wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::Internal]
            .map(|filter| device.push_error_scope(filter));
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(label),
            source: wgpu::ShaderSource::Wgsl(compiled.into()),
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(label),
            layout: Some(&self.pipeline_layout(binds)),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        for scope in scopes.into_iter().rev() {
            let verdict: Verdict = Box::pin(scope.pop());
            pipelines.verdicts.borrow_mut().push((label.into(), source.clone(), verdict));
        }
        pipelines.by_text.borrow_mut().insert(source, pipeline.clone());
        pipeline
    }

    /// The layout is stated, not derived: a format may leave a binding unused.
    fn pipeline_layout(&self, binds: &[Bind]) -> wgpu::PipelineLayout {
        let entries: Vec<_> = binds
            .iter()
            .zip(0..)
            .map(|(bind, binding)| wgpu::BindGroupLayoutEntry {
                binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Storage { read_only: matches!(bind, Bind::Read(_)) },
                    has_dynamic_offset: false,
                    min_binding_size: None,
                },
                count: None,
            })
            .collect();
        let device = &self.shared.device;
        let group = device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
        device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(&group)],
            ..Default::default()
        })
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
