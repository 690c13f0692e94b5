//! The one error type. Every message names the thing that was wrong (tensor, metadata key, byte
//! offset, URL, limit) in words a person can act on.

/// Shorthand for a result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong. [`Error::code`] gives a short stable name for programs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes do not start with the GGUF magic.
    #[error("this is not a GGUF file: it starts with {found}")]
    NotGguf {
        /// The first bytes, printable, with a guess at what they are.
        found: String,
    },
    /// The container version is not one we read.
    #[error("{}", version_words(*version))]
    GgufVersion {
        /// The version field of the file.
        version: u32,
    },
    /// The file breaks the GGUF format.
    #[error("broken GGUF at byte {offset}: {what}: {problem}")]
    Malformed {
        /// The field, key or tensor that is being read.
        what: String,
        /// Offset in the file where it starts.
        offset: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The file ends before what its header promises.
    #[error("the file is cut: {what} needs bytes up to {needed}, but the file ends at byte {end}")]
    Truncated {
        /// What is missing (the header, or a tensor's name).
        what: String,
        /// One past the last byte needed.
        needed: u64,
        /// Where the file ends.
        end: u64,
    },
    /// A size read from the file is above what this engine accepts.
    #[error("{what} is {value}, above this engine's limit of {limit}")]
    TooLarge {
        /// The thing measured.
        what: String,
        /// Its value.
        value: u64,
        /// The limit.
        limit: u64,
    },
    /// A metadata key that the model needs is not there.
    #[error("the model's metadata lacks {key}")]
    MetadataMissing {
        /// The key.
        key: String,
    },
    /// A metadata value has the wrong type or an impossible value.
    #[error("the model's metadata {key} is {found}, expected {expected}")]
    MetadataValue {
        /// The key.
        key: String,
        /// What was expected.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// The model asks for something this engine does not do, and must not ignore.
    #[error("not supported: {what} = {value}{}", supported.as_ref().map(|s| format!(" (supported: {s})")).unwrap_or_default())]
    Unsupported {
        /// The metadata key or feature.
        what: String,
        /// The value found.
        value: String,
        /// The values that would work, where there is a list.
        supported: Option<String>,
    },
    /// A tensor that the architecture needs is not in the file.
    #[error("tensor {name} is missing")]
    TensorMissing {
        /// Tensor name.
        name: String,
    },
    /// A tensor in the file that the architecture does not use: ignoring it could change the answer.
    #[error("tensor {name} is not part of the {architecture} architecture as this engine knows it")]
    TensorUnknown {
        /// Tensor name.
        name: String,
        /// `general.architecture`.
        architecture: String,
    },
    /// A tensor has another shape than the metadata implies.
    #[error("tensor {name} has shape {found:?}, expected {expected:?}")]
    TensorShape {
        /// Tensor name.
        name: String,
        /// Shape in the file, innermost dimension first.
        found: Vec<u64>,
        /// Shape implied by the metadata.
        expected: Vec<u64>,
    },
    /// A tensor is stored in a type that this engine cannot read.
    #[error("tensor {name} has type {ty}, which is not supported (supported: {supported})")]
    TensorType {
        /// Tensor name.
        name: String,
        /// Type name, or its number when unknown.
        ty: String,
        /// The types that would work.
        supported: String,
    },
    /// The vocabulary cannot be used.
    #[error("the model's tokenizer cannot be used: {0}")]
    Tokenizer(String),
    /// The chat template failed.
    #[error("the model's chat template failed{}: {message}", line.map(|l| format!(" at line {l}")).unwrap_or_default())]
    Template {
        /// Line in the template, where known.
        line: Option<usize>,
        /// What happened.
        message: String,
    },
    /// A request has a parameter that makes no sense.
    #[error("{param}: {problem}")]
    InvalidRequest {
        /// Name of the parameter.
        param: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The prompt and the reply do not fit the context.
    #[error("{needed} tokens do not fit the context of {n_ctx}")]
    ContextFull {
        /// Tokens needed.
        needed: usize,
        /// The context size.
        n_ctx: usize,
    },
    /// No WebGPU adapter that could run the model.
    #[error("no usable GPU adapter: {0}")]
    NoAdapter(String),
    /// The GPU is gone: its driver crashed, was updated, or took it away.
    #[error("the GPU device was lost: {reason}. The model must be loaded again")]
    DeviceLost {
        /// The driver's or browser's words.
        reason: String,
    },
    /// The GPU's driver refused a command.
    #[error("the GPU refused a command: {problem}")]
    Validation {
        /// The driver's or browser's words.
        problem: String,
    },
    /// Bytes could not be read back from the GPU.
    #[error("reading from the GPU failed: {problem}")]
    Read {
        /// The driver's or browser's words.
        problem: String,
    },
    /// The model's numbers broke: by the file's weights, or by a device that computes wrongly.
    #[error(
        "no token can be chosen, for the model's logits are not finite numbers: its file is damaged, or the GPU computes wrongly"
    )]
    NotFinite,
    /// The GPU's driver does not compile a kernel.
    #[error("the GPU's driver rejects the kernel {kernel}: {problem}")]
    Shader {
        /// Its name.
        kernel: String,
        /// The driver's words.
        problem: String,
    },
    /// The GPU computes wrongly, without optional features too.
    #[error(
        "{adapter} computes wrongly and would give wrong answers: in the self-test of {kernel}, {problem}. A newer driver or browser may help"
    )]
    SelfTest {
        /// The adapter's name.
        adapter: String,
        /// The kernel that is off.
        kernel: String,
        /// How far.
        problem: String,
    },
    /// The GPU does not have the memory.
    #[error("the GPU does not have enough memory for {what} ({bytes} bytes)")]
    OutOfMemory {
        /// The thing that did not fit.
        what: String,
        /// Its size.
        bytes: u64,
    },
    /// A file could not be read.
    #[error("{path}: {cause}")]
    File {
        /// Path.
        path: String,
        /// The system's words.
        cause: String,
    },
    /// A server answered with an error status.
    #[error("{url} answered with HTTP status {status}{}", status_words(*status))]
    Http {
        /// Address.
        url: String,
        /// Status code.
        status: u16,
    },
    /// The network failed or the download was cut, and went on failing.
    #[error(
        "the download of {url} failed after {received} bytes: {cause}. Loading again goes on from what is kept"
    )]
    Network {
        /// Address.
        url: String,
        /// Bytes received until then.
        received: u64,
        /// The browser's or system's words.
        cause: String,
    },
    /// A server answered something that cannot be right, time after time.
    #[error("the server of {url} answers wrongly: {problem}. Another address or a mirror may help")]
    BadServer {
        /// Address.
        url: String,
        /// What it did.
        problem: String,
    },
    /// The file on the server is not the one that was begun.
    #[error(
        "{url} has changed since its download began: {was}. Loading again fetches the new file from its beginning"
    )]
    Changed {
        /// Address.
        url: String,
        /// How that shows.
        was: String,
    },
    /// Bytes do not have the hash that they should have.
    #[error("{what} is damaged or not the right one: its SHA-256 is {found}, expected {expected}")]
    Corrupt {
        /// The file, or the piece of it.
        what: String,
        /// The hash expected.
        expected: String,
        /// The hash found.
        found: String,
    },
    /// The store has no room for more.
    #[error(
        "there is no more room in {place}: what has come is kept. Make room, such as by deleting a model, and load again, or load without keeping"
    )]
    StorageFull {
        /// The store, or the file.
        place: String,
    },
    /// The store cannot be used.
    #[error("the store cannot be used: {place}: {cause}")]
    Storage {
        /// The store, or the file.
        place: String,
        /// The browser's or system's words.
        cause: String,
    },
    /// The store does not have it.
    #[error("{what}: this is not kept here")]
    NotKept {
        /// The model, or the part of it.
        what: String,
    },
    /// Another tab or process reads the model.
    #[error("the model {model} is in use: end what loads it first")]
    InUse {
        /// Its name in the store.
        model: String,
    },
    /// The caller aborted.
    #[error("aborted")]
    Aborted,
}

