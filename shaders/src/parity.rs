//! Does this device compute what the formulas say? [`kernels`] runs every case of every kernel, [`sessions`] compares
//! whole learners: [`cpu::forward`] against both engines, filled at once and one example at a time, and every way
//! to change a context against starting afresh. The same code runs natively and in the page (`?parity`).

use std::sync::Arc;

use rand::Rng;
use serde::Serialize;

use crate::cpu;
use crate::file::Model;
use crate::gpu::Gpu;
use crate::kernel;
use crate::random;
use crate::session::{Engine, Kind, SessionError};
use crate::spec::Manner;

/// Largest absolute difference allowed between log-probabilities of two implementations. A forward pass in f32 through a few
/// layers loses about 1e-5; a wrong slot, label or position is off by 1e-2 and more.
pub const TOLERANCE: f32 = 1e-3;

/// Numbers of tokens at which sessions are compared: nothing shown, one example, sizes that nothing divides, and
/// an episode of the paper.
pub const LENGTHS: [usize; 4] = [1, 2, 37, 100];

/// Set learners compute everything anew with each example shown: up to so many tokens they are shown one at a time, and
/// longer episodes are compared at their end alone.
const ONE_BY_ONE: usize = 40;

/// One comparison.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What was compared: a kernel, or an engine and a way to use it.
    pub name: String,
    /// On what.
    pub case: String,
    /// The element that is furthest off; none where something failed before there were values.
    pub worst: Option<Worst>,
    /// Largest absolute difference allowed.
    pub tolerance: f32,
    /// Whether every element is within it.
    pub ok: bool,
    /// Why there are no values, in words.
    pub error: Option<String>,
}

/// An element and what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Worst {
    /// Its index.
    pub index: usize,
    /// Value computed.
    pub got: f32,
    /// Value of the reference.
    pub want: f32,
    /// Absolute difference; infinite where a value is not a number.
    pub difference: f32,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verdict = if self.ok { "ok" } else { "FAILED" };
        write!(f, "{verdict}: {}, {}: ", self.name, self.case)?;
        match (&self.error, &self.worst) {
            (Some(error), _) => write!(f, "{error}"),
            (None, Some(w)) => write!(
                f,
                "worst element {}: got {}, want {}, off by {:.2e} of {:.2e} allowed",
                w.index, w.got, w.want, w.difference, self.tolerance
            ),
            (None, None) => write!(f, "nothing to compare"),
        }
    }
}

/// Compares element by element.
pub fn compare(name: &str, case: &str, got: &[f32], want: &[f32], tolerance: f32) -> Report {
    let report = |worst, ok, error| Report { name: name.into(), case: case.into(), worst, tolerance, ok, error };
    if got.len() != want.len() {
        return report(None, false, Some(format!("expected {} values, found {}", want.len(), got.len())));
    }
    let differences = got.iter().zip(want).enumerate().map(|(index, (&got, &want))| {
        let difference = if got == want { 0.0 } else { (got - want).abs() };
        Worst { index, got, want, difference: if difference.is_nan() { f32::INFINITY } else { difference } }
    });
    let worst = differences.reduce(|worst, next| if next.difference > worst.difference { next } else { worst });
    report(worst, worst.is_none_or(|worst| worst.difference <= tolerance), None)
}

fn failed(name: &str, case: &str, tolerance: f32, error: &SessionError) -> Report {
    Report { name: name.into(), case: case.into(), worst: None, tolerance, ok: false, error: Some(error.to_string()) }
}

/// Every case of every kernel of [`kernel::ALL`] on this device, against the CPU halves.
pub async fn kernels(gpu: &Gpu) -> Vec<Report> {
    let mut reports = Vec::new();
    for kernel in kernel::ALL {
        for case in (kernel.cases)() {
            let after = match gpu.run(kernel, &case.params, case.grid, &case.before).await {
                Ok(after) => after,
                Err(error) => {
                    reports.push(failed(kernel.name, case.name, case.tolerance, &error));
                    continue;
                }
            };
            for (binding, want) in &case.after {
                let got: Vec<f32> = after[*binding].iter().map(|word| f32::from_bits(*word)).collect();
                let written = kernel.bindings.iter().filter(|b| b.written).count();
                let name = match written {
                    1 => kernel.name.to_owned(),
                    _ => format!("{}.{}", kernel.name, kernel.bindings[*binding].name),
                };
                reports.push(compare(&name, case.name, &got, want, case.tolerance));
            }
        }
    }
    reports
}

