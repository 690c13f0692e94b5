//! A process may end at any moment, and leave any mess.

use super::fake::File;
use super::{Lab, MIB, WINDOW};

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) as usize % n
    }
}

/// Ends a load twenty times, does something to what it left, and lets the last one be; each may cost what was on its way and
/// `lost` bytes.
fn crash(seed: u64, lost: u64, mut damage: impl FnMut(&Lab, &mut Random)) {
    let file = File::random(18 * MIB + 77, seed);
    let lab = Lab::of(&file);
    let mut random = Random(seed);
    let mut crashes = 0;
    while crashes < 20 {
        // some before anything was written, some after all of it
        let moment = lab.now() + random.below(500) as f64;
        let before = lab.host.served.get();
        let ended = lab.load_until(moment);
        if let Some(result) = ended {
            assert!(result.expect("bytes") == *file.bytes);
        }
        crashes += 1;
        damage(&lab, &mut random);
        assert!(lab.host.served.get() - before <= file.len() + WINDOW);
    }
    lab.check(&file, "after all");
    let most = file.len() + 20 * (WINDOW + lost);
    assert!(lab.host.served.get() <= most, "{} of at most {most} bytes", lab.host.served.get());
    lab.check_kept(&file, "in the end");
}

#[test]
fn a_crash_costs_at_most_what_was_on_its_way() {
    crash(1, 0, |_, _| ());
    // one after the other, with each the excess
    let file = File::random(18 * MIB + 77, 9);
    for moment in (0..10).map(|i| f64::from(60 * i)) {
        let lab = Lab::of(&file);
        let (ended, first) = lab.served(|| lab.load_until(moment));
        assert!(ended.is_none_or(|result| result.is_ok()), "at {moment} ms");
        let kept: u64 = lab.shelf.bytes();
        let ((), second) = lab.served(|| lab.check(&file, "again"));
        assert!(
            first + second <= file.len() + WINDOW,
            "at {moment} ms, {kept} bytes kept: {first} and {second}"
        );
    }
}

#[test]
fn a_torn_line_costs_its_piece() {
    crash(2, 4 << 20, |lab, random| {
        lab.edit("1.jsonl", |bytes| bytes.truncate(bytes.len() - random.below(60).min(bytes.len())));
    });
}

#[test]
fn a_line_of_rubbish_costs_nothing_else() {
    crash(3, 0, |lab, random| {
        let rubbish = [&b"{\"piece\":{\"index\":3,"[..], b"\0\0\0\0\0\0\0\n", b"\n", b"{}\n", b"\xff"];
        lab.edit("1.jsonl", |bytes| bytes.extend(rubbish[random.below(rubbish.len())]));
    });
}

/// What a power cut can leave: the journal knows of bytes that the disk never had.
#[test]
fn a_file_that_is_shorter_than_its_journal_says() {
    crash(4, 8 << 20, |lab, random| {
        let cut = random.below(6 * MIB);
        lab.edit("1.gguf", |bytes| bytes.truncate(bytes.len().saturating_sub(cut)));
    });
}

#[test]
fn bytes_that_were_never_written() {
    crash(5, 8 << 20, |lab, random| {
        lab.edit("1.gguf", |bytes| {
            let start = random.below(bytes.len() + 1);
            let end = bytes.len().min(start + 3 * MIB);
            bytes[start..end].fill(0);
        });
    });
}

#[test]
fn a_journal_that_is_no_longer_there() {
    let file = File::random(9 * MIB, 1);
    for damage in [
        (|bytes| bytes.clear()) as fn(&mut Vec<u8>),
        |bytes| bytes.insert(0, b'\n'),
        |bytes| *bytes = b"{\"file\":{\"version\":2,\"piece\":4194304,\"url\":\"x\",\"parts\":1}}\n".into(),
        |bytes| bytes.resize(17 << 20, b'\n'),
    ] {
        let lab = Lab::of(&file);
        lab.check(&file, "at first");
        lab.edit("1.jsonl", damage);
        if let Some(model) =
            lab.host.clock.run(minke::store::model(&lab.shelf, &lab.spec.id)).expect("a store")
        {
            assert!(model.complete, "{model:?}"); // one that is too long is read nevertheless, if only here
        }
        let ((), served) = lab.served(|| lab.check(&file, "again"));
        assert_eq!(served, file.len());
    }
}

/// A part of the whole that was cut off later: its hash is not taken on trust.
#[test]
fn a_whole_file_that_lost_its_end_is_hashed_again() {
    let file = File::random(10 * MIB, 1);
    let mut lab = Lab::of(&file);
    lab.pin(&file, |part| part.sha256 = Some(file.sha256()));
    lab.check(&file, "whole");
    lab.edit("1.gguf", |bytes| bytes.truncate(8 * MIB));
    let other = file.flipped(9 * MIB);
    lab.serve(&other);
    assert_eq!(super::code(&lab.load()), "corrupt");
    lab.serve(&file);
    lab.check(&file, "again");
}
