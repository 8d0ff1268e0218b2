//! Training steps of a causal learner on a CPU, timed: what `cargo xtask bench` runs beside its peers in `xtask/peers`.
//!
//! ```text
//! train_step make CASE B T D L       writes a case: weights, one batch, the specification
//! train_step run CASE THREADS [burn] for each line with a number on standard input takes so many steps and prints
//!                                    their milliseconds; at the end the first losses and the peak of memory
//! train_step cost                    prints how a step's milliseconds grow with T, with the width and with the batch
//! ```
//!
//! `burn` takes the path that GPUs take, autodiff, on the CPU.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use backprop::AdamW;
use backprop::causal::Trainer;
use bench::Count;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Tensor, TensorData};
use shaders::model::spec::ModelSpec;
use shaders::{Model, random};
use trainer::device::host;
use trainer::nets::Net;
use trainer::peer_case;
use trainer::tasks::Episode;
use trainer::tasks::projection::normals;

/// The trainer's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RATE: f64 = 1e-3;
const EPSILON: f32 = 1e-8;

/// A learner and one batch.
struct Case {
    model: Model,
    /// `[B, T, X]`
    inputs: Vec<f32>,
    /// `[B, T]`
    labels: Vec<u32>,
    tokens: usize,
}

impl Case {
    /// Shifted keys, 784 inputs, heads of 32; any labels will do for timing, these follow the inputs so that losses fall.
    fn new([batch, tokens, width, layers]: [usize; 4]) -> Result<Case, Box<dyn Error>> {
        let mut spec = ModelSpec::shifted(784, width, layers, width / 32);
        spec.longest = tokens;
        let model = Model::random(spec, 1)?;
        let mut stream = random::stream(1, "bench", 0);
        let inputs = normals(batch * tokens * 784, &mut stream);
        let label = |x: &[f32]| ((x[0] + x[1] + 4.0).max(0.0) as u32).min(9);
        let labels = inputs.chunks_exact(784).map(label).collect();
        Ok(Case { model, inputs, labels, tokens })
    }

    fn write(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        peer_case::write_batch(path, &self.model, self.tokens, &self.inputs, &self.labels)
    }

    fn read(path: &Path) -> Result<Case, Box<dyn Error>> {
        let bytes = std::fs::read(path)?;
        let spec: ModelSpec = serde_json::from_str(&bench::metadata(&bytes, "model")?)?;
        let file = safetensors::SafeTensors::deserialize(&bytes)?;
        let tensors = spec.tensors().into_iter().map(|t| Ok((t.name.clone(), bench::read_floats(&file, &t.name)?)));
        let tensors = tensors.collect::<Result<BTreeMap<_, _>, Box<dyn Error>>>()?;
        Ok(Case {
            inputs: bench::read_floats(&file, "inputs")?,
            tokens: file.tensor("labels")?.shape()[1],
            labels: bench::read_labels(&file, "labels")?,
            model: Model::new(spec, tensors, BTreeMap::new()),
        })
    }

    fn trainer(&self, threads: usize) -> Trainer {
        let spec = &self.model.spec;
        let weights: Vec<f32> = spec.tensors().iter().flat_map(|t| self.model.tensor(&t.name).to_vec()).collect();
        Trainer::new(spec, weights.clone(), weights, threads)
    }

    /// A step; gives its loss.
    fn step(&self, trainer: &mut Trainer) -> f64 {
        let (t, x) = (self.tokens, self.model.spec.inputs);
        let episodes = |range: std::ops::Range<usize>| {
            let (start, end) = (range.start * t, range.end * t);
            (Cow::Borrowed(&self.inputs[start * x..end * x]), Cow::Borrowed(&self.labels[start..end]))
        };
        let batch = self.labels.len() / t;
        let score = trainer.gradient([batch, t, batch], episodes, true);
        trainer.state.step(&AdamW { rate: RATE, beta_2: 0.999, epsilon: EPSILON, weight_decay: 0.0 }, 1.0);
        score.loss
    }
}

/// A step by autodiff; gives the loss.
fn burn_steps(case: &Case) -> impl FnMut() -> f64 + use<> {
    let device = host().autodiff();
    let (t, x, c) = (case.tokens, case.model.spec.inputs, case.model.spec.classes);
    let mut net = Net::from_model(&case.model, &device);
    let mut adam = AdamWConfig::new().with_epsilon(EPSILON).with_weight_decay(0.0).init();
    let episode = |(inputs, labels): (&[f32], &[u32])| Episode { inputs: inputs.to_vec(), labels: labels.to_vec() };
    let episodes: Vec<Episode> =
        case.inputs.chunks_exact(t * x).zip(case.labels.chunks_exact(t)).map(episode).collect();
    let (inputs, previous, target) = trainer::nets::batch::batch(&episodes, x, c);
    let b = episodes.len();
    let tensor =
        move |values: &[f32], last| Tensor::<3>::from_data(TensorData::new(values.to_vec(), [b, t, last]), &device);
    move || {
        let Net::Causal(causal) = &net else { unreachable!("a causal learner") };
        let log = causal.forward(tensor(&inputs, x), tensor(&previous, c));
        let loss = (log * tensor(&target, c)).sum().div_scalar(-((b * t) as f64));
        let value = trainer::nets::tensors::floats(loss.clone().inner())[0];
        let gradients = GradientsParams::from_grads(loss.backward(), &net);
        net = adam.step(RATE, net.clone(), gradients);
        f64::from(value)
    }
}

fn run(path: &Path, threads: usize, burn: bool) -> Result<(), Box<dyn Error>> {
    let case = Case::read(path)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let mut trainer = case.trainer(threads);
    let mut by_burn = burn_steps(&case);
    let mut step = || if burn { pool.install(&mut by_burn) } else { case.step(&mut trainer) };
    bench::take_steps(Count::Clock, |_| Ok(()), |()| step())
}

/// Median milliseconds of a step on one thread.
fn cost(sizes: [usize; 4]) -> Result<f64, Box<dyn Error>> {
    let case = Case::new(sizes)?;
    let mut trainer = case.trainer(1);
    let start = Instant::now();
    let mut times = Vec::new();
    case.step(&mut trainer);
    while times.len() < 3 || (times.len() < 15 && start.elapsed().as_secs_f64() < 1.5) {
        let start = Instant::now();
        case.step(&mut trainer);
        times.push(1e3 * start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["make", path, b, t, d, l] => {
            Case::new([b.parse()?, t.parse()?, d.parse()?, l.parse()?])?.write(Path::new(path))
        }
        ["run", path, threads] => run(Path::new(path), threads.parse()?, false),
        ["run", path, threads, "burn"] => run(Path::new(path), threads.parse()?, true),
        ["cost"] => {
            for t in [25, 50, 100, 200, 400, 1000] {
                println!("T {t} {:.3}", cost([8, t, 128, 2])?);
            }
            for d in [64, 128, 256, 512, 1024] {
                println!("D {d} {:.3}", cost([8, 100, d, 2])?);
            }
            for b in [1, 4, 16, 64, 256, 512] {
                println!("B {b} {:.3}", cost([b, 100, 128, 2])?);
            }
            Ok(())
        }
        _ => Err("expected `make CASE B T D L`, `run CASE THREADS [burn]` or `cost`".into()),
    }
}
