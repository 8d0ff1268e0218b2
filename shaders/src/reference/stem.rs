//! The stem from the formulas, in f64.

use crate::model::file::Model;
use crate::model::spec::Stem;

/// The stem's embedding of one picture.
///
/// # Shapes
/// `drawing` `[X]`, of which the stem reads the first [`Stem::values`]; the result `[E]`
pub(super) fn embed(model: &Model, stem: &Stem, drawing: &[f64]) -> Vec<f64> {
    let tensor = |name: &str| -> Vec<f64> { model.tensor(name).iter().map(|&v| f64::from(v)).collect() };
    let sizes = stem.sizes();
    let drawing = &drawing[..stem.values()];
    // the channels of a pixel together
    let pixels = stem.side * stem.side;
    let mut plane: Vec<f64> =
        (0..drawing.len()).map(|at| drawing[at % stem.channels * pixels + at / stem.channels]).collect();
    for (i, convolution) in stem.convolutions.iter().enumerate() {
        let (weight, bias) =
            (tensor(&format!("stem.convolution.{i}.weight")), tensor(&format!("stem.convolution.{i}.bias")));
        let ((side, inputs), (after, outputs)) = (sizes[i], sizes[i + 1]);
        let padding = (convolution.size / 2) as isize;
        let mut next = Vec::with_capacity(after * after * outputs);
        for (y, x) in (0..after).flat_map(|y| (0..after).map(move |x| (y, x))) {
            let mut sums = bias.clone();
            for (dy, dx) in (0..convolution.size).flat_map(|dy| (0..convolution.size).map(move |dx| (dy, dx))) {
                let row = (y * convolution.stride + dy) as isize - padding;
                let column = (x * convolution.stride + dx) as isize - padding;
                if row < 0 || column < 0 || row >= side as isize || column >= side as isize {
                    continue;
                }
                let from = (row as usize * side + column as usize) * inputs;
                for input in 0..inputs {
                    let at = ((dy * convolution.size + dx) * inputs + input) * outputs;
                    plus(&mut sums, &weight[at..at + outputs], plane[from + input]);
                }
            }
            next.extend(sums.into_iter().map(|sum| sum.max(0.0)));
        }
        plane = next;
    }
    let mut embedding = times(&plane, &tensor("stem.embedding"));
    plus(&mut embedding, &times(drawing, &tensor("stem.skip")), 1.0);
    embedding
}

/// `row` `[I]` · `weight` `[I, O]`
pub(super) fn times(row: &[f64], weight: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; weight.len() / row.len()];
    for (x, weights) in row.iter().zip(weight.chunks_exact(out.len())) {
        plus(&mut out, weights, *x);
    }
    out
}

/// a += factor·b
pub(super) fn plus(a: &mut [f64], b: &[f64], factor: f64) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += factor * b);
}
