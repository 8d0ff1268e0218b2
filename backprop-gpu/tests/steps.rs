//! Whole steps on a device against those of `backprop` on the CPU.

mod common;

use backprop::{AdamW, State, causal, schedule};
use backprop_gpu::{Batch, Numbers, StepError, Trainer, Update};
use common::{batch, every_switch, gpu, small, weights};
use shaders::ModelSpec;
use shaders::gpu::Gpu;

const STEPS: usize = 20;
const CLIP: f64 = 0.7;

/// Without a large ε a gradient that is 0 but for rounding, such as that of key biases, moves its weight by a full rate.
fn adam() -> AdamW {
    AdamW { rate: 3e-3, beta_2: 0.99, epsilon: 1e-5, weight_decay: 0.01 }
}

/// A step of `backprop`: loss, right answers and norm.
fn step_on_cpu(trainer: &mut causal::Trainer, spec: &ModelSpec, shape: [usize; 2], step: usize) -> Numbers {
    step_by(trainer, (spec, false), shape, step)
}

/// As [`step_on_cpu`], or by Muon.
fn step_by(trainer: &mut causal::Trainer, (spec, muon): (&ModelSpec, bool), shape: [usize; 2], step: usize) -> Numbers {
    let (inputs, labels) = batch(spec, shape, step % 2);
    let (row, tokens) = (shape[1] * spec.inputs, shape[1]);
    let of = |range: std::ops::Range<usize>| {
        (inputs[range.start * row..range.end * row].into(), labels[range.start * tokens..range.end * tokens].into())
    };
    let score = trainer.gradient([shape[0], tokens, shape[0]], of, true);
    let norm = trainer.state.norm();
    match muon {
        true => trainer.state.step_muon(&adam(), schedule::clip(norm, CLIP)),
        false => trainer.state.step(&adam(), schedule::clip(norm, CLIP)),
    }
    trainer.state.update_ema(schedule::average_decay(0.9, step as u64));
    Numbers { step: step as u64, loss: score.loss, norm, right: score.right }
}

async fn step_on_gpu(trainer: &mut Trainer, spec: &ModelSpec, shape: [usize; 2], step: usize, read: bool) {
    step_there(trainer, (spec, false), shape, step, read).await
}

/// As [`step_on_gpu`], or by Muon.
async fn step_there(
    trainer: &mut Trainer,
    (spec, muon): (&ModelSpec, bool),
    shape: [usize; 2],
    step: usize,
    read: bool,
) {
    let (inputs, labels) = batch(spec, shape, step % 2);
    let of = Batch { inputs: &inputs, labels: &labels, tokens: shape[1] };
    let ema_decay = schedule::average_decay(0.9, step as u64);
    trainer.step(of, &Update { adam: &adam(), muon, clip: CLIP, ema_decay }, read).await.unwrap();
}

fn on_cpu(spec: &ModelSpec) -> causal::Trainer {
    causal::Trainer::new(spec, weights(spec), weights(spec), 1)
}

async fn on_gpu(gpu: &Gpu, spec: &ModelSpec, state: &State) -> Trainer {
    let mut trainer = Trainer::new(gpu, spec).await.unwrap();
    trainer.load(state).unwrap();
    trainer
}

/// √(Σ(a − b)²/Σb²)
fn apart(a: &[f32], b: &[f32]) -> f64 {
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let off = square(&mut a.iter().zip(b).map(|(a, b)| f64::from(a - b)));
    (off / square(&mut b.iter().map(|&b| f64::from(b)))).sqrt()
}

/// Fails unless two states are close; `within` is relative.
fn check_states(found: &State, expected: &State, within: f64, what: &str) {
    let parts = [
        ("weights", &found.weights, &expected.weights),
        ("average", &found.average, &expected.average),
        ("first moment", &found.moments.first, &expected.moments.first),
        ("second moment", &found.moments.second, &expected.moments.second),
    ];
    for (part, found, expected) in parts {
        let off = apart(found, expected);
        assert!(off < within, "{part}: {off:e} apart, {what}");
    }
    assert_eq!(found.moments.times, expected.moments.times, "{what}");
}

