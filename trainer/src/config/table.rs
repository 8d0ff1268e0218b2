//! Settings as tables of TOML.

use toml::Table;

use super::error::ConfigError;
use super::run::RunConfig;
use super::settings;

impl RunConfig {
    /// Checks a table of settings, and reads it.
    ///
    /// # Errors
    /// Unknown keys (with the nearest one), values of a wrong type or out of bounds, or that do not fit each other.
    pub(super) fn from_table(mut table: Table) -> Result<RunConfig, ConfigError> {
        settings::check(&mut table)?;
        // every value has its type: what can be wrong is that one is missing
        let missing = |e: toml::de::Error| {
            let lack =
                e.message().strip_prefix("missing field ").map(|name| format!("expected a setting {name}, found none"));
            ConfigError::Toml { origin: None, message: lack.unwrap_or_else(|| e.message().to_owned()) }
        };
        let config: RunConfig = table.try_into().map_err(missing)?;
        config.validate()?;
        Ok(config)
    }

    /// The settings as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("settings are plain data")
    }

    /// The settings as a table.
    pub(super) fn to_table(&self) -> Table {
        Table::try_from(self).expect("settings are plain data")
    }
}
