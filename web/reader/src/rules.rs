//! Hand-written rules on the rows that the learner was shown.

use shaders::baselines::{Baseline, Episode};
use shaders::input::pixels;

/// The rules, in the order of their scores.
pub const RULES: [Baseline; 4] =
    [Baseline::NearestNeighbour, Baseline::NearestMean, Baseline::KernelRidge, Baseline::Logistic];

/// Side of pooled pictures.
const POOLED: usize = 14;

/// Scores of each rule for the same queries.
///
/// # Shapes
/// `size` is height, width and channels of a row, D their product; a row of a table has height 1. `shown` `[N, D]`, `labels`
/// `[N]`, `asked` `[Q, D]`; the result `[4, Q, C]`.
///
/// # Errors
/// Shapes that do not fit; values that are not finite.
pub fn rule_scores(
    size: (usize, usize, usize),
    shown: &[f32],
    labels: &[u32],
    asked: &[f32],
    classes: usize,
) -> Result<Vec<f32>, String> {
    let (rows, asked) = (features(size, shown)?, features(size, asked)?);
    let width = rows.len() / labels.len().max(1);
    let episode = Episode::new(&rows, labels, &asked, width, classes).map_err(|error| error.to_string())?;
    Ok(RULES.into_iter().flat_map(|rule| episode.scores(rule)).map(|score| score as f32).collect())
}

/// What the learner makes of raw values before it compares them: pictures are pooled and each is brought to one brightness
/// and contrast, as its file says for all learners that ship; rows of a table stay as they are.
fn features(size: (usize, usize, usize), rows: &[f32]) -> Result<Vec<f32>, String> {
    if size.0 == 1 {
        return Ok(rows.to_vec());
    }
    let mut features = Vec::new();
    for row in rows.chunks_exact(size.0 * size.1 * size.2) {
        let mut values = pixels::pool(row, size, POOLED).map_err(|error| error.to_string())?;
        pixels::standardise(&mut values);
        features.extend(values);
    }
    Ok(features)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_scores_every_class() {
        let shown = [0.0, 0.0, 0.1, 0.0, 5.0, 5.0, 5.1, 5.0];
        let scores = rule_scores((1, 2, 1), &shown, &[0, 0, 1, 1], &[0.2, 0.1, 4.0, 5.0], 2).unwrap();
        assert_eq!(scores.len(), RULES.len() * 2 * 2);
        // the page names them by place (own_data/reader.rs)
        let names = ["1-NN cosine", "nearest class mean", "kernel ridge", "logistic regression"];
        assert_eq!(RULES.map(|rule| rule.name()), names);
        // the cosine tells nothing apart here; the others do
        for rule in scores.chunks_exact(4).skip(1) {
            assert!(rule[0] > rule[1] && rule[3] > rule[2], "{scores:?}");
        }
        assert!(rule_scores((1, 2, 1), &shown, &[0, 0, 1, 2], &[0.0; 2], 2).is_err());
    }

    #[test]
    fn pictures_are_pooled_and_standardised() {
        let mut bright = vec![0.2; 784];
        bright[400..500].fill(0.9);
        let dim: Vec<f32> = bright.iter().map(|value| value * 0.3 + 0.1).collect();
        let found = features((28, 28, 1), &[bright, dim].concat()).unwrap();
        assert_eq!(found.len(), 2 * POOLED * POOLED);
        let (first, second) = found.split_at(POOLED * POOLED);
        assert!(first.iter().zip(second).all(|(a, b)| (a - b).abs() < 1e-4));
    }
}
