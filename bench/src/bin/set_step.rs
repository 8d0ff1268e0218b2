//! Steps of a set learner's training on a CPU, timed: gradients by hand beside autodiff, on the same episodes in turns; and
//! what `cargo xtask bench --set` runs beside its peer in `xtask/peers`.
//!
//! ```text
//! set_step PRESET THREADS [ROUNDS [STEPS [KEY=VALUE …]]]
//!     prints milliseconds of a step, each the median over rounds of the mean of a round's steps, by the clock and by
//!     what the processor spent; and the share of the steps by hand in which episodes are made
//! set_step make FOLDER PRESET STEPS [KEY=VALUE …]
//!     writes a case: the learner before its first step, its settings, and a file of episodes for each of so many steps;
//!     prints the milliseconds that making the episodes of a step took on one thread, and shapes
//! set_step run FOLDER THREADS [--spent]
//!     for each line with a number on standard input takes so many steps, over and over those of the case, and prints their
//!     milliseconds (of the processor, with --spent) without what reading the episodes took; at the end the first losses and
//!     the peak of memory
//! ```
//!
//! Where Omniglot and MNIST are not on disk, `tasks.data=["prior","strokes"]` and `tasks.weights=[…]` do without them.

use std::borrow::Cow;
use std::error::Error;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use backprop::set::{Made, Trainer};
use backprop::{AdamW, schedule};
use bench::Count;
use safetensors::SafeTensors;
use shaders::Model;
use shaders::model::file::Precision;
use trainer::config::{RunConfig, Training};
use trainer::data::data_dir;
use trainer::device::{self, DeviceArg};
use trainer::peer_case;
use trainer::sources::open_tasks;
use trainer::tasks::{Episode, Shape, Split, Tasks};
use trainer::train::Run;

/// The trainer's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Milliseconds of some steps: by the clock, and spent by the processor where the system tells.
#[derive(Clone, Copy)]
struct Cost {
    clock: f64,
    spent: f64,
}

/// Milliseconds that this process has spent so far, all threads together.
fn spent() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // after the name in brackets, which may hold spaces: state is field 3, times are fields 14 and 15 in ticks of 10 ms
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<f64>().ok());
    ticks(14).zip(ticks(15)).map_or(f64::NAN, |(user, system)| 10.0 * (user + system))
}

fn timed<R>(work: impl FnOnce() -> R) -> (R, Cost) {
    let (start, before) = (Instant::now(), spent());
    let result = work();
    (result, Cost { clock: start.elapsed().as_secs_f64() * 1e3, spent: spent() - before })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The episodes of some steps, each with its shape, made on one thread.
fn made(tasks: &Tasks, training: &Training, steps: Range<u64>) -> Vec<(Shape, Episode)> {
    let (batch, size) = (training.batch as u64, training.micro_batch as u64);
    let episode = |i: u64| {
        let shape = tasks.shape(Split::Train, i / size);
        (shape, tasks.set_episode(Split::Train, i, &shape))
    };
    (steps.start * batch..steps.end * batch).map(episode).collect()
}

/// Writes a case for `run` and for the peer.
fn make(folder: &Path, preset: &str, steps: u64, set: &[String]) -> Result<(), Box<dyn Error>> {
    let config = RunConfig::resolve(preset, None, set)?;
    let tasks = open_tasks(&config, &data_dir(None)?)?;
    std::fs::create_dir_all(folder)?;
    Model::random(config.model.clone(), config.seed)?.write(&folder.join("learner.safetensors"), Precision::F32)?;
    std::fs::write(folder.join("training.json"), serde_json::to_vec(&config.training)?)?;
    let mut costs = Vec::new();
    for step in 0..steps {
        let start = Instant::now();
        let episodes = made(&tasks, &config.training, step..step + 1);
        costs.push(1e3 * start.elapsed().as_secs_f64());
        let (mut entries, mut shapes) = (Vec::new(), Vec::new());
        for (e, (shape, Episode { inputs, labels })) in episodes.iter().enumerate() {
            let rows = labels.len();
            entries.push(peer_case::floats(format!("{e}.inputs"), vec![rows, inputs.len() / rows], inputs));
            entries.push(peer_case::labels(format!("{e}.labels"), vec![rows], labels));
            shapes.push((shape.shown, shape.classes, shape.drawings));
        }
        let micro_batches: Vec<_> = shapes.iter().step_by(config.training.micro_batch).collect();
        println!("step {step}: (shown, classes, drawings) {micro_batches:?}");
        peer_case::write(&batch(folder, step), &entries, &[("shapes", serde_json::to_string(&shapes)?)])?;
    }
    let mean = costs.iter().sum::<f64>() / costs.len() as f64;
    println!("episodes of a step, one thread: {mean:.1} ms on average, {:.1} in the median", median(costs));
    Ok(())
}

fn batch(folder: &Path, step: u64) -> std::path::PathBuf {
    folder.join(format!("step-{step}.safetensors"))
}

/// The episodes of a step.
fn read_batch(path: &Path) -> Result<Vec<Made<'static>>, Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let shapes: Vec<(usize, usize, bool)> = serde_json::from_str(&bench::metadata(&bytes, "shapes")?)?;
    let file = SafeTensors::deserialize(&bytes)?;
    let episode = |(e, (shown, classes, images))| {
        Ok(Made {
            inputs: bench::read_floats(&file, &format!("{e}.inputs"))?.into(),
            labels: bench::read_labels(&file, &format!("{e}.labels"))?.into(),
            shown,
            classes,
            images,
        })
    };
    shapes.into_iter().enumerate().map(episode).collect()
}

