//! Both samplers: what each parameter keeps, how often each token is drawn, that a seed repeats a reply, and that the
//! GPU chooses what the CPU does.

use crate::common::sampling::{logits, on_cpu, on_cpu_of, plain};
use crate::common::{self, Options, coverage};
use minke::gpu::{Buffer, Dispatch, Gpu};
use minke::kernels::sample::RING;
use minke::kv_type::KvTypes;
use minke::model::gpu_sampler::{GpuSampler, SamplerScratch, token_at};
use minke::sampler::{Sampler, SamplingParams};
use pollster::block_on;
use std::collections::HashMap;

/// A sampler on the GPU and what it reads.
struct OnGpu {
    gpu: Gpu,
    logits: Buffer,
    batch: Buffer,
    sampler: GpuSampler,
    dispatches: [Dispatch; 3],
}

impl OnGpu {
    fn new(options: &Options, logits: &[f32]) -> Self {
        let gpu = options.open();
        let logits_buffer = gpu.buffer_with("logits", bytemuck::cast_slice(logits)).unwrap();
        let batch = gpu.buffer("batch", 64).unwrap();
        let sampler = GpuSampler::new(&gpu, logits.len()).unwrap();
        let scratch = SamplerScratch::new(&gpu, logits.len()).unwrap();
        let dispatches = sampler.dispatches(&gpu, &scratch, &logits_buffer, &batch);
        Self { gpu, logits: logits_buffer, batch, sampler, dispatches }
    }

    /// A reply's tokens at positions 0 to `n` - 1, all from the same logits.
    fn tokens(&self, params: &SamplingParams, n: u32) -> minke::Result<Vec<u32>> {
        self.tokens_of(params, n, None)
    }

    /// The same, of the tokens in a mask.
    fn tokens_of(&self, params: &SamplingParams, n: u32, mask: Option<&[u32]>) -> minke::Result<Vec<u32>> {
        self.sampler.start(&self.gpu, params, params.seed.unwrap_or(0), &[]);
        mask.into_iter().for_each(|mask| self.sampler.allow(&self.gpu, mask));
        // as if the logits followed position -1
        self.gpu.write(&self.batch, 0, bytemuck::cast_slice(&[u32::MAX, 1, 0, 0, 0]));
        let mut tokens = Vec::new();
        while (tokens.len() as u32) < n {
            let first = tokens.len();
            let steps = (n as usize - first).min(RING as usize);
            self.gpu.submit(std::iter::repeat_n(&self.dispatches, steps).flatten(), 1);
            let ring = block_on(self.gpu.read(&self.sampler.sampled, u64::from(4 * RING)))?;
            for position in first..first + steps {
                tokens.push(token_at(&ring, position)?);
            }
        }
        Ok(tokens)
    }
}

/// How often each token comes.
fn counts(tokens: &[u32]) -> [usize; 5] {
    let mut counts = [0; 5];
    tokens.iter().for_each(|id| counts[*id as usize] += 1);
    counts
}

/// Pearson's chi-square of counts against probabilities; tokens of probability 0 must not come.
fn chi_square(counts: [usize; 5], probabilities: [f64; 5]) -> f64 {
    let n: usize = counts.iter().sum();
    let term = |(count, p): (&usize, &f64)| match *p == 0.0 {
        true => {
            if *count == 0 {
                0.0
            } else {
                f64::INFINITY
            }
        }
        false => (*count as f64 - n as f64 * p).powi(2) / (n as f64 * p),
    };
    counts.iter().zip(&probabilities).map(term).sum()
}

/// The 0.1 % point of chi-square with 4 degrees of freedom.
const BOUND: f64 = 18.47;

