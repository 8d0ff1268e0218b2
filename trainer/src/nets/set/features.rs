//! Features of pairs of rows and shown examples, from which attention heads make their weights.

use burn::tensor::{Device, Tensor};

use super::view::{Ridges, View};

/// Sizes of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// B
    pub b: usize,
    /// M: rows of an episode, shown and asked.
    pub m: usize,
    /// N: shown ones among them.
    pub n: usize,
    /// C in use.
    pub c: usize,
}

/// Features of a batch.
pub(super) struct Features {
    pub sizes: Sizes,
    /// Of softmax heads, `[F, B·M·N]`.
    pub softmax: Tensor<2>,
    /// Of linear heads, if there are any, `[F, B·M·N]`.
    pub linear: Option<Tensor<2>>,
    /// 1 where a row is the shown example itself, which is not among those it sees, `[1, M, N]`.
    pub own: Tensor<3>,
}

impl Features {
    pub(super) fn new(sizes: Sizes, views: &[View], ridges: &Ridges, linear_heads: usize, device: &Device) -> Features {
        let Sizes { b, m, n, .. } = sizes;
        let flat = |tensors: Vec<Tensor<3>>| -> Tensor<2> {
            let rows = tensors.into_iter().map(|t| t.reshape([1, b * m * n])).collect();
            Tensor::cat(rows, 0)
        };
        let softmax = flat(
            views
                .iter()
                .flat_map(|v| {
                    let cos = v.cosine.clone();
                    [cos.clone(), cos.clone() * cos, v.distance.clone().neg(), v.local.clone().neg()]
                })
                .collect(),
        );
        let own: Vec<f32> = (0..m * n).map(|at| f32::from(u8::from(at / n == at % n))).collect();
        let own = Tensor::<1>::from_floats(own.as_slice(), device).reshape([1, m, n]);
        let seen: Vec<f32> = (0..m)
            .flat_map(|i| {
                let seen = if i < n { n - 1 } else { n };
                (0..n).map(move |j| if i == j { 0.0 } else { 1.0 / seen.max(1) as f32 })
            })
            .collect();
        let seen = Tensor::<1>::from_floats(seen.as_slice(), device).reshape([1, m, n]);
        let linear = (linear_heads > 0).then(|| {
            let of_views = views.iter().flat_map(|v| {
                let cos = v.cosine.clone();
                [cos.clone(), cos.clone() * cos, v.local.clone().neg().exp()].map(|feature| feature * seen.clone())
            });
            flat(of_views.chain(ridges.alpha.iter().cloned()).collect())
        });
        Features { sizes, softmax, linear, own }
    }

    /// What heads add to attention, from a slope for each feature and head, `[heads·B, rows, N]` for the last `rows`.
    pub(super) fn weigh(&self, slopes: Tensor<2>, features: &Tensor<2>, scale: f32, rows: usize) -> Tensor<3> {
        let Sizes { b, m, n, .. } = self.sizes;
        let [_, heads] = slopes.dims();
        let slopes = slopes.swap_dims(0, 1) * scale;
        let all = slopes.matmul(features.clone()).reshape([heads * b, m, n]);
        if rows < m { all.narrow(1, m - rows, rows) } else { all }
    }
}
