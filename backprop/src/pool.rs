//! Threads; one after the other without the feature `rayon`.

/// Some threads that wait for work.
pub(crate) struct Pool {
    #[cfg(feature = "rayon")]
    threads: rayon::ThreadPool,
}

impl Pool {
    /// At least one thread.
    #[cfg(feature = "rayon")]
    pub fn new(threads: usize) -> Pool {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build();
        Pool { threads: pool.expect("threads can be started") }
    }

    /// The calling thread.
    #[cfg(not(feature = "rayon"))]
    pub fn new(_: usize) -> Pool {
        Pool {}
    }

    /// What `work` makes of each item, in their order, whichever thread made it.
    #[cfg(feature = "rayon")]
    pub fn map<T: Send, R: Send>(&self, items: Vec<T>, work: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
        use rayon::prelude::*;
        self.threads.install(|| items.into_par_iter().with_max_len(1).map(work).collect())
    }

    /// What `work` makes of each item, in their order.
    #[cfg(not(feature = "rayon"))]
    pub fn map<T, R>(&self, items: Vec<T>, work: impl Fn(T) -> R) -> Vec<R> {
        items.into_iter().map(work).collect()
    }
}
