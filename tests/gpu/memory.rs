//! A device that has no more memory: at whatever buffer that shows, it is told as such, and nothing is left behind.

use crate::common::{self, Options};
use minke::context::{Context, Request};
use minke::gpu::Gpu;
use minke::model::ModelOptions;
use minke::sampler::SamplingParams;
use minke::{Error, Result};
use pollster::block_on;
use std::io::Cursor;
use std::rc::Rc;

const MODEL: &str = "refuse/control-qwen2.gguf";

/// Loads the model and lets it reply.
fn run(gpu: &Gpu, file: &[u8], options: &ModelOptions) -> Result<()> {
    let given = async || Ok(gpu.clone());
    let (model, ..) = block_on(minke::model::load(
        &mut Cursor::new(file),
        |_| Ok(()),
        given,
        options,
        common::now,
        |_| {},
    ))?;
    let mut context = block_on(Context::new(&Rc::new(model)))?;
    let sampling = SamplingParams::default();
    let request = Request {
        prompt: &[1, 2, 3],
        reply: &[],
        sampling: &sampling,
        entropy: 0,
        limit: 4,
        logits: false,
        masked: false,
    };
    let mut generation = block_on(context.generate(request, &|| false))?;
    while block_on(generation.next())?.is_some() {}
    Ok(())
}

#[test]
fn wherever_memory_ends_it_is_told_and_nothing_leaks() {
    let file = std::fs::read(common::vectors_dir().join(MODEL)).expect("a model");
    let Options { gpu, model } = common::options();
    let gpu = block_on(Gpu::request(&gpu)).expect("a device");
    // tuning too, but for its time: a device that fails at it keeps the usual kernels
    for model in [model.clone(), ModelOptions { tuning: None, ..model }] {
        let mut wanted = Vec::new();
        let mut most = 0;
        let enough = loop {
            gpu.limit_memory(Some(most));
            match run(&gpu, &file, &model) {
                Ok(()) => break most,
                Err(Error::OutOfMemory { what, bytes }) => {
                    assert!(!what.is_empty() && bytes > 0);
                    wanted.push(what);
                    assert_eq!(gpu.live_buffers(), 0, "after {} bytes", most);
                }
                Err(other) => panic!("with {most} bytes: {other}"),
            }
            most += most / 8 + 1024;
        };
        wanted.dedup();
        println!("{} kinds of buffers missed below {enough} bytes: {wanted:?}", wanted.len());
        assert!(wanted.len() > 4, "{wanted:?}");
    }
}
