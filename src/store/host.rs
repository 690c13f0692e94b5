//! What a download needs of where it runs.

use super::{Answer, Sha256, Status};
use crate::Result;
use std::ops::Range;

/// Requests, a clock, digests, and the person's wishes.
pub trait Host: 'static {
    /// The rest of an answer.
    type Body: Body + 'static;
    /// What hashes a file.
    type Hasher: Hasher + 'static;

    /// Asks for bytes of an address, or for all of them, following redirects. `headers` go with the request, but not to
    /// where another origin redirects it.
    ///
    /// Errors: [`crate::Error::Network`] where no answer came.
    fn get(
        &self,
        url: &str,
        range: Option<Range<u64>>,
        headers: &[(String, String)],
    ) -> impl Future<Output = Result<Answer<Self::Body>>>;

    /// SHA-256 of some bytes, beside other work where that can be.
    fn digest(&self, bytes: &[u8]) -> impl Future<Output = Sha256>;

    /// The same of bytes that come one after the other; one such hash at a time.
    fn hasher(&self) -> Self::Hasher;

    /// Waits so many milliseconds, or until the network is back.
    fn sleep(&self, milliseconds: f64) -> impl Future<Output = ()>;

    /// Milliseconds since some moment, never going back.
    fn now(&self) -> f64;

    /// Milliseconds since 1970.
    fn date(&self) -> f64;

    /// A random number from 0 to 1.
    fn random(&self) -> f64;

    /// Whether the machine knows that it has no network.
    fn offline(&self) -> bool;

    /// Whether the person has paused the download.
    fn paused(&self) -> bool;

    /// Waits until a paused download may go on. [`crate::Error::Aborted`] where the person does not want it any more.
    fn proceed(&self) -> impl Future<Output = Result<()>>;

    /// Hears how far a download has come.
    fn tell(&self, status: &Status);
}

/// The bytes of an answer.
pub trait Body {
    /// The next ones; `None` at the end. [`crate::Error::Network`] where they are cut.
    fn read(&mut self) -> impl Future<Output = Result<Option<Vec<u8>>>>;
}

/// SHA-256 of bytes that come one after the other.
pub trait Hasher {
    /// The next ones. Returns when there is room for more, which may be before these are hashed.
    fn update(&mut self, bytes: &[u8]) -> impl Future<Output = ()>;

    /// Of all so far.
    fn hash(&mut self) -> impl Future<Output = Result<Sha256>>;
}

/// Folders of files, one for each model.
pub trait Store: 'static {
    /// An open file of it.
    type File: StoreFile + 'static;
    /// Keeps others from a model as long as it lives.
    type Lock: 'static;

    /// Opens a file of a model for reading and writing; both are made where they are missing.
    fn open(&self, model: &str, file: &str) -> impl Future<Output = Result<Self::File>>;

    /// All bytes of a small file, also of one that is open elsewhere.
    fn read(&self, model: &str, file: &str) -> impl Future<Output = Result<Vec<u8>>> {
        async move {
            let file = self.open(model, file).await?;
            let mut bytes = vec![0; file.len()? as usize];
            file.read(0, &mut bytes)?;
            Ok(bytes)
        }
    }

    /// The models' names.
    fn models(&self) -> impl Future<Output = Result<Vec<String>>>;

    /// The names of a model's files; none where it is not kept.
    fn files(&self, model: &str) -> impl Future<Output = Result<Vec<String>>>;

    /// Deletes a model's files.
    fn remove(&self, model: &str) -> impl Future<Output = Result<()>>;

    /// Takes a model's lock, once whoever has it is done.
    fn lock(&self, model: &str) -> impl Future<Output = Result<Self::Lock>>;

    /// The same where nobody has it, else `None`.
    fn try_lock(&self, model: &str) -> impl Future<Output = Result<Option<Self::Lock>>>;

    /// Bytes that may still be written, where that is known.
    fn free(&self) -> impl Future<Output = Option<u64>>;
}

/// A file. [`crate::Error::StorageFull`] and [`crate::Error::Storage`] tell what went wrong.
#[expect(clippy::len_without_is_empty, reason = "nobody asks")]
pub trait StoreFile {
    /// Its length.
    fn len(&self) -> Result<u64>;

    /// Fills `bytes` from `at` on; false where the file ends before.
    fn read(&self, at: u64, bytes: &mut [u8]) -> Result<bool>;

    /// Writes all of `bytes` to `at`.
    fn write(&self, at: u64, bytes: &[u8]) -> Result<()>;

    /// Cuts it, or fills it up with zeros.
    fn truncate(&self, len: u64) -> Result<()>;

    /// Waits until what was written would outlive a power cut.
    fn flush(&self) -> Result<()>;
}
