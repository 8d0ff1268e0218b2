//! What a forward pass costs.

use super::spec::{Equivariant, ModelSpec};

impl ModelSpec {
    /// All tokens shown, and one query: what one answer costs without a cache.
    fn set_flop(&self, set: &Equivariant, tokens: usize) -> f64 {
        let (n, c, d, f) = (tokens as f64, self.classes as f64, self.width as f64, self.mlp() as f64);
        let (hk, all) = (self.channels() as f64, ((self.heads + set.linear_heads) * self.key_size) as f64);
        let token = c * self.layers as f64 * (2.0 * d * hk + 2.0 * d * all + 3.0 * d * f);
        let pairs = n * (self.inputs as f64 + c * self.layers as f64 * (hk + all));
        // N³ for each inverse, and N² for each α and representation
        let ridges = 3.0 * set.ridge.len() as f64 * n * n;
        let stem = set.stem.as_ref().map_or(0.0, |stem| {
            let sizes = stem.sizes();
            let convolutions = stem.convolutions.iter().enumerate().map(|(i, convolution)| {
                let ((_, inputs), (side, channels)) = (sizes[i], sizes[i + 1]);
                (side * side * channels * convolution.size * convolution.size * inputs) as f64
            });
            let (side, channels) = sizes[sizes.len() - 1];
            convolutions.sum::<f64>() + ((side * side * channels + stem.values()) * stem.embedding) as f64
        });
        2.0 * n * (token + pairs + ridges + stem)
    }

    /// Floating-point operations of one forward pass of one episode of T tokens (a multiplication and an
    /// addition count as two); a training step costs about three times as much.
    pub fn forward_flop(&self, tokens: usize) -> f64 {
        if let Some(set) = &self.equivariant {
            return self.set_flop(set, tokens);
        }
        let (x, c, d, f, hk) = (self.inputs, self.classes, self.width, self.mlp(), self.channels());
        let token = x * d + self.layers * (4 * d * hk + 2 * d * f) + d * c;
        // causal: half of the T² pairs, twice (logits and values)
        let pairs = self.layers * hk * tokens;
        2.0 * tokens as f64 * (token + pairs) as f64
    }
}
