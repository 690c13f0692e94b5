//! Stores that are full, in use, or of no use; and what is in them.

use super::fake::{self, File, Load};
use super::{Lab, MIB, SIZE, URL, WINDOW, code};
use minke::Error;
use minke::model::ByteSource;
use minke::store::{self, ModelSpec, Options, Phase, Store};

#[test]
fn a_full_store_is_an_error_and_then_it_goes_on() {
    let file = File::random(SIZE, 1);
    for capacity in [0, 40, 3 * MIB, 9 * MIB, SIZE, SIZE + 200] {
        let lab = Lab::of(&file);
        lab.shelf.set_capacity(capacity as u64);
        let result = lab.load();
        assert_eq!(code(&result), "storage_full", "{capacity}");
        assert!(lab.shelf.bytes() <= capacity as u64);
        let (ended, served) = lab.served(|| lab.load());
        assert_eq!(code(&ended), "storage_full", "{capacity}: still full");
        let kept = capacity.saturating_sub(2 * MIB) / (4 * MIB) * 4 * MIB; // whole pieces, without the journal
        assert!(served + kept as u64 <= file.len() + WINDOW, "{capacity}: {served} bytes");
        assert!(
            lab.load_from(None).is_ok_and(|got| got == *file.bytes),
            "without keeping it there is no such limit"
        );
        lab.shelf.set_capacity(u64::MAX);
        let ((), served) = lab.served(|| lab.check(&file, "with room"));
        assert!(served + kept as u64 <= file.len(), "{capacity}: {served} bytes");
    }
}

#[test]
fn a_store_that_seems_too_small_is_told_of_before_it_is_full() {
    let file = File::random(SIZE, 1);
    let lab = Lab::of(&file);
    let rooms = || lab.host.told.borrow_mut().drain(..).filter_map(|status| status.room).max();
    lab.shelf.set_capacity(file.len() / 2);
    assert_eq!(lab.load().expect_err("it is full").code(), "storage_full");
    assert!(rooms().is_some_and(|room| room > 0 && room < file.len() / 2));
    lab.shelf.set_capacity(2 * file.len());
    lab.check(&file, "with room");
    assert_eq!(rooms(), None);
    lab.shelf.set_capacity(lab.shelf.bytes() + 1024);
    lab.check_kept(&file, "what is there needs no room");
    assert_eq!(rooms(), None);
}

/// Everything is kept, and not even a line more can be.
#[test]
fn what_is_kept_can_be_read_from_a_full_store() {
    let file = File::random(SIZE, 1);
    let lab = Lab::of(&file);
    lab.check(&file, "with room");
    lab.shelf.set_capacity(lab.shelf.bytes());
    lab.check_kept(&file, "full");
}

#[test]
fn a_store_that_does_not_open_is_done_without() {
    let file = File::random(SIZE, 1);
    let lab = Lab::of(&file);
    lab.shelf.set_broken(true);
    let mut got = Vec::new();
    lab.host.clock.run(async {
        let open = Load::open(&lab.host, Some(lab.shelf.clone()), lab.spec.clone(), Options::default());
        let mut load = open.await.expect("it");
        assert!(!load.is_kept());
        fake::pull(&mut load, &mut got).await.expect("bytes");
    });
    assert!(got == *file.bytes && lab.shelf.bytes() == 0);
    lab.shelf.set_broken(false);
    lab.check(&file, "later");
}

#[test]
fn two_that_load_the_same_model_fetch_it_once() {
    let file = File::random(SIZE, 1);
    let lab = Lab::of(&file);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let load = |got| fake::load(&lab.host, Some(&lab.shelf), &lab.spec, &lab.options, got);
    let both = futures_util::future::try_join(load(&mut first), load(&mut second));
    lab.host.clock.run(both).expect("both");
    assert!(first == *file.bytes && second == *file.bytes);
    assert_eq!(lab.host.served.get(), file.len());
    assert!(lab.host.told.borrow().iter().any(|status| status.phase == Phase::Waiting));
}

