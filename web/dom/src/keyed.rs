//! What has to change for one list of keys to become another. Plain data, so that it is tested without a browser.

use std::collections::HashMap;

/// What becomes of one item of the new list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The item at this place of the old list stays where it is.
    Keep(usize),
    /// The item at this place of the old list moves.
    Move(usize),
    /// There was no such item.
    Make,
}

/// The change for each of `wanted`. What no change names has gone. If a key comes twice, the first item of each list is
/// the same one, and further ones are made anew.
///
/// As few items move as possible, for an element that moves loses the focus. Items that stay keep their order: make the
/// changes from the last to the first, put each item that is moved or made in front of the one after it, and the list is
/// `wanted`.
pub fn changes(shown: &[u64], wanted: &[u64]) -> Vec<Change> {
    // The last of equals is overwritten by those before it.
    let mut places: HashMap<u64, usize> = (0..shown.len()).rev().map(|place| (shown[place], place)).collect();
    let mut changes: Vec<Change> =
        wanted.iter().map(|key| places.remove(key).map_or(Change::Make, Change::Keep)).collect();
    let old = |change: &Change| if let Change::Keep(place) = change { Some(*place) } else { None };
    let kept: Vec<usize> = changes.iter().filter_map(old).collect();
    let mut staying = longest_rising(&kept).into_iter().peekable();
    for change in &mut changes {
        if let Change::Keep(place) = *change
            && staying.next_if_eq(&place).is_none()
        {
            *change = Change::Move(place);
        }
    }
    changes
}

/// The longest rising subsequence of different numbers, by patience sorting.
fn longest_rising(numbers: &[usize]) -> Vec<usize> {
    // For each length, the index of the least number that ends a subsequence so long; and each number's predecessor.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(numbers.len());
    for (at, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|end| numbers[*end] < *number);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut rising: Vec<usize> =
        std::iter::successors(ends.last().copied(), |at| before[*at]).map(|at| numbers[at]).collect();
    rising.reverse();
    rising
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node of a simulated page: its key, and the place where it was made.
    type Node = (u64, usize);

    /// Makes the changes as a page does: removes what has gone, then goes from the last item to the first.
    fn apply(shown: &[u64], wanted: &[u64]) -> (Vec<Node>, Vec<Change>) {
        let changes = changes(shown, wanted);
        let old: Vec<Node> = shown.iter().copied().zip(0..).collect();
        let stays =
            |place: usize| changes.iter().any(|c| matches!(c, Change::Keep(p) | Change::Move(p) if *p == place));
        let mut page: Vec<Node> = old.iter().copied().filter(|(_, place)| stays(*place)).collect();
        let mut next: Option<Node> = None;
        for (at, change) in changes.iter().enumerate().rev() {
            let node = match *change {
                Change::Keep(place) => old[place],
                Change::Move(place) => {
                    page.retain(|node| *node != old[place]);
                    old[place]
                }
                Change::Make => (wanted[at], 100 + at),
            };
            if !matches!(change, Change::Keep(_)) {
                let at = next.map_or(page.len(), |next| page.iter().position(|node| *node == next).unwrap());
                page.insert(at, node);
            }
            next = Some(node);
        }
        (page, changes)
    }

    /// All lists of up to `most` keys below `keys`.
    fn lists(keys: u64, most: usize) -> Vec<Vec<u64>> {
        let mut all = vec![Vec::new()];
        let mut from = 0;
        for _ in 0..most {
            let upto = all.len();
            for at in from..upto {
                for key in 0..keys {
                    all.push(all[at].iter().copied().chain([key]).collect());
                }
            }
            from = upto;
        }
        all
    }

    #[test]
    fn every_list_becomes_every_other() {
        let lists = lists(4, 4);
        assert_eq!(lists.len(), 341);
        for shown in &lists {
            for wanted in &lists {
                let (page, changes) = apply(shown, wanted);
                let keys: Vec<u64> = page.iter().map(|(key, _)| *key).collect();
                assert_eq!(&keys, wanted, "from {shown:?}: {changes:?}");
                for key in 0..4 {
                    let first = shown.iter().position(|k| *k == key);
                    let kept = page.iter().filter(|(k, place)| *k == key && *place < 100).count();
                    let expected = usize::from(first.is_some() && wanted.contains(&key));
                    assert_eq!(kept, expected, "key {key} from {shown:?} to {wanted:?}");
                    assert!(page.iter().all(|(k, place)| *k != key || *place >= 100 || Some(*place) == first));
                }
            }
        }
    }

    #[test]
    fn nothing_moves_where_the_order_is_kept() {
        for shown in lists(4, 4) {
            let mut distinct = shown.clone();
            distinct.sort();
            distinct.dedup();
            if distinct.len() < shown.len() {
                continue;
            }
            // some of them, with new ones between
            for mask in 0u32..1 << shown.len() {
                let some = shown.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1);
                let wanted: Vec<u64> = some.flat_map(|(at, key)| [*key, 10 + at as u64]).collect();
                let changes = changes(&shown, &wanted);
                assert!(!changes.iter().any(|change| matches!(change, Change::Move(_))), "{shown:?} to {wanted:?}");
            }
        }
    }

    #[test]
    fn one_item_that_goes_to_the_end_is_the_only_one_that_moves() {
        let changes = changes(&[1, 2, 3, 4], &[2, 3, 4, 1]);
        assert_eq!(changes, [Change::Keep(1), Change::Keep(2), Change::Keep(3), Change::Move(0)]);
    }

    #[test]
    fn as_few_as_possible_move() {
        for numbers in lists(6, 6).into_iter().map(|list| list.iter().map(|n| *n as usize).collect::<Vec<_>>()) {
            let mut distinct = numbers.clone();
            distinct.sort();
            distinct.dedup();
            if distinct.len() < numbers.len() {
                continue;
            }
            let rises = |mask: u32| {
                let some: Vec<usize> =
                    (0..numbers.len()).filter(|at| mask >> at & 1 == 1).map(|at| numbers[at]).collect();
                some.is_sorted().then_some(some.len())
            };
            let longest = (0..1 << numbers.len()).filter_map(rises).max();
            let found = longest_rising(&numbers);
            assert!(found.is_sorted() && Some(found.len()) == longest, "{numbers:?}: {found:?}");
        }
    }
}
