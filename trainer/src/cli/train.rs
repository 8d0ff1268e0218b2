//! `trainer train`

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use burn::module::Module;
use trainer::config::{ConfigError, PRESETS, RunConfig};
use trainer::device::{self, DeviceArg, Engine};
use trainer::nets::research::{KINDS, Learner};
use trainer::train::{Begin, Metrics, Ranks, Run, TrainError};

use super::interrupt::stop_flag;
use super::output::{Ended, note, print};
use super::progress::{Heartbeat, bar, duration};
use super::ranks;

#[derive(clap::Args)]
pub struct Arguments {
    /// Where settings start from
    #[arg(long, default_value = "quick", help = preset_help())]
    preset: String,
    /// TOML file laid over the preset
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting, such as --set training.steps=2000; may be repeated
    #[arg(long, value_name = "KEY=VALUE", help = set_help())]
    set: Vec<String>,
    /// auto, cpu, gpu, gpu:n, or software: a GPU's driver that computes on the CPU, slowly, to try the GPU's path
    #[arg(long, default_value = "auto")]
    device: DeviceArg,
    /// What computes on a GPU: burn, or wgsl: steps written out by hand, for causal learners. Runs may change between both and
    /// the CPU
    #[arg(long, default_value = "burn")]
    engine: Engine,
    /// On a GPU, leave out the comparison with the CPU before training: 20 steps of a smaller learner
    #[arg(long)]
    no_probe: bool,
    /// On a GPU, compute each operation by a kernel of its own: slower, and the way out where fused kernels compute wrong
    /// or keep memory
    #[arg(long)]
    no_fusion: bool,
    /// Threads on a CPU; changes the time and never the result [default: as many as there are cores, shared by the
    /// processes that mpirun has started on a machine]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Folder of the run: new, empty, or with --overwrite that of an earlier run [default: runs/PRESET]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Go on with a run from its last checkpoint
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["out", "config", "set", "preset", "overwrite"])]
    resume: Option<PathBuf>,
    /// Replace the run in the folder: its settings, metrics and checkpoints are removed, and no other file. Only a folder
    /// that a run has marked (.gpicl-run) is touched
    #[arg(long)]
    overwrite: bool,
    /// Print the resolved settings and stop
    #[arg(long)]
    print_config: bool,
}

fn preset_help() -> String {
    let lines: Vec<String> = PRESETS.iter().map(|preset| format!("{}: {}", preset.name, preset.about())).collect();
    format!("Where settings start from:\n{}", lines.join("\n"))
}

fn set_help() -> String {
    let lines: Vec<String> = KINDS.iter().map(|(name, what)| format!("{name}: {what}")).collect();
    format!(
        "One setting, such as --set training.steps=2000; may be repeated. learner.kind trains another learner for \
         comparison on the tasks, inputs and classes of a causal preset; --print-config shows its hyperparameters:\n{}",
        lines.join("\n")
    )
}

/// Trains, or prints settings.
pub fn run(arguments: &Arguments, data_dir: &Path) -> Ended {
    if arguments.print_config {
        let config = match &arguments.resume {
            Some(folder) => RunConfig::read(&folder.join("config.toml"))?,
            None => resolve(arguments)?,
        };
        return Ok(print(&config.to_toml())?);
    }
    if arguments.no_fusion {
        device::disable_fusion();
    }
    match ranks::join()? {
        Some(ranks) => among(ranks, arguments, data_dir),
        None => alone(arguments, data_dir),
    }
}

/// The folder of a new run.
fn out(arguments: &Arguments) -> PathBuf {
    arguments.out.clone().unwrap_or_else(|| Path::new("runs").join(&arguments.preset))
}

fn resolve(arguments: &Arguments) -> Result<RunConfig, ConfigError> {
    RunConfig::resolve(&arguments.preset, arguments.config.as_deref(), &arguments.set)
}

/// Trains in this process alone.
fn alone(arguments: &Arguments, data_dir: &Path) -> Ended {
    let device = device::open_for(arguments.engine, arguments.device)?;
    let mut run = match &arguments.resume {
        Some(folder) => Run::resume(folder, data_dir, device)?,
        None => {
            let (config, folder) = (resolve(arguments)?, out(arguments));
            match arguments.overwrite {
                true => Run::start_over(config, &folder, data_dir, device)?,
                false => Run::start(config, &folder, data_dir, device)?,
            }
        }
    };
    if let Some(threads) = arguments.threads {
        run.set_cores(threads.into());
    }
    note(start(&run));
    if !arguments.no_probe
        && let Some(probed) = run.probe()?
    {
        note(format!(
            "it trains as the CPU does: {} steps, losses at most {:.1e} apart ({:.0} s, most of it for compiling kernels)",
            probed.gpu.len(),
            probed.losses_apart(),
            probed.seconds[1]
        ));
    }
    let stop = stop_flag()?;
    let complete = watched(&mut run, &stop)?;
    match finished(&run, complete) {
        true => Ok(()),
        false => std::process::exit(130),
    }
}

