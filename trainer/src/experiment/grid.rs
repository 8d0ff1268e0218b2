//! What the grids of all experiments share: sizes and data sets of each scale, settings of learners, measures. Everything
//! about a cell is said by settings of a run, so that any of them can be trained alone by `trainer train --config`.

use super::cell::{Cell, ExperimentError, Job, Measure, Probe, Scale, Value};
use crate::config::RunConfig;

/// What takes LSTMs past their plateau on a desk, with the paper's own tokens: easy tasks of the synthetic prior's
/// prototypes first, then more classes, dimensions and examples, and MNIST at last.
const RECURRENT: [&str; 8] = [
    "tasks.data=[\"mnist\",\"prior\"]",
    "tasks.weights=[1,0]",
    "training.batch=64",
    "training.micro_batch=64",
    "training.steps=22000",
    "training.cosine=false",
    "training.average=0.99",
    "curriculum=[\
     {weights=[0,1],prior={prototypes=1},ways=2,dimensions=4,length=20,accuracy=0.72,steps=10000},\
     {weights=[0,1],prior={prototypes=1},ways=3,dimensions=6,length=30,accuracy=0.6,steps=4000},\
     {weights=[0,1],prior={prototypes=1},ways=5,dimensions=8,length=50,accuracy=0.52,steps=5000},\
     {weights=[0,1],prior={prototypes=1},dimensions=16,accuracy=0.42,steps=5000}]",
];

/// The cells of one experiment at one scale, as they are added.
pub(super) struct Grid {
    pub name: String,
    pub scale: Scale,
    pub seeds: Vec<u64>,
    pub cells: Vec<Cell>,
}

pub(super) fn number(value: impl Into<f64>) -> Value {
    Value::Number(value.into())
}

pub(super) fn word(value: &str) -> Value {
    Value::Word(value.to_owned())
}

/// Positions around `round` numbers up to T, and the last five, over which a headline is averaged.
pub(super) fn positions(t: usize) -> Vec<usize> {
    let round =
        [1, 2, 3, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 150, 200, 300, 400, 500, 600, 700, 800, 900, 1000];
    let last = t.saturating_sub(4).max(1);
    let mut all: Vec<usize> = round.into_iter().filter(|p| *p < last).chain(last..=t).collect();
    all.dedup();
    all
}

impl Grid {
    /// One of three by the scale.
    pub(super) fn by<T>(&self, smoke: T, desk: T, full: T) -> T {
        match self.scale {
            Scale::Smoke => smoke,
            Scale::Desk => desk,
            Scale::Full => full,
        }
    }

