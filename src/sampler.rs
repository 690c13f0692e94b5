//! Choosing the next token. This CPU sampler defines what sampling means here.
//!
//! Order: logit bias and penalties, then temperature, min-p, top-k, typical-p and top-p, each on the
//! distribution that the one before left, then one draw.

use crate::{Error, Result};
use serde::Deserialize;
use std::collections::HashMap;

/// How to sample. Names and meaning are OpenAI's, with top_k, min_p, typical_p and repetition_penalty as in
/// llama.cpp; the defaults are what DeepSeek recommends for R1.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct SamplingParams {
    /// Divides the logits; 0 is greedy.
    pub temperature: f32,
    /// Keep the k likeliest tokens; 0 keeps all.
    pub top_k: usize,
    /// Keep the fewest likeliest tokens whose probabilities reach this sum.
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
    #[serde(deserialize_with = "ids_as_strings")]
    pub logit_bias: HashMap<u32, f32>,
    /// For the same draws each time; from the clock if None.
    pub seed: Option<u64>,
}

/// JSON has only strings as keys, and a flattened struct does not read numbers from them.
fn ids_as_strings<'de, D: serde::Deserializer<'de>>(
    source: D,
) -> std::result::Result<HashMap<u32, f32>, D::Error> {
    let pair = |(id, bias): (String, f32)| match id.parse() {
        Ok(id) => Ok((id, bias)),
        Err(_) => Err(serde::de::Error::custom(format!("logit_bias: {id:?} is no token id"))),
    };
    HashMap::<String, f32>::deserialize(source)?.into_iter().map(pair).collect()
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
            ("top_p", self.top_p, f32::MIN_POSITIVE, 1.0),
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
}

/// PCG32 (O'Neill 2014, XSH-RR 64/32, one stream): small enough to be the same on a GPU.
#[derive(Clone, Debug)]
pub struct Pcg32(u64);

impl Pcg32 {
    /// A generator for `seed`.
    pub fn new(seed: u64) -> Self {
        let mut rng = Self(seed.wrapping_add(1_442_695_040_888_963_407));
        rng.next_u32();
        rng
    }

    /// 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        let state = self.0;
        self.0 = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let xorshifted = (((state >> 18) ^ state) >> 27) as u32;
        xorshifted.rotate_right((state >> 59) as u32)
    }

    /// A number in [0, 1) with 24 random bits.
    pub fn next_f32(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 / (1 << 24) as f32
    }
}

/// Samples the tokens of one reply.
#[derive(Debug)]
pub struct Sampler {
    params: SamplingParams,
    rng: Pcg32,
    counts: HashMap<u32, u32>,
    candidates: Vec<(u32, f32)>,
}

impl Sampler {
    /// A sampler; `entropy` seeds it when the parameters have no seed.
    pub fn new(params: SamplingParams, entropy: u64) -> Result<Self> {
        params.check()?;
        let rng = Pcg32::new(params.seed.unwrap_or(entropy));
        Ok(Self { params, rng, counts: HashMap::new(), candidates: Vec::new() })
    }

    /// The next token for `logits` `[n_vocab]`, which are changed by bias and penalties.
    pub fn sample(&mut self, logits: &mut [f32]) -> Result<u32> {
        self.adjust(logits);
        if logits.iter().any(|l| l.is_nan()) {
            return Err(Error::Device("the model's logits are not numbers (NaN)".into()));
        }
        let id = if self.params.temperature == 0.0 { argmax(logits) } else { self.draw(logits) };
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

    fn draw(&mut self, logits: &[f32]) -> u32 {
        let p = &self.params;
        let best = logits[argmax(logits) as usize];
        let c = &mut self.candidates;
        c.clear();
        // weights relative to the likeliest token; what underflows can never be drawn
        c.extend((0u32..).zip(logits.iter().map(|l| ((l - best) / p.temperature).exp())));
        c.retain(|(_, w)| *w > 0.0 && *w >= p.min_p);
        let by_weight = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if p.top_k > 0 && p.top_k < c.len() {
            c.select_nth_unstable_by(p.top_k, by_weight);
            c.truncate(p.top_k);
        }
        c.sort_unstable_by(by_weight);
        if p.typical_p < 1.0 {
            keep_typical(c, p.typical_p);
        }
        keep_sum(c, p.top_p);
        let total: f32 = c.iter().map(|c| c.1).sum();
        let mut left = self.rng.next_f32() * total;
        for (id, weight) in c.iter() {
            left -= weight;
            if left < 0.0 {
                return *id;
            }
        }
        c.last().map_or(0, |c| c.0) // rounding ate the last bit
    }
}

/// Keeps the first candidates whose weights reach `share` of the sum.
fn keep_sum(candidates: &mut Vec<(u32, f32)>, share: f32) {
    if share >= 1.0 {
        return;
    }
    let total: f32 = candidates.iter().map(|c| c.1).sum();
    let mut sum = 0.0;
    let kept = candidates.iter().take_while(|c| {
        let before = sum;
        sum += c.1;
        before < share * total
    });
    let n = kept.count();
    candidates.truncate(n.max(1));
}

/// Keeps candidates whose surprise is nearest the entropy.
fn keep_typical(candidates: &mut Vec<(u32, f32)>, share: f32) {
    let total: f32 = candidates.iter().map(|c| c.1).sum();
    let entropy: f32 = candidates.iter().map(|c| -(c.1 / total) * (c.1 / total).ln()).sum();
    let oddness = |c: &(u32, f32)| (-(c.1 / total).ln() - entropy).abs();
    candidates.sort_by(|a, b| oddness(a).total_cmp(&oddness(b)));
    keep_sum(candidates, share);
    candidates.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
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
