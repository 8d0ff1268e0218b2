//! How much of the steps' time goes into making tasks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Time that tasks took, added up over the threads that make them.
#[derive(Debug)]
pub(super) struct Making {
    nanoseconds: AtomicU64,
    since: Instant,
}

impl Default for Making {
    fn default() -> Making {
        Making { nanoseconds: AtomicU64::new(0), since: Instant::now() }
    }
}

impl Making {
    /// Runs what makes tasks.
    pub fn time<T>(&self, make: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let made = make();
        self.nanoseconds.fetch_add(started.elapsed().as_nanos() as u64, Ordering::Relaxed);
        made
    }

    /// The share of `threads` threads' time since this was last asked.
    pub fn share(&mut self, threads: usize) -> f64 {
        let all = self.since.elapsed().as_nanos() as f64 * threads.max(1) as f64;
        self.since = Instant::now();
        std::mem::take(self.nanoseconds.get_mut()) as f64 / all.max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_share_is_that_of_the_time_since_it_was_asked() {
        let mut making = Making::default();
        let wait = |making: &Making| making.time(|| std::thread::sleep(Duration::from_millis(30)));
        wait(&making);
        let share = making.share(1);
        assert!((0.01..=1.0).contains(&share), "{share}");
        // two threads at once
        std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(|| wait(&making)))));
        let share = making.share(2);
        assert!((0.01..=1.0).contains(&share), "{share}");
        assert!(making.share(1) < 0.01);
    }
}
