//! Specks: dots far from everything else that was drawn, such as a resting palm leaves. They would shrink the drawing to a
//! corner of what the learner sees, so they are left out of it.
//!
//! A dot is meant where it belongs to something: near the drawing (an i, a colon, ä, a smile's eyes), near another dot (tap
//! twice, and it counts), or among dots alone.

use shaders::input::pixels::Stroke;

use super::units::CANVAS;

/// A stroke whose points lie within this many canvas units is a dot.
const DOT: f32 = 30.0;
/// Dots at most this far from each other belong together, in canvas units.
const TOGETHER: f32 = 160.0;
/// Dots of a drawing in which specks are looked for.
const MOST_DOTS: usize = 1000;
/// A dot is far if it lies farther away than this share of the longer side of all that is no dot …
const SHARE: f32 = 0.7;
/// … and farther than this, in canvas units.
const FAR: f32 = 150.0;
/// How far the second dot lies from one that is kept, in canvas units: it must not be the same point.
const ASIDE: f32 = 4.0;

/// Low and high corner of what strokes cover.
fn extent<'a>(strokes: impl Iterator<Item = &'a Stroke>) -> Option<([f32; 2], [f32; 2])> {
    strokes.flat_map(|stroke| &stroke.points).fold(None, |found, point| {
        let (low, high) = found.unwrap_or((*point, *point));
        Some(([0, 1].map(|i: usize| low[i].min(point[i])), [0, 1].map(|i: usize| high[i].max(point[i]))))
    })
}

fn longer_side((low, high): ([f32; 2], [f32; 2])) -> f32 {
    (high[0] - low[0]).max(high[1] - low[1])
}

/// Strokes as the pen drew them: where only the width changes, another piece follows from the same point.
fn whole(strokes: &[Stroke]) -> Vec<&[Stroke]> {
    strokes.chunk_by(|piece, next| piece.points.last() == next.points.first()).collect()
}

/// Whether each whole stroke is a speck.
fn are_specks(all: &[&[Stroke]]) -> Vec<bool> {
    let is_dot = |stroke: &&[Stroke]| extent(stroke.iter()).is_some_and(|extent| longer_side(extent) <= DOT);
    let dots: Vec<bool> = all.iter().map(is_dot).collect();
    let lines = all.iter().zip(&dots).filter(|(_, dot)| !**dot).flat_map(|(stroke, _)| stroke.iter());
    // each is compared with all others; among so many none was left by accident
    if dots.iter().filter(|dot| **dot).count() > MOST_DOTS {
        return vec![false; all.len()];
    }
    let Some((low, high)) = extent(lines) else { return vec![false; all.len()] };
    let far = (SHARE * longer_side((low, high))).max(FAR);
    let place = |at: usize| all[at][0].points[0];
    let alone = |at: usize| {
        let [x, y] = place(at);
        let near = |other: usize| (place(other)[0] - x).hypot(place(other)[1] - y) <= TOGETHER;
        !(0..all.len()).any(|other| other != at && dots[other] && near(other))
    };
    let away = |at: usize| {
        let [x, y] = [0, 1].map(|i: usize| (low[i] - place(at)[i]).max(place(at)[i] - high[i]).max(0.0));
        x.hypot(y)
    };
    (0..all.len()).map(|at| dots[at] && away(at) > far && alone(at)).collect()
}

/// How many of the strokes are specks.
pub fn count(strokes: &[Stroke]) -> usize {
    are_specks(&whole(strokes)).into_iter().filter(|speck| *speck).count()
}

/// The strokes without specks.
pub fn without(strokes: &[Stroke]) -> Vec<Stroke> {
    let all = whole(strokes);
    let kept = all.iter().zip(are_specks(&all)).filter(|(_, speck)| !speck);
    kept.flat_map(|(stroke, _)| stroke.iter().cloned()).collect()
}

