//! What the tests share: where the vectors are, and how they are read.
#![allow(dead_code)] // either test crate uses its part

pub mod coverage;
pub mod gguf;
pub mod sampling;
pub mod script;

use minke::context::Context;
use minke::gpu::{Gpu, GpuOptions, Splits, Tile, Tuning};
use minke::kv_type::{KvType, KvTypes};
use minke::model::{ByteSource, Model, ModelOptions};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::LazyLock;

/// `$MINKE_VECTORS` (from the repository's root), else `../shared/golden`, else the small tests/vectors.
pub fn vectors_dir() -> &'static Path {
    static DIR: LazyLock<PathBuf> = LazyLock::new(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let golden = root.join("../shared/golden");
        let dir = match std::env::var_os("MINKE_VECTORS") {
            Some(chosen) => root.join(chosen),
            None if golden.is_dir() => golden,
            None => root.join("tests/vectors"),
        };
        println!("vectors: {}", dir.display());
        dir
    });
    &DIR
}

/// Cases from public bug reports, where they stand beside the checkout; else `what` is told to be skipped.
pub fn cases_dir(what: &str) -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/cases");
    if !dir.is_dir() {
        println!("skipped: {what}: {} is not there", dir.display());
        return None;
    }
    Some(dir)
}

/// A JSON file.
pub fn json<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The stems of the JSON files in a folder of the vectors, sorted.
pub fn stems(folder: &str) -> Vec<String> {
    let path = vectors_dir().join(folder);
    let entries = std::fs::read_dir(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let mut stems: Vec<_> = names.filter_map(|name| name.strip_suffix(".json").map(String::from)).collect();
    stems.sort_unstable();
    stems
}

/// One JSON file of the vectors.
pub fn vectors<T: serde::de::DeserializeOwned>(name: &str) -> T {
    json(&vectors_dir().join(name))
}

/// Bytes of a hexadecimal string.
pub fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("hex")).collect()
}

/// What a test asks of the device and of the model.
#[derive(Clone, Default, serde::Deserialize)]
pub struct Options {
    #[serde(flatten)]
    pub gpu: GpuOptions,
    #[serde(flatten)]
    pub model: ModelOptions,
}

impl Options {
    /// With a KV cache of such types, or the default one.
    pub fn kv(&self, kv: impl Into<Option<KvTypes>>) -> Self {
        Self { model: ModelOptions { kv: kv.into(), ..self.model.clone() }, ..self.clone() }
    }

    /// With kernels that are changed before they are compiled.
    pub fn patched(&self, patch: fn(&str, String) -> String) -> Self {
        Self { gpu: GpuOptions { patch: Some(patch), ..self.gpu.clone() }, ..self.clone() }
    }

    pub fn tuned(&self, tuning: Tuning) -> Self {
        Self { model: ModelOptions { tuning: Some(tuning), ..self.model.clone() }, ..self.clone() }
    }

    pub fn without_subgroups(&self) -> Self {
        Self { gpu: GpuOptions { no_subgroups: true, ..self.gpu.clone() }, ..self.clone() }
    }

    /// The device, in the tier.
    pub fn open(&self) -> Gpu {
        let gpu = pollster::block_on(Gpu::request(&self.gpu)).expect("lavapipe or a GPU");
        gpu.with_tuning(self.model.tuning.unwrap_or_default())
    }
}

/// A row of a tier table: what the device really uses.
pub fn tier_row(gpu: &Gpu, limits: &GpuOptions, kv: KvTypes) -> String {
    let caps = gpu.caps();
    let subgroups = if caps.subgroups { "yes" } else { "no" };
    let limits = if limits.default_limits { "default" } else { "adapter" };
    let Tuning { matmul, attention, dots, .. } = caps.tuning;
    let tuning = format!("tile {matmul:?}, splits {attention:?}, dots {dots:?}");
    let tier = format!("subgroups {subgroups:<3} | limits {limits} | {tuning}");
    format!("| {} | {tier} | {kv} |", caps.adapter)
}

/// Where a test is about no tier: as a load would find it on a CPU by trying, but without trying.
pub fn options() -> Options {
    let tuning = Tuning { matmul: Tile::Registers, attention: Splits::Few, ..Tuning::default() };
    Options::default().tuned(tuning)
}

/// How much wider the bounds on logits are than with an f32 cache: f16 by golden/README.md, tolerances. A step of Q8_0
/// is 8 times f16's relative to the largest value of a block, and 64 times relative to one an eighth as large, of which
/// blocks with an outlier (Qwen2's biases make some) are full.
pub fn kv_factor(kv: KvTypes) -> f32 {
    let factor = |kv| match kv {
        KvType::F32 => 1.0,
        KvType::F16 => 10.0,
        KvType::Q8_0 => 640.0,
    };
    f32::max(factor(kv.keys), factor(kv.values))
}

/// The largest difference between what was got and what is wanted; infinite where one is no number or is missing.
pub fn worst<G, W>(got: &[G], want: &[W], difference: impl Fn(&G, &W) -> f64) -> f64 {
    if got.len() != want.len() {
        return f64::INFINITY;
    }
    let differences = got.iter().zip(want).map(|(got, want)| difference(got, want));
    differences.fold(0.0, |most, d| if d.is_nan() { f64::INFINITY } else { most.max(d) })
}

