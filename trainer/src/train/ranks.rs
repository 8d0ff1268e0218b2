//! Several processes, here called ranks, that train one run together.
//!
//! Each holds the whole learner and takes every step of the optimiser; they share the gradients of a batch, as
//! [`backprop`] says, so that all have the same bits at every step. Rank 0 leads: it alone reads and writes the folder of
//! the run. What the others need of it comes as bytes, so that they need no file but the data sets.

use std::collections::BTreeMap;

use backprop::Exchange;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::TrainError;
use crate::config::RunConfig;
use tasks::{Source, Split, Tasks};

/// What a rank needs of the others. All call the same methods in the same order.
pub trait Ranks: Exchange + Send {
    /// What each rank gives, in their order; pieces may differ in length.
    fn all_gather_bytes(&mut self, own: &[u8]) -> Vec<Vec<u8>>;

    /// The machine of this rank.
    fn host(&self) -> String;
}

/// What a rank tells the others: the bytes that they asked for, or why it has none.
#[derive(Serialize, Deserialize)]
struct Word {
    host: String,
    found: Result<BTreeMap<String, String>, String>,
}

/// The ranks of a run, and whether they are to stop.
pub(super) struct Team {
    ranks: Box<dyn Ranks>,
    /// Whether this rank is to stop after the step that comes next.
    pub stop: bool,
    /// Whether any rank was to stop after the last step.
    pub stopped: bool,
}

impl Team {
    /// Ranks before their first step.
    pub fn new(ranks: Box<dyn Ranks>) -> Team {
        Team { ranks, stop: false, stopped: false }
    }

    /// Whether this is rank 0.
    pub fn leads(&self) -> bool {
        self.place().0 == 0
    }

    /// Waits until every rank has found what a run depends on, and compares it with what rank 0 found.
    ///
    /// # Errors
    /// That of the first rank that has one or differs, on every rank.
    pub fn agree(&mut self, own: Result<BTreeMap<String, String>, &TrainError>) -> Result<(), TrainError> {
        let word = Word { host: self.ranks.host(), found: own.map_err(ToString::to_string) };
        let words = self.ranks.all_gather_bytes(&serde_json::to_vec(&word).expect("plain data"));
        let words: Vec<Word> = words.iter().map(|word| serde_json::from_slice(word).expect("a rank's word")).collect();
        match differing(&words) {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }

    /// What rank 0 makes, `N` pieces, on every rank.
    ///
    /// # Errors
    /// That of rank 0, on every rank.
    pub fn of_leader<const N: usize>(
        &mut self,
        make: impl FnOnce() -> Result<[Vec<u8>; N], TrainError>,
    ) -> Result<[Vec<u8>; N], TrainError> {
        let made = if self.leads() { make() } else { Ok([const { Vec::new() }; N]) };
        self.agree(made.as_ref().map(|_| BTreeMap::new()))?;
        // one with an error has left
        Ok(made?.map(|own| self.ranks.all_gather_bytes(&own).swap_remove(0)))
    }
}

impl Exchange for Team {
    fn place(&self) -> (usize, usize) {
        self.ranks.place()
    }

    fn all_to_all(&mut self, out: (&[f32], &[usize]), into: (&mut [f32], &[usize])) {
        self.ranks.all_to_all(out, into);
    }

    fn all_gather(&mut self, buffer: &mut [f32], lengths: &[usize]) {
        self.ranks.all_gather(buffer, lengths);
    }

