//! Statics that somebody owns.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Memory that is handed out once. It starts as all zero bits, so it takes no flash.
#[derive(Debug)]
pub struct Once<T> {
    taken: AtomicBool,
    memory: UnsafeCell<T>,
}

// SAFETY: the memory is handed out to the first who asks, and there is one core and no interrupt.
unsafe impl<T> Sync for Once<T> {}

impl<T> Once<T> {
    /// Memory with something in it.
    pub const fn new(memory: T) -> Self {
        Self { taken: AtomicBool::new(false), memory: UnsafeCell::new(memory) }
    }

    /// The memory; `None` if somebody has it.
    #[allow(clippy::mut_from_ref, reason = "handed out once")]
    pub fn take(&self) -> Option<&mut T> {
        let taken = self.taken.load(Relaxed);
        self.taken.store(true, Relaxed);
        // SAFETY: this is the first and only time.
        (!taken).then(|| unsafe { &mut *self.memory.get() })
    }
}
