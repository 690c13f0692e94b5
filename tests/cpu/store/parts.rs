//! Models in several files.

use super::fake::{self, File, Load, Reply, Request};
use super::{Lab, MIB};
use crate::common::gguf::{self, Tensor};
use minke::gguf::Header;
use minke::model::{ByteSource, read_header};
use minke::store::{self, ModelSpec, Options};
use minke::{Error, Result};

const FIRST: &str = "https://a.example/m/tiny-00001-of-00002.gguf";
const SECOND: &str = "https://a.example/m/tiny-00002-of-00002.gguf";

#[test]
fn the_names_of_the_other_parts_are_known() {
    let urls = |url: &str| ModelSpec::of_url(url).map(|spec| spec.parts.into_iter().map(|part| part.url));
    let three = urls("https://a.example/x-00001-of-00003.gguf?download=true").expect("a model");
    let expected = [1, 2, 3].map(|i| format!("https://a.example/x-0000{i}-of-00003.gguf?download=true"));
    assert!(three.eq(expected));
    for single in [
        "https://a.example/x-00001-of-00001.gguf",
        "https://a.example/x.gguf",
        "https://a.example/x-1-of-2.gguf",
        "https://a.example/x-00001-of-00000.gguf",
        "https://a.example/x00001-of-00002.gguf",
        "https://a.example/\u{e9}-of-00002.gguf",
        "https://a.example/x-00001-of-00002.bin",
    ] {
        assert!(urls(single).expect(single).eq([single]), "{single}");
    }
    for other in ["x-00002-of-00003.gguf", "x-00000-of-00003.gguf", "x-00001-of-99999.gguf"] {
        let error = urls(&format!("https://a.example/{other}")).map(Iterator::count).expect_err(other);
        assert_eq!(error.code(), "invalid_request", "{other}");
    }
}

/// A model with a tensor of nine MiB in each of two files.
fn split() -> [File; 2] {
    let mut whole = gguf::tiny();
    let big = |name: &str| Tensor { dims: vec![9 << 18], ..gguf::f32s(name, &[1], 0) };
    let tensors = std::mem::take(&mut whole.tensors);
    let halves = [(0, tensors), (1, vec![])];
    halves.map(|(part, tensors)| {
        whole.tensors = tensors;
        let end = whole.tensors.last().map_or(0, |t| t.offset + 4 * t.dims.iter().product::<u64>());
        let name = ["a", "b"][part];
        whole.tensors.push(Tensor { offset: end.next_multiple_of(32), ..big(name) });
        let metadata = if part == 0 { whole.entries.clone() } else { vec![] };
        whole.entries = metadata;
        whole.set("split.no", (2, (part as u16).to_le_bytes().into()));
        whole.set("split.count", (2, 2_u16.to_le_bytes().into()));
        whole.set("split.tensors.count", (5, 13_i32.to_le_bytes().into()));
        let bytes = whole.whole();
        let random = File::random(bytes.len(), part as u64 + 1);
        let head = bytes.iter().rposition(|byte| *byte != 0).expect("a header") + 64;
        File::new([&bytes[..head], &random.bytes[head..]].concat(), random.etag)
    })
}

fn serve(files: &[File; 2]) -> impl FnMut(&Request) -> Option<Reply> + 'static {
    let files = files.clone();
    move |request| match request.url.as_str() {
        FIRST => Some(files[0].reply(request)),
        SECOND => Some(files[1].reply(request)),
        _ => Some(Reply::status(404)),
    }
}

fn lab(files: &[File; 2]) -> Lab {
    Lab { spec: ModelSpec::of_url(FIRST).expect("a model"), ..Lab::new(serve(files)) }
}

/// What loading does: the header of all files, then all bytes of each.
async fn read(lab: &Lab, keep: bool) -> Result<(Header, [Vec<u8>; 2])> {
    let shelf = keep.then(|| lab.shelf.clone());
    let mut load = Load::open(&lab.host, shelf, lab.spec.clone(), Options::default()).await?;
    assert_eq!(load.parts(), 2);
    let (header, beyond) = read_header(&mut load).await?;
    assert_eq!((beyond.len(), load.position()), (0, 0), "it stands at the beginning");
    let mut bytes = [vec![], vec![]];
    fake::pull(&mut load, &mut bytes[0]).await?;
    load.open_part(1).await?;
    fake::pull(&mut load, &mut bytes[1]).await?;
    Ok((header, bytes))
}

