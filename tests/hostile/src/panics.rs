//! How many panics there were in this process, also those that somebody caught.

use std::panic::{set_hook, take_hook};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

static COUNT: AtomicUsize = AtomicUsize::new(0);
static WATCH: Once = Once::new();
static TURN: Mutex<()> = Mutex::new(());

/// Nobody else's panics are counted as long as this is held.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many there were since the first call.
pub(crate) fn count() -> usize {
    WATCH.call_once(|| {
        let report = take_hook();
        set_hook(Box::new(move |panic| {
            COUNT.fetch_add(1, Ordering::Relaxed);
            report(panic);
        }));
    });
    COUNT.load(Ordering::Relaxed)
}
