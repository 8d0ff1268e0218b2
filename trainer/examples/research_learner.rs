//! Writes a learner of one's own, meta-trains it and measures it on new tasks.
//!
//!     cargo run --release -p trainer --example research_learner
//!
//! The learner embeds its inputs by a matrix and answers with the class whose earlier examples are most like the query: a
//! nearest-mean classifier whose idea of likeness is learned. To train such a learner with `trainer train`, compare it in
//! experiments and keep its checkpoints, move it to `trainer/src/nets/research/`: CONTRIBUTING.md says how.

use burn::module::{Module, Param};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Tensor, activation};
use shaders::{ModelSpec, answer};
use trainer::device::host;
use trainer::nets::batch::sequences;
use trainer::nets::research::Builder;
use trainer::nets::tensors::floats;
use trainer::nets::{Linear, Predict};
use trainer::tasks::{Episode, Split, TaskConfig, Tasks};

const INPUTS: usize = 32;
const CLASSES: usize = 5;
const LENGTH: usize = 30;

/// Weights are fields: Burn's derive finds them, trains them and names them.
#[derive(Module, Debug)]
struct LearnedMeans {
    embed: Linear,
    /// `[1]`
    sharpness: Param<Tensor<1>>,
}

impl LearnedMeans {
    fn new(build: &mut Builder<'_>) -> LearnedMeans {
        LearnedMeans {
            embed: build.linear("embed", INPUTS, 24, 1.0),
            sharpness: build.param("sharpness", [1], 1.0, 0.0),
        }
    }

    /// Log-probabilities of every label, from the examples before it alone.
    ///
    /// # Shapes
    /// `inputs` `[B, T, X]`, `labels` one-hot `[B, T, C]` → `[B, T, C]`.
    fn predict(&self, inputs: Tensor<3>, labels: Tensor<3>) -> Tensor<3> {
        let [b, t, _] = inputs.dims();
        let z = self.embed.forward(inputs); // [B, T, D]
        // 1 where the column's example comes before the row's
        let earlier = Tensor::<2>::ones([t, t], &z.device()).tril(-1).reshape([1, t, t]).expand([b, t, t]);
        let alike = z.clone().matmul(z.swap_dims(1, 2)) * earlier.clone(); // [B, T, T]
        let shown = earlier.matmul(labels.clone()) + 1.0; // examples of each class so far
        let mean = alike.matmul(labels) / shown;
        activation::log_softmax(mean * self.sharpness.val().reshape([1, 1, 1]), 2)
    }
}

/// With this the trainer can ask it like any other learner.
struct Asked<'a>(&'a LearnedMeans, ModelSpec);

impl Predict for Asked<'_> {
    fn spec(&self) -> &ModelSpec {
        &self.1
    }

    fn predict(&self, inputs: Tensor<3>, labels: Tensor<3>) -> Tensor<3> {
        self.0.predict(inputs, labels)
    }
}

/// Mean accuracy over the second half of new episodes.
fn accuracy(learner: &dyn Predict, tasks: &Tasks) -> f64 {
    let episodes: Vec<Episode> = (0..200).map(|i| tasks.episode(Split::Test, i)).collect();
    let (inputs, labels) = sequences(&episodes, CLASSES, &host());
    let positions: Vec<usize> = (LENGTH / 2..LENGTH).collect();
    let rows = floats(learner.predict_at(inputs, labels, &positions));
    let labels = episodes.iter().flat_map(|episode| positions.iter().map(|&p| episode.labels[p] as usize));
    let right = rows.chunks_exact(CLASSES).zip(labels).filter(|(row, label)| answer(row) == Some(*label)).count();
    right as f64 / (episodes.len() * positions.len()) as f64
}

fn main() {
    let tasks = Tasks::of_prior(TaskConfig { length: LENGTH, ..TaskConfig::default() }, INPUTS, CLASSES, 1);
    let spec = ModelSpec { classes: CLASSES, ..ModelSpec::shifted(INPUTS, 24, 1, 1) };
    let device = host().autodiff();
    let mut net = LearnedMeans::new(&mut Builder::seeded(1, &device));
    println!(
        "{} parameters; new tasks, untrained: {:.3}",
        net.num_params(),
        accuracy(&Asked(&net, spec.clone()), &tasks)
    );

    const BATCH: u64 = 32;
    let mut optimiser = AdamWConfig::new().init();
    for step in 0..300 {
        // an episode is a function of its number: no two steps meet the same one
        let episodes: Vec<Episode> = (0..BATCH).map(|i| tasks.episode(Split::Train, step * BATCH + i)).collect();
        let (inputs, labels) = sequences(&episodes, CLASSES, &device);
        let chances = net.predict(inputs, labels.clone());
        let loss = (chances * labels).sum().div_scalar(-((BATCH as usize * LENGTH) as f64));
        if step % 50 == 0 {
            println!("step {step:>3}  loss {:.3}", floats(loss.clone())[0]);
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &net);
        net = optimiser.step(1e-2, net, gradients);
    }
    println!("new tasks, meta-trained: {:.3}", accuracy(&Asked(&net, spec), &tasks));
}
