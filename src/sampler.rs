//! Choosing the next token. This CPU sampler defines what sampling means here; shaders/sample.wgsl does the same.
//!
//! Order: logit bias, penalties and mask, then temperature, min-p, top-k, typical-p and top-p, each on the
//! distribution that the one before left, then one draw. What is equal to the last candidate kept is kept too.
//!
//! The draw is a race: each candidate has a random time that is exponential with its weight as the rate, and the
//! first one wins. It needs no order and no sums, and each time depends on nothing but seed, position and token.

use crate::{Error, Result};
use std::collections::HashMap;

/// How to sample. Names and meaning are OpenAI's, with top_k, min_p, typical_p and repetition_penalty as in
/// llama.cpp; the defaults are what DeepSeek recommends for R1.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingParams {
    /// Divides the logits; 0 is greedy.
    pub temperature: f32,
    /// Keep the k likeliest tokens; 0 keeps all.
    pub top_k: usize,
    /// Keep the fewest likeliest tokens whose probabilities reach this sum; 0 is greedy.
    pub top_p: f32,
    /// Keep tokens at least this likely, relative to the likeliest.
    pub min_p: f32,
    /// Keep tokens of typical surprise up to this sum (Meister et al. 2022); 1 keeps all.
    pub typical_p: f32,
    /// Divides (or multiplies, if negative) logits of tokens already seen (Keskar et al. 2019); 1 is off.
    pub repetition_penalty: f32,
    /// Subtracted from logits of tokens that the reply already has.
    pub presence_penalty: f32,
    /// Subtracted for every time the reply has them.
    pub frequency_penalty: f32,
    /// Added to the logits of tokens.
    pub logit_bias: HashMap<u32, f32>,
    /// For the same draws each time; from the clock if None.
    pub seed: Option<u64>,
}

impl Default for SamplingParams {
    fn default() -> Self {
        Self {
            temperature: 0.6,
            top_k: 0,
            top_p: 0.95,
            min_p: 0.0,
            typical_p: 1.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            logit_bias: HashMap::new(),
            seed: None,
        }
    }
}

impl SamplingParams {
    /// [`Error::InvalidRequest`] names the first parameter out of range.
    pub fn check(&self) -> Result<()> {
        let ranges = [
            ("temperature", self.temperature, 0.0, 100.0),
            ("top_p", self.top_p, 0.0, 1.0),
            ("min_p", self.min_p, 0.0, 1.0),
            ("typical_p", self.typical_p, f32::MIN_POSITIVE, 1.0),
            ("repetition_penalty", self.repetition_penalty, 0.01, 100.0),
            ("presence_penalty", self.presence_penalty, -2.0, 2.0),
            ("frequency_penalty", self.frequency_penalty, -2.0, 2.0),
        ];
        for (param, value, low, high) in ranges {
            if !(low..=high).contains(&value) {
                let problem = format!("{value} is not between {low} and {high}");
                return Err(Error::InvalidRequest { param: param.into(), problem });
            }
        }
        if let Some((id, bias)) = self.logit_bias.iter().find(|(_, bias)| !(-100.0..=100.0).contains(*bias)) {
            let problem = format!("{bias} for token {id} is not between -100 and 100");
            return Err(Error::InvalidRequest { param: "logit_bias".into(), problem });
        }
        Ok(())
    }

    fn is_greedy(&self) -> bool {
        self.temperature == 0.0 || self.top_p == 0.0
    }

    /// The weight below which min-p, or being as good as impossible, excludes a token.
    fn min_weight(&self) -> u32 {
        ((self.min_p * ONE) as u32).max(1)
    }

    /// The parameters as shaders/sample.wgsl reads them.
    pub fn words(&self, seed: u64) -> [u32; 12] {
        let penalties = [self.repetition_penalty, self.presence_penalty, self.frequency_penalty];
        let [repetition, presence, frequency] = penalties.map(f32::to_bits);
        [
            if self.is_greedy() { 0 } else { self.temperature.to_bits() },
            self.top_p.to_bits(),
            self.typical_p.to_bits(),
            (self.top_k as f32).to_bits(),
            self.min_weight(),
            seed as u32,
            (seed >> 32) as u32,
            repetition,
            presence,
            frequency,
            (penalties != [1.0, 0.0, 0.0]).into(),
            (!self.logit_bias.is_empty()).into(),
        ]
    }
}

