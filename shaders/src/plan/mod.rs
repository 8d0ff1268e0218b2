//! The learner as a list of kernel launches. Both engines run the same list, the CPU engine with the CPU halves of
//! the kernels and the GPU engine with the WGSL halves.
//!
//! There are two lists: *tokens* puts examples into the cache (keys, slot keys and values of every layer), *queries*
//! asks about the cached ones and leaves the cache as it is. Formulas: [`crate::model::spec`].

pub mod buffer;
mod causal;
mod set;
pub mod step;
pub mod task;
pub mod turns;
pub mod weights;

use buffer::{Buffer, Room};
use step::Launch;
use task::{MOST_ROWS, Task};
use weights::Tensors;

use crate::kernel::common::Kernel;
use crate::model::spec::{ModelSpec, QueryOptions, Variant};
use crate::session::context::Context;

/// Makes the launches of one model.
#[derive(Debug, Clone)]
pub struct Plan {
    spec: ModelSpec,
    tensors: Tensors,
}

impl Plan {
    /// The plan of a valid spec.
    pub fn new(spec: &ModelSpec) -> Self {
        Plan { spec: spec.clone(), tensors: Tensors::new(spec) }
    }

    /// What has to be done to answer `queries` queries: first what the cache lacks, then the queries.
    pub fn tasks(&self, context: &Context, queries: usize, weights: bool) -> Vec<Task> {
        let lists =
            |from: usize, to: usize| (from..to).step_by(MOST_ROWS).map(move |first| (first, MOST_ROWS.min(to - first)));
        let shown = context.len();
        let mut tasks: Vec<Task> = match self.spec.variant {
            Variant::Equivariant => {
                lists(context.encoded, shown).map(|(first, rows)| Task::Inputs { first, rows }).collect()
            }
            _ => lists(context.ready, shown).map(|(first, rows)| Task::Tokens { first, rows }).collect(),
        };
        if self.spec.variant == Variant::Equivariant && context.ready < shown {
            tasks.push(Task::Tokens { first: 0, rows: shown });
        }
        let ask = |(answers_first, rows)| Task::Queries { shown, rows, answers_first, weights };
        tasks.extend(lists(0, queries).map(ask));
        tasks
    }

    /// Buffers and elements from which on `task` finds the inputs of its rows.
    pub fn takes_inputs(&self, task: Task) -> Vec<(Buffer, usize)> {
        match (task, &self.spec.equivariant) {
            (Task::Inputs { first, .. }, Some(set)) => {
                let scratch = set.stem.as_ref().map(|_| (Buffer::Inputs, 0));
                scratch.into_iter().chain([(Buffer::Shown(0), first * self.spec.inputs)]).collect()
            }
            // they are in the cache
            (Task::Tokens { .. }, Some(_)) => Vec::new(),
            _ => vec![(Buffer::Inputs, 0)],
        }
    }

    /// The launches of `task`, in order.
    pub fn launches(&self, task: Task, options: QueryOptions) -> Vec<Launch> {
        match self.spec.variant {
            // they differ in switches alone
            Variant::Paper | Variant::Shifted => causal::launches(&self.spec, &self.tensors, task),
            Variant::Equivariant => set::launches(&self.spec, &self.tensors, task, options),
        }
    }

