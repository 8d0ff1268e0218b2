//! Scrambled pixels: every picture goes through one fixed random mixture of all its pixels, so that a person sees noise
//! where nearly all inner products of pictures are still there.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use shaders::input::encode::gaussian_projection;
use shaders::input::pixels::{SIDE, standardise};

use crate::document::{Id, Picture};

/// One mixture for every visit.
const SEED: u64 = 0x5c7a;
/// Standard deviations that fill a half of the range from black to white; what lies beyond is cut.
const REACH: f32 = 3.0;

/// The mixture, made when it is first needed.
#[derive(Default)]
pub struct Scramble {
    /// `[784, 784]`.
    matrix: OnceCell<Vec<f32>>,
    /// By example.
    known: RefCell<HashMap<Id, Picture>>,
}

impl Scramble {
    /// What a picture becomes: grey noise in [0, 1].
    ///
    /// # Shapes
    /// [28, 28] → [28, 28]
    pub fn picture(&self, picture: &[f32]) -> Picture {
        let size = SIDE * SIDE;
        let matrix = self.matrix.get_or_init(|| gaussian_projection(SEED, size, size));
        let mut values = picture.to_vec();
        standardise(&mut values);
        let mixed = matrix.chunks_exact(size).map(|row| row.iter().zip(&values).map(|(a, v)| a * v).sum::<f32>());
        Arc::new(mixed.map(|value| (0.5 + value / (2.0 * REACH)).clamp(0.0, 1.0)).collect())
    }

    /// The same for an example, worked out once.
    pub fn example(&self, id: Id, picture: &[f32]) -> Picture {
        let found = self.known.borrow().get(&id).cloned();
        found.unwrap_or_else(|| {
            let scrambled = self.picture(picture);
            self.known.borrow_mut().insert(id, scrambled.clone());
            scrambled
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cosine of two pictures after standardisation.
    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        let (mut a, mut b) = (a.to_vec(), b.to_vec());
        standardise(&mut a);
        standardise(&mut b);
        a.iter().zip(&b).map(|(a, b)| a * b).sum::<f32>() / a.len() as f32
    }

    #[test]
    fn what_is_alike_stays_alike_and_looks_like_nothing() {
        let scramble = Scramble::default();
        let bar = |x: usize| -> Vec<f32> {
            (0..SIDE * SIDE).map(|i| if (x..x + 3).contains(&(i % SIDE)) { 1.0 } else { 0.0 }).collect()
        };
        let (a, b, c) = (bar(8), bar(9), bar(20));
        for (p, q) in [(&a, &b), (&a, &c), (&b, &c)] {
            let (before, after) = (cosine(p, q), cosine(&scramble.picture(p), &scramble.picture(q)));
            assert!((before - after).abs() < 0.12, "a cosine of {before} became {after}");
        }
        let noise = scramble.picture(&a);
        assert!(cosine(&noise, &a).abs() < 0.15, "the picture can still be seen");
        assert_eq!(noise, scramble.picture(&a), "the mixture is not fixed");
        assert_eq!(noise, scramble.example(7, &a));
        // The same example is not worked out again.
        assert!(Arc::ptr_eq(&scramble.example(7, &a), &scramble.example(7, &a)));
    }
}
