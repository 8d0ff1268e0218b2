//! Answers as CSV.

use std::fmt::Write as _;

use crate::table::Table;

/// The heading: line, answer, and the probability of each class under its name.
pub fn heading(table: &Table) -> String {
    let names: Vec<String> = table.class_names.iter().map(|name| quoted(name)).collect();
    format!("line,answer,{}\n", names.join(","))
}

/// A line for each answer.
///
/// # Shapes
/// `lines` and `answers` `[Q]`, `probabilities` `[Q, C]`
pub fn lines(table: &Table, lines: &[usize], answers: &[Option<u32>], probabilities: &[f32]) -> String {
    let width = table.class_names.len();
    let mut text = String::new();
    for ((line, answer), row) in lines.iter().zip(answers).zip(probabilities.chunks_exact(width)) {
        let answer = answer.map_or(String::new(), |class| quoted(&table.class_names[class as usize]));
        let _ = write!(text, "{line},{answer}");
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
    use crate::{Choices, delimited};

    #[test]
    fn names_with_separators_are_quoted() {
        let grid = delimited::read("x;k\n1;a, b\n2;c\n3;a, b\n4;c\n").unwrap();
        let table = Table::new(grid, &Choices::default()).unwrap();
        assert_eq!(heading(&table), "line,answer,\"a, b\",c\n");
        let text = lines(&table, &[2, 3], &[Some(0), None], &[0.75, 0.25, f32::NAN, 0.5]);
        assert_eq!(text, "2,\"a, b\",0.75000,0.25000\n3,,NaN,0.50000\n");
    }
}