/// A seeded episode of T examples.
///
/// # Shapes
/// Inputs `[T, X]` of variance 1, labels `[T]`.
pub fn episode(model: &Model, seed: u64, tokens: usize) -> (Vec<f32>, Vec<u32>) {
    let mut stream = random::stream(seed, "parity", tokens as u64);
    // uniform in ±√3 has variance 1
    let mut input = || (f64::from(stream.next_u32()) / f64::from(1u32 << 31) - 1.0) as f32 * 3f32.sqrt();
    let inputs = (0..tokens * model.spec.inputs).map(|_| input()).collect();
    let labels = (0..tokens).map(|_| stream.next_u32() % model.spec.classes as u32).collect();
    (inputs, labels)
}

/// Compares sessions of `model` at each of `lengths` (those that fit the model): the CPU engine, and with a device
/// the GPU engine.
pub async fn sessions(gpu: Option<&Gpu>, model: &Arc<Model>, seed: u64, lengths: &[usize]) -> Vec<Report> {
    sessions_as(gpu, model, seed, lengths, Manner::of(&model.spec)).await
}

/// As [`sessions`], asked in another manner.
pub async fn sessions_as(
    gpu: Option<&Gpu>,
    model: &Arc<Model>,
    seed: u64,
    lengths: &[usize],
    manner: Manner,
) -> Vec<Report> {
    let mut reports = Vec::new();
    let kinds: &[Kind] = if gpu.is_some() { &[Kind::Cpu, Kind::Gpu] } else { &[Kind::Cpu] };
    for &tokens in lengths.iter().filter(|tokens| (1..=model.spec.longest).contains(*tokens)) {
        let (inputs, mut labels) = episode(model, seed, tokens);
        labels.iter_mut().for_each(|label| *label %= manner.classes as u32);
        let want = match model.spec.equivariant.is_some() && tokens > ONE_BY_ONE {
            true => cpu::last_as(model, &inputs, &labels, manner),
            false => cpu::forward_as(model, &inputs, &labels, manner),
        };
        let want = match want {
            Ok(want) => want,
            Err(error) => {
                reports.push(failed("forward", &format!("T = {tokens}"), TOLERANCE, &error));
                continue;
            }
        };
        for &kind in kinds {
            let gpu = gpu.filter(|_| kind == Kind::Gpu);
            let trial = Trial { gpu, model, manner, inputs: &inputs, labels: &labels };
            if let Err(error) = trial.run(&want, &mut reports).await {
                reports.push(failed(trial.name(), &format!("T = {tokens}"), TOLERANCE, &error));
            }
        }
    }
    reports
}

/// One engine on one episode.
struct Trial<'a> {
    /// None: the CPU engine.
    gpu: Option<&'a Gpu>,
    model: &'a Arc<Model>,
    manner: Manner,
    inputs: &'a [f32],
    labels: &'a [u32],
}

