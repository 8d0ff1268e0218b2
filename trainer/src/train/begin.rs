//! Begins a run or goes on with one, alone or as one of several ranks.

use std::path::Path;
use std::sync::Arc;

use super::checkpoint::{CONFIG, Saved, newest_checkpoint};
use super::error::{TrainError, io_at, write_whole};
use super::folder::{self, Kind, Place, RunFolder};
use super::memory::MemoryWatch;
use super::metrics::{METRICS, forget_after};
use super::ranks::{Ranks, Team, traits};
use super::rollback::Rollback;
use super::run::Run;
use super::step::Learner;
use super::wgsl;
use crate::config::{ConfigError, RunConfig};
use crate::device::TrainDevice;
use crate::nets::research;
use crate::sources::open_tasks;
use tasks::{Progress, Tasks};

/// What several ranks begin with. Rank 0 alone looks at it.
pub enum Begin<'a> {
    /// A new run, as [`Run::start`] or [`Run::start_over`].
    New {
        /// Makes its settings.
        settings: &'a dyn Fn() -> Result<RunConfig, ConfigError>,
        /// Its folder.
        folder: &'a Path,
        /// Whether a run that is there is replaced.
        overwrite: bool,
    },
    /// A run that is there, as [`Run::resume`].
    Resume {
        /// Its folder.
        folder: &'a Path,
    },
}

impl Begin<'_> {
    fn folder(&self) -> &Path {
        match self {
            Begin::New { folder, .. } | Begin::Resume { folder } => folder,
        }
    }

    /// The settings, and whether the folder may be had, before anything is changed.
    fn settings(&self) -> Result<RunConfig, TrainError> {
        match self {
            Begin::New { settings, folder, overwrite } => match folder::look(folder, Kind::Run)? {
                Place::Taken if !overwrite => Err(TrainError::Exists(folder.to_path_buf())),
                _ => Ok(settings()?),
            },
            Begin::Resume { folder } => Run::settings_of(folder),
        }
    }
}

impl Run {
    /// Begins a run, or goes on with one, as one of several ranks. Rank 0 sends the others its settings, and the weights and
    /// the state of the optimiser that it made or read: they need no file of the run.
    ///
    /// # Errors
    /// On every rank that of the first rank that has one, or a difference between two: then nothing is left behind.
    pub fn among(
        ranks: Box<dyn Ranks>,
        begin: &Begin<'_>,
        data_dir: &Path,
        device: TrainDevice,
    ) -> Result<Run, TrainError> {
        let mut team = Team::new(ranks);
        let [settings] = team.of_leader(|| Ok([begin.settings()?.to_toml().into_bytes()]))?;
        let ready = || {
            let text = String::from_utf8_lossy(&settings);
            let config: RunConfig = toml::from_str(&text)
                .map_err(|error| ConfigError::Toml { origin: None, message: error.message().to_owned() })?;
            if device.wgsl.is_some() {
                return Err(TrainError::NotShared(device.name.clone()));
            }
            match (&config.learner, device.cpu) {
                (research::Learner::Model, true) => {}
                (learner, true) => return Err(TrainError::NotShared(format!("learner.kind = \"{}\"", learner.kind()))),
                (_, false) => return Err(TrainError::NotShared(device.name.clone())),
            }
            let tasks = open_tasks(&config, data_dir)?;
            Run::new(config, begin.folder(), tasks, device.clone())
        };
        let mut run = ready();
        team.agree(run.as_ref().map(|run| traits(&run.config, &run.tasks)))?;
        let run_here = run.as_mut().expect("this rank has agreed");
        let [saved, weights, average, optimiser] = team.of_leader(|| run_here.lead(begin))?;
        let mut run = run?;
        run.saved = serde_json::from_slice(&saved).map_err(|error| run.not_taken(&error))?;
        let parts = [weights, average, optimiser];
        run.learner.take_parts(parts, &run.config.training).map_err(|error| run.not_taken(&*error))?;
        run.team = Some(team);
        Ok(run)
    }

    /// Takes the folder, and gives what the other ranks need.
    fn lead(&mut self, begin: &Begin<'_>) -> Result<[Vec<u8>; 4], TrainError> {
        match begin {
            Begin::Resume { folder } => {
                let place = RunFolder::open(folder)?;
                self.load(place)?;
            }
            Begin::New { folder, overwrite, .. } => {
                let place = RunFolder::create(folder, Kind::Run)?;
                match overwrite {
                    true => place.clear()?,
                    false if folder.join(CONFIG).exists() => return Err(TrainError::Exists(folder.to_path_buf())),
                    false => {}
                }
                self.take(place)?;
            }
        }
        let [weights, average, optimiser] =
            self.learner.parts(&self.config.training).map_err(|error| self.not_taken(&*error))?;
        Ok([serde_json::to_vec(&self.saved).expect("plain data"), weights, average, optimiser])
    }

    fn not_taken(&self, error: &dyn std::error::Error) -> TrainError {
        TrainError::Checkpoint { path: self.folder.clone(), message: error.to_string() }
    }

