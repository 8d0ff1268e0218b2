//! Episodes of test examples.

use rand::RngExt;
use shaders::random::{self, Stream};

use super::settings::Settings;
use tasks::{Base, Episode, labels, projection};

/// Where test examples come from.
pub(super) enum Source {
    /// A data set.
    Set(Base),
    /// Ten pictures of uniform noise, ten labels, drawn with replacement: the paper's pure lookup test.
    Random { dimensions: usize },
}

/// Episode `index` of an evaluation: a function of (seed, data set, index).
pub(super) fn test_episode(
    source: &Source,
    spec: &shaders::ModelSpec,
    classes: usize,
    t: usize,
    settings: &Settings,
    name: &str,
    index: u64,
) -> Episode {
    let mut stream = random::stream(settings.seed, &format!("evaluation/paper/{name}"), index);
    let (raw, dimensions, own) = match source {
        Source::Set(base) => {
            // a set with more classes than the learner: K = C of them, chosen for this episode
            let present: Vec<usize> = (0..base.by_class.len()).filter(|&c| !base.by_class[c].is_empty()).collect();
            let picks: Vec<(u32, u32)> = if present.len() <= classes {
                distinct(base.labels.len(), t, &mut stream)
                    .into_iter()
                    .map(|i| {
                        (i, present.iter().position(|&c| c == base.labels[i as usize] as usize).unwrap_or(0) as u32)
                    })
                    .collect()
            } else {
                let chosen: Vec<usize> = labels::permutation(present.len(), &mut stream)
                    .into_iter()
                    .take(classes)
                    .map(|i| present[i as usize])
                    .collect();
                let pool: Vec<(u32, u32)> = chosen
                    .iter()
                    .enumerate()
                    .flat_map(|(k, &c)| base.by_class[c].iter().map(move |&i| (i, k as u32)))
                    .collect::<Vec<_>>();
                distinct(pool.len(), t, &mut stream).into_iter().map(|i| pool[i as usize]).collect()
            };
            let raw: Vec<f32> = picks.iter().flat_map(|&(i, _)| base.row(i as usize).iter().copied()).collect();
            (raw, base.dimensions, picks.into_iter().map(|(_, k)| k).collect::<Vec<_>>())
        }
        Source::Random { dimensions } => {
            let mut pictures: Vec<f32> = (0..10 * dimensions).map(|_| stream.random::<f32>()).collect();
            pictures.chunks_exact_mut(*dimensions).for_each(shaders::input::pixels::standardise);
            let own: Vec<u32> = (0..t).map(|_| stream.random_range(0..10)).collect();
            let raw: Vec<f32> =
                own.iter().flat_map(|&p| pictures[p as usize * dimensions..][..*dimensions].to_vec()).collect();
            (raw, *dimensions, own)
        }
    };
    let map = labels::permutation(classes, &mut stream);
    let labels = own.iter().map(|&k| map[k as usize]).collect();
    let project = match spec.equivariant {
        // what is longer than a set learner's inputs has to be projected, as the encoder does
        Some(_) => settings.project.or((dimensions > spec.inputs).then_some(spec.inputs)),
        None => spec.encoding.projected.then_some(spec.inputs),
    };
    let inputs = match project {
        Some(inputs) => projection::fresh(&raw, dimensions, inputs, &mut stream),
        None => raw,
    };
    Episode { inputs, labels }
}

/// `count` different indices below `n` (Floyd's algorithm, then shuffled).
pub(super) fn distinct(n: usize, count: usize, stream: &mut Stream) -> Vec<u32> {
    let mut taken = std::collections::HashSet::new();
    let mut picks: Vec<u32> = Vec::with_capacity(count);
    for j in n - count..n {
        let i = stream.random_range(0..=j) as u32;
        let pick = if taken.insert(i) { i } else { j as u32 };
        taken.insert(pick);
        picks.push(pick);
    }
    labels::permutation(count, stream).into_iter().map(|i| picks[i as usize]).collect()
}

/// Indices of the queries of position `p`, counted from 1, in an episode whose longest position is `t`.
pub(super) fn asked(p: usize, t: usize, queries: usize) -> impl Iterator<Item = usize> {
    std::iter::once(p - 1).chain(t..t + queries - 1)
}

/// Episode `index` of the lookup test with T = `t`.
pub(crate) fn random_episode(spec: &shaders::ModelSpec, t: usize, settings: &Settings, index: u64) -> Episode {
    let free = spec.encoding.projected || spec.equivariant.is_some();
    let source = Source::Random { dimensions: if free { 196 } else { spec.inputs } };
    test_episode(&source, spec, spec.classes, t, settings, "random", index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shaders::ModelSpec;

    #[test]
    fn distinct_picks_are_distinct_and_cover_everything() {
        let mut stream = random::stream(1, "distinct", 0);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..200 {
            let picks = distinct(20, 7, &mut stream);
            let unique: std::collections::HashSet<_> = picks.iter().collect();
            assert_eq!(unique.len(), 7);
            seen.extend(picks);
        }
        assert_eq!(seen.len(), 20);
    }

    #[test]
    fn an_evaluation_is_a_function_of_its_seed() {
        let spec = ModelSpec::shifted(16, 8, 1, 1);
        let source = Source::Random { dimensions: 30 };
        let settings = |seed| Settings { episodes: 1, seed, positions: vec![20], ..Settings::default() };
        let a = test_episode(&source, &spec, 10, 20, &settings(5), "random", 3);
        assert_eq!(a, test_episode(&source, &spec, 10, 20, &settings(5), "random", 3));
        assert_ne!(a, test_episode(&source, &spec, 10, 20, &settings(6), "random", 3));
        // equal pictures have equal labels: a lookup test can be solved
        for i in 0..20 {
            for j in 0..20 {
                if a.inputs[i * 16..(i + 1) * 16] == a.inputs[j * 16..(j + 1) * 16] {
                    assert_eq!(a.labels[i], a.labels[j]);
                }
            }
        }
    }
}
