//! A file of a model in a store: its bytes, and the journal of what is known of them.

use super::journal::{Journal, Line, encode};
use super::{PIECE, Sha256, Store, StoreFile};
use crate::Result;
use std::ops::Range;

/// Longest journal that is read: that of 300 GB.
const LONGEST: u64 = 16 << 20;

/// An open file.
#[derive(Debug)]
pub struct Kept<F> {
    data: F,
    file: F,
    /// Bytes of the journal's file.
    end: u64,
    pub journal: Journal,
}

/// The names of the two files of a part, counted from 0.
pub fn names(part: usize) -> (String, String) {
    (format!("{}.gguf", part + 1), format!("{}.jsonl", part + 1))
}

/// The journal in a file, and its bytes.
fn read_journal(file: &impl StoreFile) -> Result<Option<(Journal, u64)>> {
    let len = file.len()?;
    if len > LONGEST {
        return Ok(None);
    }
    let mut bytes = vec![0; len as usize];
    Ok(file.read(0, &mut bytes)?.then(|| Journal::parse(&bytes)).flatten())
}

impl<F: StoreFile> Kept<F> {
    /// Opens part `part` of `parts` of a model; what is there of another address is dropped.
    pub async fn open<S: Store<File = F>>(
        store: &S,
        model: &str,
        url: &str,
        part: usize,
        parts: usize,
    ) -> Result<Self> {
        let (data, journal) = names(part);
        let (data, file) = (store.open(model, &data).await?, store.open(model, &journal).await?);
        let found = read_journal(&file)?.filter(|(j, _)| j.origin.url == url && j.origin.parts == parts);
        let fresh = found.is_none();
        let (mut journal, end) = found.unwrap_or_else(|| (Journal::new(url, parts), 0));
        let len = data.len()?;
        journal.pieces.retain(|index, _| index.saturating_mul(PIECE) < len);
        journal.whole = journal.whole.filter(|(bytes, _)| *bytes <= len); // else the file's hash must be computed again
        file.truncate(end)?; // without what a crash left
        let mut kept = Self { data, file, end, journal };
        if fresh {
            kept.clear()?;
        }
        Ok(kept)
    }

    /// Forgets all of it.
    pub fn clear(&mut self) -> Result<()> {
        let origin = self.journal.origin.clone();
        (self.journal, self.end) = (Journal { origin: origin.clone(), ..Journal::new("", 0) }, 0);
        self.data.truncate(0)?;
        self.file.truncate(0)?;
        self.write(Line::File(origin))
    }

    /// Notes a fact.
    pub fn write(&mut self, line: Line) -> Result<()> {
        let bytes = encode(&line);
        self.file.write(self.end, &bytes)?;
        self.end += bytes.len() as u64;
        self.journal.take(line);
        Ok(())
    }

    /// The bytes of a piece and the hash that they should have, if it is there whole.
    pub fn piece(&self, index: u64, range: &Range<u64>) -> Result<Option<(Vec<u8>, Sha256)>> {
        let Some(hash) = self.journal.pieces.get(&index) else { return Ok(None) };
        let mut bytes = vec![0; (range.end - range.start) as usize];
        Ok(self.data.read(range.start, &mut bytes)?.then_some((bytes, *hash)))
    }

    /// Keeps a piece. The disk may be told later, since the hash shows what a power cut has lost.
    pub fn keep(&mut self, index: u64, bytes: &[u8], sha256: Sha256) -> Result<()> {
        self.data.write(index * PIECE, bytes)?;
        self.write(Line::Piece { index, sha256 })
    }

    /// Notes the whole file.
    pub fn complete(&mut self, bytes: u64, sha256: Sha256) -> Result<()> {
        self.data.truncate(bytes)?;
        self.data.flush()?;
        self.write(Line::Whole { bytes, sha256 })
    }
}
