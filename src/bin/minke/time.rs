//! Milliseconds since the command began.

use std::sync::LazyLock;
use std::time::Instant;

pub fn now() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    1e3 * START.elapsed().as_secs_f64()
}
