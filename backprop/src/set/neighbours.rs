//! The loss of an embedding whose neighbours vote for every row, by which a stem is taught directly.

use super::sizes::Sizes;
use super::view::View;
use crate::buffer::room;
use crate::simd;

/// How sharply neighbours are distinguished: the factor of their cosines.
const SHARPNESS: f32 = 10.0;

/// Added to a chance: a class whose only example is asked about itself has none at all.
const LEAST_CHANCE: f32 = 1e-3;

/// Adds to the gradient of the cosines that of `weight` times the negative sum of ln(chance + 1e-3), where the chance of a
/// row's label is the share of shown examples with it in softmax_j(10·cos_ij). A shown example does not see itself.
///
/// # Shapes
/// `labels` `[M]`, `d_cosine` `[M, stride]`
pub fn backward(
    view: &View,
    labels: &[u32],
    Sizes { n, stride, .. }: Sizes,
    (weight, shares): (f32, &mut Vec<f32>),
    d_cosine: &mut [f32],
) {
    let shares = room(shares, n);
    let rows = view.cosine.chunks_exact(stride).zip(d_cosine.chunks_exact_mut(stride));
    simd::fast(
        #[inline(always)]
        || {
            for (i, ((cosine, d), label)) in rows.zip(labels).enumerate() {
                shares.iter_mut().zip(cosine).for_each(|(share, cosine)| *share = SHARPNESS * cosine);
                if i < n {
                    shares[i] = -1e30;
                }
                simd::softmax(shares);
                let votes = shares.iter().zip(&labels[..n]).filter(|(_, own)| *own == label);
                let chance: f32 = votes.map(|(share, _)| share).sum();
                let slope = -weight * SHARPNESS / (chance + LEAST_CHANCE);
                for ((d, share), own) in d.iter_mut().zip(&*shares).zip(labels) {
                    let votes = if own == label { 1.0 } else { 0.0 };
                    *d += slope * share * (votes - chance);
                }
            }
        },
    );
}
