//! Laying settings over others: a preset, a file, `--set`.

use toml::{Table, Value};

use super::error::ConfigError;
use super::nearest::nearest;
use super::settings::{Kind, kind_of};
use crate::nets::research::{KINDS, Learner};

/// Lays `given` over `table`; every key has to be one of a setting.
pub(super) fn merge(table: &mut Table, given: Table, prefix: &str) -> Result<(), ConfigError> {
    for (key, value) in given {
        let full = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match (table.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => {
                if full == "learner" {
                    merge_learner(inner, value)?;
                } else if inner.contains_key("kind") && value.contains_key("kind") {
                    // a tagged choice (such as the normalisation) is replaced as a whole
                    *inner = value;
                } else {
                    merge(inner, value, &full)?;
                }
            }
            (Some(slot), value) => *slot = value,
            // a setting that this preset leaves out, such as a stem
            (None, Value::Table(value)) if matches!(kind_of(&full), Some(Kind::Section(_))) => {
                let mut inner = Table::new();
                merge(&mut inner, value, &full)?;
                table.insert(key, Value::Table(inner));
            }
            (None, value) if kind_of(&full).is_some() => {
                table.insert(key, value);
            }
            (None, _) => {
                let nearest = nearest(&key, table.keys().map(String::as_str))
                    .map(|known| if prefix.is_empty() { known.to_owned() } else { format!("{prefix}.{known}") });
                return Err(ConfigError::UnknownKey { key: full, nearest });
            }
        }
    }
    Ok(())
}

/// Another kind of learner starts from the hyperparameters that it has by default.
fn merge_learner(table: &mut Table, given: Table) -> Result<(), ConfigError> {
    if let Some(kind) = given.get("kind").and_then(Value::as_str)
        && table.get("kind").and_then(Value::as_str) != Some(kind)
    {
        let wrong = || ConfigError::Learner {
            found: kind.to_owned(),
            nearest: nearest(kind, KINDS.iter().map(|(name, _)| *name)),
        };
        *table = Table::try_from(Learner::of_kind(kind).ok_or_else(wrong)?).expect("settings are plain data");
    }
    merge(table, given, "learner")
}
