//! Every kernel on a device against its CPU half, and the CPU halves against differences of the loss.

mod common;

use backprop::Layout;
use backprop_gpu::parity;
use backprop_gpu::plan::Plan;
use backprop_gpu::plan::buffer::Buffer;
use backprop_gpu::reference::Reference;
use common::{batch, every_switch, gpu, weights};
use shaders::ModelSpec;

#[test]
fn every_kernel_computes_its_formula() {
    let Some(gpu) = gpu() else { return };
    let reports = pollster::block_on(parity::kernels(&gpu)).unwrap();
    for report in &reports {
        println!("{report}");
    }
    let wrong: Vec<String> = reports.iter().filter(|report| !report.ok).map(|report| report.to_string()).collect();
    assert!(wrong.is_empty(), "{} of {} comparisons failed:\n{}", wrong.len(), reports.len(), wrong.join("\n"));
}

/// Buffers of a batch in f64.
fn reference(spec: &ModelSpec, shape: [usize; 2]) -> Reference {
    let (inputs, labels) = batch(spec, shape, 0);
    let mut reference = Reference::default();
    reference.buffers.insert(Buffer::Weights, weights(spec).into_iter().map(f64::from).collect());
    reference.buffers.insert(Buffer::Inputs, inputs.into_iter().map(f64::from).collect());
    reference.buffers.insert(Buffer::Labels, labels.into_iter().map(f64::from).collect());
    reference
}

#[test]
fn gradients_of_every_switch_are_differences_of_the_loss() {
    const STEP: f64 = 1e-5;
    for spec in every_switch() {
        let spec = ModelSpec { inputs: 5, width: 6, key_size: 3, heads: 2, mlp_factor: 2, ..spec };
        let (shape, layout) = ([2, 5], Layout::new(&spec));
        let plan = Plan::new(&spec, shape, u64::MAX, false);
        let launches = &plan.launches[..plan.moves];
        let mut at = reference(&spec, shape);
        at.run(&plan.sizes, launches);
        let gradient = at.buffers[&Buffer::Gradient].clone();
        let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        assert!((at.buffers[&Buffer::Numbers][1] - norm).abs() < 1e-12 * norm);
        let loss = |weight: usize, by: f64| {
            let mut moved = reference(&spec, shape);
            moved.buffers.get_mut(&Buffer::Weights).unwrap()[weight] += by;
            moved.run(&plan.sizes, launches);
            moved.buffers[&Buffer::Numbers][0]
        };
        for (name, place) in &layout.places {
            // two of each tensor
            for weight in [place.start, place.start + (place.len() - 1) / 2] {
                let expected = (loss(weight, STEP) - loss(weight, -STEP)) / (2.0 * STEP);
                let found = gradient[weight];
                let off = (found - expected).abs();
                assert!(off < 1e-8 + 1e-6 * expected.abs(), "{name} of {spec:?}: {found}, by differences {expected}");
            }
        }
    }
}

#[test]
fn the_number_of_shares_changes_no_gradient() {
    let spec = common::small();
    let shape = [30, 20];
    let [one, three] = [1, u64::MAX].map(|most| {
        let plan = Plan::new(&spec, shape, most, false);
        let mut at = reference(&spec, shape);
        at.run(&plan.sizes, &plan.launches[..plan.moves]);
        (plan.sizes.shares, at.buffers[&Buffer::Gradient].clone())
    });
    assert_eq!((one.0, three.0), (1, 3));
    let off = one.1.iter().zip(&three.1).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(off < 1e-14, "{off}");
}
