//! Which task of a scheduler's array this process is.
//!
//! Only a task's own index is read. How many tasks there are, and which is the first, is what somebody wrote after
//! `--array` or the like: when Slurm runs one index again, `SLURM_ARRAY_TASK_COUNT`, `MIN` and `MAX` describe that run
//! and not the grid.

/// A scheduler's variable that holds a task's index.
struct Variable {
    name: &'static str,
    /// Index of the first task.
    first: usize,
    scheduler: &'static str,
}

const fn variable(name: &'static str, first: usize, scheduler: &'static str) -> Variable {
    Variable { name, first, scheduler }
}

/// Schedulers whose users choose the first index count from 0 here; Grid Engine and LSF allow 1 at the least.
const VARIABLES: [Variable; 7] = [
    variable("SLURM_ARRAY_TASK_ID", 0, "Slurm"),
    variable("JOB_COMPLETION_INDEX", 0, "Kubernetes"),
    variable("PBS_ARRAY_INDEX", 0, "PBS"),
    variable("PBS_ARRAYID", 0, "Torque"),
    variable("AWS_BATCH_JOB_ARRAY_INDEX", 0, "AWS Batch"),
    variable("SGE_TASK_ID", 1, "Grid Engine"),
    variable("LSB_JOBINDEX", 1, "LSF"),
];

/// Why a task does not know its index.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArrayError {
    /// Not in an array.
    #[error(
        "--cell auto: expected the index of an array's task in one of {}, found none; start this as a task of an array, \
         or give a number: --cell 0",
        names()
    )]
    None,
    /// Several indexes, one job within another.
    #[error("--cell auto: found {0}; which of them counts? Give it by hand: --cell \"${1}\"")]
    Several(String, String),
    /// Not a number of 0 or 1 and more.
    #[error("--cell auto: expected a whole number of {first} or more in {name} ({scheduler}), found `{found}`")]
    Number {
        /// Variable.
        name: &'static str,
        /// Whose it is.
        scheduler: &'static str,
        /// Smallest index.
        first: usize,
        /// What it holds.
        found: String,
    },
}

fn names() -> String {
    VARIABLES.map(|variable| variable.name).join(", ")
}

/// The task's index, from 0. `get` gives a variable of the environment.
///
/// # Errors
/// There is none, or more than one, or it is no number.
///
/// ```
/// use trainer::experiment::task_index;
///
/// let slurm = |name: &str| (name == "SLURM_ARRAY_TASK_ID").then(|| "7".to_owned());
/// assert_eq!(task_index(slurm), Ok(7));
/// ```
pub fn task_index(get: impl Fn(&str) -> Option<String>) -> Result<usize, ArrayError> {
    let found: Vec<(&Variable, String)> = VARIABLES
        .iter()
        .filter_map(|variable| Some((variable, get(variable.name)?)))
        // what Grid Engine and LSF say outside of arrays
        .filter(|(variable, text)| {
            !matches!((variable.name, text.as_str()), (_, "") | ("SGE_TASK_ID", "undefined") | ("LSB_JOBINDEX", "0"))
        })
        .collect();
    match &found[..] {
        [] => Err(ArrayError::None),
        [(variable, text)] => {
            let index = text.trim().parse::<usize>().ok().and_then(|index| index.checked_sub(variable.first));
            index.ok_or_else(|| ArrayError::Number {
                name: variable.name,
                scheduler: variable.scheduler,
                first: variable.first,
                found: text.clone(),
            })
        }
        several => {
            let all: Vec<String> = several.iter().map(|(variable, text)| format!("{}={text}", variable.name)).collect();
            Err(ArrayError::Several(all.join(" and "), several[0].0.name.to_owned()))
        }
    }
}

/// Indexes in the form that `sbatch --array` and [`parse_indexes`] take: `0,4-6`.
pub fn indexes(ascending: &[usize]) -> String {
    let mut ranges: Vec<[usize; 2]> = Vec::new();
    for &index in ascending {
        match ranges.last_mut() {
            Some([_, last]) if *last + 1 == index => *last = index,
            _ => ranges.push([index, index]),
        }
    }
    let word = |[first, last]: &[usize; 2]| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    ranges.iter().map(word).collect::<Vec<_>>().join(",")
}

/// Reads `3` or `0,4-6`.
///
/// # Errors
/// In words.
pub fn parse_indexes(text: &str) -> Result<Vec<usize>, String> {
    /// More than any grid; keeps `0-99999999999` from filling the memory.
    const MOST: usize = 1_000_000;
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (first <= last && last < MOST).then_some(first..=last)
    };
    let mut all = Vec::new();
    for part in text.split(',') {
        all.extend(range(part).ok_or_else(|| format!("expected auto, a number such as 3, or 0,4-6, found `{text}`"))?);
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[(&str, &str)]) -> Result<usize, ArrayError> {
        task_index(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_index_is_the_tasks_own_whatever_the_array_was_sent_with() {
        // index 5 alone, run again: COUNT, MIN and MAX say nothing of the grid
        let again = [
            ("SLURM_ARRAY_TASK_ID", "5"),
            ("SLURM_ARRAY_TASK_COUNT", "1"),
            ("SLURM_ARRAY_TASK_MIN", "5"),
            ("SLURM_ARRAY_TASK_MAX", "5"),
        ];
        assert_eq!(of(&again), Ok(5));
        assert_eq!(of(&[("JOB_COMPLETION_INDEX", "0")]), Ok(0));
        assert_eq!(of(&[("SGE_TASK_ID", "1")]), Ok(0));
        assert_eq!(of(&[("LSB_JOBINDEX", "12")]), Ok(11));
        // outside of arrays they are set, too
        assert_eq!(of(&[("SGE_TASK_ID", "undefined"), ("LSB_JOBINDEX", "0")]), Err(ArrayError::None));
        assert!(of(&[]).unwrap_err().to_string().contains("SLURM_ARRAY_TASK_ID"));
        let two = of(&[("SLURM_ARRAY_TASK_ID", "3"), ("JOB_COMPLETION_INDEX", "4")]).unwrap_err().to_string();
        assert!(two.contains("SLURM_ARRAY_TASK_ID=3 and JOB_COMPLETION_INDEX=4"), "{two}");
        for wrong in ["x", "-1", "1.5", "4294967294999999999999"] {
            assert!(of(&[("SLURM_ARRAY_TASK_ID", wrong)]).unwrap_err().to_string().contains(wrong));
        }
    }

    #[test]
    fn indexes_are_read_as_they_are_written() {
        for (list, text) in [(&[3][..], "3"), (&[0, 4, 5, 6], "0,4-6"), (&[0, 1, 3, 4], "0-1,3-4"), (&[], "")] {
            assert_eq!(indexes(list), text);
            if !list.is_empty() {
                assert_eq!(parse_indexes(text).unwrap(), list);
            }
        }
        assert_eq!(parse_indexes("5, 3,3-4").unwrap(), [3, 4, 5]);
        for wrong in ["", "a", "4-2", "1,,2", "-3", "0-99999999999", "0:3"] {
            assert!(parse_indexes(wrong).unwrap_err().contains("auto"), "{wrong}");
        }
    }
}
