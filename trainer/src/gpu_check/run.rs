//! The parts of a check in the order of their worth, each written down as soon as it is done.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use shaders::gpu::device::Gpu;

use super::report::{Adapter, Report, Trained};
use super::{page, parity, speed, torch, training};
use crate::config::RunConfig;
use crate::device::{self, TrainDevice};
use crate::eval::{self, EvalError};
use crate::files::write_whole;
use crate::train::{Metrics, Run, TrainError};

/// What to check, and where to write.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The device under test.
    pub device: TrainDevice,
    /// Folder of the report and of the runs.
    pub out: PathBuf,
    /// Folder of data sets; those that are missing are left out.
    pub data_dir: PathBuf,
    /// Minutes in all.
    pub minutes: f64,
    /// Small sizes, for a rehearsal on a software adapter.
    pub smoke: bool,
    /// The Python that may have PyTorch.
    pub python: String,
}

/// Why a check cannot begin, or goes on no further.
#[derive(Debug, thiserror::Error)]
pub enum GpuCheckError {
    /// A folder with other files.
    #[error("{} holds files and no report of `trainer gpu`; choose a new or empty folder with --out. Nothing was changed", .0.display())]
    Foreign(PathBuf),
    /// Reading or writing it.
    #[error("{}: {source}", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
}

const JSON: &str = "report.json";
const HTML: &str = "index.html";
/// Seconds that must be left for a part to be begun.
const LEAST: f64 = 20.0;

/// A check under way.
struct Check<'a> {
    settings: &'a Settings,
    stop: &'a AtomicBool,
    say: &'a mut dyn FnMut(&str),
    report: Report,
    started: Instant,
}

/// Checks a device: kernels, training, speed, whole runs. After each part `report.json` and `index.html` are written
/// anew, so that a stop at any moment leaves a report. A run of the paper's preset that an earlier check left in the
/// folder goes on.
///
/// # Errors
/// The folder holds something else, or cannot be written. What fails on the device is part of the report.
pub fn run(settings: &Settings, stop: &AtomicBool, say: &mut dyn FnMut(&str)) -> Result<Report, GpuCheckError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| GpuCheckError::Io { path, source }
    };
    let old = std::fs::read_dir(&settings.out).is_ok_and(|mut entries| entries.next().is_some());
    let own = std::fs::read(settings.out.join(JSON)).is_ok_and(|text| serde_json::from_slice::<Report>(&text).is_ok());
    if old && !own {
        return Err(GpuCheckError::Foreign(settings.out.clone()));
    }
    std::fs::create_dir_all(&settings.out).map_err(at(&settings.out))?;
    let mut check = Check { settings, stop, say, report: head(settings), started: Instant::now() };
    check.write()?;
    check.part("kernels and engines of the page", Check::kernels)?;
    check.part("training beside the CPU", Check::training)?;
    check.part("time of a step", |check| check.speed(..1))?;
    check.part("quick, from start to end", |check| check.quick())?;
    check.part("time of larger steps", |check| check.speed(1..))?;
    check.part("time of set learners' steps", Check::set_learners)?;
    check.part("PyTorch on the same card", Check::torch)?;
    check.part("the paper's preset", Check::paper)?;
    check.report.complete = !stop.load(Ordering::Relaxed);
    check.write()?;
    Ok(check.report)
}

/// What is known before anything was tried.
fn head(settings: &Settings) -> Report {
    let features = [
        ("vulkan", cfg!(feature = "vulkan")),
        ("metal", cfg!(feature = "metal")),
        ("cuda", cfg!(feature = "cuda")),
        ("wgpu", cfg!(feature = "wgpu")),
        ("fusion", device::fuses()),
        ("autotune", cfg!(feature = "autotune")),
    ];
    let features: Vec<&str> = features.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect();
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let processor = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let adapter = |adapter: wgpu::Adapter| {
        let info = adapter.get_info();
        let kind = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => "discrete",
            wgpu::DeviceType::IntegratedGpu => "integrated",
            wgpu::DeviceType::VirtualGpu => "virtual",
            wgpu::DeviceType::Cpu => "software",
            wgpu::DeviceType::Other => "other",
        };
        let driver = format!("{} {}", info.driver, info.driver_info).trim().to_owned();
        Adapter { name: info.name, kind: kind.into(), backend: format!("{:?}", info.backend), driver }
    };
    Report {
        trainer: format!(
            "trainer {} at {}, built with {}",
            env!("CARGO_PKG_VERSION"),
            env!("GIT_COMMIT"),
            features.join(", ")
        ),
        machine: format!(
            "{} {}, {cores} cores of {}",
            std::env::consts::OS,
            std::env::consts::ARCH,
            processor.unwrap_or_else(|| "a processor without a name".into())
        ),
        date: today(),
        device: settings.device.name.clone(),
        adapters: device::wgpu_adapters().into_iter().map(adapter).collect(),
        ..Report::default()
    }
}

