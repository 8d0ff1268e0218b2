//! Ranks through MPI.
//!
//! Only whole numbers of bytes travel, and no sums: those of a message library have an order of their own.

use std::sync::{Mutex, PoisonError};

use backprop::Exchange;
use mpi::Threading;
use mpi::collective::CommunicatorCollectives;
use mpi::datatype::{Equivalence, Partition, PartitionMut};
use mpi::environment::Universe;
use mpi::topology::{Communicator, SimpleCommunicator};

use crate::train::Ranks;

/// MPI as long as it is in use. Not in [`World`]: whoever drops this waits for all other ranks.
static UNIVERSE: Mutex<Option<Universe>> = Mutex::new(None);

/// All ranks that the launcher has started.
pub struct World(());

/// Joins the other ranks. From here on a panic ends all of them, and so does whoever leaves without [`end`].
///
/// # Errors
/// MPI has no support for a process with threads, or was joined before.
pub fn join() -> Result<World, String> {
    // calls come from one thread
    let (universe, threading) = mpi::initialize_with_threading(Threading::Funneled).ok_or("MPI was joined before")?;
    *UNIVERSE.lock().unwrap_or_else(PoisonError::into_inner) = Some(universe);
    if threading < Threading::Funneled {
        end();
        return Err("this MPI library supports no process with threads".into());
    }
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        usual(panic);
        // an unwinding rank would wait for the others, and they for it
        abort(101);
    }));
    Ok(World(()))
}

/// Leaves; every rank calls this once.
pub fn end() {
    drop(UNIVERSE.lock().unwrap_or_else(PoisonError::into_inner).take());
}

/// Ends every rank at once.
pub fn abort(code: i32) -> ! {
    SimpleCommunicator::world().abort(code)
}

/// Lengths and places of pieces, as MPI counts them.
///
/// # Panics
/// For more than 2³¹ − 1 numbers.
fn pieces(lengths: &[usize]) -> (Vec<i32>, Vec<i32>) {
    let number = |n: usize| i32::try_from(n).expect("MPI sends at most 2^31 - 1 numbers at once");
    let places = lengths.iter().scan(0, |next, length| Some(std::mem::replace(next, *next + length)));
    (lengths.iter().map(|&length| number(length)).collect(), places.map(number).collect())
}

/// Completes a buffer of which each rank has filled its own piece.
fn gather<T: Equivalence + Copy>(buffer: &mut [T], lengths: &[usize]) {
    let world = SimpleCommunicator::world();
    let rank = world.rank() as usize;
    let first: usize = lengths[..rank].iter().sum();
    let own = buffer[first..first + lengths[rank]].to_vec();
    let (counts, places) = pieces(lengths);
    world.all_gather_varcount_into(&own[..], &mut PartitionMut::new(buffer, counts, places));
}

impl Exchange for World {
    fn place(&self) -> (usize, usize) {
        let world = SimpleCommunicator::world();
        (world.rank() as usize, world.size() as usize)
    }

    fn all_to_all(&mut self, (out, sent): (&[f32], &[usize]), (into, received): (&mut [f32], &[usize])) {
        let ((sent, from), (received, to)) = (pieces(sent), pieces(received));
        let (out, mut into) = (Partition::new(out, sent, from), PartitionMut::new(into, received, to));
        SimpleCommunicator::world().all_to_all_varcount_into(&out, &mut into);
    }

    fn all_gather(&mut self, buffer: &mut [f32], lengths: &[usize]) {
        gather(buffer, lengths);
    }

    fn all_gather_scores(&mut self, buffer: &mut [f64], lengths: &[usize]) {
        gather(buffer, lengths);
    }
}

impl Ranks for World {
    fn all_gather_bytes(&mut self, own: &[u8]) -> Vec<Vec<u8>> {
        let (rank, size) = self.place();
        let mut lengths = vec![0; size];
        lengths[rank] = own.len() as u64;
        gather(&mut lengths, &vec![1; size]);
        let lengths: Vec<usize> = lengths.iter().map(|&length| length as usize).collect();
        let mut all = vec![0; lengths.iter().sum()];
        let first: usize = lengths[..rank].iter().sum();
        all[first..first + own.len()].copy_from_slice(own);
        gather(&mut all, &lengths);
        let mut rest = &all[..];
        let piece = |&length: &usize| {
            let (own, after) = rest.split_at(length);
            rest = after;
            own.to_vec()
        };
        lengths.iter().map(piece).collect()
    }

    fn host(&self) -> String {
        mpi::environment::processor_name().unwrap_or_else(|_| "a machine without a name".into())
    }
}
