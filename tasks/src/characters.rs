//! Procedural drawings of 28 × 28 pixels, as the page gives them: characters of random strokes in a random hand.

use rand::RngExt;
use shaders::input::pixels::{self, SIDE, Stroke};
use shaders::input::strokes::{Character, log_uniform, normal};
use shaders::random::Stream;

/// Drawings of new characters, with a pen as on the page's canvas.
///
/// # Shapes
/// `own`: class of each drawing, below `k`; the result `[T, 28 · 28]` in 0…1.
pub fn characters(k: usize, own: &[u32], task: &mut Stream, stream: &mut Stream) -> Vec<f32> {
    // some classes are written in more than one way, as people do
    let ways: Vec<Vec<Character>> = (0..k)
        .map(|_| (0..if task.random_bool(0.2) { 2 } else { 1 }).map(|_| Character::draw(task)).collect())
        .collect();
    let mut out = Vec::with_capacity(own.len() * SIDE * SIDE);
    for &class in own {
        let ways = &ways[class as usize];
        let way = &ways[stream.random_range(0..ways.len())];
        let shake = log_uniform(0.05, 0.22, stream);
        let hand = [0.18, 0.2, 0.15].map(|deviation| deviation * normal(stream));
        let pen = log_uniform(0.1, 0.3, stream);
        let drawn: Vec<Stroke> = way
            .lines(shake, hand, stream)
            .into_iter()
            .map(|points| Stroke { points: points.iter().map(|p| p.map(|v| 100.0 * v)).collect(), width: 100.0 * pen })
            .collect();
        match pixels::drawing(&drawn) {
            Ok(picture) => out.extend(picture),
            Err(_) => out.resize(out.len() + SIDE * SIDE, 0.0),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use shaders::random;

    #[test]
    fn procedural_drawings_have_ink_and_classes() {
        let own: Vec<u32> = (0..20).map(|i| i % 2).collect();
        let mut task = random::stream(2, "strokes task", 0);
        let mut stream = random::stream(2, "strokes", 0);
        let pictures = characters(2, &own, &mut task, &mut stream);
        assert_eq!(pictures.len(), 20 * SIDE * SIDE);
        for picture in pictures.chunks_exact(SIDE * SIDE) {
            let ink = picture.iter().filter(|v| **v > 0.5).count();
            assert!((8..500).contains(&ink), "{ink} pixels of ink");
        }
    }
}
