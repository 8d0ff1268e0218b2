//! What the page says of probabilities.

use crate::answers::{Answerer, best, percent};
use crate::page::{Page, Phase};
use dom::*;

/// How many colours classes have; further ones share them.
const HUES: u32 = 10;

/// The style of a class's colour.
pub fn hue(label: u32) -> String {
    format!("hue{}", label % HUES)
}

/// What the page says of the drawing in hand.
pub enum Verdict {
    /// A small line and a large one.
    Words(&'static str, String),
    /// An answer.
    Named {
        /// Its label.
        label: u32,
        /// How sure it is, in words.
        lead: &'static str,
        /// Name of its class.
        name: String,
        /// How sure it is.
        probability: f32,
    },
}

/// What the page says now.
pub fn verdict(page: Page) -> Verdict {
    let empty = page.picture.with(Option::is_none);
    let best = page.probabilities.with(|probabilities| probabilities.as_deref().and_then(best));
    let words = |small, large: &str| Verdict::Words(small, large.to_owned());
    page.document.with(|document| match (page.phase.get(), document.known(), empty) {
        (Phase::Loading, _, _) => words("One moment", "Loading the learner"),
        (Phase::Failed, _, _) => words("No learner", "Open a model file"),
        (_, 0, true) => words("It knows nothing yet", "Draw something"),
        (_, 0, false) => words("It knows nothing yet", "What is it? Teach it"),
        (_, 1, true) => words("It knows one thing", "Draw something else"),
        (_, 1, false) => words("It knows one thing", "Something else? Teach it"),
        (_, _, true) => words("Ready", "Draw, and it answers"),
        (_, _, false) => match best {
            Some((label, probability)) => {
                let unlike = page.none_chance.get().is_some_and(|none| none >= 0.5);
                let lead = match (page.who.get(), probability) {
                    (Answerer::Learner, _) if unlike => "Probably none of these. The closest is",
                    (Answerer::Nearest, _) => "The nearest picture is",
                    (Answerer::Shuffled, _) => "With labels shuffled it says",
                    (Answerer::Untrained, _) => "With untrained weights it says",
                    (Answerer::Learner, p) if p >= 0.9 => "It says",
                    (Answerer::Learner, p) if p >= 0.6 => "It thinks",
                    (Answerer::Learner, _) => "It is unsure:",
                };
                Verdict::Named { label, lead, name: document.name(label).to_owned(), probability }
            }
            None => words("One moment", "…"),
        },
    })
}

/// Where the answer comes from, in a plain sentence.
pub fn because(page: Page) -> Option<String> {
    let (label, _) = page.probabilities.with(|all| all.as_deref().and_then(best))?;
    let none = page.none_chance.get().map(|none| format!("{} that it is none of these. ", percent(none)));
    let none = none.unwrap_or_default();
    page.document.with(|document| {
        page.attention.with(|attention| {
            let attention = attention.as_ref().filter(|all| all.len() == document.examples.len())?;
            let own = document.examples.iter().zip(attention).filter(|(example, _)| example.label == label);
            let (count, share) = own.fold((0, 0.0), |(count, sum), (_, share)| (count + 1, sum + share));
            let examples = if count == 1 { "the example".to_owned() } else { format!("the {count} examples") };
            let share = percent(share);
            Some(format!("{none}{share} of its attention went to {examples} labelled {}.", document.name(label)))
        })
    })
}
