//! How this process was started: by `mpirun` or alone, and on which cores.

use std::fs;

/// How many processes a launcher of MPI has started together with this one; none for a process that was started alone.
/// A job of Slurm's alone is no sign of it.
pub fn processes() -> Option<usize> {
    let size = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"].iter().find_map(|name| std::env::var(name).ok()?.parse().ok());
    // Slurm's own launcher names the rank alone
    size.or_else(|| std::env::var_os("PMIX_RANK").map(|_| 1))
}

/// Cores of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cores {
    /// All that processes here may use.
    pub machine: usize,
    /// Those that this process may use: launchers bind processes to cores.
    pub own: usize,
}

impl Cores {
    /// Looks them up.
    pub fn here() -> Cores {
        let parallel = std::thread::available_parallelism().map_or(1, |n| n.get());
        let online = fs::read_to_string("/sys/devices/system/cpu/online").ok().and_then(|text| count(&text));
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let allowed = status.lines().find_map(|line| count(line.strip_prefix("Cpus_allowed_list:")?));
        match (online, allowed) {
            // less than the cores that it is bound to: a container's quota
            (_, Some(allowed)) if parallel < allowed => Cores { machine: parallel, own: parallel },
            (Some(online), Some(_)) => Cores { machine: online.max(parallel), own: parallel },
            _ => Cores { machine: parallel, own: parallel },
        }
    }
}

/// How many numbers a list such as `0-3,8` holds.
fn count(list: &str) -> Option<usize> {
    let piece = |piece: &str| {
        let (first, last) = piece.split_once('-').unwrap_or((piece, piece));
        let (first, last) = (first.trim().parse::<usize>().ok()?, last.trim().parse::<usize>().ok()?);
        Some((last + 1).saturating_sub(first))
    };
    list.trim().split(',').map(piece).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores_are_counted() {
        assert_eq!(count("0-3,8\n"), Some(5));
        assert_eq!(count("7"), Some(1));
        assert_eq!(count("all"), None);
        let Cores { machine, own } = Cores::here();
        assert!(own >= 1 && machine >= own);
    }
}