/// Trains as one of several ranks; rank 0 speaks for all.
fn among(mut ranks: Box<dyn Ranks>, arguments: &Arguments, data_dir: &Path) -> Ended {
    let (rank, _) = ranks.place();
    let (leads, places) = (rank == 0, ranks::places(&mut *ranks, arguments.threads.map(usize::from)));
    let trained = || -> Result<bool, Box<dyn std::error::Error>> {
        let (device, stop) = (device::open_for(arguments.engine, arguments.device)?, stop_flag()?);
        let folder = arguments.resume.clone().unwrap_or_else(|| out(arguments));
        let settings = || resolve(arguments);
        let begin = match arguments.resume {
            Some(_) => Begin::Resume { folder: &folder },
            None => Begin::New { settings: &settings, folder: &folder, overwrite: arguments.overwrite },
        };
        let mut run = Run::among(ranks, &begin, data_dir, device)?;
        run.set_cores(places.threads);
        if !leads {
            return Ok(run.train(&stop, &mut |_| ())?);
        }
        note(format!("{}; {}", start(&run), places.words));
        places.advice.iter().for_each(note);
        let complete = watched(&mut run, &stop)?;
        Ok(finished(&run, complete))
    };
    match trained() {
        Ok(complete) => {
            ranks::end();
            if complete { Ok(()) } else { std::process::exit(130) }
        }
        Err(error) if error.downcast_ref().is_some_and(TrainError::of_all_ranks) => {
            ranks::end();
            if leads { Err(error) } else { std::process::exit(1) }
        }
        Err(error) => {
            note(format!("error: rank {rank}: {error}"));
            ranks::abort()
        }
    }
}

/// Says how a run ended and what comes next; whether it is complete.
fn finished(run: &Run, complete: bool) -> bool {
    let folder = run.folder.display();
    let steps = run.config.training.steps;
    if !complete {
        note(format!("stopped at step {}; go on with `trainer train --resume {folder}`", run.step()));
        return false;
    }
    let next = match run.config.learner {
        Learner::Model => format!("write the learner with `trainer export {folder} -o FILE.safetensors`"),
        _ => format!("measure the learner with `trainer eval {folder}`"),
    };
    note(format!("done: {steps} steps; {next}"));
    true
}

/// What is about to be trained.
fn start(run: &Run) -> String {
    let RunConfig { model: spec, learner, training, tasks, .. } = &run.config;
    let cost = match learner {
        Learner::Model => format!(
            "{:.2} GFLOP a step of {} episodes",
            3.0 * spec.forward_flop(tasks.length) * training.batch as f64 / 1e9,
            training.batch
        ),
        _ => format!("{}, {} episodes a step", learner.kind(), training.batch),
    };
    format!(
        "{} parameters, state of {} numbers at T = {}, {cost}, on {}; {}",
        run.learner().num_params(),
        learner.state_size(spec, tasks.length),
        tasks.length,
        run.device_name(),
        match run.step() {
            0 => format!("{} steps", training.steps),
            step => format!("resumed at step {step} of {}", training.steps),
        }
    )
}

/// Trains with a bar, or a line now and then.
fn watched(run: &mut Run, stop: &std::sync::atomic::AtomicBool) -> Result<bool, TrainError> {
    let (steps, batch) = (run.config.training.steps, run.config.training.batch as u64);
    let bar = bar(steps, "{bar:30} {pos}/{len}  {per_sec}  ETA {eta}  {msg}");
    let (count, first) = (run.counter(), run.step());
    let last: Arc<Mutex<String>> = Arc::default();
    let words = last.clone();
    let shown = bar.clone();
    if let Some(bar) = &bar {
        // a rate of the steps of this session alone
        bar.set_position(first);
        bar.reset_eta();
    }
    let heartbeat = bar.is_none().then(|| {
        Heartbeat::new(move |seconds| {
            let step = count.load(Ordering::Relaxed);
            let left = match step - first {
                0 => String::new(),
                done => format!("  ETA {}", duration(seconds / done as f64 * (steps - step) as f64)),
            };
            let words = words.lock().unwrap_or_else(PoisonError::into_inner);
            note(format!("step {step}/{steps}  {}{left}  {words}", duration(seconds)));
        })
    });
    // step and seconds at which the episodes of the last line were counted
    let mut counted: Option<(u64, f64)> = None;
    let mut rolled_back = 0;
    let complete = run.train(stop, &mut |m| {
        if m.rolled_back > rolled_back {
            rolled_back = m.rolled_back;
            let lost =
                "a step gave numbers that are not finite; it was taken again from the state before, and was right";
            match &shown {
                Some(bar) => bar.println(lost),
                None => note(lost),
            }
        }
        let speed = counted.filter(|&(_, seconds)| m.seconds > seconds).map(|(step, seconds)| {
            format!("  {:.0} episodes/s", (batch * (m.step - step)) as f64 / (m.seconds - seconds))
        });
        let text = describe(m) + &speed.unwrap_or_default() + &format!("  tasks {:.0} %", 100.0 * m.tasks);
        // long enough for a steady rate
        if counted.is_none_or(|(_, seconds)| m.seconds > seconds + 5.0) {
            counted = Some((m.step, m.seconds));
        }
        if let Some(bar) = &shown {
            bar.set_position(m.step);
            bar.set_message(text.clone());
        } else if m.step == 1 || m.step == steps {
            note(format!("step {}/{steps}  {}  {text}", m.step, duration(m.seconds)));
        }
        *last.lock().unwrap_or_else(PoisonError::into_inner) = text;
    });
    drop(heartbeat);
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    complete
}

fn describe(m: &Metrics) -> String {
    let accuracy: Vec<String> = m
        .positions
        .iter()
        .zip(&m.accuracy)
        .map(|(&p, a)| match p {
            0 => format!("{:.1} %", 100.0 * a),
            p => format!("@{p} {:.1} %", 100.0 * a),
        })
        .collect();
    let stage = m.stage.map_or(String::new(), |stage| format!("stage {stage}  "));
    format!("{stage}loss {:.3}  accuracy {}", m.loss, accuracy.join("  "))
}
