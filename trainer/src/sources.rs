//! The data that a run's episodes are made of, opened and encoded for its learner.

use std::path::Path;
use std::sync::Mutex;

use crate::config::{ConfigError, RunConfig};
use crate::data::{self, DataError};
use tasks::{Base, Source, Tasks};

/// Why data cannot be used by a learner.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A name in the settings that names no data.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Data that are missing or damaged.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Data that cannot be encoded.
    #[error("data set `{name}`: {source}")]
    Encode {
        /// Data set.
        name: String,
        /// Cause.
        source: shaders::input::encode::EncodeError,
    },
    /// A data set with another number of values an example than the learner takes.
    #[error("data set `{name}` has {found} values an example; this learner takes {expected} and has no projection")]
    Inputs {
        /// Data set.
        name: String,
        /// X.
        expected: usize,
        /// D₀.
        found: usize,
    },
}

/// Opens and encodes all base data of a run.
///
/// # Errors
/// Data that are missing, or that the learner cannot take.
pub fn open_tasks(config: &RunConfig, data_dir: &Path) -> Result<Tasks, SourceError> {
    let spec = &config.model;
    let augment = config.tasks.augment.active();
    let stem = spec.equivariant.as_ref().is_some_and(|set| set.stem.is_some());
    let mut bases = Vec::new();
    for entry in &config.tasks.data {
        match entry.as_str() {
            "prior" => bases.push(Source::Prior),
            "strokes" => bases.push(Source::Strokes),
            _ => {
                let (name, classes) = class_range(entry)?;
                let base = match augment || stem {
                    true => drawn_base(&data::open(name, data::Split::Train, data_dir)?, entry)?,
                    false => encoded_base(spec, name, data::Split::Train, data_dir)?,
                };
                let fits = match spec.equivariant.is_some() {
                    true => base.dimensions <= spec.inputs,
                    false => spec.encoding.projected || base.dimensions == spec.inputs,
                };
                if !fits {
                    return Err(SourceError::Inputs {
                        name: entry.clone(),
                        expected: spec.inputs,
                        found: base.dimensions,
                    });
                }
                bases.push(Source::Set(base.with_classes(classes)));
            }
        }
    }
    Ok(Tasks {
        config: config.tasks.clone(),
        bases,
        inputs: spec.inputs,
        classes: spec.classes,
        projected: spec.encoding.projected,
        set: spec.equivariant.is_some(),
        split: config.learner.asks_queries(),
        stem,
        colour: spec.equivariant.as_ref().and_then(|set| set.stem.as_ref()).is_some_and(|stem| stem.channels > 1),
        side: spec.encoding.side,
        seed: config.seed,
    })
}

/// `name` or `name@a-b` for classes a to b − 1.
///
/// # Errors
/// A range that is not two numbers, the first one less.
pub fn class_range(entry: &str) -> Result<(&str, std::ops::Range<usize>), ConfigError> {
    let Some((name, range)) = entry.split_once('@') else { return Ok((entry, 0..usize::MAX)) };
    let read = || {
        let (from, to) = range.split_once('-')?;
        let range = from.parse().ok()?..to.parse().ok()?;
        (!range.is_empty()).then_some(range)
    };
    read().map(|range| (name, range)).ok_or_else(|| ConfigError::Value {
        key: "tasks.data",
        message: format!("expected a name or name@a-b with class numbers a below b, found `{entry}`"),
    })
}

/// A data set of drawings after the shared preprocessing, to be changed each time that one is shown.
///
/// # Errors
/// Pictures in colour.
pub(crate) fn drawn_base(set: &data::Dataset, entry: &str) -> Result<Base, SourceError> {
    if set.channels != 1 {
        return Err(SourceError::Inputs { name: entry.to_owned(), expected: 1, found: set.channels });
    }
    let mut pictures = Vec::with_capacity(set.len() * shaders::input::pixels::SIDE * shaders::input::pixels::SIDE);
    for i in 0..set.len() {
        let picture = shaders::input::pixels::normalise(&set.pixels(i), set.height, set.width)
            // an empty picture stays empty
            .unwrap_or_else(|_| vec![0.0; shaders::input::pixels::SIDE * shaders::input::pixels::SIDE]);
        pictures.extend(picture);
    }
    let mut base = Base::new(&set.name, Vec::new(), set.labels.clone());
    base.drawings = Some(std::sync::Arc::new(pictures));
    base.dimensions = shaders::input::pixels::SIDE * shaders::input::pixels::SIDE;
    Ok(base)
}

/// A data set as features before the projection, read once: a grid of small runs asks for the same few over and over.
///
/// # Errors
/// Data that are missing, or that the encoding cannot take.
pub(crate) fn encoded_base(
    spec: &shaders::ModelSpec,
    name: &str,
    split: data::Split,
    data_dir: &Path,
) -> Result<Base, SourceError> {
    /// Bases that are kept, the newest last.
    static KEPT: Mutex<Vec<(String, Base)>> = Mutex::new(Vec::new());
    const MOST: usize = 8;
    let encoding = serde_json::to_string(&spec.encoding).expect("plain data");
    let key = format!("{name} {split} {} {encoding}", data_dir.display());
    let kept = || KEPT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some((_, base)) = kept().iter().find(|(of, _)| *of == key) {
        return Ok(base.clone());
    }
    let set = data::open(name, split, data_dir)?;
    let base = encode_base(spec, &set).map_err(|source| SourceError::Encode { name: name.to_owned(), source })?;
    let mut kept = kept();
    if kept.len() == MOST {
        kept.remove(0);
    }
    kept.push((key, base.clone()));
    Ok(base)
}

/// A data set as features before the projection.
///
/// # Errors
/// Images that the encoding cannot take.
pub fn encode_base(
    spec: &shaders::ModelSpec,
    set: &data::Dataset,
) -> Result<Base, shaders::input::encode::EncodeError> {
    // the projection is drawn per episode, so the encoder's own is not needed
    let plain = shaders::ModelSpec {
        inputs: if spec.encoding.side == 0 { set.size() } else { spec.encoding.side.pow(2) * set.channels },
        encoding: shaders::model::spec::Encoding { projected: false, ..spec.encoding },
        ..spec.clone()
    };
    // with the inputs that it has, can its stem read these?
    let read = shaders::input::encode::Encoder::new(spec, set.height, set.width, set.channels, 0);
    let encoder = shaders::input::encode::Encoder::new(&plain, set.height, set.width, set.channels, 0)?;
    let mut features = Vec::with_capacity(set.len() * plain.inputs);
    for i in 0..set.len() {
        features.extend(encoder.features(&set.pixels(i))?);
    }
    let mut base = Base::new(&set.name, features, set.labels.clone());
    base.drawn = read.is_ok_and(|encoder| encoder.drawings());
    Ok(base)
}