    /// Whether ranks are to stop goes with the scores, so that all of them know it after the same step.
    fn all_gather_scores(&mut self, buffer: &mut [f64], lengths: &[usize]) {
        let stop = f64::from(u8::from(self.stop));
        let longer: Vec<usize> = lengths.iter().map(|length| length + 1).collect();
        let mut with_stop = Vec::with_capacity(buffer.len() + lengths.len());
        let mut rest = &*buffer;
        for &length in lengths {
            let (own, after) = rest.split_at(length);
            with_stop.push(stop);
            with_stop.extend_from_slice(own);
            rest = after;
        }
        self.ranks.all_gather_scores(&mut with_stop, &longer);
        let (mut from, mut to) = (&with_stop[..], buffer);
        self.stopped = false;
        for &length in lengths {
            let (piece, after) = from.split_at(length + 1);
            let (own, rest) = to.split_at_mut(length);
            self.stopped |= piece[0] > 0.0;
            own.copy_from_slice(&piece[1..]);
            (from, to) = (after, rest);
        }
    }
}

/// What a run depends on, by name: two ranks on which one of these differs would not have the same bits.
pub(super) fn traits(config: &RunConfig, tasks: &Tasks) -> BTreeMap<String, String> {
    let data = sum(|hash| {
        let mut numbers = |values: &[f32]| values.iter().for_each(|value| hash.update(value.to_le_bytes()));
        for base in &tasks.bases {
            let Source::Set(base) = base else { continue };
            numbers(&base.features);
            base.drawings.iter().for_each(|drawings| numbers(drawings));
            base.by_class.iter().flatten().for_each(|&example| numbers(&[f32::from_bits(example)]));
        }
    });
    // logarithms and sines are the system's, and may differ in the last bit
    let episodes = sum(|hash| {
        for index in 0..4 {
            let episode = match tasks.set {
                true => tasks.set_episode(Split::Train, index, &tasks.shape(Split::Train, index)),
                false => tasks.episode(Split::Train, index),
            };
            episode.inputs.iter().for_each(|value| hash.update(value.to_le_bytes()));
            episode.labels.iter().for_each(|label| hash.update(label.to_le_bytes()));
        }
    });
    let found = [
        ("trainer", format!("{} of commit {}", env!("CARGO_PKG_VERSION"), env!("GIT_COMMIT"))),
        ("settings", sum(|hash| hash.update(config.to_toml()))),
        ("data sets", data),
        ("episodes", episodes),
        ("vector instructions", instructions().into()),
    ];
    found.map(|(what, found)| (what.to_owned(), found)).into()
}

/// The vector instructions that decide the last bits of products and sums.
fn instructions() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return "AVX-512";
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return "AVX2";
        }
    }
    std::env::consts::ARCH
}

fn sum(fill: impl FnOnce(&mut Sha256)) -> String {
    let mut hash = Sha256::new();
    fill(&mut hash);
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// The first rank that has an error, else the first that differs from rank 0.
fn differing(words: &[Word]) -> Option<TrainError> {
    let failed = words.iter().enumerate().find_map(|(rank, word)| {
        let message = word.found.as_ref().err()?.clone();
        Some(TrainError::Rank { rank, host: word.host.clone(), message })
    });
    if failed.is_some() {
        return failed;
    }
    let found = |rank: usize| words[rank].found.as_ref().expect("none has failed");
    let expected = found(0);
    (1..words.len()).find_map(|rank| {
        let (what, own) = found(rank).iter().find(|(what, own)| expected.get(*what) != Some(own))?;
        let host = words[rank].host.clone();
        let expected = expected.get(what).cloned().unwrap_or_default();
        Some(TrainError::RankDiffers { rank, host, what: what.clone(), found: own.clone(), expected })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(host: &str, data: &str) -> Word {
        let found = [("data sets".to_owned(), data.to_owned()), ("trainer".to_owned(), "1".to_owned())];
        Word { host: host.into(), found: Ok(found.into()) }
    }

    #[test]
    fn the_rank_that_differs_or_fails_is_named() {
        assert!(differing(&[word("a", "x"), word("a", "x"), word("b", "x")]).is_none());
        let error = differing(&[word("a", "x"), word("a", "x"), word("b", "y")]).unwrap().to_string();
        assert!(error.contains("rank 2 on b") && error.contains("data sets: y, not x"), "{error}");
        let missing = Word { host: "b".into(), found: Err("no MNIST".into()) };
        let error = differing(&[word("a", "x"), word("a", "y"), missing]).unwrap().to_string();
        assert!(error.contains("rank 2 on b: no MNIST"), "{error}");
    }
}
