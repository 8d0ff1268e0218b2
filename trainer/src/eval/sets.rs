//! Data sets of an evaluation.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::data::{self, Dataset};

/// Data sets that are read once, for all learners and protocols that are measured on them.
pub struct Sets {
    dir: PathBuf,
    kept: Vec<(String, data::Split, Arc<Dataset>)>,
}

impl Sets {
    /// Those of a data directory.
    pub fn new(dir: &Path) -> Sets {
        Sets { dir: dir.to_owned(), kept: Vec::new() }
    }

    /// One split of a data set.
    ///
    /// # Errors
    /// It is missing or damaged.
    pub fn open(&mut self, name: &str, split: data::Split) -> Result<Arc<Dataset>, data::DataError> {
        if let Some((.., set)) = self.kept.iter().find(|(of, half, _)| of == name && *half == split) {
            return Ok(set.clone());
        }
        let set = Arc::new(data::open(name, split, &self.dir)?);
        self.kept.push((name.to_owned(), split, set.clone()));
        Ok(set)
    }
}
