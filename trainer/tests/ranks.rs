//! Several ranks train the run of one process, bit for bit. Threads stand in for processes, so that this needs no MPI.
#![cfg(feature = "cpu")]

mod common;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use backprop::Exchange;
use backprop::testing::{self, Thread};
use common::{Folder, TINY, cpu, resolve, written};
use trainer::config::RunConfig;
use trainer::device;
use trainer::train::{Begin, Metrics, Ranks, Run, TrainError};

/// A rank that is a thread.
struct Rank(Thread);

impl Exchange for Rank {
    fn place(&self) -> (usize, usize) {
        self.0.place()
    }
    fn all_to_all(&mut self, out: (&[f32], &[usize]), into: (&mut [f32], &[usize])) {
        self.0.all_to_all(out, into);
    }
    fn all_gather(&mut self, buffer: &mut [f32], lengths: &[usize]) {
        self.0.all_gather(buffer, lengths);
    }
    fn all_gather_scores(&mut self, buffer: &mut [f64], lengths: &[usize]) {
        self.0.all_gather_scores(buffer, lengths);
    }
}

impl Ranks for Rank {
    fn all_gather_bytes(&mut self, own: &[u8]) -> Vec<Vec<u8>> {
        let all = self.0.all(own.iter().map(|&byte| f64::from(byte)).collect());
        all.into_iter().map(|piece| piece.into_iter().map(|byte| byte as u8).collect()).collect()
    }
    fn host(&self) -> String {
        format!("host{}", self.0.place().0)
    }
}

fn config(preset: &str, set: &[&str]) -> RunConfig {
    let small = ["training.steps=12", "training.checkpoint_every=5", "training.log_every=2", "training.micro_batch=1"];
    resolve(preset, &[&small, set])
}

/// Causal learners with Muon and AdamW, and a set learner, small.
fn learners() -> [(&'static str, RunConfig); 3] {
    let causal = |optimiser| config("quick", &[TINY, &["training.batch=5", optimiser]].concat());
    let set = [
        "tasks.data=[\"prior\", \"strokes\"]",
        "tasks.weights=[0.5, 0.5]",
        "tasks.shown=[12, 5]",
        "tasks.queries=4",
        "model.inputs=588",
        "model.layers=1",
        "training.batch=3",
    ];
    [
        ("muon", causal("training.optimiser=muon")),
        ("adamw", causal("training.optimiser=adamw")),
        ("set", config("general", &set)),
    ]
}

/// Trains with as many ranks, each of which stops by itself when rank `stopping` has logged step `at`.
fn train(size: usize, begin: &(dyn Fn() -> Begin<'static> + Sync), stop: Option<(usize, u64)>) -> Vec<(bool, u64)> {
    testing::among(size, |thread| {
        let rank = thread.place().0;
        let mut run = Run::among(Box::new(Rank(thread)), &begin(), Path::new("."), cpu()).unwrap();
        run.set_cores(1 + rank % 2);
        let flag = AtomicBool::new(false);
        let stops = |m: &Metrics| flag.store(stop.is_some_and(|(r, at)| r == rank && m.step >= at), Ordering::Relaxed);
        (run.train(&flag, &mut |m| stops(m)).unwrap(), run.step())
    })
}

fn leaked<T: 'static>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn new(config: &RunConfig, folder: &Path) -> impl Fn() -> Begin<'static> + Sync + use<> {
    let (config, folder) = (config.clone(), leaked(folder.to_owned()));
    move || {
        let config = config.clone();
        Begin::New { settings: leaked(move || Ok(config.clone())), folder, overwrite: false }
    }
}

#[test]
fn any_number_of_ranks_trains_the_run_of_one_process() {
    for (name, config) in learners() {
        let alone = Folder::new(name);
        let mut run = Run::start(config.clone(), &alone.0, Path::new("."), cpu()).unwrap();
        assert!(run.train(&AtomicBool::new(false), &mut |_| ()).unwrap());
        let expected = written(&alone.0, 12);
        for size in [1, 2, 3, 4] {
            let together = Folder::new(&format!("{name}-{size}"));
            let ended = train(size, &new(&config, &together.0), None);
            assert_eq!(ended, vec![(true, 12); size]);
            assert!(written(&together.0, 12) == expected, "{name} on {size} ranks");
        }
    }
}

#[test]
fn ranks_stop_after_the_same_step_and_others_go_on() {
    for (name, config) in learners() {
        let (alone, together) = (Folder::new(&format!("{name}-whole")), Folder::new(&format!("{name}-parts")));
        let mut run = Run::start(config.clone(), &alone.0, Path::new("."), cpu()).unwrap();
        assert!(run.train(&AtomicBool::new(false), &mut |_| ()).unwrap());
        // rank 2 asks for it after step 4, and its word travels with the fifth step
        assert_eq!(train(3, &new(&config, &together.0), Some((2, 4))), vec![(false, 5); 3]);
        let folder = leaked(together.0.clone());
        assert_eq!(train(2, &|| Begin::Resume { folder }, Some((0, 8))), vec![(false, 9); 2]);
        let mut run = Run::resume(&together.0, Path::new("."), cpu()).unwrap();
        assert!(run.train(&AtomicBool::new(false), &mut |_| ()).unwrap());
        assert!(written(&together.0, 12) == written(&alone.0, 12), "{name}");
    }
}

#[test]
fn what_one_rank_lacks_ends_all_of_them() {
    let folder = Folder::new("lacks");
    let of = |config: RunConfig, device: fn() -> device::TrainDevice| -> Vec<String> {
        let begin = new(&config, &folder.0);
        testing::among(3, |thread| {
            // rank 1 looks where no data sets are
            let data = if thread.place().0 == 1 { "/nowhere" } else { "." };
            let error = Run::among(Box::new(Rank(thread)), &begin(), Path::new(data), device()).err().unwrap();
            assert!(error.of_all_ranks(), "{error}");
            error.to_string()
        })
    };
    let words = of(config("quick", &["tasks.data=[\"mnist\"]"]), cpu);
    assert!(words.iter().all(|w| *w == words[0]) && words[0].contains("mnist"), "{words:?}");
    let words = of(config("quick", &["learner.kind=lstm"]), cpu);
    assert!(words.iter().all(|w| w.contains("lstm") && w.contains("without mpirun")), "{words:?}");
    let words = of(config("quick", &[]), || device::TrainDevice { cpu: false, name: "a card".into(), ..cpu() });
    assert!(words.iter().all(|w| w.contains("a card") && w.contains("--device cpu")), "{words:?}");
    assert!(!folder.0.exists(), "a run that never began has left {}", folder.0.display());
    // a folder that is taken
    fs::create_dir_all(&folder.0).unwrap();
    fs::write(folder.0.join("thesis.tex"), "mine").unwrap();
    let words = of(config("quick", &[]), cpu);
    assert!(words.iter().all(|w| w.contains("thesis.tex")), "{words:?}");
    let error: TrainError = Run::start(config("quick", &[]), &folder.0, Path::new("."), cpu()).err().unwrap();
    assert_eq!(words[0], error.to_string());
}
