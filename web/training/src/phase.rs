//! Where a run stands, told from its numbers.

use serde::{Deserialize, Serialize};

/// The phases of meta-training, after Kirsch et al., arXiv 2212.04458, section 4: at first nothing is learned; with few tasks
/// a network memorises or identifies them; with enough tasks it learns to learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// No better than chance, on any task.
    Guessing,
    /// Better than chance on new tasks, and not yet good.
    Rising,
    /// New tasks are learned from their examples.
    Learns,
    /// Its own tasks are known from the first example on; new ones are not learned.
    Memorises,
    /// Its own tasks are recognised by a few examples; new ones are not learned.
    Identifies,
}

/// Accuracies of a run, each a share of right answers.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Accuracies {
    /// On tasks of meta-training, at the first positions.
    pub seen_first: f64,
    /// On tasks of meta-training, at the last positions.
    pub seen_last: f64,
    /// On tasks that were never met, at the last positions.
    pub unseen_last: f64,
    /// What guessing reaches on tasks of meta-training, which have fewer classes in the stages of a curriculum.
    pub chance_seen: f64,
}

impl Phase {
    /// The phase of a learner with so many classes.
    pub fn of(accuracies: &Accuracies, classes: usize) -> Phase {
        // 0 is chance, 1 is always right
        let above = |accuracy: f64, chance: f64| (accuracy - chance) / (1.0 - chance);
        let &Accuracies { seen_first, seen_last, unseen_last, chance_seen } = accuracies;
        let (first, seen) = (above(seen_first, chance_seen), above(seen_last, chance_seen));
        let unseen = above(unseen_last, 1.0 / classes as f64);
        let fails = unseen < 0.25 && unseen < 0.5 * seen;
        match () {
            _ if unseen >= 0.4 && unseen >= 0.6 * seen => Phase::Learns,
            _ if seen >= 0.2 && fails && first >= 0.6 * seen => Phase::Memorises,
            _ if seen >= 0.2 && fails => Phase::Identifies,
            _ if unseen >= 0.08 => Phase::Rising,
            _ => Phase::Guessing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_follows_from_what_is_known_of_seen_and_unseen_tasks() {
        let phase = |seen_first, seen_last, unseen_last| {
            Phase::of(&Accuracies { seen_first, seen_last, unseen_last, chance_seen: 0.1 }, 10)
        };
        assert_eq!(phase(0.1, 0.1, 0.1), Phase::Guessing);
        assert_eq!(phase(0.1, 0.13, 0.09), Phase::Guessing);
        assert_eq!(phase(0.12, 0.25, 0.24), Phase::Rising);
        assert_eq!(phase(0.15, 0.7, 0.68), Phase::Learns);
        assert_eq!(phase(0.9, 0.95, 0.1), Phase::Memorises);
        assert_eq!(phase(0.2, 0.9, 0.15), Phase::Identifies);
        // it knows its own tasks, and is on its way
        assert_eq!(phase(0.4, 0.91, 0.48), Phase::Rising);
        // two classes, guessed
        let easy = Accuracies { seen_first: 0.5, seen_last: 0.52, unseen_last: 0.1, chance_seen: 0.5 };
        assert_eq!(Phase::of(&easy, 10), Phase::Guessing);
    }
}