/// What is taken from the logits of tokens that a mask leaves out.
const MASKED: f32 = 1e30;

/// The weight of the likeliest token. What weighs less than 1 is never chosen.
const ONE: f32 = 2_147_483_648.0;

/// Samples the tokens of one reply.
#[derive(Debug)]
pub struct Sampler {
    params: SamplingParams,
    seed: u64,
    counts: HashMap<u32, u32>,
    candidates: Vec<Candidate>,
}

/// A token and its weight: an integer, so that sums are exact in any order.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    id: u32,
    weight: u32,
}

impl Sampler {
    /// A sampler; `entropy` seeds it when the parameters have no seed. `reply` are the tokens that the reply has already.
    pub fn new(params: SamplingParams, entropy: u64, reply: &[u32]) -> Result<Self> {
        params.check()?;
        let seed = params.seed.unwrap_or(entropy);
        Ok(Self { params, seed, counts: counts(reply), candidates: Vec::new() })
    }

    /// What the draws depend on.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The token at `position`, from `logits` `[n_vocab]`, which are changed by bias, penalties and `mask`: a bit for each
    /// token, from the lowest of the first word on, that says whether it may be chosen. At least one may.
    pub fn sample(&mut self, logits: &mut [f32], position: u32, mask: Option<&[u32]>) -> Result<u32> {
        self.adjust(logits);
        if let Some(mask) = mask {
            let is_out = |id: usize| mask.get(id / 32).is_none_or(|word| word >> (id % 32) & 1 == 0);
            logits.iter_mut().enumerate().filter(|(id, _)| is_out(*id)).for_each(|(_, l)| *l -= MASKED);
        }
        if logits.is_empty() || !logits.iter().all(|l| l.is_finite()) {
            return Err(Error::NotFinite);
        }
        let id = if self.params.is_greedy() { argmax(logits) } else { self.draw(logits, position)? };
        *self.counts.entry(id).or_default() += 1;
        Ok(id)
    }

    fn adjust(&self, logits: &mut [f32]) {
        let p = &self.params;
        for (id, bias) in &p.logit_bias {
            logits.get_mut(*id as usize).into_iter().for_each(|l| *l += bias);
        }
        for (id, count) in &self.counts {
            let Some(l) = logits.get_mut(*id as usize) else { continue };
            *l = if *l > 0.0 { *l / p.repetition_penalty } else { *l * p.repetition_penalty };
            *l -= p.presence_penalty + p.frequency_penalty * *count as f32;
        }
    }

    fn draw(&mut self, logits: &[f32], position: u32) -> Result<u32> {
        let p = &self.params;
        let best = logits[argmax(logits) as usize];
        let c = &mut self.candidates;
        c.clear();
        let weights = logits.iter().map(|l| (((l - best) / p.temperature).exp() * ONE) as u32);
        let candidates = (0u32..).zip(weights).map(|(id, weight)| Candidate { id, weight });
        c.extend(candidates.filter(|c| c.weight >= p.min_weight()));
        if p.top_k > 0 {
            keep(c, p.top_k as f64, |c| c.weight, |_| 1);
        }
        if p.typical_p < 1.0 {
            let typicality = typicality(c);
            keep(c, share(c, p.typical_p), typicality, |c| c.weight);
        }
        if p.top_p < 1.0 {
            keep(c, share(c, p.top_p), |c| c.weight, |c| c.weight);
        }
        let score = |c: &Candidate| c.weight as f32 / exponential(random(self.seed, position, c.id));
        let faster = |a: &Candidate, b: &Candidate| score(a).total_cmp(&score(b)).then(b.id.cmp(&a.id));
        c.iter().copied().max_by(faster).map(|c| c.id).ok_or(Error::NotFinite)
    }
}

