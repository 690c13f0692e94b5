//! The header, read incrementally. Every length is checked against a cap before anything is allocated.

use super::metadata::{Strings, Value};
use super::{
    Header, MAX_ALIGNMENT, MAX_ARRAY, MAX_ELEMENTS, MAX_ENTRIES, MAX_HEADER, MAX_NAME, MAX_STRING, TensorInfo,
};
use crate::quant::GgmlType;
use crate::{Error, Result};

/// Reads a header from bytes that arrive in pieces of any size.
///
/// Push until [`HeaderParser::push`] returns the header. The pushed bytes may run past the header's
/// end; the caller keeps track of those (they start at `data_offset`).
#[derive(Debug, Default)]
pub struct HeaderParser {
    buf: Vec<u8>,
    cursor: usize,
    base: u64,
    state: State,
    counts: Counts,
    header: Header,
    names: std::collections::HashSet<String>,
}

#[derive(Debug, Default)]
struct Counts {
    tensors: u64,
    entries: u64,
    /// Of all arrays so far.
    elements: u64,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Magic,
    Counts,
    Entry,
    Array {
        key: String,
        kind: u32,
        left: u64,
        value: Value,
    },
    Tensor,
    Done,
}

impl HeaderParser {
    /// Takes the next bytes of the file; the header, once it is whole.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<Header>> {
        self.buf.extend_from_slice(bytes);
        let mut start = self.cursor;
        while self.step()?.is_some() {
            start = self.cursor;
        }
        self.cursor = start; // what was read of the next part is read again when the rest has come
        if matches!(self.state, State::Done) {
            return Ok(Some(std::mem::take(&mut self.header)));
        }
        if self.base + self.buf.len() as u64 > MAX_HEADER {
            return Err(Error::TooLarge {
                what: "the GGUF header".into(),
                value: self.base + self.buf.len() as u64,
                limit: MAX_HEADER,
            });
        }
        if self.cursor > (1 << 20) {
            self.buf.drain(..self.cursor);
            self.base += self.cursor as u64;
            self.cursor = 0;
        }
        Ok(None)
    }

    /// The error for a file that ended before its header did.
    pub fn truncated(&self) -> Error {
        let end = self.base + self.buf.len() as u64;
        if matches!(self.state, State::Magic) && !self.buf.starts_with(b"GGUF") {
            return Error::NotGguf { found: describe_start(&self.buf) };
        }
        Error::Truncated { what: "the GGUF header".into(), needed: end + 1, end }
    }

    /// Reads the next part of the header; None if there is none, or not all of it yet.
    fn step(&mut self) -> Result<Option<()>> {
        match &self.state {
            State::Magic => self.magic(),
            State::Counts => self.read_counts(),
            State::Entry => self.entry(),
            State::Array { .. } => self.array_element(),
            State::Tensor => self.tensor(),
            State::Done => Ok(None),
        }
    }

    fn magic(&mut self) -> Result<Option<()>> {
        let Some(magic) = self.take::<4>() else {
            return Ok(None);
        };
        if &magic != b"GGUF" {
            return Err(Error::NotGguf { found: describe_start(&self.buf) });
        }
        let Some(version) = self.u32() else {
            return Ok(None);
        };
        if !(2..=3).contains(&version) {
            return Err(Error::GgufVersion { version });
        }
        self.header.version = version;
        self.state = State::Counts;
        Ok(Some(()))
    }

    fn read_counts(&mut self) -> Result<Option<()>> {
        let (Some(tensors), Some(entries)) = (self.u64(), self.u64()) else {
            return Ok(None);
        };
        cap("the number of tensors", tensors, MAX_ENTRIES)?;
        cap("the number of metadata entries", entries, MAX_ENTRIES)?;
        self.counts = Counts { tensors, entries, elements: 0 };
        self.next_entry()
    }

    /// Chooses what comes after an entry or a tensor.
    fn next_entry(&mut self) -> Result<Option<()>> {
        if (self.header.metadata.entries.len() as u64) < self.counts.entries {
            self.state = State::Entry;
        } else if (self.header.tensors.len() as u64) < self.counts.tensors {
            self.state = State::Tensor;
        } else {
            self.finish()?;
            self.state = State::Done;
        }
        Ok(Some(()))
    }

    fn entry(&mut self) -> Result<Option<()>> {
        let at = self.offset();
        let Some(key) = self.string("a metadata key", MAX_NAME)? else {
            return Ok(None);
        };
        let Some(kind) = self.u32() else { return Ok(None) };
        if self.header.metadata.entries.contains_key(&key) {
            return Err(malformed(&key, at, "the key stands twice"));
        }
        if kind == 9 {
            let (Some(kind), Some(left)) = (self.u32(), self.u64()) else {
                return Ok(None);
            };
            cap(&format!("the array {key}"), left, MAX_ARRAY)?;
            self.counts.elements += left;
            cap(&format!("the number of array elements up to {key}"), self.counts.elements, MAX_ELEMENTS)?;
            let value = match kind {
                0..=5 | 7 | 10 | 11 => Value::Ints(Vec::new()),
                6 | 12 => Value::Floats(Vec::new()),
                8 => Value::Strings(Strings::default()),
                9 => return Err(malformed(&key, at, "arrays of arrays are not supported")),
                _ => return Err(malformed(&key, at, &format!("unknown element type {kind}"))),
            };
            self.state = State::Array { key, kind, left, value };
            return Ok(Some(()));
        }
        let Some(value) = self.scalar(kind, &key)? else {
            return Ok(None);
        };
        self.header.metadata.entries.insert(key, value);
        self.next_entry()
    }

    fn array_element(&mut self) -> Result<Option<()>> {
        let State::Array { key, kind, left, mut value } = std::mem::take(&mut self.state) else {
            return Ok(None);
        };
        if left == 0 {
            self.header.metadata.entries.insert(key, value);
            return self.next_entry();
        }
        let read = self.scalar(kind, &key)?;
        let went = read.is_some();
        match (&mut value, read) {
            (Value::Strings(all), Some(Value::String(s))) => all.push(&s),
            (Value::Floats(all), Some(Value::Float(v))) => all.push(v),
            (Value::Ints(all), Some(Value::Int(v))) => all.push(v),
            (Value::Ints(all), Some(Value::Uint(v))) => all.push(v as i64),
            (Value::Ints(all), Some(Value::Bool(v))) => all.push(v.into()),
            _ => {}
        }
        self.state = State::Array { key, kind, left: left - u64::from(went), value };
        Ok(went.then_some(()))
    }

    fn scalar(&mut self, kind: u32, key: &str) -> Result<Option<Value>> {
        let at = self.offset();
        Ok(match kind {
            0 => self.take::<1>().map(|b| Value::Uint(b[0].into())),
            1 => self.take::<1>().map(|b| Value::Int(i8::from_le_bytes(b).into())),
            2 => self.take::<2>().map(|b| Value::Uint(u16::from_le_bytes(b).into())),
            3 => self.take::<2>().map(|b| Value::Int(i16::from_le_bytes(b).into())),
            4 => self.u32().map(|v| Value::Uint(v.into())),
            5 => self.take::<4>().map(|b| Value::Int(i32::from_le_bytes(b).into())),
            6 => self.take::<4>().map(|b| Value::Float(f32::from_le_bytes(b).into())),
            7 => match self.take::<1>() {
                Some([b @ (0 | 1)]) => Some(Value::Bool(b == 1)),
                Some([b]) => return Err(malformed(key, at, &format!("{b} is no boolean"))),
                None => None,
            },
            8 => self.string(key, MAX_STRING)?.map(Value::String),
            10 => self.u64().map(Value::Uint),
            11 => self.take::<8>().map(|b| Value::Int(i64::from_le_bytes(b))),
            12 => self.take::<8>().map(|b| Value::Float(f64::from_le_bytes(b))),
            _ => return Err(malformed(key, at, &format!("unknown value type {kind}"))),
        })
    }

    fn tensor(&mut self) -> Result<Option<()>> {
        let at = self.offset();
        let Some(name) = self.string("a tensor name", MAX_NAME)? else {
            return Ok(None);
        };
        let Some(n_dims) = self.u32() else { return Ok(None) };
        if !(1..=4).contains(&n_dims) {
            return Err(malformed(&name, at, &format!("{n_dims} dimensions, expected 1 to 4")));
        }
        let mut shape = Vec::with_capacity(4);
        for _ in 0..n_dims {
            let Some(dim) = self.u64() else { return Ok(None) };
            shape.push(dim);
        }
        let (Some(id), Some(offset)) = (self.u32(), self.u64()) else {
            return Ok(None);
        };
        let ty = GgmlType::from_id(id).ok_or_else(|| Error::TensorType {
            name: name.clone(),
            ty: id.to_string(),
            supported: crate::quant::supported_names(),
        })?;
        let bytes = tensor_bytes(ty, &shape).map_err(|problem| malformed(&name, at, &problem))?;
        if !self.names.insert(name.clone()) {
            return Err(malformed(&name, at, "the tensor stands twice"));
        }
        self.header.tensors.push(TensorInfo { name, ty, shape, offset, bytes });
        self.next_entry()
    }

    /// Makes offsets absolute and checks that the tensors lie in order, aligned and apart.
    fn finish(&mut self) -> Result<()> {
        let end = self.offset();
        let key = "general.alignment";
        let alignment = u64::from(self.header.metadata.u32(key)?.unwrap_or(32));
        if !alignment.is_power_of_two() || alignment > MAX_ALIGNMENT {
            return Err(Error::MetadataValue {
                key: key.into(),
                expected: format!("a power of two up to {MAX_ALIGNMENT}"),
                found: alignment.to_string(),
            });
        }
        let data = end.next_multiple_of(alignment);
        self.header.data_offset = data;
        self.header.tensors.sort_by_key(|t| t.offset);
        let mut free = 0u64; // relative to data_offset
        for tensor in &mut self.header.tensors {
            let at = data.saturating_add(tensor.offset);
            let wrong = |problem: &str| malformed(&tensor.name, at, problem);
            if tensor.offset % alignment != 0 {
                return Err(wrong(&format!("its offset {} is not a multiple of {alignment}", tensor.offset)));
            }
            if tensor.offset < free {
                return Err(wrong("it overlaps the tensor before it"));
            }
            if tensor.offset - free >= alignment {
                return Err(wrong("a gap larger than padding lies before it"));
            }
            free = tensor.offset.checked_add(tensor.bytes).ok_or_else(|| wrong("its end overflows"))?;
            tensor.offset = data.checked_add(tensor.offset).ok_or_else(|| wrong("its offset overflows"))?;
        }
        self.header.file_len = data
            .checked_add(free)
            .ok_or_else(|| malformed("the tensor table", end, "the sum of all sizes overflows"))?;
        self.header.parts = vec![self.header.file_len];
        Ok(())
    }

    fn offset(&self) -> u64 {
        self.base + self.cursor as u64
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.buf.get(self.cursor..self.cursor + N)?.try_into().ok()?;
        self.cursor += N;
        Some(bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn string(&mut self, what: &str, limit: u64) -> Result<Option<String>> {
        let at = self.offset();
        let Some(len) = self.u64() else { return Ok(None) };
        cap(&format!("the length of a string in {what}"), len, limit)?;
        let Some(bytes) = self.buf.get(self.cursor..self.cursor + len as usize) else {
            return Ok(None);
        };
        let text =
            std::str::from_utf8(bytes).map_err(|_| malformed(what, at, "the text is not UTF-8"))?.to_owned();
        if text.ends_with('\0') && !text.trim_end_matches('\0').is_empty() {
            return Err(malformed(what, at, NUL));
        }
        self.cursor += len as usize;
        Ok(Some(text))
    }
}

/// The converters of August 2023 counted C's end of a string to its length.
const NUL: &str = "the text ends in a NUL byte, which GGUF does not have: the model must be converted again";

fn tensor_bytes(ty: GgmlType, shape: &[u64]) -> std::result::Result<u64, String> {
    if shape.contains(&0) {
        return Err("a dimension is 0".into());
    }
    let len = u64::from(ty.block_len());
    if !shape[0].is_multiple_of(len) {
        return Err(format!("rows of {} elements are no whole number of {ty} blocks of {len}", shape[0]));
    }
    shape
        .iter()
        .try_fold(1u64, |n, &dim| n.checked_mul(dim))
        .and_then(|n| (n / len).checked_mul(u64::from(ty.block_bytes())))
        .ok_or_else(|| "its size overflows".into())
}

fn cap(what: &str, value: u64, limit: u64) -> Result<()> {
    if value > limit {
        return Err(Error::TooLarge { what: what.into(), value, limit });
    }
    Ok(())
}

fn malformed(what: &str, offset: u64, problem: &str) -> Error {
    Error::Malformed { what: what.into(), offset, problem: problem.into() }
}

fn describe_start(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(16)];
    let text = String::from_utf8_lossy(start).trim_start().to_lowercase();
    if start.is_empty() {
        return "nothing: it is empty".into();
    }
    if text.starts_with('<') {
        return "\"<\": it looks like a web page (HTML), not a model".into();
    }
    format!("{:?}", String::from_utf8_lossy(&start[..start.len().min(4)]))
}