/// Milliseconds, for the loader.
pub fn now() -> f64 {
    std::time::UNIX_EPOCH.elapsed().expect("a clock").as_secs_f64() * 1e3
}

/// Loads a GGUF file as a download would: in pieces.
pub fn load(path: &Path, options: &Options, n_ctx: Option<usize>) -> minke::Result<Rc<Model>> {
    let file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let length = file.metadata().expect("a length").len();
    load_from(file, length, options, n_ctx)
}

/// The same from any source of `length` bytes.
pub fn load_from(
    reader: impl Read,
    length: u64,
    options: &Options,
    n_ctx: Option<usize>,
) -> minke::Result<Rc<Model>> {
    let mut source = Pieces::of(reader, Some(length));
    let model_options = ModelOptions { n_ctx, ..options.model.clone() };
    let gpu = async || Gpu::request(&options.gpu).await;
    let loading = minke::model::load(&mut source, |_| Ok(()), gpu, &model_options, now, |_| {});
    pollster::block_on(loading).map(|(model, ..)| Rc::new(model))
}

/// What a reader reads, in pieces of odd size.
pub struct Pieces<R> {
    pub reader: R,
    pub position: u64,
    pub length: Option<u64>,
    /// Bytes of each.
    pub piece: u64,
}

impl<R> Pieces<R> {
    /// The pieces of a file that has so many bytes, if that is known.
    pub fn of(reader: R, length: Option<u64>) -> Self {
        Self { reader, position: 0, length, piece: 100_003 }
    }
}

impl<R: Read> ByteSource for Pieces<R> {
    async fn read(&mut self, piece: &mut Vec<u8>) -> minke::Result<bool> {
        let n = self.reader.by_ref().take(self.piece).read_to_end(piece).expect("a readable file");
        self.position += n as u64;
        Ok(n > 0)
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn length(&self) -> Option<u64> {
        self.length
    }
}

/// A conversation with a model of its own.
pub fn context(model: Rc<Model>) -> Context {
    pollster::block_on(Context::new(&model)).expect("a context")
}

/// File names of the real models that set-up downloads.
pub const SMOLLM2: &str = "smollm2-135m-instruct-q4_1.gguf";
pub const SMOLLM2_AS_QWEN2: &str = "smollm2-135m-instruct-q4_1.qwen2.gguf";
pub const DEEPSEEK_NEXT: &str = "deepseek-r1-distill-qwen-7b.next.gguf-part";
pub const DEEPSEEK_HEAD: &str = "deepseek-r1-distill-qwen-7b.head.gguf";

/// Where `npm run setup` puts what it fetches.
pub fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".cache")
}

/// A model that `npm run setup` fetched.
pub fn cached(name: &str) -> PathBuf {
    let path = cache().join("models").join(name);
    assert!(path.is_file(), "{} is missing: run `npm run setup`", path.display());
    path
}

/// The `gguf` package's f32 values of blocks as a file has them.
pub fn python_dequantise(ty: minke::quant::GgmlType, blocks: &[u8]) -> Vec<f32> {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let script = "import sys, numpy, gguf\n\
        raw = numpy.frombuffer(sys.stdin.buffer.read(), numpy.uint8).reshape(-1, int(sys.argv[2]))\n\
        values = gguf.dequantize(raw, gguf.GGMLQuantizationType[sys.argv[1]])\n\
        sys.stdout.buffer.write(values.astype('<f4').tobytes())";
    let mut python = Command::new("python3")
        .args(["-c", script, ty.name(), &ty.block_bytes().to_string()])
        .env("PYTHONPATH", cache().join("python"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python 3");
    let mut stdin = python.stdin.take().expect("its input");
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(blocks).expect("written"));
        let output = python.wait_with_output().expect("its output");
        assert!(output.status.success(), "run `npm run setup` for the Python package gguf");
        bytemuck::pod_collect_to_vec(&output.stdout)
    })
}

/// The header of a GGUF file.
pub fn header(path: &Path) -> minke::gguf::Header {
    let mut file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut parser = minke::gguf::HeaderParser::default();
    let mut piece = vec![0; 65_536];
    loop {
        let n = file.read(&mut piece).expect("a readable file");
        assert!(n > 0, "{} has no whole header", path.display());
        if let Some(header) = parser.push(&piece[..n]).expect("a GGUF header") {
            return header;
        }
    }
}

/// A header of a whole file, or of its first bytes.
pub fn parse(bytes: &[u8]) -> minke::Result<minke::gguf::Header> {
    let mut parser = minke::gguf::HeaderParser::default();
    parser.push(bytes)?.ok_or_else(|| parser.truncated())
}

/// An error of a code, whose message has some words.
#[track_caller]
pub fn assert_refused<T>(result: minke::Result<T>, code: &str, words: &[&str]) {
    let error = result.err().expect("an error");
    assert_eq!(error.code(), code, "{error}");
    words.iter().for_each(|word| assert!(error.to_string().contains(word), "{error:?} does not name {word}"));
}
