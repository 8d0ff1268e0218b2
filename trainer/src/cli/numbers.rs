//! Numbers of the command line, refused in words.

/// A whole number between two, both included.
///
/// # Errors
/// In words: what is expected, and what was found.
pub fn whole<const LOW: usize, const HIGH: usize>(text: &str) -> Result<usize, String> {
    let bounds = if HIGH == usize::MAX { format!("of {LOW} or more") } else { format!("in {LOW}…{HIGH}") };
    let number = text.trim().parse().ok().filter(|number| (LOW..=HIGH).contains(number));
    number.ok_or_else(|| format!("expected a whole number {bounds}, found `{text}`"))
}

/// A seed.
///
/// # Errors
/// As [`whole`].
pub fn seed(text: &str) -> Result<u64, String> {
    text.trim().parse().map_err(|_| format!("expected a whole number of 0 or more, found `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_told() {
        assert_eq!(whole::<1, 16>("16"), Ok(16));
        for wrong in ["0", "17", "-1", "1.5", "nan", "", "x"] {
            let words = whole::<1, 16>(wrong).unwrap_err();
            assert!(words.contains("1…16") && words.contains(&format!("`{wrong}`")), "{words}");
        }
        assert!(whole::<2, { usize::MAX }>("1").unwrap_err().contains("2 or more"));
        assert!(seed("-3").unwrap_err().contains("-3"));
    }
}
