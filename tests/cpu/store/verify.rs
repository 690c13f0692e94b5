//! Bytes that are not what they should be: never are they given to the reader as if they were.

use super::fake::{File, Reply};
use super::{Lab, MIB, SIZE, URL, code};
use minke::Error;
use minke::store::{ModelSpec, PartSpec, Sha256};

#[test]
fn a_flipped_bit_on_the_disk_costs_its_piece() {
    let file = File::random(SIZE, 1);
    for pinned in [false, true] {
        for at in [0, 4 * MIB - 1, 4 * MIB, 11 * MIB, SIZE - 1] {
            let mut lab = Lab::of(&file);
            if pinned {
                lab.pin(&file, |part| part.sha256 = Some(file.sha256()));
            }
            lab.check(&file, "whole");
            lab.edit("1.gguf", |bytes| bytes[at] ^= 1);
            let before = lab.host.requests.borrow().len();
            let ((), served) = lab.served(|| lab.check(&file, "flipped"));
            let piece = at / (4 * MIB) * 4 * MIB;
            assert_eq!(served, (SIZE - piece).min(4 * MIB) as u64, "flipped at {at}");
            let requests = lab.host.requests.borrow();
            let range = requests[before].range.clone().expect("a range");
            assert_eq!((range.start, requests.len()), (piece as u64, before + 1), "flipped at {at}");
            drop(requests);
            lab.check_kept(&file, "mended");
        }
    }
}

#[test]
fn offline_only_what_is_kept_is_there() {
    let file = File::random(SIZE, 1);
    let mut lab = Lab::of(&file);
    lab.options.offline = true;
    assert_eq!(code(&lab.load()), "not_kept");
    lab.options.offline = false;
    lab.check(&file, "fetched");
    lab.options.offline = true;
    lab.check_kept(&file, "offline");
    lab.edit("1.gguf", |bytes| bytes[9 * MIB] ^= 1);
    let error = lab.load().expect_err("a piece that is damaged");
    assert!(error.code() == "not_kept" && error.to_string().contains("bytes 8388608 to 12582912"), "{error}");
    assert_eq!(lab.host.requests.borrow().len(), 4, "the server is asked for four pieces, and then nothing");
}

/// Flips a bit of the file in its first answers.
fn flips(file: &File, at: usize, times: usize) -> impl FnMut(&super::Request) -> Option<Reply> + 'static {
    let (good, bad, mut count) = (file.clone(), file.flipped(at), 0);
    move |request| {
        let mut reply = good.reply(request);
        if reply.part.contains(&at) {
            count += 1;
            reply = if count <= times { bad.reply(request) } else { reply };
        }
        Some(reply)
    }
}

#[test]
fn a_flipped_bit_on_the_way_shows_where_pieces_are_pinned() {
    let file = File::random(SIZE, 1);
    for at in [0, 5 * MIB, SIZE - 1] {
        for times in [1, 2] {
            let mut lab = Lab::new(flips(&file, at, times));
            lab.pin(&file, |part| part.pieces = file.pieces());
            lab.check(&file, "flipped");
            let last = *lab.host.told.borrow().last().expect("a status");
            assert_eq!(last.loaded, file.len(), "what was thrown away is not counted");
            let piece = (SIZE - at / (4 * MIB) * 4 * MIB).min(4 * MIB);
            assert_eq!(lab.host.served.get(), (SIZE + times * piece) as u64);
            let mut lab = Lab::new(flips(&file, at, times));
            lab.pin(&file, |part| part.pieces = file.pieces());
            assert!(lab.load_from(None).expect("bytes") == *file.bytes, "without a store");
        }
    }
}

#[test]
fn a_piece_that_is_always_wrong_is_named() {
    let file = File::random(SIZE, 1);
    for keeps in [true, false] {
        let mut lab = Lab::new(flips(&file, 9 * MIB, usize::MAX));
        lab.pin(&file, |part| part.pieces = file.pieces());
        let shelf = keeps.then(|| lab.shelf.clone());
        let mut got = Vec::new();
        let load = super::fake::load(&lab.host, shelf.as_ref(), &lab.spec, &lab.options, &mut got);
        let error = lab.host.clock.run(load).expect_err("a wrong piece");
        let Error::Corrupt { what, expected, .. } = &error else { panic!("{error}") };
        assert!(what.contains("piece 2 (bytes 8388608 to 12582912)") && what.contains(URL), "{what}");
        assert_eq!(*expected, file.pieces()[2].to_string());
        assert!(got == file.bytes[..8 * MIB], "what came before it is right");
        if keeps {
            assert!(!lab.journal().pieces.contains_key(&2));
            lab.serve(&file);
            lab.check(&file, "later");
        }
    }
}

#[test]
fn a_file_with_another_hash_is_not_kept() {
    let (file, other) = (File::random(SIZE, 1), File::random(SIZE, 2));
    let mut lab = Lab::of(&other);
    lab.pin(&file, |part| part.sha256 = Some(file.sha256()));
    for _ in 0..2 {
        let error = lab.load().expect_err("a wrong file");
        let words = error.to_string();
        let hashes = [file.sha256(), other.sha256()].map(|hash| hash.to_string());
        assert!(error.code() == "corrupt" && hashes.iter().all(|hash| words.contains(hash)), "{words}");
        assert!(lab.edit("1.gguf", |bytes| bytes.is_empty()), "something stays");
        assert!(lab.journal().pieces.is_empty() && lab.journal().whole.is_none());
    }
    assert_eq!(code(&lab.load_from(None)), "corrupt", "without a store");
    lab.serve(&file);
    lab.check(&file, "the right one");
}

