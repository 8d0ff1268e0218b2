//! Where a query looked.

/// Where a query looked: softmax weights of every head over the slots of the context.
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    /// L.
    pub layers: usize,
    /// H.
    pub heads: usize,
    /// N + 1: a slot for each token shown, and last the query's own, which a set learner never looks at unless there is
    /// no other.
    pub slots: usize,
    /// `[L, H, N + 1]`; each row sums to 1.
    pub weights: Vec<f32>,
    /// Share of the preceding token in a slot's key, `[L, H]`: 0 without key shift, 1 with the full one.
    pub blend: Vec<f32>,
    /// Set learners: how each ridge writes the query in terms of the shown examples, signed, `[ridges, N]`.
    pub alpha: Vec<f32>,
}

impl Attention {
    /// How much each shown example mattered, `[N]`, summing to 1 (all 0 where nothing mattered).
    ///
    /// In a causal learner everything goes through attention: [`Attention::example_weights`], scaled to the sum of 1.
    /// In a set learner half of it is the share of the softmax heads and half that of the ridges, |α| of each scaled to
    /// the sum of 1, for the examples act through both: softmax heads mix their states, and linear heads and the
    /// scores of the read-out follow α.
    pub fn importance(&self) -> Vec<f32> {
        let scaled = |mut shares: Vec<f32>| {
            let total: f32 = shares.iter().map(|share| share.abs()).sum();
            shares.iter_mut().for_each(|share| *share = if total > 0.0 { share.abs() / total } else { 0.0 });
            shares
        };
        let mut shares = scaled(self.example_weights());
        let shown = shares.len();
        if shown > 0 && !self.alpha.is_empty() {
            let ridges = (self.alpha.len() / shown) as f32;
            for alpha in self.alpha.chunks_exact(shown) {
                for (share, alpha) in shares.iter_mut().zip(scaled(alpha.to_vec())) {
                    *share += alpha / ridges;
                }
            }
            shares = scaled(shares);
        }
        shares
    }

    /// Share of attention that each shown example got, averaged over layers and heads, `[N]`.
    ///
    /// A slot's weight goes to the example that its key describes: slot j to example j without key shift, to
    /// example j − 1 with the full shift (so that the query's own slot stands for the last example), and to both
    /// in the proportions of the gate with the gated one. What slot 0 gets for a key before the first example,
    /// and the query for its own key, belongs to no example: the shares sum to at most 1.
    pub fn example_weights(&self) -> Vec<f32> {
        let mut shares = vec![0.0; self.slots - 1];
        for (weights, &blend) in self.weights.chunks_exact(self.slots).zip(&self.blend) {
            for (slot, &weight) in weights.iter().enumerate() {
                if let Some(share) = shares.get_mut(slot) {
                    *share += (1.0 - blend) * weight;
                }
                if slot > 0 {
                    shares[slot - 1] += blend * weight;
                }
            }
        }
        let rows = (self.layers * self.heads) as f32;
        shares.iter_mut().for_each(|share| *share /= rows);
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_counts_for_the_example_its_key_describes() {
        let shares = |blend: f32| {
            let weights = vec![0.1, 0.2, 0.7];
            Attention { layers: 1, heads: 1, slots: 3, weights, blend: vec![blend], alpha: Vec::new() }
                .example_weights()
        };
        assert_eq!(shares(1.0), [0.2, 0.7]);
        assert_eq!(shares(0.0), [0.1, 0.2]);
        assert_eq!(shares(0.5), [0.5 * 0.1 + 0.5 * 0.2, 0.5 * 0.2 + 0.5 * 0.7]);
    }

    #[test]
    fn importance_sums_to_1_and_counts_ridges_by_size_alone() {
        let close = |got: Vec<f32>, want: [f32; 2]| {
            assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-6), "{got:?}, {want:?}");
        };
        let attention = |weights: [f32; 3], alpha: &[f32]| {
            let (weights, alpha) = (weights.to_vec(), alpha.to_vec());
            Attention { layers: 1, heads: 1, slots: 3, weights, blend: vec![0.0], alpha }.importance()
        };
        close(attention([0.1, 0.3, 0.6], &[]), [0.25, 0.75]);
        close(attention([0.1, 0.3, 0.6], &[-3.0, 1.0]), [0.5, 0.5]);
        close(attention([0.1, 0.3, 0.6], &[-3.0, 1.0, 0.0, 0.5]), [0.3125, 0.6875]);
        close(attention([0.0, 0.0, 1.0], &[]), [0.0, 0.0]);
    }
}