/// The dots that make every speck one of two, so that all of them count.
pub fn to_keep(strokes: &[Stroke]) -> Vec<Stroke> {
    let all = whole(strokes);
    let again = |stroke: &Stroke| {
        let [x, y] = stroke.points[0];
        let aside = if x < CANVAS / 2.0 { x + ASIDE } else { x - ASIDE };
        Stroke { points: vec![[aside, y]], width: stroke.width }
    };
    all.iter().zip(are_specks(&all)).filter(|(_, speck)| *speck).map(|(stroke, _)| again(&stroke[0])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::codec::thinned;
    use crate::document::preprocess;
    use crate::player::packs::Pack;

    fn line(points: &[[f32; 2]]) -> Stroke {
        Stroke { points: points.to_vec(), width: 62.0 }
    }

    fn dot(x: f32, y: f32) -> Stroke {
        line(&[[x, y], [x + 3.0, y + 2.0]])
    }

    fn three() -> Stroke {
        line(&[
            [325.0, 240.0],
            [500.0, 210.0],
            [550.0, 318.0],
            [425.0, 426.0],
            [575.0, 546.0],
            [500.0, 690.0],
            [325.0, 660.0],
        ])
    }

    /// Thousands of dots, each far from all others: a picture of dots, whose pairs nobody counts.
    #[test]
    fn among_thousands_of_dots_none_is_a_speck() {
        let mut strokes = vec![three()];
        strokes
            .extend((0..20_000).map(|at| dot(2000.0 + 400.0 * (at % 200) as f32, 2000.0 + 400.0 * (at / 200) as f32)));
        assert_eq!((count(&strokes), without(&strokes).len()), (0, strokes.len()));
        assert_eq!(count(&strokes[..100]), 99);
    }

    #[test]
    fn a_far_dot_changes_nothing_that_is_seen() {
        let clean = preprocess(&[three()]).unwrap();
        for speck in [dot(950.0, 950.0), dot(40.0, 960.0), line(&[[960.0, 40.0]])] {
            assert_eq!(preprocess(&[three(), speck.clone()]).unwrap(), clean);
            // whichever came first, and in pieces as a pen's pressure makes them
            let at = speck.points[0];
            let pieces = [
                speck.clone(),
                Stroke { points: vec![*speck.points.last().unwrap(), [at[0] + 6.0, at[1]]], width: 40.0 },
            ];
            assert_eq!(preprocess(&[vec![three()], pieces.to_vec()].concat()).unwrap(), clean);
            assert_eq!(preprocess(&[speck, three()]).unwrap(), clean);
        }
    }

    #[test]
    fn dots_that_belong_stay() {
        for (name, drawing) in [
            ("i", vec![line(&[[500.0, 400.0], [500.0, 800.0]]), dot(500.0, 250.0)]),
            ("a short i with a high dot", vec![line(&[[500.0, 500.0], [500.0, 640.0]]), dot(500.0, 370.0)]),
            ("!", vec![line(&[[500.0, 100.0], [500.0, 650.0]]), dot(500.0, 850.0)]),
            ("colon", vec![dot(500.0, 300.0), dot(500.0, 700.0)]),
            ("…", vec![dot(200.0, 700.0), dot(500.0, 700.0), dot(800.0, 700.0)]),
            ("one dot", vec![dot(900.0, 900.0)]),
            ("÷", vec![line(&[[300.0, 500.0], [700.0, 500.0]]), dot(500.0, 300.0), dot(500.0, 700.0)]),
            ("ä", vec![three(), dot(380.0, 60.0), dot(500.0, 60.0)]),
            ("∴ in a corner", vec![dot(800.0, 800.0), dot(900.0, 800.0), dot(850.0, 700.0)]),
            (
                "eyes",
                vec![line(&[[200.0, 600.0], [500.0, 800.0], [800.0, 600.0]]), dot(350.0, 300.0), dot(650.0, 300.0)],
            ),
            ("%", vec![line(&[[700.0, 200.0], [300.0, 800.0]]), dot(350.0, 250.0), dot(650.0, 750.0)]),
            ("?", vec![line(&[[350.0, 250.0], [500.0, 120.0], [640.0, 260.0], [500.0, 520.0]]), dot(500.0, 780.0)]),
        ] {
            assert_eq!(count(&drawing), 0, "{name}");
        }
        for pack in Pack::ALL {
            for class in 0..pack.names().len() as u32 {
                for number in 0..20 {
                    assert_eq!(count(&pack.drawn(class, number)), 0, "{} {class} {number}", pack.key());
                }
            }
        }
    }

    #[test]
    fn a_speck_that_is_kept_counts_and_goes_on_counting() {
        let mut drawing = vec![three(), dot(950.0, 950.0)];
        assert_eq!(count(&drawing), 1);
        let clean = preprocess(&drawing).unwrap();
        let kept = to_keep(&drawing);
        drawing.extend(kept);
        assert_eq!(count(&drawing), 0);
        assert_ne!(preprocess(&drawing).unwrap(), clean);
        // as it is stored
        assert_eq!(count(&thinned(&drawing)), 0);
        assert_eq!(without(&drawing), drawing);
    }
}
