//! Sampling on the CPU, with which the GPU's is compared.

use minke::sampler::{Sampler, SamplingParams};

/// Everything off: the model's own distribution.
pub fn plain() -> SamplingParams {
    SamplingParams { temperature: 1.0, top_p: 1.0, seed: Some(1), ..SamplingParams::default() }
}

/// ln of probabilities 0.4, 0.3, 0.2, 0.08, 0.02, shifted as logits may be.
pub fn logits() -> Vec<f32> {
    [0.4f32, 0.3, 0.2, 0.08, 0.02].iter().map(|p| p.ln() + 3.0).collect()
}

/// The CPU's tokens at `n` positions, each as if it were the reply's first.
pub fn on_cpu(params: &SamplingParams, logits: &[f32], n: u32) -> Vec<u32> {
    on_cpu_of(params, logits, n, None)
}

/// The same, of the tokens in a mask.
pub fn on_cpu_of(params: &SamplingParams, logits: &[f32], n: u32, mask: Option<&[u32]>) -> Vec<u32> {
    let draw = |position| {
        let mut sampler = Sampler::new(params.clone(), 0, &[]).unwrap();
        sampler.sample(&mut logits.to_vec(), position, mask).unwrap()
    };
    (0..n).map(draw).collect()
}
