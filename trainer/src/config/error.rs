//! Why settings cannot be used.

use crate::nets::research::KINDS;

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No preset of this name.
    #[error("unknown preset `{found}`; there are: {known}")]
    Preset {
        /// Name given.
        found: String,
        /// Names that exist.
        known: String,
    },
    /// No research learner of this kind.
    #[error("setting `learner.kind`: expected one of {}, found `{found}`{}", KINDS.map(|(name, _)| name).join(", "),
        nearest.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    Learner {
        /// Kind given.
        found: String,
        /// The known kind most similar to it.
        nearest: Option<&'static str>,
    },
    /// A key that no setting has.
    #[error("unknown setting `{key}`{}", nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    UnknownKey {
        /// Key as given, with dots.
        key: String,
        /// The known key most similar to it.
        nearest: Option<String>,
    },
    /// `--set` without an equals sign.
    #[error("`--set {found}`: expected key=value, such as training.steps=2000")]
    Assignment {
        /// Text given.
        found: String,
    },
    /// Not TOML, or a setting that is missing.
    #[error("settings{}: {message}", origin.as_ref().map(|o| format!(" in {o}")).unwrap_or_default())]
    Toml {
        /// File, if it came from one.
        origin: Option<String>,
        /// What the parser says.
        message: String,
    },
    /// A value of a wrong type or out of its bounds.
    #[error("setting `{key}`: expected {expected}, found {found}")]
    Setting {
        /// Key, with dots.
        key: String,
        /// What it may be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A value that does not fit the others.
    #[error("setting `{key}`: {message}")]
    Value {
        /// Key.
        key: &'static str,
        /// Expected and found.
        message: String,
    },
    /// A wrong setting in a file.
    #[error("{path}: {source}")]
    In {
        /// File.
        path: String,
        /// What is wrong in it.
        source: Box<ConfigError>,
    },
    /// The model's spec is wrong.
    #[error(transparent)]
    Spec(#[from] shaders::model::validate::SpecError),
    /// A file could not be read.
    #[error("{path}: {source}")]
    Io {
        /// File.
        path: String,
        /// Cause.
        source: std::io::Error,
    },
}