impl Trial<'_> {
    fn name(&self) -> &'static str {
        if self.gpu.is_some() { "GPU session" } else { "CPU session" }
    }

    /// A new session, asked as every model is at first.
    async fn plain(&self) -> Result<Engine, SessionError> {
        match self.gpu {
            Some(gpu) => Engine::gpu(gpu, self.model).await,
            None => Ok(Engine::cpu(self.model.clone())),
        }
    }

    /// A new session, asked in this trial's manner.
    async fn engine(&self) -> Result<Engine, SessionError> {
        self.mannered(self.plain().await?)
    }

    fn mannered(&self, mut engine: Engine) -> Result<Engine, SessionError> {
        engine.set_classes(self.manner.classes)?;
        engine.set_drawings(self.manner.drawings);
        Ok(engine)
    }

    fn example(&self, index: usize) -> &[f32] {
        let width = self.model.spec.inputs;
        &self.inputs[index * width..(index + 1) * width]
    }

    /// `want`: log-probabilities at every position, `[T, C]`, or at the last alone, `[C]`.
    async fn run(&self, want: &[f32], reports: &mut Vec<Report>) -> Result<(), SessionError> {
        let tokens = self.labels.len();
        let shown = tokens - 1;
        let (width, classes) = (self.model.spec.inputs, self.model.spec.classes);
        let (context, query) = self.inputs.split_at(shown * width);
        let last = &want[want.len() - classes..];
        let name = self.name();
        let mut report = |case: &str, got: &[f32], want: &[f32]| {
            reports.push(compare(name, &format!("T = {tokens}, {case}"), got, want, TOLERANCE));
        };

        let mut engine = self.engine().await?;
        engine.observe(context, &self.labels[..shown])?;
        let at_once = engine.predict(query).await?;
        report("shown at once, against the formulas", &at_once, last);
        report("asked again: nothing of a query is kept", &engine.predict(query).await?, &at_once);

        let (answer, attention) = engine.consult(query).await?;
        report("asked with attention", &answer, &at_once);
        let sums: Vec<f32> = attention.weights.chunks_exact(tokens).map(|row| row.iter().sum()).collect();
        report("attention sums to 1", &sums, &vec![1.0; self.model.spec.layers * self.model.spec.heads]);
        if self.gpu.is_some() {
            let mut other = self.mannered(Engine::cpu(self.model.clone()))?;
            other.observe(context, &self.labels[..shown])?;
            let of_other = other.attention(query).await?;
            report("attention, against the CPU", &attention.weights, &of_other.weights);
            report("importance, against the CPU", &attention.importance(), &of_other.importance());
        }

        // more queries than one list takes, a few examples by turns; hundreds of embeddings once
        // are enough
        let stem = self.model.spec.equivariant.as_ref().is_some_and(|set| set.stem.is_some());
        if !stem || tokens == 2 {
            let turns = tokens.min(3);
            let many = 2 * crate::plan::MOST_ROWS + turns;
            let queries: Vec<f32> = (0..many).flat_map(|q| self.example(q % turns)).copied().collect();
            let answers = engine.predict(&queries).await?;
            let mut alone = Vec::new();
            for turn in 0..turns {
                alone.extend(engine.predict(self.example(turn)).await?);
            }
            let answers_from = |query: usize| &answers[query * classes..][..alone.len()];
            report("many queries on one context", answers_from(0), &alone);
            report("many queries, a later list", answers_from((many / turns - 1) * turns), &alone);
        }

        let mut slowly = self.engine().await?;
        if want.len() == tokens * classes {
            let mut one_by_one = Vec::new();
            for index in 0..tokens {
                one_by_one.extend(slowly.predict(self.example(index)).await?);
                if index < shown {
                    slowly.observe(self.example(index), &self.labels[index..=index])?;
                }
            }
            report("shown one at a time, against the formulas", &one_by_one, want);
        } else {
            slowly.observe(context, &self.labels[..shown])?;
        }

        let saved = engine.save();
        let mut restored = self.plain().await?;
        restored.restore(&saved)?;
        report("restored from bytes", &restored.predict(query).await?, &at_once);

        if shown == 0 {
            return Ok(());
        }
        // each change after the cache was filled, against a session that only ever saw the result
        let middle = shown / 2;
        engine.forget(middle)?;
        report("one forgotten", &engine.predict(query).await?, &self.afresh(&engine, query).await?);
        slowly.relabel(middle, (self.labels[middle] + 1) % self.manner.classes as u32)?;
        report("one relabelled", &slowly.predict(query).await?, &self.afresh(&slowly, query).await?);
        slowly.rewind(middle)?;
        report("rewound", &slowly.predict(query).await?, &self.afresh(&slowly, query).await?);
        slowly.observe(&context[middle * width..], &self.labels[middle..shown])?;
        report("rewound and shown again", &slowly.predict(query).await?, &at_once);
        slowly.clear();
        let first = cpu::last_as(self.model, self.example(0), &self.labels[..1], self.manner)?;
        report("cleared", &slowly.predict(self.example(0)).await?, &first);
        Ok(())
    }

    /// What a new session answers to `query` after the examples of `engine`.
    async fn afresh(&self, engine: &Engine, query: &[f32]) -> Result<Vec<f32>, SessionError> {
        let examples = engine.context().examples();
        let mut other = self.engine().await?;
        other.observe(&examples.inputs, &examples.labels)?;
        other.predict(query).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_element_is_named_and_not_a_number_never_passes() {
        let report = compare("a", "b", &[1.0, 2.5, 3.0], &[1.0, 2.0, 3.1], 0.2);
        assert!(!report.ok);
        assert_eq!(report.worst.unwrap(), Worst { index: 1, got: 2.5, want: 2.0, difference: 0.5 });
        assert!(!compare("a", "b", &[f32::NAN], &[0.0], 1e9).ok);
        assert!(!compare("a", "b", &[0.0], &[0.0, 0.0], 1e9).ok);
        assert!(compare("a", "b", &[f32::NEG_INFINITY], &[f32::NEG_INFINITY], 0.0).ok);
    }
}
