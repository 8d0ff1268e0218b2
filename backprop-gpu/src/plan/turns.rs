//! How many turns the loops of a launch take. Some adapters leave an invocation after so many, without a word; see
//! [`shaders::plan::turns`].

use super::launch::Launch;
use crate::kernel::common::Kernel;
use crate::kernel::{column_sums, muon_unit, product, score};

/// Most turns that an invocation of a launch takes, over all of its loops. Kernels whose loops run over one size of the
/// learner, or over the few shares of the gradient, count as none.
pub fn turns(launch: &Launch) -> u64 {
    fn params<P: bytemuck::Pod>(launch: &Launch, kernel: &'static Kernel) -> Option<P> {
        std::ptr::eq(launch.kernel, kernel).then(|| bytemuck::pod_read_unaligned(&launch.params))
    }
    if let Some(p) = params(launch, &product::KERNEL) {
        return product::turns(&p);
    }
    if let Some(p) = params(launch, &column_sums::KERNEL) {
        return column_sums::turns(&p);
    }
    if let Some(p) = params(launch, &score::KERNEL) {
        return score::turns(&p);
    }
    params(launch, &muon_unit::KERNEL).map_or(0, |p| muon_unit::turns(&p))
}

#[cfg(test)]
mod tests {
    use shaders::model::spec::ModelSpec;
    use shaders::plan::turns::LLVMPIPE;

    use super::super::Plan;
    use super::*;

    /// Most turns of a step's launches, with shares of the gradient in so many bytes.
    fn most(spec: &ModelSpec, shape: [usize; 2], bytes: u64) -> u64 {
        Plan::new(spec, shape, bytes, true).launches.iter().map(turns).max().unwrap()
    }

    #[test]
    fn a_product_sums_over_its_share_of_the_depth() {
        let p = product::Params { shares: 4, sums: 1, ..product::Params::new([3, 1000, 5]) };
        // 250 for a share: 16 times 16, each once for the product and once for the sums of rows; then four columns
        assert_eq!(product::turns(&p), 16 * (1 + 2 * 16) + 4);
        assert_eq!(product::turns(&product::Params::new([3, 1000, 5])), 63 * 17);
    }

    #[test]
    fn large_batches_are_too_many_turns_only_where_the_gradient_has_few_shares() {
        let mut spec = ModelSpec::shifted(16, 16, 1, 1);
        spec.longest = 100;
        let shape = [2_000, 100];
        assert!(most(&spec, [512, 100], 1 << 28) < LLVMPIPE && most(&spec, shape, 1 << 28) < LLVMPIPE);
        assert!(most(&spec, shape, 1) > LLVMPIPE);
    }
}