    /// A new run in an empty or new folder.
    ///
    /// # Errors
    /// The folder is taken, data are missing, settings do not fit them: then nothing is left behind.
    pub fn start(config: RunConfig, folder: &Path, data_dir: &Path, device: TrainDevice) -> Result<Run, TrainError> {
        match folder::look(folder, Kind::Run)? {
            Place::Free => {}
            Place::Taken => return Err(TrainError::Exists(folder.to_owned())),
        }
        let run = Run::ready(config, folder, data_dir, device)?;
        let place = RunFolder::create(folder, Kind::Run)?;
        // another process may have been faster
        match folder.join(CONFIG).exists() {
            true => Err(TrainError::Exists(folder.to_owned())),
            false => run.write_settings(place),
        }
    }

    /// As [`Run::start`], in the place of a run that is there: what that one wrote is removed, and nothing else.
    ///
    /// # Errors
    /// As [`Run::start`]; the old run then stays as it is.
    pub fn start_over(
        config: RunConfig,
        folder: &Path,
        data_dir: &Path,
        device: TrainDevice,
    ) -> Result<Run, TrainError> {
        let old = match folder::look(folder, Kind::Run)? {
            Place::Free => None,
            Place::Taken => Some(RunFolder::create(folder, Kind::Run)?),
        };
        let run = Run::ready(config, folder, data_dir, device)?;
        let place = match old {
            Some(place) => place,
            None => RunFolder::create(folder, Kind::Run)?,
        };
        place.clear()?;
        run.write_settings(place)
    }

    /// A new run in a folder that this process has already.
    ///
    /// # Errors
    /// As [`Run::start`].
    pub fn start_in(
        config: RunConfig,
        place: RunFolder,
        data_dir: &Path,
        device: TrainDevice,
    ) -> Result<Run, TrainError> {
        Run::ready(config, place.path(), data_dir, device)?.write_settings(place)
    }

    /// A run with its data, which has no folder yet.
    fn ready(config: RunConfig, folder: &Path, data_dir: &Path, device: TrainDevice) -> Result<Run, TrainError> {
        let tasks = open_tasks(&config, data_dir)?;
        let mut run = Run::new(config, folder, tasks, device)?;
        run.set_by_hand(true)?;
        Ok(run)
    }

    /// Takes the folder of a new run and writes its settings there.
    fn write_settings(mut self, place: RunFolder) -> Result<Run, TrainError> {
        self.take(place)?;
        Ok(self)
    }

    fn take(&mut self, place: RunFolder) -> Result<(), TrainError> {
        self.place = Some(place);
        write_whole(&self.folder.join(CONFIG), self.config.to_toml().as_bytes())
    }

    /// Goes on from the newest whole checkpoint of a folder, or from the start if there is none yet; what a killed
    /// process left unfinished is removed.
    ///
    /// # Errors
    /// No run there, a folder in use, or a damaged checkpoint.
    pub fn resume(folder: &Path, data_dir: &Path, device: TrainDevice) -> Result<Run, TrainError> {
        // before the folder is touched: it may be another program's
        Run::settings_of(folder)?;
        Run::resume_in(RunFolder::open(folder)?, data_dir, device)
    }

    /// The settings of a run that is there; nothing is changed.
    fn settings_of(folder: &Path) -> Result<RunConfig, TrainError> {
        if !folder.join(CONFIG).exists() {
            return Err(TrainError::NoCheckpoint(folder.to_owned()));
        }
        folder::expect_run(folder)?;
        Ok(RunConfig::read(&folder.join(CONFIG))?)
    }

    /// As [`Run::resume`], in a folder that this process has already.
    ///
    /// # Errors
    /// As [`Run::resume`].
    pub fn resume_in(place: RunFolder, data_dir: &Path, device: TrainDevice) -> Result<Run, TrainError> {
        let folder = place.path().to_owned();
        let config = RunConfig::read(&folder.join(CONFIG))?;
        place.remove_unfinished()?;
        let tasks = open_tasks(&config, data_dir)?;
        let mut run = Run::new(config, &folder, tasks, device)?;
        run.load(place)?;
        run.set_by_hand(true)?;
        Ok(run)
    }

    /// Takes the folder of a run, and goes on from its newest whole checkpoint if there is one.
    fn load(&mut self, place: RunFolder) -> Result<(), TrainError> {
        self.place = Some(place);
        if let Some(path) = newest_checkpoint(&self.folder)? {
            self.saved = Saved::read(&path)?;
            self.learner.load(&path, &self.config, &self.device)?;
        }
        let log = self.folder.join(METRICS);
        forget_after(&log, self.saved.step).map_err(io_at(&log))
    }

    /// A run before its first step.
    fn new(config: RunConfig, folder: &Path, tasks: Tasks, device: TrainDevice) -> Result<Run, TrainError> {
        if device.wgsl.is_some() {
            wgsl::check(&config)?;
        }
        let learner = Learner::new(&config, &device)?;
        let saved = Saved { step: 0, seconds: 0.0, accuracy: Vec::new(), curriculum: Progress::default() };
        let folder = folder.to_owned();
        let (count, rollback, memory) = (Arc::default(), Rollback::default(), MemoryWatch::default());
        let (place, team) = (None, None);
        let mut run = Run { config, folder, tasks, device, learner, saved, count, place, rollback, memory, team };
        run.set_cores(std::thread::available_parallelism().map_or(1, |n| n.get()));
        Ok(run)
    }
}