#[test]
fn another_version_that_is_kept_is_fetched_anew() {
    let (old, new) = (File::random(SIZE, 1), File::random(SIZE, 2));
    let mut lab = Lab::of(&old);
    lab.check(&old, "old");
    lab.serve(&new);
    lab.pin(&new, |part| part.sha256 = Some(new.sha256()));
    lab.check(&new, "new");
    lab.check_kept(&new, "new");
    // one with another length, of which only a part is there
    let lab = Lab::of(&old);
    assert!(lab.load_until(150.0).is_none() && !lab.journal().pieces.is_empty());
    let longer = File::random(SIZE + 1, 3);
    let mut lab = Lab { spec: lab.spec.clone(), ..lab };
    lab.pin(&longer, |_| ());
    lab.serve(&longer);
    lab.check(&longer, "longer");
}

/// The server's file is another one where a piece is mended: the old one can never be whole again.
#[test]
fn a_damaged_file_whose_server_has_another_is_given_up() {
    let [old, new] = [1, 2].map(|seed| File::random(SIZE, seed).tagged(None));
    let lab = Lab::of(&old);
    lab.check(&old, "old");
    lab.edit("1.gguf", |bytes| bytes[5 * MIB] ^= 1);
    lab.serve(&new);
    assert_eq!(code(&lab.load()), "changed");
    lab.check(&new, "new");
}

const HUB: &str = "https://hub.example/someone/tiny/resolve/main/tiny.gguf?download=true";
const POINTER: &str = "https://hub.example/someone/tiny/raw/main/tiny.gguf";

fn pointer(sha256: Sha256, bytes: u64) -> Reply {
    let text = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {bytes}\n");
    Reply::text(200, "text/plain; charset=utf-8", &text)
}

/// A hub with a file, and what it says of it.
fn hub(file: &File, pointer: Option<Reply>) -> Lab {
    let file = file.clone();
    let lab = Lab::new(move |request| match request.url.as_str() {
        HUB => Some(file.reply(request)),
        POINTER => pointer.clone(),
        other => panic!("{other}"),
    });
    Lab { spec: ModelSpec::of_url(HUB).expect("a model"), ..lab }
}

#[test]
fn a_hubs_pointer_pins_the_hash() {
    let (file, other) = (File::random(SIZE, 1), File::random(SIZE, 2));
    let right = pointer(file.sha256(), file.len());
    let lab = hub(&file, Some(right.clone()));
    lab.check(&file, "right");
    assert_eq!(lab.host.requests.borrow()[0].url, POINTER);
    assert_eq!(code(&hub(&other, Some(right.clone())).load()), "corrupt");
    assert_eq!(code(&hub(&other, Some(pointer(file.sha256(), 5))).load()), "changed");
    // its length is known before the first byte comes
    assert!(
        lab.host.told.borrow().iter().all(|status| status.loaded == 0 || status.total == Some(file.len()))
    );
    // and what is known beforehand counts more than the hub's word
    let mut lab = hub(&file, Some(pointer(other.sha256(), other.len())));
    let part = PartSpec { url: HUB.into(), sha256: Some(file.sha256()), ..PartSpec::default() };
    lab.spec = ModelSpec::new(vec![part]).expect("a model");
    lab.check(&file, "pinned");
}

#[test]
fn a_hub_without_a_pointer_is_as_good_as_any_server() {
    let file = File::random(SIZE, 1);
    let stalls = Reply { end: super::fake::End::Stall(3), ..pointer(file.sha256(), file.len()) };
    let long = Reply { bytes: file.bytes.clone(), part: 0..SIZE, ..file.whole() };
    for (name, reply) in [
        ("none", None),
        ("404", Some(Reply::status(404))),
        ("a page", Some(Reply::text(200, "text/html", "<html>version https://git-lfs.github.com/spec/v1"))),
        ("the file itself", Some(long)),
        ("a stall", Some(stalls)),
        ("a thinker", Some(Reply { delay: 3600e3, ..Reply::status(200) })),
        (
            "a text",
            Some(Reply::text(
                200,
                "text/plain",
                "version https://git-lfs.github.com/spec/v1\noid sha256:12\n",
            )),
        ),
    ] {
        let lab = hub(&file, reply);
        lab.check(&file, name);
        assert!(lab.now() < 60e3, "{name}");
        lab.check_kept(&file, name);
    }
}

#[test]
fn what_is_no_model_is_not_kept_as_one() {
    let mut bytes = File::random(SIZE, 1).bytes.to_vec();
    bytes[0] = b'<';
    let page = File::new(bytes, None);
    let lab = Lab::of(&page);
    assert!(lab.load().is_ok_and(|got| got == *page.bytes), "the reader of the header is to say what it is");
    assert!(!lab.journal().pieces.contains_key(&0));
}

#[test]
fn hashes_of_pieces_that_make_no_sense_are_refused() {
    let file = File::random(9 * MIB, 1);
    let spec = |bytes: Option<u64>, pieces: usize| {
        let pieces = vec![file.sha256(); pieces];
        ModelSpec::new(vec![PartSpec { url: URL.into(), bytes, pieces, sha256: None }])
    };
    assert!(spec(Some(file.len()), 3).is_ok() && spec(None, 0).is_ok());
    for (bytes, pieces) in [(Some(file.len()), 2), (Some(file.len()), 4), (None, 3)] {
        assert_eq!(spec(bytes, pieces).expect_err("no sense").code(), "invalid_request");
    }
    assert!(ModelSpec::new(vec![]).is_err());
    assert!(serde_json::from_str::<PartSpec>("{\"url\":\"x\",\"sha256\":\"12\"}").is_err());
    assert!(serde_json::from_str::<PartSpec>("{\"url\":\"x\",\"hash\":\"12\"}").is_err());
}
