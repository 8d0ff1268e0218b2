//! The buffers of an episode, and from its inputs to log-probabilities and back to the gradient of every weight.

use std::ops::Range;

use shaders::model::spec::ModelSpec;

use super::attention::Asking;
use super::features::Features;
use super::layer::{Buffers, Layer, Weights};
use super::neighbours;
use super::places::Places;
use super::ridges::Ridges;
use super::rms::{Rms, fold, unfold};
use super::sizes::{Episode, Sizes};
use super::stem::Stem;
use super::view::{Gradients, View};
use crate::buffer::room;
use crate::layout::Layout;
use crate::matrix::{Matrix, multiply};
use crate::simd;

/// What is summed into the loss of an episode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loss {
    /// Weight of each query's cross-entropy.
    pub queries: f32,
    /// Weight of each row's −ln(chance + 1e-3) by its neighbours in the stem's embedding; 0 leaves them out.
    pub neighbours: f32,
}

/// Buffers of one episode, kept from step to step; one for each thread.
pub struct Workspace {
    spec: ModelSpec,
    places: Places,
    parameters: usize,
    stem: Option<Stem>,
    /// Of the inputs, and of their embedding if there is a stem.
    views: Vec<View>,
    d_view: Gradients,
    ridges: Ridges,
    features: Features,
    layers: Vec<Layer>,
    norm: Rms,
    /// `[M·C, D]`
    state: Vec<f32>,
    /// Gains folded into the read-out, `[D]`.
    readout: Vec<f32>,
    /// `[Q, C]`
    log_probabilities: Vec<f32>,
    d_logits: Vec<f32>,
    d_normal: Vec<f32>,
    d_readout: Vec<f32>,
    d_state: Vec<f32>,
    shares: Vec<f32>,
    buffers: Buffers,
}

impl Workspace {
    /// Buffers for a set learner.
    ///
    /// # Panics
    /// For another variant.
    pub fn new(spec: &ModelSpec) -> Workspace {
        let layout = Layout::new(spec);
        let stem = spec.set().stem.as_ref().map(Stem::new);
        Workspace {
            places: Places::new(spec, &layout),
            parameters: layout.total,
            views: (0..1 + usize::from(stem.is_some())).map(|_| View::default()).collect(),
            stem,
            d_view: Gradients::default(),
            ridges: Ridges::default(),
            features: Features::default(),
            layers: (0..spec.layers).map(|_| Layer::default()).collect(),
            spec: spec.clone(),
            norm: Rms::default(),
            state: Vec::new(),
            readout: Vec::new(),
            log_probabilities: Vec::new(),
            d_logits: Vec::new(),
            d_normal: Vec::new(),
            d_readout: Vec::new(),
            d_state: Vec::new(),
            shares: Vec::new(),
            buffers: Buffers::default(),
        }
    }

    /// Log-probabilities of the queries, `[Q, C]`; adds the gradient of the loss to `gradient`. With nothing shown every
    /// class is as likely, and no weight has a gradient.
    ///
    /// # Shapes
    /// `weights` and `gradient` every tensor in the order of [`ModelSpec::tensors`], one after another.
    ///
    /// # Panics
    /// For an episode without queries, labels that are not below C, and weights of another learner.
    pub fn gradient(&mut self, weights: &[f32], episode: Episode<'_>, loss: Loss, gradient: &mut [f32]) -> &[f32] {
        let sizes = Sizes::new(&self.spec, &episode);
        let Sizes { m, n, c, .. } = sizes;
        assert_eq!((weights.len(), gradient.len()), (self.parameters, self.parameters), "weights of another learner");
        assert!(m > n && episode.inputs.len().is_multiple_of(m), "rows [M, X], N of them shown");
        assert!(episode.labels.iter().all(|&label| (label as usize) < c), "labels are below C");
        if n == 0 {
            let logs = room(&mut self.log_probabilities, m * c);
            logs.fill(-(c as f32).ln());
            return logs;
        }
        let learned = self.look(weights, &episode, sizes);
        self.forward(weights, &episode, sizes);
        self.backward(weights, &episode, (sizes, loss.queries), gradient);
        if learned {
            let Workspace { features, views, d_view, stem, places, shares, .. } = self;
            features.backward_view(&views[1], sizes, d_view);
            if loss.neighbours > 0.0 && n > 1 {
                neighbours::backward(&views[1], episode.labels, sizes, (loss.neighbours, shares), &mut d_view.cosine);
            }
            let d = views[1].backward(d_view, sizes);
            if let (Some(stem), Some(places)) = (stem, &places.stem) {
                stem.backward(weights, places, d, gradient);
            }
        }
        &self.log_probabilities
    }

