//! A model in several files gives the answers of the same model in one.

use crate::common::gguf::{File, tiny};
use crate::common::{self, assert_refused, parse};
use minke::Result;
use minke::gpu::Gpu;
use minke::model::{ByteSource, ModelOptions};
use pollster::block_on;
use std::io::Cursor;
use std::rc::Rc;

/// Files one after the other.
struct InParts {
    files: Vec<Vec<u8>>,
    open: Cursor<Vec<u8>>,
}

impl InParts {
    fn of(files: &[Vec<u8>]) -> Self {
        Self { files: files.to_vec(), open: Cursor::new(files[0].clone()) }
    }
}

impl ByteSource for InParts {
    async fn read(&mut self, piece: &mut Vec<u8>) -> Result<bool> {
        self.open.read(piece).await
    }

    fn position(&self) -> u64 {
        self.open.position()
    }

    fn length(&self) -> Option<u64> {
        self.open.length()
    }

    fn parts(&self) -> usize {
        self.files.len()
    }

    async fn open_part(&mut self, part: usize) -> Result<()> {
        self.open = Cursor::new(self.files[part].clone());
        Ok(())
    }
}

/// Weights that differ from each other.
fn fill(bytes: &mut [u8], tensors_before: usize) {
    for (t, tensor) in parse(bytes).expect("a header").tensors.iter().enumerate() {
        let weights = &mut bytes[tensor.offset as usize..][..tensor.bytes as usize];
        for (i, weight) in weights.chunks_exact_mut(4).enumerate() {
            let value = ((i * 37 + (tensors_before + t) * 11) % 101) as f32 / 101.0 - 0.4;
            weight.copy_from_slice(&value.to_le_bytes());
        }
    }
}

/// The tiny model's tensors from `first` on, of `count` files the one with that number.
fn part(no: u16, count: u16, tensors: std::ops::Range<usize>) -> Vec<u8> {
    let File { tensors: all, entries, .. } = tiny();
    let total = all.len() as i32;
    let base = all[tensors.start].offset;
    let mut file = File { tensors: all[tensors.clone()].to_vec(), ..tiny() };
    file.tensors.iter_mut().for_each(|tensor| tensor.offset -= base);
    file.entries = if no == 0 { entries } else { vec![] };
    file.set("split.no", (2, no.to_le_bytes().into()));
    file.set("split.count", (2, count.to_le_bytes().into()));
    file.set("split.tensors.count", (5, total.to_le_bytes().into()));
    let mut bytes = file.whole();
    fill(&mut bytes, tensors.start);
    bytes.resize(bytes.len() + 40 * usize::from(no == 0), 7); // what lies behind belongs to no tensor
    bytes
}

fn logits(source: &mut impl ByteSource) -> Result<Vec<Vec<f32>>> {
    let gpu = async || Gpu::request(&common::options().gpu).await;
    let options = ModelOptions { n_ctx: Some(16), ..common::options().model };
    let loading = minke::model::load(source, |_| Ok(()), gpu, &options, common::now, |_| {});
    let (model, ..) = block_on(loading)?;
    block_on(common::context(Rc::new(model)).logits(&[1, 2, 3], &[0, 2]))
}

#[test]
fn parts_are_one_model() {
    let mut whole = tiny().whole();
    fill(&mut whole, 0);
    let expected = logits(&mut Cursor::new(whole)).expect("the whole model");
    let files = [part(0, 3, 0..4), part(1, 3, 4..5), part(2, 3, 5..11)];
    assert_eq!(logits(&mut InParts::of(&files)).expect("the parts"), expected);

    let mut wrong = files.clone();
    wrong[1] = part(1, 3, 5..6);
    assert_refused(logits(&mut InParts::of(&wrong)), "gguf_malformed", &["earlier part"]);
    wrong[1] = part(2, 3, 4..5);
    assert_refused(logits(&mut InParts::of(&wrong)), "unsupported", &["part 3 of 3", "part 2 of 3"]);
    wrong[1] = files[1][..files[1].len() - 8].to_vec();
    assert_refused(logits(&mut InParts::of(&wrong)), "gguf_truncated", &["tensor "]);
    assert_refused(
        logits(&mut InParts::of(&files[..2])),
        "unsupported",
        &["3, for this file is part 1 of 3"],
    );
    assert_refused(logits(&mut Cursor::new(files[0].clone())), "unsupported", &["part 1 of 3", "00001-of-"]);
}
