//! A step that several processes share gives the bits of a step of one. Threads stand in for processes.

use backprop::set::Made;
use backprop::testing::among;
use backprop::{AdamW, Exchange, Score, State, causal, set, share};
use shaders::model::spec::{Convolution, Ridge, RidgeKernel, Stem};
use shaders::{Model, ModelSpec};

fn weights(spec: &ModelSpec) -> Vec<f32> {
    let model = Model::random(spec.clone(), 3).unwrap();
    model.spec.tensors().iter().flat_map(|tensor| model.tensor(&tensor.name).to_vec()).collect()
}

fn noise(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| (((i + 1) * (2 * seed + 7919) % 10_007) as f32 * 12.9898).sin()).collect()
}

/// Every bit that a step changes.
type Bits = (Vec<u32>, Vec<u32>, Vec<bool>, Vec<u64>);

fn stepped(state: &mut State, score: &Score) -> Bits {
    let norm = state.norm();
    state.step(&AdamW { rate: 1e-2, beta_2: 0.99, epsilon: 1e-8, weight_decay: 0.01 }, 1.0 / norm as f32);
    state.update_ema(0.9);
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect();
    let numbers = [score.loss, norm].iter().chain(&score.right).map(|number| number.to_bits()).collect();
    (bits(&state.weights), bits(&state.average), state.present.clone(), numbers)
}

fn causal_steps(batch: usize, mut exchange: Option<&mut dyn Exchange>) -> Vec<Bits> {
    let spec = ModelSpec::shifted(5, 16, 2, 2);
    let mut trainer = causal::Trainer::new(&spec, weights(&spec), weights(&spec), 2);
    let tokens = 12;
    let episodes = |range: std::ops::Range<usize>| {
        let inputs: Vec<f32> = range.clone().flat_map(|i| noise(tokens * 5, i)).collect();
        let labels: Vec<u32> = range.flat_map(|i| (0..tokens).map(move |t| ((t * t + i) % 4) as u32)).collect();
        (inputs.into(), labels.into())
    };
    let step = |scored| {
        let exchange = exchange.as_mut().map(|exchange| &mut **exchange as &mut dyn Exchange);
        let score = trainer.gradient_among([batch, tokens, 1], episodes, scored, exchange);
        stepped(&mut trainer.state, &score)
    };
    [true, false, true].map(step).to_vec()
}

fn set_steps(batch: usize, mut exchange: Option<&mut dyn Exchange>) -> Vec<Bits> {
    let mut spec = ModelSpec::equivariant(49, 5, 6, 2);
    let convolution = |channels, size, stride| Convolution { channels, size, stride };
    let set = spec.equivariant.as_mut().unwrap();
    set.ridge = vec![Ridge { kernel: RidgeKernel::Gaussian, lambda: 0.1, raw: false }];
    set.stem = Some(Stem {
        side: 7,
        channels: 1,
        convolutions: vec![convolution(3, 3, 1), convolution(4, 5, 2)],
        embedding: 5,
    });
    let mut trainer = set::Trainer::new(&spec, weights(&spec), weights(&spec), 1);
    let episode = |e: usize| {
        // pictures in the last one alone, and in some nothing is shown
        let shown = [0, 4, 7][e % 3];
        let labels: Vec<u32> = (0..shown + 3).map(|i| (i % 3) as u32).collect();
        Made {
            inputs: noise((shown + 3) * 49, e).into(),
            labels: labels.into(),
            shown,
            classes: 3,
            images: e + 1 == batch,
        }
    };
    let step = |scored| {
        let exchange = exchange.as_mut().map(|exchange| &mut **exchange as &mut dyn Exchange);
        let score = trainer.gradient_among((batch, 0.1), episode, scored, exchange);
        stepped(&mut trainer.state, &score)
    };
    [true, false, true].map(step).to_vec()
}

#[test]
fn any_number_of_processes_takes_the_steps_of_one() {
    // 16 groups, fewer groups than processes, one group
    for batch in [20, 5, 1] {
        let (causal, set) = (causal_steps(batch, None), set_steps(batch, None));
        for size in [1, 2, 3, 4, 16, 17] {
            for (rank, found) in
                among(size, |mut thread| causal_steps(batch, Some(&mut thread))).into_iter().enumerate()
            {
                assert!(found == causal, "causal, {batch} episodes, process {rank} of {size}");
            }
            for (rank, found) in among(size, |mut thread| set_steps(batch, Some(&mut thread))).into_iter().enumerate() {
                assert!(found == set, "set, {batch} episodes, process {rank} of {size}");
            }
        }
    }
}

#[test]
fn shares_are_consecutive_and_even() {
    for (count, size) in [(16, 3), (5, 17), (0, 2), (16, 16), (100, 1)] {
        let shares: Vec<_> = (0..size).map(|rank| share(count, (rank, size))).collect();
        assert!(shares.iter().cloned().flatten().eq(0..count), "{shares:?}");
        assert!(shares.iter().all(|share| share.len().abs_diff(count / size) <= 1), "{shares:?}");
    }
}
