//! How a prompt is cut into submits, on devices that exist in these lines only.

use minke::context::pace::{Pace, Piece};

/// A device: milliseconds for 1e9 bytes or operations of each of a layer's kernels, and that any submit waits.
struct Device {
    slower: f64,
    waits: f64,
}

/// A layer's kernels for a token: their work in millions, and milliseconds of a token on lavapipe.
const LAYER: [(&str, f64, f64); 8] = [
    ("rms_norm", 0.002, 0.0002),
    ("matmul qkv", 1.1, 0.012),
    ("rope", 0.002, 0.0004),
    ("attention", 0.6, 0.08),
    ("matmul attn_output", 0.7, 0.008),
    ("matmul gate_up", 3.5, 0.06),
    ("swiglu", 0.02, 0.0008),
    ("matmul down", 1.8, 0.03),
];

fn piece(label: &str, tokens: usize, work: f64) -> Piece<'_> {
    Piece { label, tokens, work: 1e6 * work * tokens as f64 }
}

/// A short prompt fills no tile: what it takes says nothing of a long one that is known.
#[test]
fn a_short_prompt_leaves_what_is_known_of_long_ones() {
    let mut pace = Pace::default();
    let layer = |tokens| LAYER.map(|(label, work, _)| piece(label, tokens, work));
    let long = || layer(512).into_iter().cycle().take(800);
    (0..8).for_each(|i| pace.took(&layer(512)[i..=i], 1.0));
    (0..20).for_each(|_| pace.took(&layer(512), 2.0));
    let before = pace.take(long());
    (0..5).for_each(|_| pace.took(&layer(25), 2.0));
    assert_eq!(pace.take(long()), before);
    assert!(pace.take(layer(25).into_iter().cycle().take(800)) < 800, "but it is known for short ones");
}

/// Milliseconds of the submits of a prompt: those in which something ran for the first time, then the others.
fn submits(device: &Device, batches: usize) -> [Vec<f64>; 2] {
    let mut pace = Pace::default();
    let mut seen = std::collections::HashSet::new();
    let mut all = [Vec::new(), Vec::new()];
    for _ in 0..batches {
        let batch = |tokens: f64| LAYER.map(|(label, work, _)| piece(label, tokens as usize, work));
        let tokens = [256.0, 128.0, 64.0, 32.0].into_iter().find(|n| pace.each_fits(batch(*n)) == Some(true));
        let tokens = tokens.unwrap_or(if seen.is_empty() { 64.0 } else { 16.0 });
        let layers: Vec<Piece> = (0..30).flat_map(|_| batch(tokens)).collect();
        let mut left = &layers[..];
        while !left.is_empty() {
            let (now, later) = left.split_at(pace.take(left.iter().copied()));
            let cost = |piece: &Piece| LAYER.iter().find(|row| row.0 == piece.label).expect("a kernel").2;
            let work: f64 = now.iter().map(|piece| device.slower * tokens * cost(piece)).sum();
            pace.took(now, work + device.waits);
            let fresh = now.iter().filter(|piece| seen.insert(piece.label)).count() > 0;
            all[usize::from(!fresh)].push(work);
            left = later;
        }
    }
    all
}

/// Whatever the device's speed, and however unlike its kernels are.
#[test]
fn no_submit_takes_long_and_few_are_short() {
    for slower in [0.01, 0.3, 1.0, 3.0, 10.0] {
        for waits in [0.0, 1.0, 60.0, 150.0] {
            let [first, others] = submits(&Device { slower, waits }, 12);
            assert_eq!(first.len(), LAYER.len(), "what was never timed goes alone");
            let longest = others.iter().fold(0.0, |a: f64, b| a.max(*b));
            let mean = others.iter().sum::<f64>() / others.len() as f64;
            println!(
                "{slower} times as slow, waits {waits} ms: {} submits, longest {longest:.1}, mean {mean:.1} ms",
                others.len()
            );
            assert!(longest <= 100.0, "{longest} ms");
            // many pieces fit a submit, or all of a batch do
            assert!(mean > 15.0 || others.len() <= 14, "{} submits of {mean} ms", others.len());
        }
    }
}

/// One long wait, as of a page in the background, is forgotten soon.
#[test]
fn a_hiccup_is_forgotten() {
    let mut pace = Pace::default();
    let layer: Vec<Piece> = LAYER.iter().map(|(label, work, _)| piece(label, 1, *work)).collect();
    pace.took(&layer[..1], 0.5);
    for _ in 0..20 {
        pace.took(&layer, 2.0);
    }
    let many = || layer.iter().copied().cycle().take(800);
    let before = pace.take(many());
    pace.took(&layer, 3000.0);
    assert_eq!(pace.take(many()), 1, "it may have been the device's own slowness");
    for _ in 0..12 {
        pace.took(&layer, 2.0);
    }
    assert!(pace.take(many()) > before / 2);
}