/// Takes steps on both; gives the largest relative difference of losses.
async fn compare(gpu: &Gpu, (spec, muon): (&ModelSpec, bool), shape: [usize; 2]) -> f64 {
    let mut cpu = on_cpu(spec);
    let mut other = on_gpu(gpu, spec, &cpu.state).await;
    let mut found = Vec::new();
    for step in 0..STEPS {
        step_there(&mut other, (spec, muon), shape, step, true).await;
        found.extend(other.arrived().unwrap());
    }
    found.extend(other.finish().await.unwrap());
    let expected: Vec<Numbers> = (0..STEPS).map(|step| step_by(&mut cpu, (spec, muon), shape, step)).collect();
    assert_eq!(found.len(), STEPS);
    let mut worst: f64 = 0.0;
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found.step, expected.step);
        let off = (found.loss / expected.loss - 1.0).abs();
        assert!(off < 1e-4, "step {}: loss {}, expected {}, {spec:?}", found.step, found.loss, expected.loss);
        assert!((found.norm / expected.norm - 1.0).abs() < 1e-3, "{found:?}, expected {expected:?}, {spec:?}");
        let answers: f64 = found.right.iter().zip(&expected.right).map(|(a, b)| (a - b).abs()).sum();
        assert!(found.right.len() == shape[1] && answers <= 2.0, "{found:?}, expected {expected:?}, {spec:?}");
        worst = worst.max(off);
    }
    // two batches by turns
    assert!(expected[STEPS - 2].loss < 0.95 * expected[0].loss, "steps that lead nowhere show little: {spec:?}");
    let mut state = State::new(spec, weights(spec), weights(spec), 1);
    other.save(&mut state).await.unwrap();
    check_states(&state, &cpu.state, 1e-3, &format!("{spec:?}"));
    worst
}

#[test]
fn twenty_steps_of_every_switch_are_those_of_backprop() {
    let Some(gpu) = gpu() else { return };
    for spec in every_switch() {
        let worst = pollster::block_on(compare(&gpu, (&spec, false), [3, 13]));
        println!(
            "{:?} {:?} {:?} norm {} {:?}: losses at most {worst:.1e} apart",
            spec.variant, spec.key_shift, spec.query_key, spec.qk_norm, spec.positions
        );
    }
}

#[test]
fn twenty_steps_of_muon_are_those_of_backprop() {
    let Some(gpu) = gpu() else { return };
    // matrices that lie either way, and squares
    let square = ModelSpec { width: 21, ..small() };
    for spec in [small(), common::small_paper(), square] {
        let worst = pollster::block_on(compare(&gpu, (&spec, true), [3, 13]));
        println!("{:?}, width {}: losses at most {worst:.1e} apart", spec.variant, spec.width);
    }
}

#[test]
fn twenty_steps_of_real_sizes_are_those_of_backprop() {
    let Some(gpu) = gpu() else { return };
    for spec in [
        ModelSpec::shifted(64, 64, 2, 2),
        ModelSpec { width: 64, key_size: 8, layers: 2, ..ModelSpec::paper(64, 8, 0.1, 0.3) },
    ] {
        let worst = pollster::block_on(compare(&gpu, (&spec, false), [6, 100]));
        println!("{:?}: losses at most {worst:.1e} apart", spec.variant);
    }
}

/// The comparison itself: one weight of many differs.
#[test]
fn a_wrong_weight_is_noticed() {
    let Some(gpu) = gpu() else { return };
    let spec = small();
    pollster::block_on(async {
        let mut cpu = on_cpu(&spec);
        let mut other = on_gpu(&gpu, &spec, &cpu.state).await;
        cpu.state.weights[20 * 18] += 0.1;
        step_on_gpu(&mut other, &spec, [3, 13], 0, true).await;
        let found = other.finish().await.unwrap().remove(0);
        let expected = step_on_cpu(&mut cpu, &spec, [3, 13], 0);
        assert!((found.loss / expected.loss - 1.0).abs() > 1e-4, "{found:?}, {expected:?}");
    });
}

