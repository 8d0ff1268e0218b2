//! The options of one command line.

/// The options of a command line, taken one after another.
pub struct Options {
    /// The words that nobody has taken yet.
    pub words: Vec<String>,
}

impl Options {
    /// Whether a switch such as `--gpu` was given.
    pub fn switch(&mut self, name: &str) -> bool {
        let place = self.words.iter().position(|word| word == name);
        place.map(|place| self.words.remove(place)).is_some()
    }

    /// The value of an option such as `--port 8000` or `--port=8000`.
    pub fn value(&mut self, name: &str) -> Result<Option<String>, String> {
        let with_equals = format!("{name}=");
        let Some(place) = self.words.iter().position(|word| word == name || word.starts_with(&with_equals)) else {
            return Ok(None);
        };
        let word = self.words.remove(place);
        if let Some(value) = word.strip_prefix(&with_equals) {
            return Ok(Some(value.to_string()));
        }
        if place < self.words.len() {
            return Ok(Some(self.words.remove(place)));
        }
        Err(format!("{name} needs a value after it"))
    }

    /// Takes an option with a whole number; `default` without it.
    ///
    /// # Errors
    /// What stands there is none.
    pub fn whole(&mut self, name: &str, default: u64) -> Result<u64, String> {
        match self.value(name)? {
            Some(text) => text.parse().map_err(|_| format!("{name}: expected a whole number, found `{text}`")),
            None => Ok(default),
        }
    }

    /// An error that names what is left.
    pub fn finish(self) -> Result<(), String> {
        match self.words.first() {
            None => Ok(()),
            Some(word) => Err(format!("unknown option `{word}`; --help lists those there are")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Options {
        Options { words: line.split_whitespace().map(String::from).collect() }
    }

    #[test]
    fn options_are_taken_in_any_order_and_leftovers_are_errors() {
        let mut some = options("--gpu --port 80 --filter=abc");
        assert_eq!(some.value("--filter").unwrap().as_deref(), Some("abc"));
        assert_eq!(some.value("--port").unwrap().as_deref(), Some("80"));
        assert!(some.switch("--gpu") && !some.switch("--gpu"));
        assert!(some.finish().is_ok());
        let error = options("--prot 80").finish().unwrap_err();
        assert!(error.contains("--prot") && error.contains("--help"), "{error}");
        assert!(options("--port").value("--port").unwrap_err().contains("needs a value"));
    }
}
