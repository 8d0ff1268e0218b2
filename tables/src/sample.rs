//! Choosing rows to show, by class.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Shuffles in place, the same way for the same seed.
pub fn shuffle<T>(values: &mut [T], seed: u64) {
    values.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
}

/// At most `most` rows of those with a class, each class in proportion and none left out as long as there is room; in the
/// order of the file. The same for the same seed.
pub fn stratified(labels: &[Option<u32>], most: usize, seed: u64) -> Vec<usize> {
    let classes = labels.iter().flatten().max().map_or(0, |label| *label as usize + 1);
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); classes];
    for (row, label) in labels.iter().enumerate() {
        if let Some(label) = label {
            rows[*label as usize].push(row);
        }
    }
    let all: usize = rows.iter().map(Vec::len).sum();
    if all <= most {
        return (0..labels.len()).filter(|row| labels[*row].is_some()).collect();
    }
    // one of each class, then whoever is furthest below its share
    let mut counts = vec![0usize; classes];
    for _ in 0..most {
        let room = (0..classes).filter(|class| counts[*class] < rows[*class].len());
        let needy = room.min_by(|a, b| {
            let share = |class: usize| (counts[class] as f64) / rows[class].len() as f64;
            (counts[*a] > 0).cmp(&(counts[*b] > 0)).then(share(*a).total_cmp(&share(*b))).then(a.cmp(b))
        });
        if let Some(class) = needy {
            counts[class] += 1;
        }
    }
    let mut chosen = Vec::with_capacity(most);
    for (class, (mut rows, count)) in rows.into_iter().zip(counts).enumerate() {
        shuffle(&mut rows, seed.wrapping_add(class as u64).wrapping_mul(0x2545_f491_4f6c_dd1d));
        chosen.extend(&rows[..count]);
    }
    chosen.sort_unstable();
    chosen
}

/// Folds for an honest estimate: the fold of each row that has a class, each class spread evenly over them.
pub fn folds(labels: &[Option<u32>], count: usize, seed: u64) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..labels.len()).filter(|row| labels[*row].is_some()).collect();
    shuffle(&mut order, seed);
    order.sort_by_key(|row| labels[*row]);
    let mut folds = vec![None; labels.len()];
    for (place, row) in order.into_iter().enumerate() {
        folds[row] = Some(place % count.max(1));
    }
    folds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_keep_their_shares_and_none_is_lost() {
        let labels: Vec<Option<u32>> =
            (0..1000).map(|row| if row % 50 == 7 { None } else { Some(u32::from(row % 20 == 3)) }).collect();
        let chosen = stratified(&labels, 100, 1);
        assert_eq!(chosen.len(), 100);
        assert!(chosen.windows(2).all(|pair| pair[0] < pair[1]) && chosen.iter().all(|row| labels[*row].is_some()));
        let rare = chosen.iter().filter(|row| labels[**row] == Some(1)).count();
        assert!((4..=6).contains(&rare), "{rare} of 5");
        assert_eq!(chosen, stratified(&labels, 100, 1));
        assert_ne!(chosen, stratified(&labels, 100, 2));
        assert_eq!(stratified(&labels, 1000, 1).len(), 980);
        let two = stratified(&labels, 2, 1);
        assert_ne!(labels[two[0]], labels[two[1]]);
        assert_eq!(stratified(&[None, None], 5, 0), Vec::<usize>::new());
    }

    #[test]
    fn folds_are_even_in_every_class() {
        let labels: Vec<Option<u32>> = (0..103).map(|row| Some(row % 3)).collect();
        let folds = folds(&labels, 5, 9);
        for class in 0..3 {
            for fold in 0..5 {
                let count = (0..103).filter(|row| labels[*row] == Some(class) && folds[*row] == Some(fold)).count();
                assert!((6..=8).contains(&count), "class {class}, fold {fold}: {count}");
            }
        }
    }
}
