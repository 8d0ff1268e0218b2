//! A step on the CPU in f64 with the kernels' own halves, launch by launch: the formulas that the device is held to.

use std::collections::BTreeMap;

use crate::plan::buffer::{Buffer, Sizes};
use crate::plan::launch::Launch;

/// Buffers in f64.
#[derive(Debug, Clone, Default)]
pub struct Reference {
    /// What is in them; a buffer that is not there yet is 0.
    pub buffers: BTreeMap<Buffer, Vec<f64>>,
}

impl Reference {
    /// Runs some launches.
    pub fn run(&mut self, sizes: &Sizes, launches: &[Launch]) {
        for launch in launches {
            let mut bound: Vec<Vec<f64>> = Vec::new();
            for &buffer in &launch.buffers {
                let zeros = || vec![0.0; buffer.len(sizes) as usize];
                bound.push(self.buffers.entry(buffer).or_insert_with(zeros).clone());
            }
            (launch.kernel.run)(&launch.params, &mut bound);
            for ((buffer, values), binding) in launch.buffers.iter().zip(bound).zip(launch.kernel.bindings) {
                if binding.written {
                    self.buffers.insert(*buffer, values);
                }
            }
        }
    }
}