#[test]
fn draws_follow_the_distribution() {
    let cases = [
        (plain(), [0.4, 0.3, 0.2, 0.08, 0.02]),
        (SamplingParams { top_k: 2, ..plain() }, [4.0 / 7.0, 3.0 / 7.0, 0.0, 0.0, 0.0]),
        (SamplingParams { top_p: 0.85, ..plain() }, [4.0 / 9.0, 3.0 / 9.0, 2.0 / 9.0, 0.0, 0.0]),
        (SamplingParams { min_p: 0.19, ..plain() }, [0.4 / 0.98, 0.3 / 0.98, 0.2 / 0.98, 0.08 / 0.98, 0.0]),
        // entropy 1.32: surprises 0.92, 1.20, 1.61, 2.53, 3.91, so tokens 1, 2 and 0 are the typical ones
        (SamplingParams { typical_p: 0.6, ..plain() }, [4.0 / 9.0, 3.0 / 9.0, 2.0 / 9.0, 0.0, 0.0]),
        (SamplingParams { temperature: 0.5, top_k: 2, ..plain() }, [0.64, 0.36, 0.0, 0.0, 0.0]),
        (
            SamplingParams { logit_bias: HashMap::from([(0, -100.0), (1, -100.0)]), top_k: 2, ..plain() },
            [0.0, 0.0, 5.0 / 7.0, 2.0 / 7.0, 0.0],
        ),
    ];
    let on_gpu = OnGpu::new(&Options::default(), &logits());
    let draws = if coverage::full() { 4000 } else { 200 };
    for (params, probabilities) in cases {
        let tokens = [on_cpu(&params, &logits(), draws), on_gpu.tokens(&params, draws).unwrap()];
        for (tokens, place) in tokens.iter().zip(["CPU", "GPU"]) {
            let chi = chi_square(counts(tokens), probabilities);
            assert!(chi < BOUND, "chi-square {chi} on the {place} for {params:?}");
        }
    }
    let counts = counts(&on_cpu(&plain(), &logits(), 4000));
    assert!(chi_square(counts, [0.3, 0.4, 0.2, 0.08, 0.02]) > BOUND, "the test can fail");
}

/// Logits such as a model's: most are nothing, a few compete.
fn many_logits(n: usize) -> Vec<f32> {
    let mut state = 1u32;
    let mut float = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 16_777_216.0
    };
    (0..n)
        .map(|_| 6.0 * (-2.0 * (float() + 1e-7).ln()).sqrt() * (std::f32::consts::TAU * float()).cos())
        .collect()
}

/// The two differ only where floats do: exp and log may be off by some units in the last place.
#[test]
fn the_gpu_chooses_what_the_cpu_does() {
    let logits = many_logits(20_011);
    let bias = HashMap::from([(0, 30.0), (7, -100.0), (20_010, 29.5), (40_000, 1.0)]);
    let cases = [
        plain(),
        SamplingParams { temperature: 100.0, ..plain() },
        SamplingParams { temperature: 0.6, top_p: 0.95, ..plain() },
        SamplingParams { top_k: 40, top_p: 0.9, ..plain() },
        SamplingParams { top_k: 1, ..plain() },
        SamplingParams { top_k: 100_000, ..plain() },
        SamplingParams { min_p: 0.05, ..plain() },
        SamplingParams { typical_p: 0.5, ..plain() },
        SamplingParams { typical_p: 0.9, top_k: 200, top_p: 0.8, min_p: 0.001, temperature: 2.0, ..plain() },
        SamplingParams { logit_bias: bias, ..plain() },
        SamplingParams { seed: Some(u64::MAX - 5), temperature: 3.0, ..plain() },
    ];
    let draws = if coverage::full() { 100 } else { 20 };
    for coverage::Row { options, .. } in coverage::rows() {
        let on_gpu = OnGpu::new(&options, &logits);
        let mut different = 0;
        for params in &cases {
            let (cpu, gpu) = (on_cpu(params, &logits, draws), on_gpu.tokens(params, draws).unwrap());
            let here = cpu.iter().zip(&gpu).filter(|(a, b)| a != b).count();
            assert!(here <= 1, "{here} of {draws} tokens differ for {params:?}:\n{cpu:?}\n{gpu:?}");
            different += here;
        }
        println!(
            "{} {different} of {} tokens differ",
            common::tier_row(&on_gpu.gpu, &options.gpu, KvTypes::F32),
            draws as usize * cases.len()
        );
    }
    let other = SamplingParams { seed: Some(2), ..plain() };
    assert_ne!(on_cpu(&plain(), &logits, 100), on_cpu(&other, &logits, 100), "the test can fail");
}