fn status_words(status: u16) -> &'static str {
    match status {
        401 | 403 => {
            ": it wants to know who asks, or does not let everyone have it. Headers with a token may help"
        }
        404 | 410 => ": there is no such file, so its address may be wrong",
        416 => ": the file is shorter than it was",
        429 => ": too many requests came from this network. Later it may answer again",
        500..=599 => ": the server has a problem of its own. Later it may answer again",
        _ => "",
    }
}

fn version_words(version: u32) -> String {
    match version.swap_bytes() {
        swapped @ 1..=3 => format!(
            "this is a GGUF file in big-endian byte order (version {swapped}): this engine reads little-endian ones, so the model must be converted for those"
        ),
        _ => format!("GGUF version {version} is not supported: this engine reads versions 2 and 3"),
    }
}

impl Error {
    /// A short stable name, the `code` of the package's `EngineError`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotGguf { .. } => "not_gguf",
            Self::GgufVersion { .. } => "gguf_version",
            Self::Malformed { .. } => "gguf_malformed",
            Self::Truncated { .. } => "gguf_truncated",
            Self::TooLarge { .. } => "too_large",
            Self::MetadataMissing { .. } => "metadata_missing",
            Self::MetadataValue { .. } => "metadata_value",
            Self::Unsupported { .. } => "unsupported",
            Self::TensorMissing { .. } => "tensor_missing",
            Self::TensorUnknown { .. } => "tensor_unknown",
            Self::TensorShape { .. } => "tensor_shape",
            Self::TensorType { .. } => "tensor_type",
            Self::Tokenizer(_) => "tokenizer",
            Self::Template { .. } => "template",
            Self::InvalidRequest { .. } => "invalid_request",
            Self::ContextFull { .. } => "context_full",
            Self::NoAdapter(_) => "no_adapter",
            Self::DeviceLost { .. } | Self::Validation { .. } | Self::Read { .. } | Self::Shader { .. } => {
                "device"
            }
            Self::NotFinite => "not_finite",
            Self::SelfTest { .. } => "self_test",
            Self::OutOfMemory { .. } => "out_of_memory",
            Self::File { .. } => "file",
            Self::Http { .. } => "http",
            Self::Network { .. } => "network",
            Self::BadServer { .. } => "bad_server",
            Self::Changed { .. } => "changed",
            Self::Corrupt { .. } => "corrupt",
            Self::StorageFull { .. } => "storage_full",
            Self::Storage { .. } => "storage",
            Self::NotKept { .. } => "not_kept",
            Self::InUse { .. } => "in_use",
            Self::Aborted => "aborted",
        }
    }
}
