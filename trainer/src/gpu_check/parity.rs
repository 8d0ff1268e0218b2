//! The page's own kernels and engines on the adapter, against the formulas.

use std::sync::Arc;

use shaders::gpu::device::Gpu;
use shaders::model::spec::{Convolution, Equivariant, ModelSpec, Ridge, RidgeKernel, Stem};
use shaders::{Model, parity};

use super::report::Parity;

/// Every case of every kernel, one line a kernel.
pub(super) fn kernels(gpu: &Gpu) -> Vec<Parity> {
    let reports = pollster::block_on(parity::kernels(gpu));
    let mut lines: Vec<Parity> = Vec::new();
    for report in reports {
        let kernel = report.name.split('.').next().unwrap_or_default().to_owned();
        match lines.last_mut().filter(|line| line.name == kernel) {
            Some(line) => add(line, &report),
            None => {
                let mut line = Parity { name: kernel, cases: 0, worst: 0.0, failed: Vec::new() };
                add(&mut line, &report);
                lines.push(line);
            }
        }
    }
    lines
}

fn add(line: &mut Parity, report: &parity::Report) {
    line.cases += 1;
    if let Some(worst) = report.worst {
        line.worst = line.worst.max(f64::from(worst.difference) / f64::from(report.tolerance));
    }
    if !report.ok {
        line.failed.push(report.to_string());
    }
}

/// Whole learners in the page's engine, at a few lengths.
pub(super) fn sessions(gpu: &Gpu) -> Vec<Parity> {
    let line = |(name, spec): (&str, ModelSpec)| {
        let mut line = Parity { name: name.into(), cases: 0, worst: 0.0, failed: Vec::new() };
        match Model::random(spec, 1) {
            Ok(model) => {
                let model = Arc::new(model);
                let reports = pollster::block_on(parity::sessions(Some(gpu), &model, 1, &[1, 2, 5]));
                reports.iter().for_each(|report| add(&mut line, report));
            }
            Err(error) => line.failed.push(error.to_string()),
        }
        line
    };
    learners().into_iter().map(line).collect()
}

/// A learner of each variant, small.
fn learners() -> [(&'static str, ModelSpec); 3] {
    let paper =
        ModelSpec { width: 32, layers: 2, heads: 4, key_size: 8, longest: 40, ..ModelSpec::paper(24, 0, 0.0, 1.0) };
    let mut set = ModelSpec::equivariant(16, 5, 7, 2);
    (set.heads, set.key_size, set.longest) = (3, 3, 40);
    let kernels = [(RidgeKernel::Linear, 0.3), (RidgeKernel::Gaussian, 0.1), (RidgeKernel::Local, 0.05)];
    let stem = Stem {
        side: 4,
        channels: 1,
        convolutions: vec![
            Convolution { channels: 3, size: 3, stride: 2 },
            Convolution { channels: 2, size: 3, stride: 1 },
        ],
        embedding: 5,
    };
    set.equivariant = Some(Equivariant {
        linear_heads: 1,
        neighbour: 3,
        ridge: kernels.map(|(kernel, lambda)| Ridge { kernel, lambda, raw: false }).to_vec(),
        stem: Some(stem),
    });
    [("paper tokens", paper), ("shifted keys", ModelSpec::shifted(24, 16, 2, 2)), ("set learner with a stem", set)]
}
