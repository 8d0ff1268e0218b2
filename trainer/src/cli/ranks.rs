//! Several processes of `trainer train` that share a run.

use trainer::launch::{self, Cores};
use trainer::train::Ranks;

/// Joins the ranks that a launcher has started; none for a process that was started alone.
///
/// # Errors
/// This build cannot, or MPI does not start.
#[cfg(feature = "mpi")]
pub fn join() -> Result<Option<Box<dyn Ranks>>, String> {
    if launch::processes().is_none() {
        return Ok(None);
    }
    let world = trainer::mpi::join()?;
    Ok(Some(Box::new(world)))
}

/// None in this build.
///
/// # Errors
/// A launcher has started several processes, each of which would train the whole run.
#[cfg(not(feature = "mpi"))]
pub fn join() -> Result<Option<Box<dyn Ranks>>, String> {
    match launch::processes() {
        Some(processes) if processes > 1 => Err(format!(
            "mpirun started {processes} processes, and this trainer was built without MPI: each would train the whole \
             run. Build it with `cargo build --release -p trainer --features mpi`, or start one process without mpirun"
        )),
        _ => Ok(None),
    }
}

/// Leaves the other ranks.
pub fn end() {
    #[cfg(feature = "mpi")]
    trainer::mpi::end();
}

/// Ends every rank.
pub fn abort() -> ! {
    #[cfg(feature = "mpi")]
    trainer::mpi::abort(1);
    #[cfg(not(feature = "mpi"))]
    std::process::exit(1)
}

/// Threads of each rank, in the order of ranks, and what to tell about them.
pub struct Places {
    /// Threads of this rank.
    pub threads: usize,
    /// How many ranks, on how many machines, with how many threads.
    pub words: String,
    /// Where a rank has fewer cores than threads, what to do.
    pub advice: Option<String>,
}

/// Finds out how many threads each rank has: those that were asked for, else its share of the machine's cores.
pub fn places(ranks: &mut dyn Ranks, asked: Option<usize>) -> Places {
    let host = ranks.host();
    let hosts = ranks.all_gather_bytes(host.as_bytes());
    let beside = hosts.iter().filter(|other| **other == host.as_bytes()).count();
    let Cores { machine, own } = Cores::here();
    let threads = asked.unwrap_or((machine / beside).max(1));
    let found = ranks.all_gather_bytes(format!("{threads} {own}").as_bytes());
    let numbers = |word: &Vec<u8>| -> Option<(usize, usize)> {
        let (threads, cores) = std::str::from_utf8(word).ok()?.split_once(' ')?;
        Some((threads.parse().ok()?, cores.parse().ok()?))
    };
    let found: Vec<(usize, usize)> = found.iter().filter_map(numbers).collect();
    let mut machines = hosts.clone();
    machines.sort();
    machines.dedup();
    Places { threads, words: words(&found, machines.len()), advice: advice(&found) }
}

/// From threads and cores of each rank.
fn words(ranks: &[(usize, usize)], machines: usize) -> String {
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let (least, most) = ranks.iter().fold((usize::MAX, 0), |(least, most), &(t, _)| (least.min(t), most.max(t)));
    let threads = if least == most { plural(most, "thread") } else { format!("{least} to {most} threads") };
    format!("{} on {}, {threads} each", plural(ranks.len(), "rank"), plural(machines, "machine"))
}

fn advice(ranks: &[(usize, usize)]) -> Option<String> {
    let (rank, &(threads, cores)) = ranks.iter().enumerate().find(|(_, (threads, cores))| threads > cores)?;
    Some(format!(
        "rank {rank} has {threads} threads and may use {cores} of its machine's cores: start with `mpirun --bind-to none \
         …` or `mpirun --map-by slot:PE={threads} …`, or give it fewer threads with --threads"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_with_fewer_cores_than_threads_are_told_what_to_do() {
        assert_eq!(words(&[(2, 2)], 1), "1 rank on 1 machine, 2 threads each");
        assert_eq!(words(&[(8, 8), (4, 8), (4, 4)], 2), "3 ranks on 2 machines, 4 to 8 threads each");
        assert_eq!(advice(&[(2, 2), (1, 4)]), None);
        let words = advice(&[(2, 2), (4, 1)]).unwrap();
        assert!(words.contains("rank 1 has 4 threads and may use 1") && words.contains("--bind-to none"), "{words}");
    }
}