/// How often each token comes.
pub fn counts(tokens: &[u32]) -> HashMap<u32, u32> {
    let mut counts = HashMap::new();
    tokens.iter().for_each(|id| *counts.entry(*id).or_default() += 1);
    counts
}

/// Keeps the candidates of the largest keys whose masses reach `target`, and all that equal the last of them.
fn keep(
    candidates: &mut Vec<Candidate>,
    target: f64,
    key: impl Fn(&Candidate) -> u32,
    mass: impl Fn(&Candidate) -> u32,
) {
    candidates.sort_unstable_by_key(|c| std::cmp::Reverse(key(c)));
    let mut sum = 0u64;
    let last = candidates.iter().find(|c| {
        sum += u64::from(mass(c));
        sum as f64 >= target
    });
    if let Some(least) = last.map(&key) {
        candidates.retain(|c| key(c) >= least);
    }
}

/// A share of the mass of all.
fn share(candidates: &[Candidate], share: f32) -> f64 {
    f64::from(share) * candidates.iter().map(|c| u64::from(c.weight)).sum::<u64>() as f64
}

/// Larger for those whose surprise is nearer the entropy, in steps of 2^-22.
fn typicality(candidates: &[Candidate]) -> impl Fn(&Candidate) -> u32 + use<> {
    let total = share(candidates, 1.0);
    let log = |c: &Candidate| f64::from(c.weight).ln();
    let weighted: f64 = candidates.iter().map(|c| f64::from(c.weight) * log(c)).sum();
    let entropy = total.ln() - weighted / total;
    move |c| {
        let oddness = (total.ln() - log(c) - entropy).abs();
        0x0fff_ffff - (oddness.min(63.0) * 4_194_304.0) as u32
    }
}

/// 32 random bits for a token at a position: the first word of pcg4d (Jarzynski & Olano 2020). A function of its
/// arguments and nothing else, so that tokens can be drawn ahead and dropped, and by a GPU.
fn random(seed: u64, position: u32, id: u32) -> u32 {
    let scramble = |v: u32| v.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    let [mut x, mut y, mut z, mut w] = [seed as u32, (seed >> 32) as u32, position, id].map(scramble);
    x = x.wrapping_add(y.wrapping_mul(w));
    y = y.wrapping_add(z.wrapping_mul(x));
    z = z.wrapping_add(x.wrapping_mul(y));
    w = w.wrapping_add(y.wrapping_mul(z));
    [x, y, w] = [x, y, w].map(|v| v ^ (v >> 16));
    x.wrapping_add(y.wrapping_mul(w))
}

/// An exponential variate from 32 random bits: of all candidates, the one with the largest weight / variate is a
/// draw by weight. Near 0 by the series of -ln(1 - u), for WGSL's own log is inexact there.
fn exponential(bits: u32) -> f32 {
    let u = (bits as f32 + 0.5) / 4_294_967_296.0;
    if u < 1.0 / 64.0 {
        return u + u * u * (0.5 + u / 3.0);
    }
    -(1.0 - u.min(1.0 - f32::EPSILON / 2.0)).ln()
}

/// Index of the largest value, the lowest of equals.
pub fn argmax(values: &[f32]) -> u32 {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = i;
        }
    }
    best as u32
}

/// ln(sum(exp(values))): what a logit lacks to a log-probability. Summed in f64.
pub fn log_sum_exp(values: &[f32]) -> f32 {
    let most = f64::from(values[argmax(values) as usize]);
    let sum: f64 = values.iter().map(|v| (f64::from(*v) - most).exp()).sum();
    (most + sum.ln()) as f32
}

/// Indices of the `n` largest values, largest first, the lower of equals first.
pub fn likeliest(values: &[f32], n: usize) -> Vec<u32> {
    let by_value = |a: &u32, b: &u32| values[*b as usize].total_cmp(&values[*a as usize]).then(a.cmp(b));
    let mut ids: Vec<u32> = (0..values.len() as u32).collect();
    if n > 0 && n < ids.len() {
        ids.select_nth_unstable_by(n - 1, by_value);
    }
    ids.truncate(n);
    ids.sort_unstable_by(by_value);
    ids
}
