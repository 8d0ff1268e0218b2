//! Answers as CSV.

use std::fmt::Write as _;

/// Column of the probability that a row belongs to none of the classes.
pub const NONE: &str = "none of these";

/// The heading: what was asked about (`line`, `file`), answer, the probability of each class under its name, and with `none`
/// that of [`NONE`].
pub fn heading(key: &str, class_names: &[String], none: bool) -> String {
    let names: Vec<String> = class_names.iter().map(|name| quoted(name)).collect();
    let none = if none { format!(",{NONE}") } else { String::new() };
    format!("{key},answer,{}{none}\n", names.join(","))
}

/// A line for each answer.
///
/// # Shapes
/// `keys`, `answers` and `none` `[Q]`, `probabilities` `[Q, C]`
pub fn lines(
    class_names: &[String],
    keys: &[String],
    answers: &[Option<u32>],
    probabilities: &[f32],
    none: Option<&[f32]>,
) -> String {
    let mut text = String::new();
    let rows = keys.iter().zip(answers).zip(probabilities.chunks_exact(class_names.len()));
    for (at, ((key, answer), row)) in rows.enumerate() {
        let answer = answer.map_or(String::new(), |class| quoted(&class_names[class as usize]));
        let _ = write!(text, "{},{answer}", quoted(key));
        for value in row.iter().chain(none.and_then(|none| none.get(at))) {
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
        assert_eq!(heading("line", &names, false), "line,answer,\"a, b\",c\n");
        let keys = ["2".to_owned(), "x,y.png".to_owned()];
        let text = lines(&names, &keys, &[Some(0), None], &[0.75, 0.25, f32::NAN, 0.5], None);
        assert_eq!(text, "2,\"a, b\",0.75000,0.25000\n\"x,y.png\",,NaN,0.50000\n");
        assert_eq!(heading("line", &names, true), "line,answer,\"a, b\",c,none of these\n");
        let text = lines(&names, &keys[..1], &[Some(1)], &[0.25, 0.75], Some(&[0.5]));
        assert_eq!(text, "2,c,0.25000,0.75000,0.50000\n");
    }
}
