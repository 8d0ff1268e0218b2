//! Fields of CSV files.

/// A field, in quotes where it needs them.
///
/// ```
/// use trainer::plot::csv::quoted;
///
/// assert_eq!(quoted("plain"), "plain");
/// assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
/// ```
pub fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}