#[test]
fn a_model_in_two_files_is_one() {
    let files = split();
    let lab = lab(&files);
    for (keep, most) in [(true, 18.3), (true, 0.0), (false, 18.3 + 2.0 * 16.0)] {
        let before = lab.host.served.get();
        let (header, bytes) = lab.host.clock.run(read(&lab, keep)).expect("a model");
        assert!(bytes.iter().zip(&files).all(|(bytes, file)| **bytes == *file.bytes));
        let served = (lab.host.served.get() - before) as f64 / MIB as f64;
        // what was on its way when the header was complete comes once more
        assert!(served <= most * 1.0 + if most > 0.0 { 16.0 } else { 0.0 }, "{served} MiB");
        assert_eq!(header.tensors.len(), 13);
        assert_eq!(header.parts, [files[0].len(), files[0].len() + files[1].len()]);
        let last = header.tensors.iter().find(|tensor| tensor.name == "b").expect("the second file's");
        assert_eq!(last.offset + last.bytes, header.file_len);
        let told = lab.host.told.borrow().last().copied().expect("a status");
        let all = files[0].len() + files[1].len();
        assert_eq!((told.loaded, told.total), (all, Some(all)));
    }
    let models = lab.host.clock.run(store::list(&lab.shelf)).expect("a list");
    assert!(models.len() == 1 && models[0].complete && models[0].files.len() == 2, "{models:?}");
    assert_eq!(models[0].bytes, Some(models[0].kept_bytes));
}

/// While the headers are read nothing looks as if whole files were here.
#[test]
fn what_is_not_here_is_not_shown() {
    let files = split();
    let lab = lab(&files);
    lab.host.clock.run(read(&lab, true)).expect("a model");
    for status in lab.host.told.borrow().iter() {
        assert!(status.loaded <= lab.host.served.get(), "{status:?}");
    }
    let half = lab.host.told.borrow().iter().filter(|status| status.total.is_none()).map(|s| s.loaded).max();
    assert!(half.is_none_or(|loaded| loaded <= 9 << 20), "{half:?}");
}

#[test]
fn a_model_of_which_one_file_is_kept_is_not_complete() {
    let files = split();
    let lab = lab(&files);
    let mut got = Vec::new();
    lab.host
        .clock
        .run(fake::load(&lab.host, Some(&lab.shelf), &lab.spec, &lab.options, &mut got))
        .expect("a file");
    assert!(got == *files[0].bytes);
    let model =
        lab.host.clock.run(store::model(&lab.shelf, &lab.spec.id)).expect("a store").expect("a model");
    assert_eq!((model.complete, model.bytes, model.kept_bytes), (false, None, files[0].len()));
}

fn refused(lab: &Lab) -> Error {
    lab.host.clock.run(read(lab, true)).expect_err("no model")
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let files = split();
    let swapped = [files[1].clone(), files[0].clone()];
    assert_eq!(refused(&lab(&swapped)).code(), "unsupported");
    let twice = [files[0].clone(), files[0].clone()];
    assert_eq!(refused(&lab(&twice)).code(), "unsupported");
    let mut single = Lab::new(serve(&files));
    single.spec.parts[0].url = FIRST.into();
    let load = async {
        let mut load = Load::open(&single.host, None, single.spec.clone(), Options::default()).await?;
        read_header(&mut load).await
    };
    let error = single.host.clock.run(load).map(|_| ()).expect_err("half a model");
    assert!(error.code() == "unsupported" && error.to_string().contains("part 1 of 2"), "{error}");
    let missing = Lab::new({
        let mut served = serve(&files);
        move |request| if request.url == SECOND { Some(Reply::status(404)) } else { served(request) }
    });
    let missing = Lab { spec: ModelSpec::of_url(FIRST).expect("a model"), ..missing };
    let error = refused(&missing);
    assert!(error.code() == "http" && error.to_string().contains(SECOND), "{error}");
}

/// A split model of llama.cpp's own, where it stands beside the checkout.
#[test]
fn what_llama_cpp_splits_is_read() {
    let Some(dir) = crate::common::cases_dir("a split model") else { return };
    let files = ["two-00001-of-00002.gguf", "two-00002-of-00002.gguf"].map(|name| {
        let bytes = std::fs::read(dir.join("headers").join(name)).expect(name);
        File::new(bytes, None)
    });
    let lab = lab(&files);
    let (header, bytes) = lab.host.clock.run(read(&lab, true)).expect("a model");
    assert!(bytes.iter().zip(&files).all(|(bytes, file)| **bytes == *file.bytes));
    assert_eq!(header.parts.len(), 2);
    assert_eq!(lab.spec.parts[1].url, SECOND);
    let count = header.metadata.u32("split.tensors.count").expect("a number");
    assert_eq!(count.map(|n| n as usize), Some(header.tensors.len()));
    header.check_tensors().expect("all tensors");
}