#[test]
fn a_run_may_change_hands() {
    let Some(gpu) = gpu() else { return };
    let spec = small();
    pollster::block_on(async {
        let (mut alone, mut shared) = (on_cpu(&spec), on_cpu(&spec));
        let mut other = on_gpu(&gpu, &spec, &shared.state).await;
        for step in 0..12 {
            step_on_cpu(&mut alone, &spec, [3, 13], step);
            if step / 4 == 1 {
                step_on_cpu(&mut shared, &spec, [3, 13], step);
                continue;
            }
            if step == 8 {
                other.load(&shared.state).unwrap();
            }
            step_on_gpu(&mut other, &spec, [3, 13], step, false).await;
            if step == 3 {
                other.save(&mut shared.state).await.unwrap();
            }
        }
        other.save(&mut shared.state).await.unwrap();
        check_states(&shared.state, &alone.state, 1e-4, "a run that changed hands");
        // what is handed over comes back bit for bit
        other.load(&alone.state).unwrap();
        other.save(&mut shared.state).await.unwrap();
        assert_eq!(shared.state.weights, alone.state.weights);
        assert_eq!(shared.state.moments, alone.state.moments);
    });
}

#[test]
fn steps_have_the_same_bits_each_time_whatever_shapes_came_before() {
    let Some(gpu) = gpu() else { return };
    let spec = ModelSpec { positions: shaders::model::spec::Positions::Learned, ..small() };
    pollster::block_on(async {
        let state = on_cpu(&spec).state;
        let mut states = Vec::new();
        for shapes in [vec![[5, 20]], vec![[2, 40], [5, 20]]] {
            let mut trainer = on_gpu(&gpu, &spec, &state).await;
            for shape in &shapes {
                trainer.load(&state).unwrap();
                step_on_gpu(&mut trainer, &spec, *shape, 1, false).await;
            }
            let mut end = State::new(&spec, weights(&spec), weights(&spec), 1);
            trainer.save(&mut end).await.unwrap();
            states.push((end.weights, end.moments));
        }
        assert!(states[0] == states[1]);
    });
}

#[test]
fn a_step_that_is_not_finite_is_not_taken() {
    let Some(gpu) = gpu() else { return };
    let spec = small();
    pollster::block_on(async {
        let state = on_cpu(&spec).state;
        let mut trainer = on_gpu(&gpu, &spec, &state).await;
        let (mut inputs, labels) = batch(&spec, [3, 13], 0);
        inputs[5] = f32::MAX;
        let of = Batch { inputs: &inputs, labels: &labels, tokens: 13 };
        trainer.step(of, &Update { adam: &adam(), muon: true, clip: CLIP, ema_decay: 0.0 }, true).await.unwrap();
        let numbers = trainer.finish().await.unwrap();
        assert!(!numbers[0].finite(), "{numbers:?}");
        let mut after = State::new(&spec, vec![0.0; state.weights.len()], vec![0.0; state.weights.len()], 1);
        trainer.save(&mut after).await.unwrap();
        assert!(after.weights == state.weights && after.average == state.average);
        assert!(after.moments.first == state.moments.first && after.moments.second == state.moments.second);
    });
}

#[test]
fn what_cannot_be_is_an_error_in_words() {
    let Some(gpu) = gpu() else { return };
    let spec = small();
    pollster::block_on(async {
        let set = ModelSpec::equivariant(8, 5, 8, 1);
        assert_eq!(Trainer::new(&gpu, &set).await.err(), Some(StepError::NotCausal));
        let mut state = on_cpu(&spec).state;
        let mut trainer = on_gpu(&gpu, &spec, &state).await;
        state.moments.times[3] += 1;
        assert!(matches!(trainer.load(&state), Err(StepError::State(_))));
        assert!(matches!(trainer.load(&on_cpu(&common::small_paper()).state), Err(StepError::State(_))));
        let (inputs, mut labels) = batch(&spec, [3, 13], 0);
        let adam = adam();
        let update = Update { adam: &adam, muon: false, clip: 0.0, ema_decay: 0.0 };
        for tokens in [0, 12, 41] {
            let refused = trainer.step(Batch { inputs: &inputs, labels: &labels, tokens }, &update, true).await;
            assert!(matches!(refused, Err(StepError::Batch { .. })), "{refused:?}");
        }
        labels[2] = 5;
        let refused = trainer.step(Batch { inputs: &inputs, labels: &labels, tokens: 13 }, &update, true).await;
        assert_eq!(refused, Err(StepError::Label { classes: 5, found: 5 }));
        gpu.destroy();
        labels[2] = 0;
        let lost = trainer.step(Batch { inputs: &inputs, labels: &labels, tokens: 13 }, &update, true).await;
        assert!(matches!(lost, Err(StepError::Device(_))), "{lost:?}");
        assert!(trainer.save(&mut state).await.is_err());
    });
}
