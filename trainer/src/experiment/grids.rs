//! Which cells each experiment has at each scale. Everything about a cell is said by settings of a run, so that any of
//! them can be trained alone by `trainer train --config`.

use super::measure::{Measure, Probe, Work};
use super::{Cell, ExperimentError, Scale, Value, resolve};

/// Names of the experiments with a line each, in the order of a report.
pub const EXPERIMENTS: [(&str, &str); 11] = [
    ("fig2", "accuracy over model size and number of tasks: a perceptron on single examples, a Transformer, new tasks"),
    ("fig3", "learning curves within and across data sets"),
    ("fig4", "three phases over the number of tasks: memorise, identify, learn to learn"),
    ("fig5", "accuracy against state size and against parameters, all learners"),
    ("fig7", "the plateau over batch size, number of tasks and optimiser"),
    ("fig8", "the plateau under biased label maps"),
    ("embeddings", "learning from frozen features of a network in the place of pixels"),
    ("length", "learning curves up to 1,000 examples"),
    ("table", "all learners and rules on all data sets"),
    ("emergence", "seconds and operations until new tasks are learned, for each switch of the shifted-key learner"),
    ("prior", "which synthetic prior transfers where"),
];

/// The cells of an experiment, in their order; `seeds` in the place of the scale's own.
///
/// # Errors
/// An unknown name.
pub fn cells(name: &str, scale: Scale, seeds: Option<&[u64]>) -> Result<Vec<Cell>, ExperimentError> {
    let usual: &[u64] = if scale == Scale::Smoke { &[1] } else { &[1, 2, 3] };
    let mut grid = Grid { name: name.to_owned(), scale, seeds: seeds.unwrap_or(usual).to_vec(), cells: Vec::new() };
    match name {
        "fig2" => grid.figure_2()?,
        "fig3" => grid.figure_3()?,
        "fig4" => grid.figure_4()?,
        "fig5" => grid.figure_5()?,
        "fig7" => grid.figure_7()?,
        "fig8" => grid.figure_8()?,
        "embeddings" => grid.embeddings()?,
        "length" => grid.length()?,
        "table" => grid.table()?,
        "emergence" => grid.emergence()?,
        "prior" => grid.prior()?,
        found => {
            let known: Vec<&str> = EXPERIMENTS.iter().map(|(name, _)| *name).collect();
            return Err(ExperimentError::Unknown { found: found.to_owned(), known: known.join(", ") });
        }
    }
    Ok(grid.cells)
}

