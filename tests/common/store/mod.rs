//! What a download is tested with: a clock that nobody waits for, a server that does as it is told, a store in memory.
#![allow(dead_code)] // the tests and the fuzz targets use different parts

mod clock;
mod server;
mod shelf;

pub use clock::Clock;
pub use server::{End, Fake, File, Reply, Request};
pub use shelf::Shelf;

use minke::model::ByteSource;
use minke::store::{Download, ModelSpec, Options};
use minke::{Error, Result};
use std::rc::Rc;

pub type Load = Download<Fake, Shelf>;

/// A process that reads a model: it ends with the future, whenever that is dropped.
pub async fn load(
    host: &Rc<Fake>,
    shelf: Option<&Shelf>,
    spec: &ModelSpec,
    options: &Options,
    got: &mut Vec<u8>,
) -> Result<()> {
    let mut load = Load::open(host, shelf.cloned(), spec.clone(), options.clone()).await?;
    pull(&mut load, got).await
}

/// Reads on up to the end of the file.
pub async fn pull(load: &mut Load, got: &mut Vec<u8>) -> Result<()> {
    loop {
        let before = (got.len() as u64, load.position());
        let more = load.read(got).await?;
        let read = got.len() as u64 - before.0;
        assert_eq!((load.position(), more), (before.1 + read, read > 0), "the position is what was read");
        if !more {
            assert_eq!(load.length(), Some(load.position()), "at the end the length is known");
            return Ok(());
        }
    }
}

pub fn network(url: &str, cause: &str) -> Error {
    Error::Network { url: url.into(), received: 0, cause: cause.into() }
}
