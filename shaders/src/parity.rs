//! Does this device compute the formulas? [`kernels`] runs every case of every kernel, [`sessions`] compares
//! whole learners: [`reference::forward`] against both engines, filled at once and one example at a time, and every way
//! to change a context against starting afresh. The same code runs natively and in the page (`?parity`).

use std::sync::Arc;

use serde::Serialize;

use crate::engine::{Engine, Kind};
use crate::gpu::device::Gpu;
use crate::kernel;
use crate::model::file::Model;
use crate::model::spec::QueryOptions;
use crate::plan::task::MOST_ROWS;
use crate::reference;
use crate::session::error::SessionError;
use crate::testing::episode;

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
    for &kernel in kernel::ALL {
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

/// Compares sessions of `model` at each of `lengths` (those that fit the model): the CPU engine, and with a device
/// the GPU engine.
pub async fn sessions(gpu: Option<&Gpu>, model: &Arc<Model>, seed: u64, lengths: &[usize]) -> Vec<Report> {
    sessions_as(gpu, model, seed, lengths, QueryOptions::of(&model.spec)).await
}

/// As [`sessions`], asked with other options.
pub async fn sessions_as(
    gpu: Option<&Gpu>,
    model: &Arc<Model>,
    seed: u64,
    lengths: &[usize],
    options: QueryOptions,
) -> Vec<Report> {
    let mut reports = Vec::new();
    let kinds: &[Kind] = if gpu.is_some() { &[Kind::Cpu, Kind::Gpu] } else { &[Kind::Cpu] };
    for &tokens in lengths.iter().filter(|tokens| (1..=model.spec.longest).contains(*tokens)) {
        let (inputs, mut labels) = episode(model, seed, tokens);
        labels.iter_mut().for_each(|label| *label %= options.classes as u32);
        let want = match model.spec.equivariant.is_some() && tokens > ONE_BY_ONE {
            true => reference::last_as(model, &inputs, &labels, options),
            false => reference::forward_as(model, &inputs, &labels, options),
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
            let trial = Trial { gpu, model, options, inputs: &inputs, labels: &labels };
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
    options: QueryOptions,
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

    /// A new session, asked with this trial's options.
    async fn engine(&self) -> Result<Engine, SessionError> {
        self.with_options(self.plain().await?)
    }

    fn with_options(&self, mut engine: Engine) -> Result<Engine, SessionError> {
        engine.set_classes(self.options.classes)?;
        engine.set_images(self.options.images);
        Ok(engine)
    }

    fn example(&self, index: usize) -> &[f32] {
        let width = self.model.spec.inputs;
        &self.inputs[index * width..(index + 1) * width]
    }

    /// N examples shown of the T, and the query after them.
    fn split(&self) -> (&[f32], &[u32], &[f32]) {
        let shown = self.labels.len() - 1;
        let (context, query) = self.inputs.split_at(shown * self.model.spec.inputs);
        (context, &self.labels[..shown], query)
    }

    fn report(&self, case: &str, got: &[f32], want: &[f32]) -> Report {
        compare(self.name(), &format!("T = {}, {case}", self.labels.len()), got, want, TOLERANCE)
    }

    /// `want`: log-probabilities at every position, `[T, C]`, or at the last alone, `[C]`.
    async fn run(&self, want: &[f32], reports: &mut Vec<Report>) -> Result<(), SessionError> {
        let (context, labels, query) = self.split();
        let mut engine = self.engine().await?;
        engine.observe(context, labels)?;
        let at_once = engine.predict(query).await?;
        let last = &want[want.len() - self.model.spec.classes..];
        reports.push(self.report("shown at once, against the formulas", &at_once, last));
        let again = engine.predict(query).await?;
        reports.push(self.report("asked again: nothing of a query is kept", &again, &at_once));
        self.attention(&mut engine, &at_once, reports).await?;
        // hundreds of embeddings once are enough
        let stem = self.model.spec.equivariant.as_ref().is_some_and(|set| set.stem.is_some());
        if !stem || self.labels.len() == 2 {
            self.many_queries(&mut engine, reports).await?;
        }
        let mut restored = self.plain().await?;
        restored.restore(&engine.save())?;
        reports.push(self.report("restored from bytes", &restored.predict(query).await?, &at_once));
        let slowly = self.one_by_one(want, reports).await?;
        if !labels.is_empty() {
            self.changes(engine, slowly, &at_once, reports).await?;
        }
        Ok(())
    }

    async fn attention(
        &self,
        engine: &mut Engine,
        at_once: &[f32],
        reports: &mut Vec<Report>,
    ) -> Result<(), SessionError> {
        let (context, labels, query) = self.split();
        let (answer, attention) = engine.predict_with_attention(query).await?;
        reports.push(self.report("asked with attention", &answer, at_once));
        let sums: Vec<f32> = attention.weights.chunks_exact(attention.slots).map(|row| row.iter().sum()).collect();
        let ones = vec![1.0; self.model.spec.layers * self.model.spec.heads];
        reports.push(self.report("attention sums to 1", &sums, &ones));
        if self.gpu.is_some() {
            let mut other = self.with_options(Engine::cpu(self.model.clone()))?;
            other.observe(context, labels)?;
            let of_other = other.attention(query).await?;
            reports.push(self.report("attention, against the CPU", &attention.weights, &of_other.weights));
            let importance = of_other.importance();
            reports.push(self.report("importance, against the CPU", &attention.importance(), &importance));
        }
        Ok(())
    }

    /// More queries than one list takes, a few examples by turns.
    async fn many_queries(&self, engine: &mut Engine, reports: &mut Vec<Report>) -> Result<(), SessionError> {
        let turns = self.labels.len().min(3);
        let many = 2 * MOST_ROWS + turns;
        let queries: Vec<f32> = (0..many).flat_map(|q| self.example(q % turns)).copied().collect();
        let answers = engine.predict(&queries).await?;
        let mut alone = Vec::new();
        for turn in 0..turns {
            alone.extend(engine.predict(self.example(turn)).await?);
        }
        let answers_from = |query: usize| &answers[query * self.model.spec.classes..][..alone.len()];
        reports.push(self.report("many queries on one context", answers_from(0), &alone));
        let later = answers_from((many / turns - 1) * turns);
        reports.push(self.report("many queries, a later list", later, &alone));
        Ok(())
    }

    /// A session that was shown one example after another, asked each time where `want` has every answer.
    async fn one_by_one(&self, want: &[f32], reports: &mut Vec<Report>) -> Result<Engine, SessionError> {
        let (context, labels, _) = self.split();
        let mut slowly = self.engine().await?;
        if want.len() < self.labels.len() * self.model.spec.classes {
            slowly.observe(context, labels)?;
            return Ok(slowly);
        }
        let mut one_by_one = Vec::new();
        for index in 0..self.labels.len() {
            one_by_one.extend(slowly.predict(self.example(index)).await?);
            if index < labels.len() {
                slowly.observe(self.example(index), &labels[index..=index])?;
            }
        }
        reports.push(self.report("shown one at a time, against the formulas", &one_by_one, want));
        Ok(slowly)
    }

    /// Each change after the cache was filled, against a session that only ever saw the result.
    async fn changes(
        &self,
        mut engine: Engine,
        mut slowly: Engine,
        at_once: &[f32],
        reports: &mut Vec<Report>,
    ) -> Result<(), SessionError> {
        let (context, labels, query) = self.split();
        let (middle, width) = (labels.len() / 2, self.model.spec.inputs);
        engine.remove(middle)?;
        let fresh = self.afresh(&engine, query).await?;
        reports.push(self.report("one removed", &engine.predict(query).await?, &fresh));
        slowly.relabel(middle, (labels[middle] + 1) % self.options.classes as u32)?;
        let fresh = self.afresh(&slowly, query).await?;
        reports.push(self.report("one relabelled", &slowly.predict(query).await?, &fresh));
        slowly.truncate(middle)?;
        let fresh = self.afresh(&slowly, query).await?;
        reports.push(self.report("truncated", &slowly.predict(query).await?, &fresh));
        slowly.observe(&context[middle * width..], &labels[middle..])?;
        reports.push(self.report("truncated and shown again", &slowly.predict(query).await?, at_once));
        slowly.clear();
        let first = reference::last_as(self.model, self.example(0), &self.labels[..1], self.options)?;
        reports.push(self.report("cleared", &slowly.predict(self.example(0)).await?, &first));
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