    /// Every kernel that a list may launch.
    pub fn kernels(&self) -> Vec<&'static Kernel> {
        let tasks = [
            Task::Inputs { first: 0, rows: 1 },
            Task::Tokens { first: 0, rows: 1 },
            Task::Queries { shown: 1, rows: 1, answers_first: 0, weights: true },
        ];
        let set = self.spec.equivariant.is_some();
        let tasks = tasks.into_iter().filter(|task| set || !matches!(task, Task::Inputs { .. }));
        let launches = tasks.flat_map(|task| self.launches(task, QueryOptions::of(&self.spec)));
        let mut kernels: Vec<&'static Kernel> = Vec::new();
        for launch in launches {
            if kernels.iter().all(|known| known.name != launch.step.kernel().name) {
                kernels.push(launch.step.kernel());
            }
        }
        kernels
    }

    /// No list has more launches.
    pub fn most_launches(&self) -> usize {
        let tasks = [
            // a ridge takes more of them the more is shown
            Task::Tokens { first: 0, rows: self.spec.longest - 1 },
            Task::Queries { shown: 1, rows: 1, answers_first: 0, weights: true },
        ];
        tasks.map(|task| self.launches(task, QueryOptions::of(&self.spec)).len()).into_iter().max().expect("two tasks")
    }

    /// Elements of a scratch or cache buffer.
    pub fn elements(&self, buffer: Buffer, room: Room) -> usize {
        buffer::elements(&self.spec, buffer, room)
    }

    /// Every scratch and cache buffer.
    pub fn buffers(&self) -> Vec<Buffer> {
        buffer::buffers(&self.spec)
    }

    /// Views of a set learner: how many `Shown` buffers it has.
    pub fn views(&self) -> usize {
        self.spec.equivariant.as_ref().map_or(0, |set| set.views())
    }

    /// Ridges of a set learner.
    pub fn ridges(&self) -> usize {
        self.spec.equivariant.as_ref().map_or(0, |set| set.ridge.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{attention, local_scale, ridge_scores, set_attention, set_logits, set_mlp};
    use crate::model::spec::Stem;

    fn set() -> ModelSpec {
        use crate::model::spec::{Convolution, Equivariant, Ridge, RidgeKernel};
        let convolution = Convolution { channels: 3, size: 3, stride: 2 };
        let stem = Stem { side: 4, channels: 1, convolutions: vec![convolution; 3], embedding: 5 };
        let ridge = vec![Ridge { kernel: RidgeKernel::Local, lambda: 0.1, raw: false }];
        let mut spec = ModelSpec::equivariant(16, 5, 8, 2);
        spec.equivariant = Some(Equivariant { ridge, stem: Some(stem), ..spec.set().clone() });
        spec
    }

    #[test]
    fn every_launch_has_a_buffer_for_each_binding_and_writes_no_weight() {
        let all = [
            (ModelSpec::paper(16, 4, 0.0, 1.0), 99),
            (ModelSpec::shifted(16, 8, 2, 2), 255),
            (ModelSpec::equivariant(16, 5, 8, 2), 1024),
            (set(), 1024),
        ];
        for (spec, longest) in all {
            let plan = Plan::new(&spec);
            let (most, kernels) = (plan.most_launches(), plan.kernels());
            let tasks = [
                Task::Inputs { first: 1, rows: 2 },
                Task::Tokens { first: 0, rows: 3 },
                Task::Tokens { first: 0, rows: longest },
                Task::Queries { shown: longest, rows: 2, answers_first: 0, weights: false },
                Task::Queries { shown: 0, rows: 2, answers_first: 0, weights: false },
            ];
            let options = [QueryOptions::of(&spec), QueryOptions { images: false, ..QueryOptions::of(&spec) }];
            for (task, options) in tasks.into_iter().flat_map(|task| options.map(|options| (task, options))) {
                if matches!(task, Task::Inputs { .. }) && spec.equivariant.is_none() {
                    continue;
                }
                let launches = plan.launches(task, options);
                assert!(launches.len() <= most);
                for launch in launches {
                    let kernel = launch.step.kernel();
                    assert!(kernels.iter().any(|known| known.name == kernel.name), "{} is not compiled", kernel.name);
                    assert_eq!(launch.buffers.len(), kernel.bindings.len(), "{}", kernel.name);
                    assert_eq!(launch.step.params().len(), kernel.params_size, "{}", kernel.name);
                    for (binding, buffer) in kernel.bindings.iter().zip(&launch.buffers) {
                        use Buffer::*;
                        let weight = matches!(
                            buffer,
                            Tensor(_)
                                | Blend(_)
                                | Scale(_)
                                | Project(_)
                                | Slopes(_)
                                | Up(_)
                                | Down(_)
                                | ReadOut
                                | Lambda
                        );
                        assert!(weight || plan.buffers().contains(buffer), "{buffer:?} is not made");
                        assert!(!(binding.written && weight), "{} writes {buffer:?}", kernel.name);
                        let uses = launch.buffers.iter().filter(|other| *other == buffer).count();
                        assert!(
                            !binding.written || uses == 1,
                            "{}: {buffer:?} is written and bound twice",
                            kernel.name
                        );
                        let cache = matches!(
                            buffer,
                            Keys(_)
                                | Slots(_)
                                | Values(_)
                                | Shown(_)
                                | Mean(_)
                                | Squares(_)
                                | Scales(_)
                                | Gram
                                | Inverse
                        );
                        let query = matches!(task, Task::Queries { .. });
                        assert!(!(binding.written && cache && query), "a query writes the cache");
                    }
                }
            }
        }
    }

    #[test]
    fn no_grid_exceeds_webgpus_limit() {
        let mut spec = set();
        (spec.classes, spec.width, spec.key_size, spec.heads) = (256, 8, 4, 64);
        spec.validate().unwrap();
        let plan = Plan::new(&spec);
        for task in [
            Task::Tokens { first: 0, rows: 1024 },
            Task::Queries { shown: 1024, rows: MOST_ROWS, answers_first: 0, weights: false },
        ] {
            for launch in plan.launches(task, QueryOptions::of(&spec)) {
                assert!(launch.step.grid().iter().all(|count| *count <= 65_535), "{launch:?}");
            }
        }
    }

    #[test]
    fn attention_has_room_for_the_longest_context() {
        let mut spec = ModelSpec::shifted(16, 8, 2, 2);
        spec.longest = attention::SLOTS as usize;
        spec.validate().unwrap();
        spec.longest += 1;
        assert!(spec.validate().is_err());
    }
    #[test]
    fn the_kernels_of_a_set_learner_have_room_for_the_largest() {
        let slots = [local_scale::SLOTS, ridge_scores::SLOTS, set_attention::SLOTS].into_iter().min().unwrap() as usize;
        let largest = |change: fn(&mut ModelSpec, usize), most: usize| {
            let mut spec = ModelSpec::equivariant(16, 2, 8, 2);
            change(&mut spec, most);
            spec.validate().unwrap();
            change(&mut spec, most + 1);
            assert!(spec.validate().is_err());
        };
        largest(|spec, most| spec.longest = most + 1, slots);
        largest(|spec, most| spec.classes = most, set_logits::CLASSES as usize);
        largest(|spec, most| (spec.mlp_factor, spec.width) = (1, most), set_mlp::HIDDEN as usize);
    }
}
