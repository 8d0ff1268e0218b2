//! Burn's optimisers with the settings of a run, and the learning rate of each step.

use backprop::Schedule;
use burn::module::ParamGroup;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamWConfig, AdjustLrFn, LionConfig, ModuleOptimizer, MuonConfig};

use crate::config::{Optimiser, Training};

impl Training {
    /// Learning rate of a step, counted from 0.
    pub fn rate_at(&self, step: u64) -> f64 {
        let cosine = self.cosine.then_some((self.steps, self.final_rate));
        Schedule { rate: self.rate, warm_up: self.warm_up, cosine }.at(step)
    }
}

/// The optimiser of a run before its first step.
pub(super) fn optimiser(training: &Training) -> ModuleOptimizer {
    let adamw = AdamWConfig::new()
        .with_beta_2(training.beta_2 as f32)
        .with_epsilon(training.epsilon as f32)
        .with_weight_decay(training.weight_decay as f32);
    match training.optimiser {
        Optimiser::Adamw => adamw.init(),
        Optimiser::Lion => LionConfig::new().with_weight_decay(training.weight_decay as f32).init(),
        Optimiser::Muon => {
            let muon = MuonConfig::new()
                .with_momentum(MomentumConfig { momentum: 0.9, dampening: 0.1, nesterov: true })
                .with_adjust_lr_fn(AdjustLrFn::MatchRmsAdamW)
                .build();
            // a net's path begins with the name of its family
            let matrices = r"^Causal\.layer\.\d+\.(query|key|value|output|mlp\.up|mlp\.down)\.weight$";
            let group = ParamGroup::from_regex(matrices).expect("a valid pattern");
            adamw.init().with_group(group, muon, None)
        }
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use burn::module::{Module, ModuleVisitor, Param};
    use burn::optim::GradientsParams;
    use burn::tensor::{Distribution, Tensor};
    use shaders::Model;
    use shaders::model::spec::ModelSpec;

    use crate::nets::Net;

    /// Registers a random gradient for every parameter.
    struct Noise(GradientsParams);

    impl ModuleVisitor for Noise {
        fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
            let value = param.val().inner();
            self.0.register(param.id, Tensor::<R>::random(value.shape(), Distribution::Default, &value.device()));
        }
    }

    #[test]
    fn muon_moves_the_matrices_of_layers_and_nothing_else() {
        let model = Model::random(ModelSpec::shifted(8, 8, 1, 1), 1).unwrap();
        let net = Net::from_model(&model, &crate::device::host().autodiff());
        let mut noise = Noise(GradientsParams::new());
        net.visit(&mut noise);
        let training = Training { optimiser: Optimiser::Muon, weight_decay: 0.0, ..Training::default() };
        let moved = optimiser(&training).step(0.1, net, noise.0).to_model().expect("a net of a model");
        for tensor in model.spec.tensors() {
            let (before, after) = (model.tensor(&tensor.name), moved.tensor(&tensor.name));
            // Adam's first step is as long as the rate everywhere; that of Muon is orthogonal, its entries all differ
            let steps: Vec<f32> = before.iter().zip(after).map(|(b, a)| (a - b).abs()).collect();
            let adam = steps.iter().all(|step| (step - 0.1).abs() < 1e-3);
            let matrix = tensor.name.starts_with("layer.") && tensor.shape.len() == 2;
            assert_eq!(adam, !matrix, "{}: {steps:?}", tensor.name);
        }
    }
}