/// Where there is only addition and comparison, both are equal: greedy replies with bias and penalties.
#[test]
fn greedy_replies_are_equal() {
    let logits = many_logits(5000);
    let greedy = SamplingParams { temperature: 0.0, ..plain() };
    let on_gpu = OnGpu::new(&Options::default(), &logits);
    for params in [
        greedy.clone(),
        SamplingParams { presence_penalty: 1.5, ..greedy.clone() },
        SamplingParams { frequency_penalty: 0.25, presence_penalty: -0.5, ..greedy.clone() },
        SamplingParams { repetition_penalty: 2.0, logit_bias: HashMap::from([(3, 25.0)]), ..greedy.clone() },
    ] {
        let mut sampler = Sampler::new(params.clone(), 0, &[]).unwrap();
        let cpu: Vec<u32> = (0..50).map(|p| sampler.sample(&mut logits.clone(), p, None).unwrap()).collect();
        assert_eq!(on_gpu.tokens(&params, 50).unwrap(), cpu, "{params:?}");
        assert_eq!(on_gpu.tokens(&params, 50).unwrap(), cpu, "the second reply starts anew: {params:?}");
    }
}

#[test]
fn broken_logits_are_an_error_on_the_gpu_too() {
    let on_gpu = OnGpu::new(&Options::default(), &logits());
    assert!(on_gpu.tokens(&plain(), 1).is_ok());
    for wrong in [f32::NAN, f32::INFINITY] {
        on_gpu.gpu.write(&on_gpu.logits, 8, bytemuck::bytes_of(&wrong));
        for params in [plain(), SamplingParams { temperature: 0.0, ..plain() }] {
            let error = on_gpu.tokens(&params, 1).expect_err("not finite").to_string();
            assert!(error.contains("finite"), "{error}");
        }
    }
}

/// A mask of the tokens that `may` come.
fn mask(n: usize, may: impl Fn(usize) -> bool) -> Vec<u32> {
    let word = |ids: &[usize]| ids.iter().filter(|id| may(**id)).fold(0, |word, id| word | 1 << (id % 32));
    (0..n).collect::<Vec<_>>().chunks(32).map(word).collect()
}

#[test]
fn masks_are_kept_by_both_samplers() {
    let n = 2003;
    let logits = many_logits(n);
    let best = minke::sampler::likeliest(&logits, 500);
    let on_gpu = OnGpu::new(&Options::default(), &logits);
    let masks = [
        mask(n, |id| id % 3 == 0),
        mask(n, |id| !best.contains(&(id as u32))), // far behind those that it would have chosen
        mask(n, |id| id == n - 1),
        mask(n, |id| id == 0 || id == 1999),
        mask(n, |_| true),
        mask(700, |id| id % 2 == 1), // shorter than the vocabulary: the rest may not come
    ];
    let greedy = SamplingParams { temperature: 0.0, ..plain() };
    let bias = HashMap::from([(best[0], 50.0), (3, 20.0), (9, -100.0)]);
    for params in [
        greedy.clone(),
        plain(),
        SamplingParams { temperature: 3.0, seed: Some(4), ..plain() },
        SamplingParams { top_k: 5, top_p: 0.9, ..plain() },
        SamplingParams { typical_p: 0.5, min_p: 0.01, ..plain() },
        SamplingParams { logit_bias: bias, temperature: 2.0, ..plain() },
    ] {
        for mask in &masks {
            let may = |id: &u32| mask.get(*id as usize / 32).is_some_and(|word| word >> (id % 32) & 1 == 1);
            let cpu = on_cpu_of(&params, &logits, 10, Some(mask));
            let gpu = on_gpu.tokens_of(&params, 10, Some(mask)).unwrap();
            assert!(cpu.iter().chain(&gpu).all(may), "{params:?}: {cpu:?} {gpu:?}");
            let different = cpu.iter().zip(&gpu).filter(|(a, b)| a != b).count();
            assert!(different <= 1, "{params:?}: {cpu:?} {gpu:?}");
        }
        let (cpu, gpu) = (on_cpu(&params, &logits, 10), on_gpu.tokens(&params, 10).unwrap());
        let different = cpu.iter().zip(&gpu).filter(|(a, b)| a != b).count();
        assert!(different <= 1, "without a mask again, {params:?}: {cpu:?} {gpu:?}");
    }
    let free = on_gpu.tokens(&greedy, 1).unwrap();
    assert_eq!(free, best[..1], "the mask is gone");
    assert_ne!(on_gpu.tokens_of(&greedy, 1, Some(&masks[1])).unwrap(), free);
}