/// Takes the steps of a case as a run does, without making episodes.
fn run_case(folder: &Path, threads: usize, count_by: Count) -> Result<(), Box<dyn Error>> {
    let model = Model::read(&folder.join("learner.safetensors"))?;
    let training: Training = serde_json::from_slice(&std::fs::read(folder.join("training.json"))?)?;
    let spec = &model.spec;
    let weights: Vec<f32> = spec.tensors().iter().flat_map(|t| model.tensor(&t.name).to_vec()).collect();
    let mut trainer = Trainer::new(spec, weights.clone(), weights, threads);
    let count = (0u64..).take_while(|step| batch(folder, *step).exists()).count();
    let mut done = 0;
    let step = |batch: &Vec<Made<'static>>| {
        let episode = |e: usize| {
            let made: &Made<'static> = &batch[e];
            Made { inputs: Cow::Borrowed(&made.inputs), labels: Cow::Borrowed(&made.labels), ..*made }
        };
        let score = trainer.gradient(batch.len(), training.neighbours, episode, true);
        let scale = schedule::clip(trainer.state.norm(), training.clip);
        let adam = AdamW {
            rate: training.rate_at(done),
            beta_2: training.beta_2 as f32,
            epsilon: training.epsilon as f32,
            weight_decay: training.weight_decay as f32,
        };
        trainer.state.step(&adam, scale);
        trainer.state.update_ema(schedule::average_decay(training.average, done));
        done += 1;
        score.loss
    };
    bench::take_steps(count_by, |at| read_batch(&batch(folder, (at % count) as u64)), step)
}

/// By hand beside autodiff.
fn compare(words: &[&str]) -> Result<(), Box<dyn Error>> {
    let [preset, threads, ..] = *words else { return Err("set_step PRESET THREADS [ROUNDS [STEPS]]".into()) };
    let threads: usize = threads.parse()?;
    let number = |at: usize, usual: u64| words.get(at).map_or(Ok(usual), |word| word.parse());
    let (rounds, steps) = (number(2, 7)?, number(3, 6)?);
    let mut set = ["training.steps=1000000", "training.log_every=1000000"].map(str::to_owned).to_vec();
    set.extend(words.get(4..).unwrap_or_default().iter().map(|&word| word.to_owned()));
    let config = RunConfig::resolve(preset, None, &set)?;
    let data = &data_dir(None)?;
    let folder = std::env::temp_dir().join(format!("set-step-{}", std::process::id()));
    let run = |by_hand: bool| -> Result<Run, Box<dyn Error>> {
        let folder = folder.join(if by_hand { "hand" } else { "autodiff" });
        let mut run = Run::start(config.clone(), &folder, data, device::open(DeviceArg::Cpu)?)?;
        run.set_by_hand(by_hand)?;
        run.set_threads(threads, 1);
        Ok(run)
    };
    let mut runs = [run(true)?, run(false)?];
    let tasks = open_tasks(&config, data)?;
    let stop = AtomicBool::new(false);
    let mut costs: [Vec<Cost>; 3] = Default::default();
    for round in 0..=rounds {
        let until = (round + 1) * steps;
        for turn in 0..2 {
            let at = (turn + round as usize) % 2;
            let (done, cost) = timed(|| runs[at].train_until(until, &stop, &mut |_| {}));
            done?;
            costs[at].push(cost);
        }
        costs[2].push(timed(|| made(&tasks, &config.training, until - steps..until).len()).1);
    }
    drop(runs);
    std::fs::remove_dir_all(&folder)?;
    // the first round warms up
    let of = |at: usize, value: fn(&Cost) -> f64| {
        median(costs[at][1..].iter().map(|cost| value(cost) / steps as f64).collect())
    };
    let (hand, autodiff) = (of(0, |cost| cost.clock), of(1, |cost| cost.clock));
    let (hand_spent, autodiff_spent) = (of(0, |cost| cost.spent), of(1, |cost| cost.spent));
    let ratios = costs[0][1..].iter().zip(&costs[1][1..]);
    let ratio = median(ratios.clone().map(|(hand, autodiff)| autodiff.clock / hand.clock).collect());
    let ratio_spent = median(ratios.map(|(hand, autodiff)| autodiff.spent / hand.spent).collect());
    println!("{preset}, {threads} threads: by hand {hand:.1} ms ({hand_spent:.1} spent)");
    println!("    autodiff {autodiff:.1} ms ({autodiff_spent:.1} spent)");
    println!("    autodiff / by hand: {ratio:.2} by the clock, {ratio_spent:.2} spent");
    println!("    episodes are {:.0} % of what is spent by hand", 100.0 * of(2, |cost| cost.spent) / hand_spent);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["make", folder, preset, steps, ref set @ ..] => {
            let set: Vec<String> = set.iter().map(|&word| word.to_owned()).collect();
            make(Path::new(folder), preset, steps.parse()?, &set)
        }
        ["run", folder, threads] => run_case(Path::new(folder), threads.parse()?, Count::Clock),
        ["run", folder, threads, "--spent"] => run_case(Path::new(folder), threads.parse()?, Count::Spent),
        _ => compare(&words),
    }
}
