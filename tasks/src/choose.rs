//! Weighted choice.

use rand::RngExt;
use shaders::random::Stream;

/// An index by weight, or uniform if there are none.
pub(super) fn choose(weights: &[f64], count: usize, stream: &mut Stream) -> usize {
    if weights.is_empty() {
        return stream.random_range(0..count);
    }
    let mut left = stream.random::<f64>() * weights.iter().sum::<f64>();
    for (i, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return i;
        }
    }
    weights.len() - 1
}