/// Today (UTC) as year-month-day: Howard Hinnant's algorithm from days since 1970.
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let days = (seconds / 86_400) as i64 + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

impl Check<'_> {
    fn left(&self) -> f64 {
        60.0 * self.settings.minutes - self.started.elapsed().as_secs_f64()
    }

    /// Whether there is time for more.
    fn goes_on(&self) -> bool {
        self.left() > LEAST && !self.stop.load(Ordering::Relaxed)
    }

    fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        (self.say)(&text);
        self.report.notes.push(text);
    }

    /// Runs a part, if there is time; what it breaks is noted, and the next part has its turn.
    fn part(&mut self, name: &str, part: impl FnOnce(&mut Self)) -> Result<(), GpuCheckError> {
        if !self.goes_on() {
            self.note(format!("{name}: left out, no time was left"));
            return self.write();
        }
        (self.say)(&format!("{name} …"));
        let before = Instant::now();
        // a driver that fails makes Burn panic
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| part(self))) {
            let words = panic.downcast_ref::<String>().cloned();
            let words = words.or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
            self.note(format!("{name}: it panicked: {}", words.unwrap_or_else(|| "without a word".into())));
        }
        self.report.seconds.push((name.to_owned(), before.elapsed().as_secs_f64()));
        self.write()
    }

    fn write(&self) -> Result<(), GpuCheckError> {
        let json = serde_json::to_string_pretty(&self.report).expect("plain data");
        for (name, text) in [(JSON, json), (HTML, page::html(&self.report))] {
            let path = self.settings.out.join(name);
            write_whole(&path, text.as_bytes()).map_err(|source| GpuCheckError::Io { path, source })?;
        }
        Ok(())
    }

    /// The adapter that Burn uses, for the page's engine.
    fn kernels(&mut self) {
        let named = |adapter: &wgpu::Adapter| self.settings.device.name.starts_with(&adapter.get_info().name);
        let Some(adapter) = device::wgpu_adapters().into_iter().find(named) else {
            return self.note("the page's kernels were not tried: wgpu does not see this device");
        };
        let gpu = match pollster::block_on(Gpu::with_adapter(&adapter)) {
            Ok(gpu) => gpu,
            Err(error) => return self.note(error.to_string()),
        };
        self.report.kernels = parity::kernels(&gpu);
        self.report.kernels.extend(parity::sessions(&gpu));
    }

    fn training(&mut self) {
        let cases = match training::cases(self.settings.smoke) {
            Ok(cases) => cases,
            Err(error) => return self.note(error.to_string()),
        };
        for (name, config) in cases {
            if !self.goes_on() {
                return self.note(format!("{name} was not compared with the CPU: no time was left"));
            }
            (self.say)(&format!("  {name}"));
            let compared = training::compare(name, &config, &self.settings.device);
            if let Some(failed) = &compared.failed {
                (self.say)(failed);
            }
            self.report.training.push(compared);
        }
    }

    fn sizes(&self) -> &'static [[usize; 4]] {
        if self.settings.smoke { &speed::SMALL } else { &speed::SIZES }
    }

    fn speed(&mut self, which: impl std::slice::SliceIndex<[[usize; 4]], Output = [[usize; 4]]>) {
        for &size in self.sizes().get(which).unwrap_or_default() {
            if !self.goes_on() {
                return self.note(format!("steps of {size:?} were not timed: no time was left"));
            }
            (self.say)(&format!("  B, T, D, L = {size:?}"));
            match speed::trainer(size, &self.settings.device) {
                Ok(row) => self.report.speed.push(row),
                Err(error) => self.note(format!("steps of {size:?}: {error}")),
            }
        }
    }

    fn set_learners(&mut self) {
        if self.settings.smoke {
            return self.note("set learners' steps are left out of a rehearsal");
        }
        for preset in ["general", "drawing"] {
            if !self.goes_on() {
                return self.note(format!("steps of {preset} were not timed: no time was left"));
            }
            (self.say)(&format!("  {preset}"));
            match speed::set_learner(preset, &self.settings.device, &[]) {
                Ok(row) => self.report.speed.push(row),
                Err(error) => self.note(format!("steps of {preset}: {error}")),
            }
        }
    }

    fn torch(&mut self) {
        if let Some(why) = torch::missing(&self.settings.python) {
            return self.note(format!("PyTorch was left out ({}): {why}", self.settings.python));
        }
        for &size in self.sizes() {
            if self.left() < 60.0 {
                return self.note(format!("PyTorch's steps of {size:?} were not timed: no time was left"));
            }
            for result in torch::times(&self.settings.python, size, &self.settings.out) {
                match result {
                    Ok(row) => self.report.speed.push(row),
                    Err(error) => self.note(error),
                }
            }
        }
    }

    fn quick(&mut self) {
        let small = ["training.steps=12", "training.batch=2", "training.micro_batch=2", "training.log_every=4"];
        let sizes = ["model.width=16", "model.key_size=16", "model.layers=1", "model.inputs=16", "tasks.length=12"];
        let set: Vec<&str> = match self.settings.smoke {
            true => small.into_iter().chain(sizes).collect(),
            false => Vec::new(),
        };
        // the paper's preset has its turn with what is left
        let most = if self.settings.smoke { self.left() } else { 0.4 * self.left() };
        self.trained("quick", &set, most, true);
    }

    fn paper(&mut self) {
        if self.settings.smoke {
            return self.note("the paper's preset is left out of a rehearsal");
        }
        let mut set = vec!["training.micro_batch=512"];
        if crate::data::open("mnist", crate::data::Split::Train, &self.settings.data_dir).is_err() {
            set.push("tasks.data=[\"prior\"]");
            self.note("MNIST was not found: the paper's tokens are trained on the synthetic prior");
        }
        // measuring takes some seconds
        self.trained("paper", &set, self.left() - LEAST, false);
    }

    /// Trains a preset for some seconds at most, and measures its learner.
    fn trained(&mut self, preset: &str, set: &[&str], seconds: f64, afresh: bool) {
        let set: Vec<String> = set.iter().map(|&set| set.to_owned()).collect();
        match self.train(preset, &set, seconds, afresh) {
            Ok(trained) => self.report.runs.push(trained),
            Err(error) => self.note(format!("{preset}: {error}")),
        }
    }

    fn train(&mut self, preset: &str, set: &[String], seconds: f64, afresh: bool) -> Result<Trained, TrainError> {
        let Settings { out, data_dir, device, .. } = self.settings;
        let folder = out.join(preset);
        let config = RunConfig::resolve(preset, None, set)?;
        let mut run = match !afresh && folder.join("config.toml").exists() {
            true => Run::resume(&folder, data_dir, device.clone())?,
            false => Run::start_over(config, &folder, data_dir, device.clone())?,
        };
        let (enough, started) = (AtomicBool::new(false), Instant::now());
        let mut losses = Vec::new();
        let (stop, say) = (self.stop, &mut *self.say);
        let mut said = Instant::now();
        run.train(&enough, &mut |m: &Metrics| {
            losses.push((m.step, m.loss));
            if said.elapsed().as_secs_f64() > 10.0 {
                said = Instant::now();
                say(&format!("  {preset}: step {}, loss {:.3}", m.step, m.loss));
            }
            let over = started.elapsed().as_secs_f64() > seconds || stop.load(Ordering::Relaxed);
            enough.store(over, Ordering::Relaxed);
        })?;
        let mut trained = Trained {
            preset: preset.into(),
            settings: set.to_vec(),
            steps: [run.step(), run.config.training.steps],
            seconds: run.seconds(),
            losses,
            rolled_back: run.rolled_back(),
            accuracy: Vec::new(),
        };
        let longest = run.config.tasks.length;
        let positions: Vec<usize> = [1, 10, 50, 100].into_iter().filter(|&p| p <= longest).collect();
        let settings = eval::Settings { positions, episodes: 200, ..eval::Settings::default() };
        for set in ["mnist", "fashion-mnist", "random"] {
            let measured = self.measure(&run, set, &settings);
            match measured {
                Ok(outcome) => {
                    let rows = outcome.positions.iter().zip(&outcome.accuracy);
                    trained.accuracy.extend(rows.map(|(&position, &accuracy)| (set.to_owned(), position, accuracy)));
                }
                Err(error) => self.note(format!("{preset} was not measured on {set}: {error}")),
            }
        }
        Ok(trained)
    }

    fn measure(&self, run: &Run, set: &str, settings: &eval::Settings) -> Result<eval::Outcome, EvalError> {
        let device = &self.settings.device.device;
        eval::paper("run", run.learner(), None, set, &self.settings.data_dir, device, settings, &mut |_| ())
    }
}
