//! Files that were not taken, and why.

/// Files that are named after the first that was refused for the same reason.
const NAMED: usize = 8;

/// What was not taken, and why.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Skipped(Vec<(String, String)>);

impl Skipped {
    /// Adds a file: the words go on after its name.
    pub fn add(&mut self, name: &str, words: &str) {
        self.0.push((name.to_owned(), words.trim_end_matches('.').to_owned()));
    }

    /// Whether everything was taken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In sentences, files with the same reason together.
    pub fn words(&self) -> String {
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for (name, words) in &self.0 {
            match reasons.iter_mut().find(|(reason, _)| reason == words) {
                Some((_, names)) => names.push(name),
                None => reasons.push((words.as_str(), vec![name.as_str()])),
            }
        }
        let sentence = |(words, names): &(&str, Vec<&str>)| {
            let others = names[1..].iter().take(NAMED).map(|name| format!("“{name}”")).collect::<Vec<_>>().join(", ");
            let more = names.len().saturating_sub(1 + NAMED);
            let others = match (others.is_empty(), more) {
                (true, _) => String::new(),
                (false, 0) => format!(" The same goes for {others}."),
                (false, more) => format!(" The same goes for {others} and {more} more."),
            };
            format!("“{}” {words}.{others}", names[0])
        };
        reasons.iter().map(sentence).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_with_one_reason_are_named_together() {
        let mut skipped = Skipped::default();
        assert!(skipped.is_empty() && skipped.words().is_empty());
        for (name, words) in [("a.pdf", "is a PDF."), ("b.csv", "is empty"), ("c.pdf", "is a PDF")] {
            skipped.add(name, words);
        }
        assert_eq!(skipped.words(), "“a.pdf” is a PDF. The same goes for “c.pdf”. “b.csv” is empty.");
        (0..12).for_each(|i| skipped.add(&format!("{i}.pdf"), "is a PDF"));
        assert!(skipped.words().contains("“6.pdf” and 5 more. “b.csv”"), "{}", skipped.words());
    }
}
