//! Time that passes only while all wait: then it jumps to the first moment at which one need not wait any longer.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Milliseconds after which a run counts as one without an end.
const TOO_LONG: f64 = 7.0 * 24.0 * 3600e3;
/// Steps at one moment after which it does.
const TOO_BUSY: u32 = 1 << 16;

#[derive(Default)]
pub struct Clock {
    now: Cell<f64>,
    /// Who waits until when.
    timers: RefCell<BTreeMap<u64, (f64, Waker)>>,
    /// Timers so far.
    count: Cell<u64>,
}

pub struct Sleep {
    clock: Rc<Clock>,
    id: u64,
    milliseconds: f64,
    until: Option<f64>,
}

/// Whether a future wants to be polled.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Clock {
    /// Milliseconds since the beginning.
    pub fn now(&self) -> f64 {
        self.now.get()
    }

    /// Begins when it is first polled.
    pub fn sleep(self: &Rc<Self>, milliseconds: f64) -> Sleep {
        self.count.set(self.count.get() + 1);
        Sleep { clock: self.clone(), id: self.count.get(), milliseconds, until: None }
    }

    /// Runs a future to its end.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.run_until(f64::INFINITY, future).expect("an end")
    }

    /// Runs a future, and drops it where it is not done at a moment.
    pub fn run_until<T>(&self, moment: f64, future: impl Future<Output = T>) -> Option<T> {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(flag.clone());
        let mut future = pin!(future);
        loop {
            let mut steps = 0;
            while flag.0.swap(false, Ordering::Relaxed) {
                if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return Some(value);
                }
                steps += 1;
                assert!(steps < TOO_BUSY, "it is busy for ever at {} ms", self.now());
            }
            let due = self.timers.borrow().values().map(|(until, _)| *until).fold(f64::INFINITY, f64::min);
            if due > moment || due == f64::INFINITY {
                assert!(moment < f64::INFINITY, "all wait for ever at {} ms", self.now());
                self.now.set(moment);
                return None;
            }
            assert!(due < TOO_LONG, "it does not end");
            self.now.set(due);
            let mut timers = self.timers.borrow_mut();
            timers.retain(|_, (until, waker)| {
                let waits = *until > due;
                if !waits {
                    waker.wake_by_ref();
                }
                waits
            });
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let until = self.clock.now() + self.milliseconds;
        let until = *self.until.get_or_insert(until);
        if self.clock.now() >= until {
            return Poll::Ready(());
        }
        self.clock.timers.borrow_mut().insert(self.id, (until, context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.clock.timers.borrow_mut().remove(&self.id);
    }
}
