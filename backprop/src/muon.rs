//! Muon for the matrices of layers: momentum whose singular values are all brought to about 1 (Jordan et al., 2024,
//! *Muon: an optimizer for hidden layers*), with the step size of AdamW (Liu et al., arXiv 2502.16982). The formulas are
//! Burn's, so that a run can go on with either.

use shaders::model::spec::ModelSpec;

use crate::buffer::sized;
use crate::matrix::{Matrix, multiply};
use crate::simd;

/// Decay of the momentum.
pub const MOMENTUM: f32 = 0.9;
/// The share of a new gradient in it.
pub const FRESH: f32 = 0.9;
/// Coefficients of the quintic iteration.
pub const QUINTIC: [f32; 3] = [3.4445, -4.775, 2.0315];
/// How often it is made.
pub const ITERATIONS: usize = 5;
/// A norm is at least this.
pub const LEAST: f32 = 1e-7;

/// Rows and columns of those tensors that Muon moves, in the order of [`ModelSpec::tensors`]: the matrices inside layers. Set
/// learners have none.
pub fn matrices(spec: &ModelSpec) -> Vec<Option<[usize; 2]>> {
    let of = |tensor: shaders::model::tensors::TensorSpec| {
        let inside = tensor.name.starts_with("layer.") && tensor.name.ends_with(".weight");
        match tensor.shape[..] {
            [rows, columns] if inside && spec.equivariant.is_none() => Some([rows, columns]),
            _ => None,
        }
    };
    spec.tensors().into_iter().map(of).collect()
}

/// A matrix and all that belongs to it.
pub(crate) struct Piece<'a> {
    pub shape: [usize; 2],
    pub weights: &'a mut [f32],
    pub gradient: &'a [f32],
    pub velocity: &'a mut [f32],
    /// Whether there was no step before.
    pub first: bool,
}

impl Piece<'_> {
    /// One step by `scale` times the gradient.
    pub fn step(self, rate: f64, scale: f32) {
        let Piece { shape, weights, gradient, velocity, first } = self;
        let mut wanted = vec![0.0; gradient.len()];
        simd::fast(
            #[inline(always)]
            || {
                let (keep, take) = if first { (0.0, 1.0) } else { (MOMENTUM, FRESH) };
                for ((w, v), g) in wanted.iter_mut().zip(velocity).zip(gradient) {
                    let g = g * scale;
                    *v = g * take + *v * keep;
                    // Nesterov's look ahead
                    *w = *v * MOMENTUM + g;
                }
            },
        );
        orthogonalise(&mut wanted, shape);
        let step = step_size(rate, shape);
        simd::fast(
            #[inline(always)]
            || weights.iter_mut().zip(&wanted).for_each(|(w, o)| *w -= o * step),
        );
    }
}

/// What a matrix moves by in each of its directions.
pub fn step_size(rate: f64, [rows, columns]: [usize; 2]) -> f32 {
    (rate * 0.2 * (rows.max(columns) as f64).sqrt()) as f32
}

/// x ← U·Vᵀ of x = U·Σ·Vᵀ, about: five steps of a quintic Newton–Schulz iteration from x/|x|.
fn orthogonalise(x: &mut [f32], [rows, columns]: [usize; 2]) {
    // the wide way round, so that products are small
    let tall = rows > columns;
    let [r, c] = if tall { [columns, rows] } else { [rows, columns] };
    let mut wide = if tall { transposed(x, [rows, columns]) } else { x.to_vec() };
    let norm = simd::fast(
        #[inline(always)]
        || simd::dot(&wide, &wide),
    )
    .sqrt()
    .max(LEAST);
    wide.iter_mut().for_each(|v| *v /= norm);
    let (mut gram, mut square, mut next) = (Vec::new(), Vec::new(), Vec::new());
    let [a, b, cubic] = QUINTIC;
    for _ in 0..ITERATIONS {
        let gram = sized(&mut gram, r * r);
        multiply([r, c, r], Matrix::rows(&wide, c), Matrix::columns(&wide, c), gram, r, false);
        let square = sized(&mut square, r * r);
        multiply([r, r, r], Matrix::rows(gram, r), Matrix::rows(gram, r), square, r, false);
        simd::fast(
            #[inline(always)]
            || gram.iter_mut().zip(&*square).for_each(|(g, s)| *g = *g * b + s * cubic),
        );
        let next = sized(&mut next, r * c);
        multiply([r, r, c], Matrix::rows(gram, r), Matrix::rows(&wide, c), next, c, false);
        simd::fast(
            #[inline(always)]
            || wide.iter_mut().zip(&*next).for_each(|(x, n)| *x = *x * a + n),
        );
    }
    match tall {
        true => x.copy_from_slice(&transposed(&wide, [r, c])),
        false => x.copy_from_slice(&wide),
    }
}

fn transposed(x: &[f32], [rows, columns]: [usize; 2]) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    for (i, row) in x.chunks_exact(columns).enumerate() {
        row.iter().enumerate().for_each(|(j, v)| out[j * rows + i] = *v);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn singular_values_come_near_1_whichever_way_a_matrix_lies() {
        for [rows, columns] in [[4, 9], [9, 4], [6, 6]] {
            let mut x: Vec<f32> =
                (0..rows * columns).map(|i| (i as f32 * 0.7).sin() + 0.3 * (i as f32).cos()).collect();
            let before = x.clone();
            orthogonalise(&mut x, [rows, columns]);
            // its own direction is kept
            assert!(x.iter().zip(&before).map(|(a, b)| a * b).sum::<f32>() > 0.0);
            // Σ σ² = r if all are 1; the quintic leaves them in 0.7…1.2 where they were not tiny
            let square: f32 = x.iter().map(|v| v * v).sum();
            let r = rows.min(columns) as f32;
            assert!(square > 0.4 * r && square < 1.5 * r, "{rows} × {columns}: {square}");
        }
    }

    #[test]
    fn the_matrices_of_layers_are_moved_and_nothing_else() {
        let spec = ModelSpec::shifted(8, 8, 1, 1);
        for (tensor, matrix) in spec.tensors().into_iter().zip(matrices(&spec)) {
            assert_eq!(
                matrix.is_some(),
                tensor.name.starts_with("layer.") && tensor.shape.len() == 2,
                "{}",
                tensor.name
            );
        }
        assert!(matrices(&ModelSpec::equivariant(8, 5, 8, 1)).iter().all(Option::is_none));
    }
}
