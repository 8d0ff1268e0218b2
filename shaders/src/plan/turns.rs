//! How many turns the loops of a launch take.
//!
//! Mesa's llvmpipe ends the loops of an invocation after 65,535 turns, added up over all of them, without a word: what is
//! summed then is a part of it.

use super::step::Step;
use crate::kernel::{attention, qkv, ridge_scores, set_attention, set_mlp};

/// Turns of an invocation after which llvmpipe (Mesa 22.3) leaves its loops.
pub const LLVMPIPE: u64 = 65_535;

/// Most turns that an invocation of a launch takes, over all of its loops. Kernels whose loops run over one size alone
/// count as none: the sizes of a valid learner are far below any limit.
pub fn turns(step: &Step) -> u64 {
    /// A loop over `count` elements that `threads` share, with an inner one of `inner` turns.
    fn shared(count: u32, threads: u32, inner: u64) -> u64 {
        u64::from(count.div_ceil(threads)) * (1 + inner)
    }
    match step {
        Step::Attention(p) => {
            let slots = p.cached + p.step * p.rows + p.own;
            let key = u64::from(p.key_size);
            let share = |count, inner| shared(count, attention::THREADS, inner);
            share(p.key_size, 0) + share(slots, key) + 2 * share(slots, 0) + share(p.key_size, slots.into())
        }
        Step::RidgeScores(p) => {
            let share = |count| shared(count, ridge_scores::THREADS, p.shown.into());
            2 * share(p.classes) + 3 * share(p.shown)
        }
        Step::Qkv(p) => {
            let share = |count, inner| shared(count, qkv::THREADS, inner);
            share(p.classes * p.width, 0) + share(p.classes * p.count, p.width.into())
        }
        Step::SetAttention(p) => {
            let share = |count, inner| shared(count, set_attention::THREADS, inner);
            let product = u64::from(p.classes) * (1 + u64::from(p.key_size));
            let features = u64::from(p.views + p.ridges);
            share(p.shown, product + features) + 3 * share(p.shown, 0) + share(p.classes * p.key_size, p.shown.into())
        }
        Step::SetMlp(p) => {
            let share = |count, inner: u32| shared(count, set_mlp::THREADS, inner.into());
            let at_once = (set_mlp::HIDDEN / p.hidden).min(p.classes);
            let group = 1 + share(at_once * p.hidden, p.width) + share(at_once * p.width, p.hidden);
            let groups = u64::from(p.classes.div_ceil(at_once));
            share(p.classes * p.width, p.channels)
                + share(p.width, p.classes)
                + share(p.hidden, p.width)
                + groups * group
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelSpec;
    use crate::model::spec::QueryOptions;
    use crate::plan::task::Task;
    use crate::plan::{MOST_ROWS, Plan};

    fn most(spec: &ModelSpec, shown: usize) -> u64 {
        spec.validate().unwrap();
        let plan = Plan::new(spec);
        let tasks = [
            Task::Tokens { first: 0, rows: shown },
            Task::Queries { shown, rows: MOST_ROWS, answers_first: 0, weights: false },
        ];
        let launches = tasks.into_iter().flat_map(|task| plan.launches(task, QueryOptions::of(spec)));
        launches.map(|launch| turns(&launch.step)).max().unwrap()
    }

    #[test]
    fn turns_are_those_of_the_loops() {
        // by hand: 100 examples are two for each of 64 threads, 3 classes of 4 numbers one
        let mut spec = ModelSpec::equivariant(8, 3, 8, 1);
        spec.key_size = 4;
        let attention = 2 * (1 + 3 * 5) + 3 * 2 + (1 + 100);
        assert!(most(&spec, 100) >= attention as u64);
        let params = set_attention::Params { classes: 3, key_size: 4, shown: 100, ..bytemuck::Zeroable::zeroed() };
        assert_eq!(turns(&Step::SetAttention(params)), attention as u64);
    }

    #[test]
    fn many_classes_of_many_examples_are_too_many_turns_for_llvmpipe() {
        let mut spec = ModelSpec::equivariant(8, 10, 32, 2);
        (spec.key_size, spec.longest) = (16, 1024);
        assert!(most(&spec, 1000) < LLVMPIPE);
        spec.classes = 200;
        assert!(most(&spec, 1000) > LLVMPIPE && most(&spec, 100) < LLVMPIPE);
    }
}