/// A cell to be: its name, its place on the axes, its settings.
type Planned = (String, Vec<(&'static str, Value)>, Vec<String>);

struct Grid {
    name: String,
    scale: Scale,
    seeds: Vec<u64>,
    cells: Vec<Cell>,
}

fn number(value: impl Into<f64>) -> Value {
    Value::Number(value.into())
}

fn word(value: &str) -> Value {
    Value::Word(value.to_owned())
}

/// Positions around `round` numbers up to T, and the last five, over which a headline is averaged.
fn positions(t: usize) -> Vec<usize> {
    let round =
        [1, 2, 3, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 150, 200, 300, 400, 500, 600, 700, 800, 900, 1000];
    let last = t.saturating_sub(4).max(1);
    let mut all: Vec<usize> = round.into_iter().filter(|p| *p < last).chain(last..=t).collect();
    all.dedup();
    all
}

impl Grid {
    /// One of three by the scale.
    fn by<T>(&self, smoke: T, desk: T, full: T) -> T {
        match self.scale {
            Scale::Smoke => smoke,
            Scale::Desk => desk,
            Scale::Full => full,
        }
    }

    /// The data set that learners are meta-trained on; smoke needs no files.
    fn data(&self) -> &'static str {
        self.by("prior", "mnist", "mnist")
    }

    /// A data set that they have not seen.
    fn other(&self) -> &'static str {
        self.by("random", "fashion-mnist", "fashion-mnist")
    }

    /// All data sets that are measured.
    fn all_data(&self) -> &'static [&'static str] {
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
    fn learner(&self, name: &str) -> Vec<String> {
        let of = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        match name {
            "paper" => of(&[
                "model.variant=paper",
                "model.key_shift=none",
                "model.query_key=free",
                "model.qk_norm=false",
                "model.positions=learned",
            ]),
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
    fn main_learner(&self) -> &'static str {
        self.by("shifted", "shifted", "paper")
    }

    fn plateau_learner(&self) -> &'static str {
        self.by("plain", "plain", "paper")
    }

    fn measure(&self, name: &str, data: &str) -> Measure {
        Measure {
            name: name.to_owned(),
            data: data.to_owned(),
            seen: false,
            identity: false,
            episodes: self.by(4, 250, 2_000),
            positions: positions(self.length_of_episodes()),
        }
    }

    /// A measure at its last positions alone.
    fn headline(&self, name: &str, data: &str) -> Measure {
        let t = self.length_of_episodes();
        Measure { positions: (t.saturating_sub(4).max(1)..=t).collect(), ..self.measure(name, data) }
    }

    /// A probe of new tasks.
    fn probe(&self, every: u64, until: f64) -> Probe {
        let measure = Measure { episodes: self.by(4, 48, 256), ..self.headline("probe", self.data()) };
        Probe { measure, every: self.by(3, every, 250), until }
    }

    /// Adds a run for each seed.
    fn add(
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
                work: Work::Learner { config, measures: measures.to_vec(), probe: probe.cloned(), features: None },
            });
        }
        Ok(())
    }

    /// Accuracy over model size × number of tasks, without a label permutation, as the paper has it.
    fn figure_2(&mut self) -> Result<(), ExperimentError> {
        let tasks: Vec<i32> = self.by(vec![0, 3], vec![0, 4, 8, 12], (0..=24).step_by(2).collect());
        let widths: Vec<usize> = self.by(vec![8, 16], vec![8, 32, 64], vec![16, 32, 64, 128, 256, 512]);
        let units: Vec<usize> = self.by(vec![8], vec![16, 256], vec![16, 64, 256, 1024, 4096]);
        let seen = Measure { seen: true, identity: true, ..self.headline("seen", self.data()) };
        let unseen = Measure { identity: true, ..self.headline("unseen", self.data()) };
        for &k in &tasks {
            let common = [format!("tasks.log2_tasks={k}"), "tasks.label_bias=1".to_owned()];
            for &width in &widths {
                let heads = if self.scale == Scale::Full { 8 } else { 1 };
                let mut set = self.learner(self.main_learner());
                set.extend(common.clone());
                set.extend([format!("model.width={width}"), format!("model.key_size={}", (width / heads).max(4))]);
                if self.scale == Scale::Desk {
                    set.push("training.steps=200".into());
                }
                let axes = [("part", word("transformer")), ("size", number(width as f64)), ("log2_tasks", number(k))];
                self.add(&format!("width{width}-k{k}"), &axes, &set, &[seen.clone(), unseen.clone()], None)?;
            }
            for &units in &units {
                let mut set = self.learner("mlp");
                set.extend(common.clone());
                set.push(format!("learner.width={units}"));
                if self.scale == Scale::Desk {
                    set.push("training.steps=600".into());
                }
                let axes = [("part", word("mlp")), ("size", number(units as f64)), ("log2_tasks", number(k))];
                self.add(&format!("mlp{units}-k{k}"), &axes, &set, std::slice::from_ref(&seen), None)?;
            }
        }
        Ok(())
    }

    /// Learning curves within and across data sets.
    fn figure_3(&mut self) -> Result<(), ExperimentError> {
        let sets = [self.data(), self.other()];
        let measures: Vec<Measure> = sets.iter().map(|data| self.measure(data, data)).collect();
        for data in sets.into_iter().filter(|data| *data != "random") {
            let mut set = self.learner(self.main_learner());
            set.push(format!("tasks.data=[\"{data}\"]"));
            if self.scale == Scale::Desk {
                set.push("training.steps=400".into());
            }
            self.add(&format!("on-{data}"), &[("train", word(data))], &set, &measures, None)?;
        }
        self.rules("rules", &measures)
    }

    /// The rules and the learners from scratch, which need no seed.
    fn rules(&mut self, name: &str, measures: &[Measure]) -> Result<(), ExperimentError> {
        let (preset, base) = self.base();
        let config = resolve(&format!("{}/{name}", self.name), preset, &base)?;
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
        self.cells.push(Cell {
            experiment: self.name.clone(),
            scale: self.scale,
            name: name.to_owned(),
            axes: [("learner".to_owned(), word("rules"))].into(),
            work: Work::Rules { model: Box::new(config.model), measures },
        });
        Ok(())
    }

    /// Three phases over the number of tasks.
    fn figure_4(&mut self) -> Result<(), ExperimentError> {
        let measures = [
            Measure { seen: true, ..self.measure("seen", self.data()) },
            self.measure("unseen", self.data()),
            self.measure("unseen-other", self.other()),
        ];
        let grids: [(&str, Vec<i32>); 2] = match self.scale {
            Scale::Smoke => [("shifted", vec![0, 3]), ("paper", vec![0])],
            Scale::Desk => [("shifted", vec![0, 2, 4, 6, 8, 12]), ("paper", vec![12])],
            Scale::Full => [("paper", (0..=24).step_by(2).collect()), ("shifted", (0..=24).step_by(2).collect())],
        };
        for (learner, tasks) in grids {
            for k in tasks {
                let mut set = self.learner(learner);
                set.push(format!("tasks.log2_tasks={k}"));
                let axes = [("learner", word(learner)), ("log2_tasks", number(k))];
                self.add(&format!("{learner}-k{k}"), &axes, &set, &measures, None)?;
            }
        }
        Ok(())
    }

    /// Where a learner stays: at a constant rate, until new tasks are learned.
    fn plateau(&self) -> Vec<String> {
        let mut set = self.learner(self.plateau_learner());
        if self.scale == Scale::Desk {
            set.push("training.cosine=false".into());
        }
        set
    }

    fn figure_7(&mut self) -> Result<(), ExperimentError> {
        let batches: Vec<usize> = self.by(vec![2, 4], vec![2, 4, 8, 16], vec![64, 128, 256, 512, 1024, 2048]);
        let tasks: Vec<i32> = self.by(vec![3], vec![4, 6, 8, 12], vec![10, 12, 14, 16, 18, 20]);
        let probe = self.probe(20, 0.3);
        let seen = Measure { seen: true, ..self.headline("seen", self.data()) };
        let steps = |batch: usize| match self.scale {
            // as many episodes for each, within reason
            Scale::Desk => vec![format!("training.steps={}", (4_000 / batch).clamp(300, 1_000))],
            _ => vec![],
        };
        let mut plans: Vec<Planned> = Vec::new();
        for &batch in &batches {
            let micro = batch.min(self.by(4, 8, 32));
            let mut set = vec![format!("training.batch={batch}"), format!("training.micro_batch={micro}")];
            set.extend(steps(batch));
            let mut axes = vec![("part", word("batch")), ("batch", number(batch as f64))];
            if batch == self.by(4, 8, 512) {
                axes.push(("optimiser", word("Adam, ε 1e-8")));
            }
            plans.push((format!("batch{batch}"), axes, set));
        }
        let usual = self.by(4, 8, 512);
        for &k in &tasks {
            let axes = vec![
                ("part", word("tasks")),
                ("log2_tasks", number(k)),
                ("map_batch", number(usual as f64)),
                ("map_tasks", number(k)),
            ];
            let mut set = vec![format!("tasks.log2_tasks={k}")];
            set.extend(steps(usual));
            plans.push((format!("k{k}"), axes, set));
        }
        // the rest of the map of batch and tasks together
        for &batch in &self.by(vec![2], vec![4, 16], vec![128, 2048]) {
            for &k in &tasks {
                let axes = vec![("part", word("map")), ("map_batch", number(batch as f64)), ("map_tasks", number(k))];
                let micro = batch.min(self.by(4, 8, 32));
                let mut set = vec![
                    format!("tasks.log2_tasks={k}"),
                    format!("training.batch={batch}"),
                    format!("training.micro_batch={micro}"),
                ];
                set.extend(steps(batch));
                plans.push((format!("k{k}-batch{batch}"), axes, set));
            }
        }
        // Adam with ε = 1e-8 is the cell of the usual batch
        let optimisers: [(&str, &[&str]); 3] = [
            ("Adam, ε 1e-4", &["training.epsilon=1e-4"]),
            // Lion's steps are as large as its rate, Adam's are smaller as a rule: a third of the rate
            ("sign of momentum", &["training.optimiser=lion", "training.rate=6e-4"]),
            ("Muon", &["training.optimiser=muon"]),
        ];
        for (i, (name, set)) in optimisers.into_iter().enumerate() {
            let mut set: Vec<String> = set.iter().map(|s| (*s).to_owned()).collect();
            set.extend(steps(self.by(4, 8, 512)));
            plans.push((format!("optimiser{i}"), vec![("part", word("optimiser")), ("optimiser", word(name))], set));
        }
        for (name, axes, set) in plans {
            let set = [self.plateau(), set].concat();
            let measures = if name.starts_with('k') { vec![seen.clone()] } else { vec![] };
            self.add(&name, &axes, &set, &measures, Some(&probe))?;
        }
        Ok(())
    }

    /// Biased label maps.
    fn figure_8(&mut self) -> Result<(), ExperimentError> {
        let probe = self.probe(20, 0.4);
        for bias in self.by(vec![0.0, 0.9], vec![0.0, 0.5, 0.9], vec![0.0, 0.25, 0.5, 0.75, 0.9, 0.98]) {
            let mut set = self.plateau();
            set.push(format!("tasks.label_bias={bias}"));
            if self.scale == Scale::Desk {
                set.push("training.steps=500".into());
            }
            self.add(&format!("bias{bias}"), &[("bias", number(bias))], &set, &[], Some(&probe))?;
        }
        Ok(())
    }

    /// Contexts of up to 1,000 examples.
    fn length(&mut self) -> Result<(), ExperimentError> {
        let longest: usize = self.by(24, 1_000, 1_000);
        let measure = |data: &str| Measure {
            episodes: self.by(4, 60, 500),
            positions: positions(longest),
            ..self.measure(data, data)
        };
        let measures = [measure(self.data()), measure(self.other())];
        for t in self.by(vec![12, 24], vec![100, 1_000], vec![100, 1_000]) {
            let mut set = self.learner("shifted");
            set.extend([format!("model.longest={longest}"), format!("tasks.length={t}")]);
            if self.scale == Scale::Desk && t > 100 {
                set.extend(["training.batch=1", "training.micro_batch=1"].map(str::to_owned));
            }
            if self.scale == Scale::Desk {
                set.push("training.steps=500".into());
            }
            self.add(&format!("t{t}"), &[("length", number(t as f64))], &set, &measures, None)?;
        }
        self.rules("rules", &measures)
    }

    /// Every switch of the shifted-key learner.
    fn emergence(&mut self) -> Result<(), ExperimentError> {
        let probe = Probe {
            measure: Measure { episodes: self.by(4, 32, 256), ..self.probe(10, 0.62).measure },
            ..self.probe(10, 0.62)
        };
        let mut plans = vec![("paper".to_owned(), self.learner("paper"))];
        for shift in ["none", "gated", "full"] {
            for (tie, query_key) in [("", "free"), (" + tie", "equal")] {
                for (norm, qk_norm) in [("", false), (" + norm", true)] {
                    // a desk has time for both ends: neither switch, and both
                    if self.scale == Scale::Desk && shift != "full" && tie.is_empty() == qk_norm {
                        continue;
                    }
                    let mut set = self.learner("shifted");
                    set.extend([
                        format!("model.key_shift={shift}"),
                        format!("model.query_key={query_key}"),
                        format!("model.qk_norm={qk_norm}"),
                    ]);
                    let shift = if shift == "none" { "no shift".to_owned() } else { format!("{shift} shift") };
                    plans.push((format!("{shift}{tie}{norm}"), set));
                }
            }
        }
        if self.scale == Scale::Smoke {
            plans.truncate(2);
        }
        for (name, mut set) in plans {
            if self.scale == Scale::Desk {
                set.extend(["training.steps=250", "training.cosine=false"].map(str::to_owned));
            }
            let folder = name.replace(" + ", "-").replace(' ', "-");
            self.add(&folder, &[("learner", word(&name))], &set, &[], Some(&probe))?;
        }
        Ok(())
    }

    /// Learners of many kinds and sizes: which of state and parameters decides.
    fn figure_5(&mut self) -> Result<(), ExperimentError> {
        let plans: Vec<(&str, &str, Vec<usize>)> = self.by(
            vec![
                ("lstm", "hidden", vec![8]),
                ("outer-product-lstm", "size", vec![4]),
                ("vsml-untied", "grid", vec![2]),
            ],
            vec![
                ("lstm", "hidden", vec![32, 64, 128]),
                ("outer-product-lstm", "size", vec![8, 16, 32]),
                ("vsml-untied", "grid", vec![2, 4, 8]),
                ("fast-weights", "key_size", vec![8, 16, 32]),
                ("gated-linear-attention", "key_size", vec![8, 16, 32]),
            ],
            vec![
                ("lstm", "hidden", vec![64, 256, 1024, 4096]),
                ("outer-product-lstm", "size", vec![8, 32, 128, 512]),
                ("vsml-untied", "grid", vec![1, 2, 4, 8, 16, 24]),
                ("fast-weights", "key_size", vec![8, 16, 32, 64, 128]),
                ("gated-linear-attention", "key_size", vec![8, 16, 32, 64, 128]),
            ],
        );
        let measure = self.headline("unseen", self.data());
        for (kind, dial, sizes) in plans {
            for size in sizes {
                let mut set = self.learner(kind);
                set.push(format!("learner.{dial}={size}"));
                set.extend(self.pace(kind));
                let axes = [("learner", word(kind)), ("size", number(size as f64))];
                self.add(&format!("{kind}-{size}"), &axes, &set, std::slice::from_ref(&measure), None)?;
            }
        }
        for size in self.by(vec![8], vec![2, 8, 32, 128], vec![4, 8, 16, 32, 64]) {
            let mut set = self.learner(self.main_learner());
            set.push(format!("model.key_size={size}"));
            let axes = [("learner", word("transformer")), ("size", number(size as f64))];
            self.add(&format!("transformer-{size}"), &axes, &set, std::slice::from_ref(&measure), None)?;
        }
        Ok(())
    }

    /// Steps and rate of a kind of learner. Recurrent nets take a hundred small steps where a Transformer takes one: at a
    /// desk they get fewer steps, and still more time. What shortens the Transformer's plateau is given to them as well,
    /// where they have a place for it: the whole example before in a token, queries that start as keys.
    fn pace(&self, kind: &str) -> Vec<String> {
        if self.scale != Scale::Desk {
            return Vec::new();
        }
        let of = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        match kind {
            "lstm" => of(&["training.steps=300", "learner.whole_tokens=true"]),
            "outer-product-lstm" => of(&["training.steps=4000", "learner.whole_tokens=true", "learner.aligned=true"]),
            "vsml" => of(&["training.steps=100", "training.rate=5e-3"]),
            "vsml-untied" => of(&["training.steps=200", "learner.whole_tokens=true"]),
            "fast-weights" => {
                of(&["training.steps=600", "learner.width=64", "learner.heads=1", "learner.aligned=true"])
            }
            // it leaves chance late
            "gated-linear-attention" => {
                of(&["training.steps=3000", "learner.width=64", "learner.heads=1", "learner.aligned=true"])
            }
            "maml" => of(&["training.steps=100", "training.rate=1e-3"]),
            "set-transformer" => of(&[
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

    /// All learners and rules on all data sets.
    fn table(&mut self) -> Result<(), ExperimentError> {
        let measures: Vec<Measure> = self.all_data().iter().map(|data| self.headline(data, data)).collect();
        self.rules("rules", &measures)?;
        let kinds = self.by(
            vec!["shifted", "lstm"],
            vec![
                "shifted",
                "set-transformer",
                "gated-linear-attention",
                "fast-weights",
                "vsml",
                "outer-product-lstm",
                "lstm",
                "maml",
                "paper",
            ],
            vec![
                "paper",
                "shifted",
                "set-transformer",
                "gated-linear-attention",
                "fast-weights",
                "vsml",
                "vsml-untied",
                "outer-product-lstm",
                "lstm",
                "maml",
            ],
        );
        for kind in kinds {
            let mut set = self.learner(kind);
            set.extend(self.pace(kind));
            if self.scale == Scale::Desk && ["shifted", "paper"].contains(&kind) {
                set.push("training.steps=600".to_owned());
            }
            self.add(kind, &[("learner", word(kind))], &set, &measures, None)?;
        }
        Ok(())
    }

    /// Frozen features in the place of pixels.
    fn embeddings(&mut self) -> Result<(), ExperimentError> {
        let sets = self.by(vec!["random"], vec!["mnist", "fashion-mnist"], vec!["mnist", "fashion-mnist"]);
        let measures: Vec<Measure> = sets.iter().map(|data| self.headline(data, data)).collect();
        let networks = self.by(
            vec![None],
            vec![None, Some("random"), Some("records/drawing/without-mnist.safetensors")],
            vec![None, Some("random"), Some("records/drawing/without-mnist.safetensors")],
        );
        for network in networks {
            let name = match network {
                None => "pixels",
                Some("random") => "random network",
                Some(_) => "trained network",
            };
            let set = self.learner("shifted");
            let first = self.cells.len();
            self.add(&name.replace(' ', "-"), &[("features", word(name))], &set, &measures, None)?;
            for cell in &mut self.cells[first..] {
                if let Work::Learner { features, .. } = &mut cell.work {
                    *features = network.map(str::to_owned);
                }
            }
        }
        Ok(())
    }

    /// Meta-training on one source, measured on all.
    fn prior(&mut self) -> Result<(), ExperimentError> {
        let measures: Vec<Measure> = self.all_data().iter().map(|data| self.headline(data, data)).collect();
        let families = ["spectral", "network", "clusters", "prototypes", "sparse", "strokes", "fields", "mixtures"];
        let mut plans: Vec<(String, Vec<String>)> = Vec::new();
        let none = || families.iter().map(|family| format!("tasks.prior.{family}=0")).collect::<Vec<_>>();
        for family in self.by(vec!["prototypes"], families.to_vec(), families.to_vec()) {
            let mut set = none();
            set.extend([format!("tasks.prior.{family}=1"), "tasks.data=[\"prior\"]".to_owned()]);
            plans.push((format!("prior: {family}"), set));
        }
        plans.push(("prior: default mix".into(), vec!["tasks.data=[\"prior\"]".to_owned()]));
        if self.scale != Scale::Smoke {
            for data in ["mnist", "fashion-mnist"] {
                plans.push((data.to_owned(), vec![format!("tasks.data=[\"{data}\"]")]));
            }
        }
        for (name, set) in plans {
            let set = [self.learner("shifted"), set].concat();
            self.add(&name.replace(": ", "-").replace(' ', "-"), &[("train", word(&name))], &set, &measures, None)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_grid_is_valid_at_every_scale_and_names_are_folders() {
        for (name, _) in EXPERIMENTS {
            for scale in [Scale::Smoke, Scale::Desk, Scale::Full] {
                let all = cells(name, scale, None).unwrap_or_else(|e| panic!("{name} {scale}: {e}"));
                let names: std::collections::BTreeSet<&str> = all.iter().map(|cell| cell.name.as_str()).collect();
                assert_eq!(names.len(), all.len(), "{name} {scale}: two cells of one name");
                assert!(names.iter().all(|n| !n.contains(['/', ' ', ':'])), "{names:?}");
                let hashes: std::collections::BTreeSet<String> = all.iter().map(Cell::hash).collect();
                assert_eq!(hashes.len(), all.len(), "{name} {scale}: two cells do the same");
                let of_two = cells(name, scale, Some(&[7, 8])).unwrap();
                assert!(of_two.iter().all(|cell| cell.axes.get("seed").is_none_or(|_| cell.number("seed") >= 7.0)));
            }
        }
        assert!(cells("fig9", Scale::Desk, None).unwrap_err().to_string().contains("fig2"));
    }

    #[test]
    fn the_full_scale_is_the_papers() {
        let all = cells("fig4", Scale::Full, None).unwrap();
        let config = all[0].work.config().unwrap();
        assert_eq!((config.model.width, config.model.layers, config.model.heads), (256, 4, 8));
        assert_eq!((config.training.steps, config.training.batch, config.tasks.length), (50_000, 512, 100));
    }

    #[test]
    fn positions_ascend_and_end_with_five() {
        assert_eq!(positions(12), [1, 2, 3, 5, 8, 9, 10, 11, 12]);
        assert_eq!(positions(100)[13..], [96, 97, 98, 99, 100]);
        for t in [1, 3, 5, 12, 24, 100, 1_000] {
            assert!(positions(t).windows(2).all(|w| w[0] < w[1]) && positions(t).last() == Some(&t), "{t}");
        }
    }
}
