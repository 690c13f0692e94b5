//! How much of a prompt's work goes into one submit, by how long earlier ones took.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Most milliseconds that a submit for a prompt should take: a page must stay smooth, and an abort be heard.
const SUBMIT_MS: f64 = 50.0;
/// What is shorter cannot be told apart: a browser's clock has steps, and the shortest submit is taken for waiting.
const LEAST_MS: f64 = 0.1;

/// A kernel about to run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece<'a> {
    /// [`crate::gpu::Dispatch::label`].
    pub label: &'a str,
    /// Of the batch.
    pub tokens: usize,
    /// Bytes and operations.
    pub work: f64,
}

/// What is known of the device's speed.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    /// Milliseconds for a byte or an operation of each kernel: some are bound by the one, some by the other, and a small one may
    /// cost a hundred times less than a large one. A batch that fills no tile says little of one that does, so batches of
    /// each [`size`] have rates of their own.
    rates: HashMap<String, BTreeMap<u32, f64>>,
    /// Milliseconds of the shortest submit: so long takes the waiting alone.
    shortest: Option<f64>,
}

/// How often the tokens of a batch double one, about.
fn size(tokens: usize) -> u32 {
    tokens.next_power_of_two().ilog2()
}

impl Pace {
    /// How many of `pieces` to submit at once: as many as should take [`SUBMIT_MS`], but at least one. One that was
    /// never timed goes alone.
    pub fn take<'a>(&self, pieces: impl IntoIterator<Item = Piece<'a>>) -> usize {
        let mut left = SUBMIT_MS;
        let fits = |piece: &Piece| {
            left -= self.time(piece).unwrap_or(f64::INFINITY);
            left >= 0.0
        };
        pieces.into_iter().take_while(fits).count().max(1)
    }

    /// Whether each of `pieces` should end in [`SUBMIT_MS`]; None if one was never timed.
    pub fn each_fits<'a>(&self, pieces: impl IntoIterator<Item = Piece<'a>>) -> Option<bool> {
        let mut times = pieces.into_iter().map(|piece| self.time(&piece));
        times.try_fold(true, |fits, time| Some(fits && time? <= SUBMIT_MS))
    }

    /// Learns from a submit of `pieces` that took so many milliseconds.
    pub fn took(&mut self, pieces: &[Piece], milliseconds: f64) {
        let shortest = self.shortest.map_or(milliseconds, |shortest| shortest.min(milliseconds));
        self.shortest = Some(shortest);
        let spent = (milliseconds - shortest).max(LEAST_MS);
        let expected: Option<f64> = pieces.iter().map(|piece| self.time(piece)).sum();
        let work: f64 = pieces.iter().map(|piece| piece.work).sum();
        let mut seen = BTreeSet::new();
        for piece in pieces.iter().filter(|piece| seen.insert((piece.label, size(piece.tokens)))) {
            let rate = match (expected, self.rate(piece)) {
                // at most twice as fast as was known, so that the next submit is at most twice as long
                (Some(expected), Some(rate)) => rate * (spent / expected).max(0.5),
                _ => spent / work.max(1.0),
            };
            self.rates.entry(piece.label.into()).or_default().insert(size(piece.tokens), rate);
        }
    }

    fn time(&self, piece: &Piece) -> Option<f64> {
        self.rate(piece).map(|rate| rate * piece.work.max(1.0))
    }

    /// Of batches of that size, else of the next smaller ones that are known, else of larger ones.
    fn rate(&self, piece: &Piece) -> Option<f64> {
        let (rates, size) = (self.rates.get(piece.label)?, size(piece.tokens));
        rates.range(..=size).next_back().or_else(|| rates.iter().next()).map(|(_, rate)| *rate)
    }
}
