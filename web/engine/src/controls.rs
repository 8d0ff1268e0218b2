//! Those that a learner is compared with: who answers, the nearest picture, and labels dealt out anew.

use shaders::input::pixels::standardise;

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answerer {
    /// The learner.
    Learner,
    /// A rule made by hand: the label of the example with the greatest cosine.
    Nearest,
    /// The learner, shown the same examples with their labels shuffled.
    Shuffled,
    /// A learner of the same make with random weights, which was never meta-trained.
    Untrained,
}

impl Answerer {
    /// By name.
    pub fn of(name: &str) -> Option<Answerer> {
        Some(match name {
            "learner" => Answerer::Learner,
            "nearest" => Answerer::Nearest,
            "shuffled" => Answerer::Shuffled,
            "untrained" => Answerer::Untrained,
            _ => return None,
        })
    }
}

/// Examples of `width` values each, as the learner takes them: standardised.
pub fn standardised(inputs: &[f32], width: usize) -> Vec<f32> {
    let mut values = inputs.to_vec();
    values.chunks_exact_mut(width).for_each(standardise);
    values
}

/// The label of the example with the greatest cosine; the first of several.
///
/// # Shapes
/// `shown` `[N, D]` and `query` `[D]`, both [`standardised`]; `labels` `[N]`
pub fn nearest(shown: &[f32], labels: &[u32], query: &[f32]) -> Option<u32> {
    let mut best: Option<(f32, u32)> = None;
    for (row, &label) in shown.chunks_exact(query.len().max(1)).zip(labels) {
        let score: f32 = row.iter().zip(query).map(|(a, b)| a * b).sum();
        if best.is_none_or(|(other, _)| score > other) {
            best = Some((score, label));
        }
    }
    best.map(|(_, label)| label)
}

/// Deals the same labels out anew: a permutation that depends on how many there are.
pub fn dealt(labels: &[u32]) -> Vec<u32> {
    let mut labels = labels.to_vec();
    let mut state = (labels.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1;
    for last in (1..labels.len()).rev() {
        // xorshift64*: plenty for a shuffle of a few labels
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let random = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        labels.swap(last, random as usize % (last + 1));
    }
    labels
}

/// Whether `label` was a question after `before`: some were shown of it, and some of another.
pub fn is_question(before: &[u32], label: u32) -> bool {
    before.contains(&label) && before.iter().any(|other| *other != label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_picture_gives_its_label() {
        let picture = |ink: usize| -> Vec<f32> {
            let values: Vec<f32> = (0..784).map(|i| f32::from(u8::from((ink..ink + 40).contains(&i)))).collect();
            standardised(&values, 784)
        };
        let shown = [picture(0), picture(300), picture(600)].concat();
        for (ink, label) in [(10, 4), (310, 7), (590, 4)] {
            assert_eq!(nearest(&shown, &[4, 7, 4], &picture(ink)), Some(label), "ink at {ink}");
        }
        assert_eq!(nearest(&[], &[], &picture(0)), None);
    }

    #[test]
    fn shuffled_labels_are_the_same_labels_in_another_order() {
        let mut moved = 0;
        for count in 30..50 {
            let labels: Vec<u32> = (0..count).map(|i| i % 3).collect();
            let mut other = dealt(&labels);
            assert_eq!(other, dealt(&labels));
            moved += other.iter().zip(&labels).filter(|(a, b)| a != b).count() * 30 / count as usize;
            let mut sorted = labels.clone();
            other.sort();
            sorted.sort();
            assert_eq!(other, sorted);
        }
        // two of three labels change on average
        assert!((340..460).contains(&moved), "{moved} of 600 labels moved");
    }

    #[test]
    fn a_question_has_two_sides() {
        assert!(!is_question(&[], 0) && !is_question(&[0, 0], 0) && !is_question(&[1, 1], 0));
        assert!(is_question(&[1, 0], 0));
    }
}