#[test]
fn models_are_listed_and_removed() {
    let (file, other) = (File::random(SIZE, 1), File::random(9 * MIB, 2));
    let mut lab = Lab::of(&file);
    let run = |lab: &Lab| lab.host.clock.run(store::list(&lab.shelf)).expect("a list");
    assert!(run(&lab).is_empty());
    lab.check(&file, "one");
    let first = lab.spec.id.clone();
    lab.spec = ModelSpec::of_url("https://b.example/tiny.gguf").expect("a model");
    assert!(first.starts_with("tiny-") && lab.spec.id.starts_with("tiny-") && first != lab.spec.id);
    lab.serve(&other);
    assert!(lab.load_until(lab.now() + 150.0).is_none());
    lab.shelf.edit("a folder of somebody's", "1.txt", |bytes| bytes.extend(b"hello"));
    let models = run(&lab);
    let [whole, part] = [URL, "https://b.example/tiny.gguf"]
        .map(|url| models.iter().find(|model| model.url == url).expect("it is listed"));
    assert_eq!(models.len(), 2);
    assert_eq!((&whole.id, whole.bytes, whole.kept_bytes), (&first, Some(file.len()), file.len()));
    assert!(whole.complete && whole.verified_on.is_some_and(|at| at >= 1_800_000_000_000));
    assert_eq!(whole.files[0].sha256, Some(file.sha256()));
    assert!(!part.complete && part.verified_on.is_none() && part.files[0].sha256.is_none());
    assert!(
        part.bytes == Some(other.len()) && part.kept_bytes > 0 && part.kept_bytes < other.len(),
        "{part:?}"
    );
    let remove = |id: &str| lab.host.clock.run(store::remove(&lab.shelf, id));
    remove(&first).expect("it goes");
    assert!(matches!(remove(&first), Err(Error::NotKept { what }) if what == first));
    assert_eq!(run(&lab).len(), 1);
    lab.serve(&other);
    lab.check(&other, "the other is still there");
}

#[test]
fn a_model_that_is_read_is_not_removed() {
    let file = File::random(SIZE, 1);
    let lab = Lab::of(&file);
    lab.host.clock.run(async {
        let open = Load::open(&lab.host, Some(lab.shelf.clone()), lab.spec.clone(), Options::default());
        let mut load = open.await.expect("it");
        assert!(load.is_kept());
        load.read(&mut Vec::new()).await.expect("a piece");
        let id = &lab.spec.id;
        assert!(matches!(store::remove(&lab.shelf, id).await, Err(Error::InUse { model }) if model == *id));
        assert_eq!(store::list(&lab.shelf).await.expect("a list").len(), 1, "it is listed all the same");
        drop(load);
        store::remove(&lab.shelf, id).await.expect("it goes");
    });
    assert_eq!(lab.shelf.names(), [""; 0]);
}

/// The store of the native command does what the one in memory does.
#[test]
fn a_folder_is_a_store() {
    let file = File::random(SIZE, 1);
    let path = std::env::temp_dir().join(format!("minke-store-{}", std::process::id()));
    let folder = store::Folder(path.clone());
    let lab = Lab::of(&file);
    for expected in [file.len(), 0] {
        let mut got = Vec::new();
        let ((), served) = lab.served(|| {
            lab.host.clock.run(async {
                let open = store::Download::open(
                    &lab.host,
                    Some(folder.clone()),
                    lab.spec.clone(),
                    Options::default(),
                );
                let mut load = open.await.expect("it");
                while load.read(&mut got).await.expect("bytes") {}
                let in_use = store::remove(&folder, &lab.spec.id).await;
                assert!(matches!(in_use, Err(Error::InUse { .. })), "{in_use:?}");
            });
        });
        assert!(got == *file.bytes && served == expected, "{served} bytes came");
    }
    lab.host.clock.run(async {
        let models = store::list(&folder).await.expect("a list");
        assert!(models.len() == 1 && models[0].complete && models[0].kept_bytes == file.len(), "{models:?}");
        store::remove(&folder, &lab.spec.id).await.expect("it goes");
        assert_eq!(folder.models().await.expect("none"), [""; 0]);
    });
    std::fs::remove_dir_all(path).expect("an end");
}