    /// The data set that learners are meta-trained on; smoke needs no files.
    pub(super) fn data(&self) -> &'static str {
        self.by("prior", "mnist", "mnist")
    }

    /// A data set that they have not seen.
    pub(super) fn other(&self) -> &'static str {
        self.by("random", "fashion-mnist", "fashion-mnist")
    }

    /// All data sets that are measured.
    pub(super) fn all_data(&self) -> &'static [&'static str] {
        self.by(
            &["prior", "random"],
            &["mnist", "fashion-mnist", "sklearn-digits", "random"],
            &["mnist", "fashion-mnist", "kmnist", "cifar-10", "svhn", "random"],
        )
    }

    /// T.
    fn length_of_episodes(&self) -> usize {
        self.by(12, 100, 100)
    }

    /// Sizes, tasks and optimisation that all runs of a scale share; each experiment changes what it is about.
    ///
    /// A desk's learner reads 8 × 8 pixels projected to 64 dimensions, and has width 64, 2 layers and one head.
    fn base(&self) -> (&'static str, Vec<String>) {
        let of = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let common = [
            "tasks.fewer_classes=0",
            "tasks.uneven=0",
            "model.heads=1",
            "model.layers=2",
            "training.optimiser=adamw",
            "training.rate=2e-3",
            "training.average=0",
        ];
        match self.scale {
            Scale::Full => ("paper", of(&["training.checkpoint_every=500"])),
            Scale::Desk => {
                let own = [
                    "model.inputs=64",
                    "model.width=64",
                    "model.key_size=64",
                    "model.longest=100",
                    "model.encoding.side=8",
                    "tasks.data=[\"mnist\"]",
                    "training.batch=8",
                    "training.micro_batch=8",
                    "training.steps=250",
                ];
                ("quick", of(&[&common[..], &own].concat()))
            }
            Scale::Smoke => {
                let own = [
                    "model.inputs=16",
                    "model.width=16",
                    "model.key_size=16",
                    "model.layers=1",
                    "model.longest=12",
                    "tasks.length=12",
                    "training.batch=4",
                    "training.micro_batch=4",
                    "training.steps=6",
                    "training.log_every=2",
                    "training.checkpoint_every=3",
                ];
                ("quick", of(&[&common[..], &own].concat()))
            }
        }
    }

    /// Settings of a learner by name.
    pub(super) fn learner(&self, name: &str) -> Vec<String> {
        let of = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        match name {
            "paper" => of(&[
                "model.variant=paper",
                "model.key_shift=none",
                "model.query_key=free",
                "model.qk_norm=false",
                "model.positions=learned",
            ]),
            // past the plateau on a desk, as preset `paper-desk`; stages have the cell's number of tasks
            "paper-curriculum" => {
                let own = [
                    "model.heads=2",
                    "model.key_size=32",
                    "training.optimiser=muon",
                    "training.rate=3e-3",
                    "training.batch=64",
                    "training.steps=5000",
                    "training.average=0.99",
                    "training.log_every=50",
                    "curriculum=[{ways=2,dimensions=16,length=40,accuracy=0.8,steps=2500},\
                     {ways=5,dimensions=32,accuracy=0.65,steps=1000}]",
                ];
                [self.learner("paper"), of(&own)].concat()
            }
            "shifted" => of(&[
                "model.variant=shifted",
                "model.key_shift=full",
                "model.query_key=equal",
                "model.qk_norm=true",
                "model.positions=none",
            ]),
            // a plateau that a desk can wait for
            "plain" => of(&[
                "model.variant=shifted",
                "model.key_shift=full",
                "model.query_key=free",
                "model.qk_norm=false",
                "model.positions=none",
            ]),
            kind => vec![format!("learner.kind={kind}")],
        }
    }

    /// The learner with which a scale shows the effect, and the one whose plateau is looked at.
    pub(super) fn main_learner(&self) -> &'static str {
        self.by("shifted", "shifted", "paper")
    }

    fn plateau_learner(&self) -> &'static str {
        self.by("plain", "plain", "paper")
    }

    pub(super) fn measure(&self, name: &str, data: &str) -> Measure {
        Measure {
            name: name.to_owned(),
            data: data.to_owned(),
            seen: false,
            identity: false,
            ways: 0,
            episodes: self.by(4, 250, 2_000),
            positions: positions(self.length_of_episodes()),
        }
    }

    /// A measure at its last positions alone.
    pub(super) fn headline(&self, name: &str, data: &str) -> Measure {
        let t = self.length_of_episodes();
        Measure { positions: (t.saturating_sub(4).max(1)..=t).collect(), ..self.measure(name, data) }
    }

    /// A probe of new tasks.
    pub(super) fn probe(&self, every: u64, until: f64) -> Probe {
        let measure = Measure { episodes: self.by(4, 48, 256), ..self.headline("probe", self.data()) };
        Probe { measure, every: self.by(3, every, 250), until }
    }

    /// Adds a run for each seed.
    pub(super) fn add(
        &mut self,
        name: &str,
        axes: &[(&str, Value)],
        set: &[String],
        measures: &[Measure],
        probe: Option<&Probe>,
    ) -> Result<(), ExperimentError> {
        let (preset, base) = self.base();
        for seed in self.seeds.clone() {
            let name = format!("{name}-seed{seed}");
            let set: Vec<String> = base.iter().chain(set).cloned().chain([format!("seed={seed}")]).collect();
            let mut axes: std::collections::BTreeMap<String, Value> =
                axes.iter().map(|(axis, value)| ((*axis).to_owned(), value.clone())).collect();
            axes.insert("seed".into(), Value::Number(seed as f64));
            let config = Box::new(resolve(&format!("{}/{name}", self.name), preset, &set)?);
            self.cells.push(Cell {
                experiment: self.name.clone(),
                scale: self.scale,
                name,
                axes,
                job: Job::Learner { config, measures: measures.to_vec(), probe: probe.cloned(), features: None },
            });
        }
        Ok(())
    }

    /// The rules and the learners from scratch, which need no seed.
    pub(super) fn rules(&mut self, name: &str, measures: &[Measure]) -> Result<(), ExperimentError> {
        let mut measures = measures.to_vec();
        if self.scale == Scale::Desk {
            // rules begin anew at every position and episode: at a desk they answer at a few positions of fewer episodes
            for measure in &mut measures {
                let last = measure.positions.last().copied().unwrap_or(1);
                // their time grows with the cube of the context: of a long one the last position has to do
                let end = if last > 300 { 1 } else { 5 };
                measure.positions.retain(|p| [10, 30, 50, 100, 300].contains(p) || p + end > last);
                measure.episodes = measure.episodes.min(100);
            }
        }
        self.rules_with(name, &[], measures)
    }

    /// The same at all positions and episodes, for other inputs and classes than the scale's.
    pub(super) fn rules_with(
        &mut self,
        name: &str,
        set: &[String],
        measures: Vec<Measure>,
    ) -> Result<(), ExperimentError> {
        let (preset, base) = self.base();
        let set: Vec<String> = base.iter().chain(set).cloned().collect();
        let config = resolve(&format!("{}/{name}", self.name), preset, &set)?;
        self.cells.push(Cell {
            experiment: self.name.clone(),
            scale: self.scale,
            name: name.to_owned(),
            axes: [("learner".to_owned(), word("rules"))].into(),
            job: Job::Rules { model: Box::new(config.model), measures },
        });
        Ok(())
    }

    /// Where a learner stays: at a constant rate, until new tasks are learned.
    pub(super) fn plateau(&self) -> Vec<String> {
        let mut set = self.learner(self.plateau_learner());
        if self.scale == Scale::Desk {
            set.push("training.cosine=false".into());
        }
        set
    }

    /// Steps and rate of a kind of learner. What shortens the Transformer's plateau is given to those with matrices as well,
    /// where they have a place for it: the whole example before in a token, queries that start as keys. LSTMs leave theirs
    /// by [`RECURRENT`].
    pub(super) fn pace(&self, kind: &str) -> Vec<String> {
        if self.scale != Scale::Desk {
            return Vec::new();
        }
        let of = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        let recurrent = |lines: &[&str]| [of(&RECURRENT), of(lines)].concat();
        match kind {
            "lstm" => recurrent(&["learner.hidden=128"]),
            "vsml-untied" => recurrent(&[]),
            "outer-product-lstm" => of(&["training.steps=4000", "learner.whole_tokens=true", "learner.aligned=true"]),
            "vsml" => of(&["training.steps=2000", "training.rate=5e-3", "training.average=0.99"]),
            "fast-weights" => {
                of(&["training.steps=600", "learner.width=64", "learner.heads=1", "learner.aligned=true"])
            }
            // it leaves chance late
            "gated-linear-attention" => {
                of(&["training.steps=3000", "learner.width=64", "learner.heads=1", "learner.aligned=true"])
            }
            "maml" => of(&["training.steps=1000", "training.rate=1e-3", "training.average=0.99", "learner.rate=3e-3"]),
            "set-transformer" | "tail" => of(&[
                "training.steps=1500",
                "learner.width=64",
                "learner.layers=2",
                "learner.heads=1",
                "learner.key_size=64",
            ]),
            "mlp" => of(&["training.steps=300"]),
            _ => Vec::new(),
        }
    }
}

/// Settings of a cell, from a preset and assignments; a wrong one names the cell.
fn resolve(cell: &str, preset: &str, set: &[String]) -> Result<RunConfig, ExperimentError> {
    RunConfig::resolve(preset, None, set).map_err(|source| ExperimentError::Config { cell: cell.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_ascend_and_end_with_five() {
        assert_eq!(positions(12), [1, 2, 3, 5, 8, 9, 10, 11, 12]);
        assert_eq!(positions(100)[13..], [96, 97, 98, 99, 100]);
        for t in [1, 3, 5, 12, 24, 100, 1_000] {
            assert!(positions(t).windows(2).all(|w| w[0] < w[1]) && positions(t).last() == Some(&t), "{t}");
        }
    }
}
