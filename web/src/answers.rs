//! What was said of an example before its label was given. It is kept with the example, so that it is asked once and
//! not again at every visit.

use std::sync::Arc;

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answerer {
    /// The model in use.
    #[default]
    Learner,
    /// A rule made by hand: the label of the example with the greatest cosine.
    Nearest,
    /// The model in use, shown the same pictures with their labels shuffled.
    Shuffled,
    /// The same network with random weights, shown the same examples.
    Untrained,
}

impl Answerer {
    /// In the order of the page.
    pub const ALL: [Answerer; 4] = [Answerer::Learner, Answerer::Nearest, Answerer::Shuffled, Answerer::Untrained];

    /// What the page calls it.
    pub fn name(self) -> &'static str {
        match self {
            Answerer::Learner => "the learner",
            Answerer::Nearest => "nearest picture",
            Answerer::Shuffled => "labels shuffled",
            Answerer::Untrained => "untrained weights",
        }
    }

    /// What workers and test ids call it.
    pub fn key(self) -> &'static str {
        match self {
            Answerer::Learner => "learner",
            Answerer::Nearest => "nearest",
            Answerer::Shuffled => "shuffled",
            Answerer::Untrained => "untrained",
        }
    }

    /// Its style.
    pub fn mark(self) -> &'static str {
        match self {
            Answerer::Learner => "own",
            Answerer::Nearest => "near",
            Answerer::Shuffled => "mixed",
            Answerer::Untrained => "raw",
        }
    }
}

/// How an answer compares with the label that was given afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verdict {
    /// Nobody asked yet.
    #[default]
    Unasked,
    /// There was nothing to ask: its class had not been shown yet, or was the only one.
    NoQuestion,
    /// It named another class.
    Wrong,
    /// It named the class.
    Right,
}

impl Verdict {
    /// With its letter in a file.
    const ALL: [(Verdict, char); 4] =
        [(Verdict::Unasked, '.'), (Verdict::NoQuestion, '0'), (Verdict::Wrong, '-'), (Verdict::Right, '+')];

    /// Whether the answer was right, where there was one.
    pub fn right(self) -> Option<bool> {
        match self {
            Verdict::Unasked | Verdict::NoQuestion => None,
            Verdict::Wrong => Some(false),
            Verdict::Right => Some(true),
        }
    }
}

/// Under which an answer holds: the weights that were asked, and how the pictures looked to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Basis {
    /// The first eight bytes of the weights' SHA-256.
    pub weights: u64,
    /// Whether pixels were scrambled.
    pub scrambled: bool,
}

impl Basis {
    /// From the weights' SHA-256 in hexadecimal.
    pub fn new(hash: &str, scrambled: bool) -> Basis {
        let weights = hash.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        Basis { weights: weights.unwrap_or_default(), scrambled }
    }
}

/// The verdict of each [`Answerer`], in their order.
pub type Verdicts = [Verdict; 4];

/// Most bases whose answers are kept for an example: two learners, each with and without scrambling.
const MOST: usize = 4;

/// All that was said of one example, shared between snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answers(Arc<Vec<(Basis, Verdicts)>>);

impl Answers {
    /// What was said under `basis`.
    pub fn under(&self, basis: Basis) -> Verdicts {
        self.0.iter().find(|(known, _)| *known == basis).map_or(Verdicts::default(), |(_, verdicts)| *verdicts)
    }

    /// Whether `who` was asked under `basis`.
    pub fn asked(&self, basis: Basis, who: Answerer) -> bool {
        self.under(basis)[who as usize] != Verdict::Unasked
    }

    /// Keeps what `who` said; of more than [`MOST`] bases the one that was met longest ago is dropped.
    pub fn keep(&mut self, basis: Basis, who: Answerer, verdict: Verdict) {
        let all = Arc::make_mut(&mut self.0);
        let at = all.iter().position(|(known, _)| *known == basis).unwrap_or_else(|| {
            if all.len() == MOST {
                all.remove(0);
            }
            all.push((basis, Verdicts::default()));
            all.len() - 1
        });
        all[at].1[who as usize] = verdict;
    }

    /// Takes over what `other` knows more.
    pub fn adopt(&mut self, other: &Answers) {
        if Arc::ptr_eq(&self.0, &other.0) {
            return;
        }
        for (basis, verdicts) in other.0.iter() {
            for (who, verdict) in Answerer::ALL.into_iter().zip(*verdicts) {
                if verdict != Verdict::Unasked && !self.asked(*basis, who) {
                    self.keep(*basis, who, verdict);
                }
            }
        }
    }

