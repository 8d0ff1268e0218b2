//! Draws one family for each task, by the weights of [`Prior`].

use shaders::input::pixels;
use shaders::random::Stream;

use super::super::choose::choose;
use super::super::config::Prior;
use super::super::labels::Classes;
use super::{fields, shapes, strokes, vectors};

impl Prior {
    /// `t` examples of a new task: (`[T, D₀]`, D₀, class of each). `task` draws what the task is, `stream` its examples.
    pub fn sample(
        &self,
        classes: &Classes,
        t: usize,
        task: &mut Stream,
        stream: &mut Stream,
    ) -> (Vec<f32>, usize, Vec<u32>) {
        let own = classes.sequence(t, stream);
        let raw = self.raw(classes.count(), &own, false, task, stream);
        let dimensions = raw.len() / t;
        (raw, dimensions, own)
    }

    /// Whether some family draws pictures.
    pub fn draws_pictures(&self) -> bool {
        self.strokes + self.fields + self.shapes > 0.0
    }

    /// Examples of a new task with `k` classes, standardised, `[T, D₀]`. `own`: class of each; `pictures`: whether only
    /// families of pictures may be drawn.
    pub fn raw(&self, k: usize, own: &[u32], pictures: bool, task: &mut Stream, stream: &mut Stream) -> Vec<f32> {
        let mut weights = [
            self.spectral,
            self.network,
            self.clusters,
            self.prototypes,
            self.sparse,
            self.strokes,
            self.fields,
            self.shapes,
            self.mixtures,
        ];
        if pictures {
            weights[..5].fill(0.0);
            weights[8] = 0.0;
        }
        let mut raw = match choose(&weights, weights.len(), task) {
            0 => vectors::spectral(k, own, task, stream),
            1 => {
                let z = vectors::spectral(k, own, task, stream);
                vectors::network(&z, task)
            }
            2 => vectors::clusters(k, own, task, stream),
            3 => vectors::prototypes(k, own, task, stream),
            4 => vectors::sparse(k, own, task, stream),
            5 => strokes::strokes(k, own, task, stream),
            6 => fields::fields(k, own, task, stream),
            7 => shapes::shapes(k, own, task, stream),
            _ => vectors::mixtures(k, own, task, stream),
        };
        let dimensions = raw.len() / own.len();
        for example in raw.chunks_exact_mut(dimensions) {
            pixels::standardise(example);
        }
        raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TaskConfig;
    use shaders::random::stream;

    /// Accuracy of the nearest class mean on the second half, from the first half.
    fn nearest_mean(raw: &[f32], d: usize, own: &[u32], k: usize) -> f64 {
        let half = own.len() / 2;
        let mut means = vec![0f32; k * d];
        let mut count = vec![0f32; k];
        for i in 0..half {
            let c = own[i] as usize;
            count[c] += 1.0;
            for x in 0..d {
                means[c * d + x] += raw[i * d + x];
            }
        }
        let right = (half..own.len()).filter(|&i| {
            let distance = |c: usize| -> f32 {
                (0..d).map(|x| (raw[i * d + x] - means[c * d + x] / count[c].max(1.0)).powi(2)).sum()
            };
            let best = (0..k).min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap();
            best == own[i] as usize
        });
        right.count() as f64 / (own.len() - half) as f64
    }

    #[test]
    fn every_family_can_be_learned_and_is_standardised() {
        let names =
            ["spectral", "network", "clusters", "prototypes", "sparse", "strokes", "fields", "shapes", "mixtures"];
        for (i, name) in names.iter().enumerate() {
            let mut prior = Prior::none();
            *[
                &mut prior.spectral,
                &mut prior.network,
                &mut prior.clusters,
                &mut prior.prototypes,
                &mut prior.sparse,
                &mut prior.strokes,
                &mut prior.fields,
                &mut prior.shapes,
                &mut prior.mixtures,
            ][i] = 1.0;
            let mut accuracy = 0.0;
            for task in 0..20 {
                let mut a = stream(9, "prior task", task);
                let mut b = stream(9, "prior examples", task);
                let classes = Classes::draw(&TaskConfig::default(), 10, &mut a);
                let (raw, d, own) = prior.sample(&classes, 200, &mut a, &mut b);
                for x in raw.chunks_exact(d) {
                    let mean = x.iter().sum::<f32>() / d as f32;
                    assert!(mean.abs() < 1e-3 && x.iter().all(|v| v.is_finite()), "{name}");
                }
                accuracy += nearest_mean(&raw, d, &own, 10) / 20.0;
            }
            // far above chance (0.1), and not trivial
            assert!((0.3..0.995).contains(&accuracy), "{name}: nearest mean {accuracy}");
        }
    }
}