    /// Views, ridges and features; whether one view is learned.
    fn look(&mut self, weights: &[f32], episode: &Episode<'_>, sizes: Sizes) -> bool {
        let Workspace { spec, places, stem, views, ridges, features, .. } = self;
        let set = spec.set();
        views[0].forward(episode.inputs, sizes, set.neighbour);
        let learned = match (stem, &places.stem) {
            (Some(stem), Some(places)) if episode.images => {
                views[1].forward(stem.forward(weights, places, episode.inputs, sizes.m), sizes, set.neighbour);
                true
            }
            _ => false,
        };
        let differ = &views[..1 + usize::from(learned)];
        ridges.forward(set, differ, episode, sizes);
        features.forward(differ, set.views(), ridges, sizes);
        learned
    }

    fn asking(&self, sizes: Sizes, l: usize) -> Asking {
        // nobody reads the shown examples of the last layer
        Asking { sizes, first: if l + 1 == self.spec.layers { sizes.n } else { 0 } }
    }

    fn forward(&mut self, weights: &[f32], episode: &Episode<'_>, sizes: Sizes) {
        self.embed(weights, episode, sizes);
        for l in 0..self.layers.len() {
            let asking = self.asking(sizes, l);
            let layer = Weights { all: weights, places: &self.places.layers[l] };
            self.layers[l].forward(layer, asking, &self.features, &mut self.buffers, &mut self.state);
        }
        let Sizes { n, c, d, .. } = sizes;
        let s = self.spec.set().scores();
        let at = |place: &Range<usize>| &weights[place.clone()];
        let (of_state, of_scores) = at(&self.places.readout).split_at(d);
        self.norm.forward(&self.state[n * c * d..], c * d);
        let readout = room(&mut self.readout, d);
        fold(at(&self.places.norm), of_state, readout, (0, 1));
        let logits = room(&mut self.log_probabilities, (sizes.m - n) * c);
        let rows = self.norm.normal.chunks_exact(d).zip(self.ridges.scores[n * c * s..].chunks_exact(s));
        simd::fast(
            #[inline(always)]
            || {
                for ((normal, scores), logit) in rows.zip(&mut *logits) {
                    *logit = simd::dot(normal, readout) + simd::dot(scores, of_scores);
                }
                logits.chunks_exact_mut(c).for_each(simd::log_softmax);
            },
        );
    }

    /// The state before the first layer.
    fn embed(&mut self, weights: &[f32], episode: &Episode<'_>, Sizes { m, n, c, d, .. }: Sizes) {
        let at = |place: &Range<usize>| &weights[place.clone()];
        let s = self.spec.set().scores();
        let state = room(&mut self.state, m * c * d);
        let (shown, asked) = state.split_at_mut(n * c * d);
        asked.chunks_exact_mut(d).for_each(|row| row.copy_from_slice(at(&self.places.query)));
        for (rows, &label) in shown.chunks_exact_mut(c * d).zip(episode.labels) {
            rows.chunks_exact_mut(d).for_each(|row| row.copy_from_slice(at(&self.places.shown)));
            let own = &mut rows[label as usize * d..][..d];
            own.iter_mut().zip(at(&self.places.label)).for_each(|(to, label)| *to += label);
        }
        let (scores, weight) = (Matrix::rows(&self.ridges.scores, s), Matrix::rows(at(&self.places.scores), d));
        multiply([m * c, s, d], scores, weight, state, d, true);
    }

