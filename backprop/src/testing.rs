//! Threads that stand in for processes, for tests of what shares a batch.

use std::sync::{Arc, Barrier, Mutex};

use crate::exchange::Exchange;

/// Where threads leave what the others take.
struct Board {
    left: Mutex<Vec<Vec<f64>>>,
    turn: Barrier,
}

/// One of several threads.
pub struct Thread {
    rank: usize,
    board: Arc<Board>,
}

/// What each of `size` threads makes.
///
/// # Panics
/// When one of them does.
pub fn among<R: Send>(size: usize, work: impl Fn(Thread) -> R + Sync) -> Vec<R> {
    let board = Arc::new(Board { left: Mutex::new(vec![Vec::new(); size]), turn: Barrier::new(size) });
    std::thread::scope(|scope| {
        let start = |rank| {
            let (board, work) = (board.clone(), &work);
            scope.spawn(move || work(Thread { rank, board }))
        };
        let threads: Vec<_> = (0..size).map(start).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread ends well")).collect()
    })
}

impl Thread {
    /// What every thread left, in their order; all of them call this.
    pub fn all(&self, own: Vec<f64>) -> Vec<Vec<f64>> {
        let board = || self.board.left.lock().expect("nothing panics while it holds this");
        board()[self.rank] = own;
        self.board.turn.wait();
        let all = board().clone();
        self.board.turn.wait();
        all
    }

    fn fill<T: Copy + Into<f64>>(&self, buffer: &mut [T], lengths: &[usize], narrow: impl Fn(f64) -> T) {
        assert_eq!(lengths.iter().sum::<usize>(), buffer.len(), "lengths of the pieces");
        let first: usize = lengths[..self.rank].iter().sum();
        let own = buffer[first..first + lengths[self.rank]].iter().map(|&number| number.into()).collect();
        let all = self.all(own).concat();
        buffer.iter_mut().zip(all).for_each(|(to, number)| *to = narrow(number));
    }
}

impl Exchange for Thread {
    fn place(&self) -> (usize, usize) {
        (self.rank, self.board.left.lock().expect("nothing panics while it holds this").len())
    }

    fn all_to_all(&mut self, (out, counts): (&[f32], &[usize]), (into, lengths): (&mut [f32], &[usize])) {
        let sums = (counts.iter().sum::<usize>(), lengths.iter().sum::<usize>());
        assert_eq!(sums, (out.len(), into.len()), "lengths of the pieces");
        // the lengths of the pieces come first
        let own = counts.iter().map(|&count| count as f64).chain(out.iter().map(|&number| f64::from(number))).collect();
        let mut taken = Vec::new();
        for (from, all) in self.all(own).into_iter().enumerate() {
            let (counts, out) = all.split_at(counts.len());
            let first = counts[..self.rank].iter().sum::<f64>() as usize;
            assert_eq!(counts[self.rank] as usize, lengths[from], "both sides know the length of a piece");
            taken.extend_from_slice(&out[first..first + lengths[from]]);
        }
        into.iter_mut().zip(taken).for_each(|(to, number)| *to = number as f32);
    }

    fn all_gather(&mut self, buffer: &mut [f32], lengths: &[usize]) {
        self.fill(buffer, lengths, |number| number as f32);
    }

    fn all_gather_scores(&mut self, buffer: &mut [f64], lengths: &[usize]) {
        self.fill(buffer, lengths, |number| number);
    }
}
