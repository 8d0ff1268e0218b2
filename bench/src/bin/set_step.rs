//! Steps of a set learner's training on a CPU, timed: gradients by hand beside autodiff, on the same episodes in turns.
//!
//! ```text
//! set_step PRESET THREADS [ROUNDS [STEPS [KEY=VALUE …]]]
//!     prints milliseconds of a step, each the median over rounds of the mean of a round's steps, by the clock and by
//!     what the processor spent; and the share of the steps by hand in which episodes are made
//! ```
//!
//! Where Omniglot and MNIST are not on disk, `tasks.data=["prior","strokes"]` and `tasks.weights=[…]` do without them.

use std::error::Error;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use trainer::config::RunConfig;
use trainer::data::data_dir;
use trainer::device::{self, DeviceArg};
use trainer::sources::open_tasks;
use trainer::tasks::{Split, Tasks};
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

/// Makes the episodes of some steps on one thread.
fn make(tasks: &Tasks, config: &RunConfig, steps: std::ops::Range<u64>) -> usize {
    let (batch, size) = (config.training.batch as u64, config.training.micro_batch as u64);
    let episodes = steps.start * batch..steps.end * batch;
    let episode = |i: u64| {
        let shape = tasks.shape(Split::Train, i / size);
        tasks.set_episode(Split::Train, i, &shape).labels.len()
    };
    episodes.map(episode).sum()
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [preset, threads, ..] = words.as_slice() else { return Err("set_step PRESET THREADS [ROUNDS [STEPS]]".into()) };
    let threads: usize = threads.parse()?;
    let number = |at: usize, usual: u64| words.get(at).map_or(Ok(usual), |word| word.parse());
    let (rounds, steps) = (number(2, 7)?, number(3, 6)?);
    let mut set = ["training.steps=1000000", "training.log_every=1000000"].map(str::to_owned).to_vec();
    set.extend_from_slice(words.get(4..).unwrap_or_default());
    let config = RunConfig::resolve(preset, None, &set)?;
    let data = &data_dir(None)?;
    let folder = std::env::temp_dir().join(format!("set-step-{}", std::process::id()));
    let run = |by_hand: bool| -> Result<Run, Box<dyn Error>> {
        let folder = folder.join(if by_hand { "hand" } else { "autodiff" });
        let mut run = Run::start(config.clone(), &folder, data, device::open(DeviceArg::Cpu)?)?;
        run.set_fused(by_hand)?;
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
        costs[2].push(timed(|| make(&tasks, &config, until - steps..until)).1);
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
