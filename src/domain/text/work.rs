//! Counts the steps of counting, in tests alone: time is shown to be linear by work, not by clocks.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// One look at one character.
#[inline]
pub(super) fn step() {
    looked_at(1);
}

/// A look at each of so many characters.
#[inline]
pub(super) fn looked_at(_chars: usize) {
    #[cfg(test)]
    STEPS.with(|steps| steps.set(steps.get() + _chars as u64));
}

/// The steps that `work` takes.
#[cfg(test)]
pub(super) fn steps(work: impl FnOnce()) -> u64 {
    let before = STEPS.with(Cell::get);
    work();
    STEPS.with(Cell::get) - before
}