    /// For a file: for each basis the weights in hexadecimal, `s` where scrambled, and a letter for each answerer.
    pub fn save(&self) -> Vec<String> {
        let letter =
            |verdict: &Verdict| Verdict::ALL.iter().find(|(known, _)| known == verdict).map_or('.', |(_, l)| *l);
        let line = |(basis, verdicts): &(Basis, Verdicts)| {
            let scrambled = if basis.scrambled { "s" } else { "" };
            format!("{:016x}{scrambled}:{}", basis.weights, verdicts.iter().map(letter).collect::<String>())
        };
        self.0.iter().map(line).collect()
    }

    /// What [`Answers::save`] wrote. Lines that it cannot read are left out: they are asked again.
    pub fn load(lines: &[String]) -> Answers {
        let read = |line: &String| {
            let (basis, letters) = line.split_once(':')?;
            let (digits, scrambled) = basis.strip_suffix('s').map_or((basis, false), |digits| (digits, true));
            let weights = u64::from_str_radix(digits, 16).ok()?;
            let mut verdicts = Verdicts::default();
            if letters.chars().count() != verdicts.len() {
                return None;
            }
            for (verdict, letter) in verdicts.iter_mut().zip(letters.chars()) {
                *verdict = Verdict::ALL.iter().find(|(_, known)| *known == letter)?.0;
            }
            Some((Basis { weights, scrambled }, verdicts))
        };
        Answers(Arc::new(lines.iter().filter_map(read).take(MOST).collect()))
    }
}

/// The most probable label and its probability; see [`shaders::answer`].
pub fn best(probabilities: &[f32]) -> Option<(u32, f32)> {
    shaders::answer(probabilities).map(|label| (label as u32, probabilities[label]))
}

/// A probability as people read it.
pub fn percent(probability: f32) -> String {
    format!("{:.0} %", 100.0 * probability)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAR: Basis = Basis { weights: 0xfe00_0000_0000_0001, scrambled: false };
    const MIXED: Basis = Basis { scrambled: true, ..CLEAR };

    #[test]
    fn answers_hold_for_the_weights_and_the_look_that_they_were_given_under() {
        let mut answers = Answers::default();
        answers.keep(CLEAR, Answerer::Learner, Verdict::Right);
        answers.keep(CLEAR, Answerer::Untrained, Verdict::Wrong);
        answers.keep(MIXED, Answerer::Learner, Verdict::NoQuestion);
        assert_eq!(answers.under(CLEAR), [Verdict::Right, Verdict::Unasked, Verdict::Unasked, Verdict::Wrong]);
        assert!(answers.asked(MIXED, Answerer::Learner) && !answers.asked(MIXED, Answerer::Untrained));
        assert!(!answers.asked(Basis { weights: 1, scrambled: false }, Answerer::Learner));
        assert_eq!(Answers::load(&answers.save()), answers);
        let basis = Basis::new("fe00000000000001aaaaaaaaaaaaaaaa", true);
        assert_eq!(basis, MIXED);
    }

    #[test]
    fn the_oldest_of_too_many_bases_gives_way() {
        let mut answers = Answers::default();
        for weights in 0..6 {
            answers.keep(Basis { weights, scrambled: false }, Answerer::Learner, Verdict::Right);
        }
        let known = |weights| answers.asked(Basis { weights, scrambled: false }, Answerer::Learner);
        assert_eq!((0..6).filter(|weights| known(*weights)).collect::<Vec<_>>(), [2, 3, 4, 5]);
    }

    #[test]
    fn what_is_known_is_not_replaced_by_what_is_adopted() {
        let (mut a, mut b) = (Answers::default(), Answers::default());
        a.keep(CLEAR, Answerer::Learner, Verdict::Right);
        b.keep(CLEAR, Answerer::Learner, Verdict::Wrong);
        b.keep(CLEAR, Answerer::Nearest, Verdict::Wrong);
        a.adopt(&b);
        assert_eq!(a.under(CLEAR)[..2], [Verdict::Right, Verdict::Wrong]);
    }

    #[test]
    fn damaged_lines_are_asked_again() {
        let lines = ["", "12", "xyz:++++", "12:+++", "12:+++x", "12s:+-0."].map(str::to_owned);
        let answers = Answers::load(&lines);
        let expected = [Verdict::Right, Verdict::Wrong, Verdict::NoQuestion, Verdict::Unasked];
        assert_eq!(answers.under(Basis { weights: 0x12, scrambled: true }), expected);
        assert_eq!(answers.save().len(), 1);
    }
}
