//! Answers as CSV.

use std::fmt::Write as _;

/// The heading: what was asked about (`line`, `file`), answer, and the probability of each class under its name.
pub fn heading(key: &str, class_names: &[String]) -> String {
    let names: Vec<String> = class_names.iter().map(|name| quoted(name)).collect();
    format!("{key},answer,{}\n", names.join(","))
}

/// A line for each answer.
///
/// # Shapes
/// `keys` and `answers` `[Q]`, `probabilities` `[Q, C]`
pub fn lines(class_names: &[String], keys: &[String], answers: &[Option<u32>], probabilities: &[f32]) -> String {
    let mut text = String::new();
    for ((key, answer), row) in keys.iter().zip(answers).zip(probabilities.chunks_exact(class_names.len())) {
        let answer = answer.map_or(String::new(), |class| quoted(&class_names[class as usize]));
        let _ = write!(text, "{},{answer}", quoted(key));
        for value in row {
            let _ = write!(text, ",{value:.5}");
        }
        text.push('\n');
    }
    text
}

/// A cell of CSV.
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_separators_are_quoted() {
        let names = ["a, b".to_owned(), "c".to_owned()];
        assert_eq!(heading("line", &names), "line,answer,\"a, b\",c\n");
        let keys = ["2".to_owned(), "x,y.png".to_owned()];
        let text = lines(&names, &keys, &[Some(0), None], &[0.75, 0.25, f32::NAN, 0.5]);
        assert_eq!(text, "2,\"a, b\",0.75000,0.25000\n\"x,y.png\",,NaN,0.50000\n");
    }
}
