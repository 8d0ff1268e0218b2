//! Burn's wgpu backend trains as flex does; on any adapter, also a software one, so that every machine can hold it.
#![cfg(feature = "gpu")]
#![recursion_limit = "256"]

use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, DeviceKind, Tensor, TensorData};
use rand::RngExt;
use shaders::model::spec::ModelSpec;
use shaders::{Model, random};
use trainer::device::host;
use trainer::nets::Net;
use trainer::nets::batch::batch;
use trainer::nets::tensors::floats;
use trainer::tasks::Episode;
use trainer::tasks::projection::normals;

/// Losses of `steps` optimiser steps of a tiny learner on fixed episodes.
fn losses(device: Device, steps: usize) -> Vec<f32> {
    let (t, b) = (8, 2);
    let spec = ModelSpec { longest: 16, ..ModelSpec::shifted(8, 16, 1, 2) };
    let model = Model::random(spec.clone(), 3).unwrap();
    let device = device.autodiff();
    let mut net = Net::from_model(&model, &device);
    let mut optimiser = AdamWConfig::new().with_epsilon(1e-8).init();
    let mut stream = random::stream(5, "wgpu parity", 0);
    let episodes: Vec<Episode> = (0..b)
        .map(|_| Episode {
            inputs: normals(t * spec.inputs, &mut stream),
            labels: (0..t).map(|_| stream.random_range(0..3)).collect(),
        })
        .collect();
    let mut all = Vec::new();
    for _ in 0..steps {
        let (inputs, previous, target) = batch(&episodes, spec.inputs, spec.classes);
        let tensor = |v, last| Tensor::<3>::from_data(TensorData::new(v, [b, t, last]), &device);
        let Net::Causal(causal) = &net else { unreachable!("a causal learner") };
        let rows = causal.forward(tensor(inputs, spec.inputs), tensor(previous, spec.classes));
        let loss = (rows * tensor(target, spec.classes)).sum().div_scalar(-((b * t) as f64));
        all.push(floats(loss.clone())[0]);
        let gradients = GradientsParams::from_grads(loss.backward(), &net);
        net = optimiser.step(1e-2, net, gradients);
    }
    all
}

#[test]
fn wgpu_trains_as_flex_does() {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    if adapters.is_empty() {
        assert!(std::env::var_os("REQUIRE_GPU").is_none(), "a GPU adapter was promised and none was found");
        shaders::testing::skip("no GPU adapter, not even a software one");
        return;
    }
    println!("on {:?}", adapters.iter().map(|a| a.get_info().name).collect::<Vec<_>>());
    let want = losses(host(), 4);
    let got = losses(Device::wgpu(DeviceKind::DefaultDevice), 4);
    println!("flex {want:?}\nwgpu {got:?}");
    assert!(want[3] < want[0] - 0.01, "the loss falls on flex: {want:?}");
    for (step, (g, w)) in got.iter().zip(&want).enumerate() {
        // f32 sums in another order, amplified by Adam's division in the first steps
        assert!((g - w).abs() < 2e-3, "step {step}: wgpu {g}, flex {w}");
    }
}
