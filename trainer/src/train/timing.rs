//! How long training steps take on a device.

use std::time::Instant;

use super::outcome::Step;
use super::probe::ProbeError;
use super::step::Learner;
use crate::config::RunConfig;
use crate::device::TrainDevice;
use tasks::Tasks;

/// Seconds of training steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed {
    /// The first step, in which a GPU compiles its kernels and chooses among them.
    pub first: f64,
    /// Each of the others, on average over a group that is waited for at its end.
    pub steps: Vec<f64>,
    /// Bytes that the device's allocator holds at the end, where it says.
    pub bytes_reserved: Option<u64>,
}

/// Takes one step, then `groups` groups of `of` steps each, until `enough` seconds have gone by.
///
/// # Errors
/// Settings that no learner can have, or a loss that is not finite.
pub fn steps(
    config: &RunConfig,
    tasks: &Tasks,
    device: &TrainDevice,
    [groups, of]: [u64; 2],
    enough: f64,
) -> Result<Timed, ProbeError> {
    let training = &config.training;
    let mut learner = Learner::new(config, device)?;
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    learner.set_threads(if device.cpu { cores } else { 1 }, 1);
    learner.set_by_hand(true, training).map_err(ProbeError::begun)?;
    let mut done = 0;
    let started = Instant::now();
    // the last of a group is read, which waits for all of them
    let mut group = |of: u64| -> Result<f64, ProbeError> {
        let before = Instant::now();
        for i in 0..of {
            let step = Step { done, rate: training.rate, ema_decay: 0.99, logged: i + 1 == of };
            let outcome = learner.step(training, tasks, step, None);
            done += 1;
            if !outcome.is_ok_and(|outcome| !step.logged || outcome.loss.is_finite()) {
                return Err(ProbeError::NotFinite(done as usize));
            }
            learner.first_not_finite(super::finite::LAG);
        }
        Ok(before.elapsed().as_secs_f64() / of as f64)
    };
    let first = group(1)?;
    let mut steps = Vec::new();
    for _ in 0..groups {
        steps.push(group(of)?);
        if started.elapsed().as_secs_f64() > enough {
            break;
        }
    }
    Ok(Timed { first, steps, bytes_reserved: device.bytes_reserved() })
}