    fn backward(&mut self, weights: &[f32], episode: &Episode<'_>, (sizes, scale): (Sizes, f32), gradient: &mut [f32]) {
        let Sizes { m, n, c, d, .. } = sizes;
        self.backward_readout(weights, episode, (sizes, scale), gradient);
        for l in (0..self.layers.len()).rev() {
            let asking = self.asking(sizes, l);
            let layer = Weights { all: weights, places: &self.places.layers[l] };
            let to = (&mut self.buffers, &mut *gradient);
            self.layers[l].backward(layer, asking, &mut self.features, to, &mut self.d_state);
        }
        let s = self.spec.set().scores();
        let (scores, d_state) = (Matrix::columns(&self.ridges.scores, s), Matrix::rows(&self.d_state, d));
        multiply([s, m * c, d], scores, d_state, &mut gradient[self.places.scores.clone()], d, true);
        let names = [&self.places.shown, &self.places.label, &self.places.query].map(Clone::clone);
        let [of_shown, of_label, of_query] = gradient.get_disjoint_mut(names).expect("different tensors");
        let add = |to: &mut [f32], row: &[f32]| to.iter_mut().zip(row).for_each(|(to, d)| *to += d);
        let (shown, asked) = self.d_state.split_at(n * c * d);
        asked.chunks_exact(d).for_each(|row| add(of_query, row));
        for (rows, &label) in shown.chunks_exact(c * d).zip(episode.labels) {
            rows.chunks_exact(d).for_each(|row| add(of_shown, row));
            add(of_label, &rows[label as usize * d..][..d]);
        }
    }

    /// From the log-probabilities to the gradient of the state.
    fn backward_readout(
        &mut self,
        weights: &[f32],
        episode: &Episode<'_>,
        (Sizes { m, n, c, d, .. }, scale): (Sizes, f32),
        gradient: &mut [f32],
    ) {
        let s = self.spec.set().scores();
        let rows = (m - n) * c;
        let d_logits = room(&mut self.d_logits, rows);
        let d_normal = room(&mut self.d_normal, rows * d);
        let d_readout = room(&mut self.d_readout, d + s);
        d_readout.fill(0.0);
        let (of_state, of_scores) = d_readout.split_at_mut(d);
        simd::fast(
            #[inline(always)]
            || {
                d_logits.iter_mut().zip(&self.log_probabilities).for_each(|(d, log)| *d = scale * simd::exp(*log));
                for (row, &label) in d_logits.chunks_exact_mut(c).zip(&episode.labels[n..]) {
                    row[label as usize] -= scale;
                }
                let kept = self.norm.normal.chunks_exact(d).zip(self.ridges.scores[n * c * s..].chunks_exact(s));
                for ((d_logit, to), (normal, scores)) in d_logits.iter().zip(d_normal.chunks_exact_mut(d)).zip(kept) {
                    to.iter_mut().zip(&self.readout).for_each(|(to, weight)| *to = d_logit * weight);
                    of_state.iter_mut().zip(normal).for_each(|(to, normal)| *to += d_logit * normal);
                    of_scores.iter_mut().zip(scores).for_each(|(to, score)| *to += d_logit * score);
                }
            },
        );
        let readout = self.places.readout.clone();
        let (own, of_scores) = (readout.start..readout.start + d, readout.start + d..readout.end);
        gradient[of_scores].iter_mut().zip(&d_readout[d..]).for_each(|(to, d)| *to += d);
        let to = gradient.get_disjoint_mut([self.places.norm.clone(), own.clone()]).expect("two tensors");
        unfold((&weights[self.places.norm.clone()], &weights[own]), d_readout, (0, 1), to);
        let d_state = room(&mut self.d_state, m * c * d);
        d_state.fill(0.0);
        self.norm.backward(d_normal, c * d, &mut d_state[n * c * d..]);
    }
}
