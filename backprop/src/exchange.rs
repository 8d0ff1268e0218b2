//! Several processes that share the work of a step.
//!
//! Each computes some of a batch's groups and hands every process a part of each gradient. That process adds the groups in
//! the order in which a process alone adds them, and hands the sum to all. A sum of two numbers is the same wherever it is
//! computed, so the bits of a step do not depend on how many processes there are. Sums of a message library would: they
//! choose an order by the number of processes and the size of a message.

use std::ops::Range;

/// What a process needs of the others. All call the same methods in the same order.
pub trait Exchange {
    /// Which process this is, from 0, and how many there are.
    fn place(&self) -> (usize, usize);

    /// Sends a piece of `out` to each process and receives one from each into `into`, in the order of processes.
    ///
    /// # Shapes
    /// Beside each buffer the lengths of its pieces, one for each process; their sum is the buffer's length.
    fn all_to_all(&mut self, out: (&[f32], &[usize]), into: (&mut [f32], &[usize]));

    /// Completes a buffer of which each process has filled its own piece.
    ///
    /// # Shapes
    /// `lengths` of the pieces in the order of processes; their sum is the buffer's length.
    fn all_gather(&mut self, buffer: &mut [f32], lengths: &[usize]);

    /// As [`Exchange::all_gather`], for the few numbers of a score.
    fn all_gather_scores(&mut self, buffer: &mut [f64], lengths: &[usize]);
}

/// The share of process `rank` of `size` in `count` things. Shares differ by one at most, and may be empty.
pub fn share(count: usize, (rank, size): (usize, usize)) -> Range<usize> {
    rank * count / size..(rank + 1) * count / size
}

/// The lengths of all shares.
pub(crate) fn shares(count: usize, size: usize) -> Vec<usize> {
    (0..size).map(|rank| share(count, (rank, size)).len()).collect()
}
