//! Every setting with what it may be. A value of another type, or out of its bounds, is refused here in words, before
//! anything else sees it; what must fit together is checked in [`super::validate`].

use toml::{Table, Value};

use super::error::ConfigError;
use super::nearest::nearest;
use crate::nets::research::{KINDS, Learner};

/// What a setting may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A whole number between two, both included.
    Whole(i64, i64),
    /// A number.
    Number(Bounds),
    /// True or false.
    Switch,
    /// One of some words.
    Word(&'static [&'static str]),
    /// A list of names.
    Names,
    /// A list of whole numbers.
    Wholes(i64, i64),
    /// A list of numbers.
    Numbers(Bounds),
    /// Settings below a name.
    Section(&'static [Setting]),
    /// A list of sections.
    Sections(&'static [Setting]),
    /// The hyperparameters of the learner that its own `kind` names.
    Learner,
}

/// A name and what it may be.
pub(super) type Setting = (&'static str, Kind);

/// Bounds of a number, which is always finite.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bounds {
    /// Above 0.
    Positive,
    /// 0 or more.
    FromZero,
    /// 0…1.
    Share,
    /// 0 or more, below 1.
    BelowOne,
    /// Between two, both included.
    Between(f64, f64),
}

impl Bounds {
    fn hold(self, value: f64) -> bool {
        value.is_finite()
            && match self {
                Bounds::Positive => value > 0.0,
                Bounds::FromZero => value >= 0.0,
                Bounds::Share => (0.0..=1.0).contains(&value),
                Bounds::BelowOne => (0.0..1.0).contains(&value),
                Bounds::Between(low, high) => (low..=high).contains(&value),
            }
    }

    fn words(self) -> String {
        match self {
            Bounds::Positive => "a number above 0".into(),
            Bounds::FromZero => "a number of 0 or more".into(),
            Bounds::Share => "a number in 0…1".into(),
            Bounds::BelowOne => "a number of 0 or more, below 1".into(),
            Bounds::Between(low, high) => format!("a number in {}…{}", plain(low), plain(high)),
        }
    }
}

/// No upper bound but that of the file format.
const ANY: i64 = i64::MAX;
/// The longest context that any learner takes.
const LONGEST: i64 = 2_048;

use Bounds::{BelowOne, Between, FromZero, Positive, Share};
use Kind::{Names, Number, Numbers, Section, Sections, Switch, Whole, Wholes, Word};

pub(super) const SETTINGS: &[Setting] = &[
    ("seed", Whole(0, ANY)),
    ("model", Section(MODEL)),
    ("learner", Kind::Learner),
    ("tasks", Section(TASKS)),
    ("training", Section(TRAINING)),
    ("curriculum", Sections(STAGE)),
];

// the bounds of sizes are those of `ModelSpec::validate`; a test holds the two together
pub(super) const MODEL: &[Setting] = &[
    ("variant", Word(&["paper", "shifted", "equivariant"])),
    ("inputs", Whole(1, 16_384)),
    ("classes", Whole(2, 256)),
    ("width", Whole(1, 4_096)),
    ("layers", Whole(1, 64)),
    ("heads", Whole(1, 64)),
    ("key_size", Whole(1, 256)),
    ("mlp_factor", Whole(1, 16)),
    ("longest", Whole(2, LONGEST)),
    ("key_shift", Word(&["none", "full", "gated"])),
    ("query_key", Word(&["free", "equal", "tied"])),
    ("qk_norm", Switch),
    ("positions", Word(&["learned", "none"])),
    ("equivariant", Section(EQUIVARIANT)),
    ("encoding", Section(ENCODING)),
];

const ENCODING: &[Setting] =
    &[("side", Whole(0, 256)), ("normalisation", Section(NORMALISATION)), ("projected", Switch)];

const NORMALISATION: &[Setting] = &[
    ("kind", Word(&["per-example", "scalar"])),
    ("mean", Number(Between(-1e6, 1e6))),
    ("std", Number(Between(1e-6, 1e6))),
];

const EQUIVARIANT: &[Setting] =
    &[("linear_heads", Whole(0, 64)), ("neighbour", Whole(1, 64)), ("ridge", Sections(RIDGE)), ("stem", Section(STEM))];

const RIDGE: &[Setting] =
    &[("kernel", Word(&["linear", "gaussian", "local"])), ("lambda", Number(Between(1e-9, 1e9))), ("raw", Switch)];

const STEM: &[Setting] = &[
    ("side", Whole(4, 64)),
    ("channels", Whole(1, 3)),
    ("convolutions", Sections(CONVOLUTION)),
    ("embedding", Whole(1, 1_024)),
];

const CONVOLUTION: &[Setting] = &[("channels", Whole(1, 512)), ("size", Whole(1, 9)), ("stride", Whole(1, 4))];

const TASKS: &[Setting] = &[
    ("length", Whole(2, LONGEST)),
    ("data", Names),
    ("weights", Numbers(FromZero)),
    ("log2_tasks", Whole(-1, 40)),
    ("sequences_per_task", Whole(1, ANY)),
    ("label_bias", Number(Share)),
    ("fewer_classes", Number(Share)),
    ("uneven", Number(Share)),
    ("shown", Wholes(1, LONGEST)),
    ("shots", Wholes(1, LONGEST)),
    ("queries", Whole(0, 100_000)),
    ("ways", Whole(0, 256)),
    ("many", Number(Share)),
    ("most_ways", Whole(0, 200)),
    ("dimensions", Whole(0, 16_384)),
    ("label_noise", Number(Share)),
    ("outsiders", Number(Share)),
    ("superclasses", Number(Share)),
    ("colour", Number(Share)),
    ("vectors", Number(Share)),
    ("augment", Section(AUGMENT)),
    ("prior", Section(PRIOR)),
];

const STAGE: &[Setting] = &[
    ("steps", Whole(1, ANY)),
    ("accuracy", Number(Share)),
    ("length", Whole(2, LONGEST)),
    ("ways", Whole(0, 256)),
    ("dimensions", Whole(0, 16_384)),
    ("log2_tasks", Whole(-1, 40)),
    ("label_bias", Number(Share)),
    ("fewer_classes", Number(Share)),
    ("uneven", Number(Share)),
    ("label_noise", Number(Share)),
    ("weights", Numbers(FromZero)),
    ("prior", Section(PRIOR)),
];

const AUGMENT: &[Setting] = &[
    ("share", Number(Share)),
    ("stronger", Number(Share)),
    ("turns", Switch),
    ("rotation", Number(Between(0.0, 180.0))),
    ("shear", Number(Between(0.0, 10.0))),
    ("aspect", Number(Between(0.0, 10.0))),
    // pixels of a drawing of 28 × 28
    ("elastic", Number(Between(0.0, 28.0))),
    ("blur", Number(Between(0.0, 28.0))),
];

const PRIOR: &[Setting] = &[
    ("spectral", Number(FromZero)),
    ("network", Number(FromZero)),
    ("clusters", Number(FromZero)),
    ("prototypes", Number(FromZero)),
    ("sparse", Number(FromZero)),
    ("strokes", Number(FromZero)),
    ("fields", Number(FromZero)),
    ("shapes", Number(FromZero)),
    ("mixtures", Number(FromZero)),
];

const TRAINING: &[Setting] = &[
    ("steps", Whole(1, ANY)),
    ("batch", Whole(1, 1 << 20)),
    ("micro_batch", Whole(1, 1 << 20)),
    ("optimiser", Word(&["adamw", "muon", "lion"])),
    ("rate", Number(Positive)),
    ("warm_up", Whole(0, ANY)),
    ("cosine", Switch),
    ("final_rate", Number(Share)),
    ("beta_2", Number(BelowOne)),
    // below this it is nothing in the optimiser's numbers, and a gradient of 0 is then divided by 0
    ("epsilon", Number(Between(1e-30, 1e3))),
    ("weight_decay", Number(FromZero)),
    ("clip", Number(FromZero)),
    ("average", Number(BelowOne)),
    ("neighbours", Number(FromZero)),
    ("checkpoint_every", Whole(1, ANY)),
    ("log_every", Whole(1, ANY)),
];

impl Kind {
    fn words(self) -> String {
        match self {
            Whole(low, ANY) => format!("a whole number of {low} or more"),
            Whole(low, high) => format!("a whole number in {}…{high}", minus(low)),
            Number(bounds) => bounds.words(),
            Switch => "true or false".into(),
            Word(words) => format!("one of {}", words.join(", ")),
            Names => "a list of names, such as [\"prior\"]".into(),
            Wholes(low, high) => format!("a list of whole numbers in {low}…{high}, such as [5, 10]"),
            Numbers(_) => "a list of numbers of 0 or more, such as [0.5, 0.5]".into(),
            Section(settings) => format!("settings below it, such as {}", settings[0].0),
            Sections(settings) => format!("a list of settings, each with {}", settings[0].0),
            Kind::Learner => "settings below it, such as kind".into(),
        }
    }
}

/// `0` and `1e-30` rather than `0.0` and thirty digits.
fn plain(value: f64) -> String {
    let text = format!("{value:?}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// Numbers below 0 with the sign that people write.
fn minus(value: i64) -> String {
    value.to_string().replace('-', "−")
}

/// What a setting may be, by its name with dots; `None` if there is no such setting, or if the learner's kind decides.
pub(super) fn kind_of(key: &str) -> Option<Kind> {
    let mut within = SETTINGS;
    let mut found = None;
    for part in key.split('.') {
        let (_, kind) = within.iter().find(|(name, _)| *name == part)?;
        found = Some(*kind);
        within = match kind {
            Section(settings) => settings,
            _ => &[],
        };
    }
    found
}

/// Checks every value, and writes whole numbers as the settings want them (1 for 1.0 and the other way round).
///
/// # Errors
/// An unknown setting, or one of a wrong type or out of bounds.
pub(super) fn check(table: &mut Table) -> Result<(), ConfigError> {
    section(table, SETTINGS, "")
}

fn section(table: &mut Table, settings: &[Setting], prefix: &str) -> Result<(), ConfigError> {
    for (name, value) in table.iter_mut() {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match settings.iter().find(|(known, _)| known == name) {
            Some((_, Kind::Learner)) => learner(value)?,
            Some((_, kind)) => one(value, *kind, &key)?,
            None => {
                let known = nearest(name, settings.iter().map(|(known, _)| *known));
                let nearest = known.map(|n| if prefix.is_empty() { n.to_owned() } else { format!("{prefix}.{n}") });
                return Err(ConfigError::UnknownKey { key, nearest });
            }
        }
    }
    Ok(())
}

fn one(value: &mut Value, kind: Kind, key: &str) -> Result<(), ConfigError> {
    let fits = match (kind, &mut *value) {
        (Whole(low, high), value) => whole(value, low, high),
        (Number(bounds), value) => number(value, bounds),
        (Switch, Value::Boolean(_)) => true,
        (Word(words), Value::String(word)) => words.contains(&word.as_str()),
        (Names, Value::Array(all)) => all.iter().all(Value::is_str),
        (Wholes(low, high), Value::Array(all)) => all.iter_mut().all(|value| whole(value, low, high)),
        (Numbers(bounds), Value::Array(all)) => all.iter_mut().all(|value| number(value, bounds)),
        (Section(settings), Value::Table(table)) => return section(table, settings, key),
        (Sections(settings), Value::Array(all)) => {
            for (index, value) in all.iter_mut().enumerate() {
                one(value, Section(settings), &format!("{key}[{index}]"))?;
            }
            true
        }
        _ => false,
    };
    if fits { Ok(()) } else { Err(refused(key, kind.words(), value)) }
}

fn refused(key: &str, expected: String, found: &Value) -> ConfigError {
    let mut found = found.to_string().trim().replace('\n', " ");
    if found.chars().count() > 60 {
        found = found.chars().take(60).chain("…".chars()).collect();
    }
    ConfigError::Setting { key: key.to_owned(), expected, found }
}

fn whole(value: &mut Value, low: i64, high: i64) -> bool {
    if let Value::Float(number) = *value
        && number.fract() == 0.0
        && number.abs() < 1e15
    {
        *value = Value::Integer(number as i64);
    }
    value.as_integer().is_some_and(|number| (low..=high).contains(&number))
}

fn number(value: &mut Value, bounds: Bounds) -> bool {
    if let Value::Integer(number) = *value {
        *value = Value::Float(number as f64);
    }
    value.as_float().is_some_and(|number| bounds.hold(number))
}

/// Hyperparameters have the types that they have by default; each kind of learner checks its own bounds.
fn learner(value: &mut Value) -> Result<(), ConfigError> {
    let Value::Table(table) = value else {
        return Err(refused("learner", Kind::Learner.words(), value));
    };
    let kind = match table.get("kind") {
        None => return Ok(()),
        Some(Value::String(kind)) => kind.clone(),
        Some(other) => {
            let expected = format!("one of {}", KINDS.map(|(name, _)| name).join(", "));
            return Err(refused("learner.kind", expected, other));
        }
    };
    let Some(learner) = Learner::of_kind(&kind) else {
        let nearest = nearest(&kind, KINDS.iter().map(|(name, _)| *name));
        return Err(ConfigError::Learner { found: kind, nearest });
    };
    let usual = Table::try_from(learner).expect("settings are plain data");
    for (name, value) in table.iter_mut().filter(|(name, _)| *name != "kind") {
        let key = format!("learner.{name}");
        let Some(own) = usual.get(name) else {
            let known = nearest(name, usual.keys().map(String::as_str)).map(|known| format!("learner.{known}"));
            return Err(ConfigError::UnknownKey { key, nearest: known });
        };
        match own {
            // 0 is refused by the learner, which knows the upper bound
            Value::Integer(_) if whole(value, 0, ANY) => {}
            Value::Integer(_) => return Err(refused(&key, "a whole number of 1 or more".into(), value)),
            Value::Float(_) => one(value, Number(Positive), &key)?,
            Value::Boolean(_) => one(value, Switch, &key)?,
            _ => {
                let words = learner.words().iter().find(|(of, _)| of == name);
                one(value, Word(words.map_or(&[], |(_, words)| words)), &key)?;
            }
        }
    }
    Ok(())
}
