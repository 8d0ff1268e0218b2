//! Predictions of a net on episodes, and their score.

use burn::tensor::Device;
use shaders::model::QueryOptions;

use super::accumulator::{Accumulator, Answer};
use super::episodes::asked;
use super::settings::Settings;
use crate::nets::batch::{sequences, set_batch};
use crate::nets::tensors::floats;
use crate::nets::{Inputs, Net};
use tasks::{Episode, Shape};

/// Predicts at each position of each episode, and adds the score of each answer to `into`.
pub(crate) fn score(
    net: &Net,
    episodes: &[Episode],
    options: QueryOptions,
    settings: &Settings,
    device: &Device,
    into: &mut Accumulator,
) {
    let QueryOptions { classes, images } = options;
    let total = episodes[0].labels.len();
    let (b, queries, t) = (episodes.len(), settings.queries, total + 1 - settings.queries);
    // the episode that ends with the shown examples of a position and some of its queries
    let cut = |e: &Episode, p: usize, asked: &[usize]| {
        let x = e.inputs.len() / total;
        let mut cut = Episode { inputs: e.inputs[..(p - 1) * x].to_vec(), labels: e.labels[..p - 1].to_vec() };
        for &i in asked {
            cut.inputs.extend_from_slice(&e.inputs[i * x..(i + 1) * x]);
            cut.labels.push(e.labels[i]);
        }
        cut
    };
    // log-probabilities of each position, `[B, Q, C]`
    let rows: Vec<Vec<f32>> = match net {
        Net::Causal(_) | Net::Research(_) => {
            let c = net.spec().classes;
            let ask = |episodes: &[Episode], positions: &[usize]| -> Vec<f32> {
                let (inputs, labels) = sequences(episodes, c, device);
                floats(net.predictor(Inputs::Vectors).predict_at(inputs, labels, positions))
            };
            if queries == 1 {
                // one pass answers every position
                let places: Vec<usize> = settings.positions.iter().map(|p| p - 1).collect();
                let all = ask(episodes, &places);
                let at = |k: usize| (0..b).flat_map(|e| all[(e * places.len() + k) * c..][..c].to_vec()).collect();
                (0..places.len()).map(at).collect()
            } else {
                let at = |p: usize| -> Vec<f32> {
                    let of_episode = |e: &Episode| -> Vec<f32> {
                        let alone: Vec<Episode> = asked(p, t, queries).map(|i| cut(e, p, &[i])).collect();
                        ask(&alone, &[p - 1])
                    };
                    episodes.iter().flat_map(of_episode).collect()
                };
                settings.positions.iter().map(|&p| at(p)).collect()
            }
        }
        Net::Set(net) => {
            let at = |&p: &usize| {
                let indices: Vec<usize> = asked(p, t, queries).collect();
                let episodes: Vec<Episode> = episodes.iter().map(|e| cut(e, p, &indices)).collect();
                let shape = Shape { shown: p - 1, queries, classes, outsiders: false, drawings: images };
                floats(net.forward(&set_batch(&episodes, &shape, device)))
            };
            settings.positions.iter().map(at).collect()
        }
    };
    for (e, episode) in episodes.iter().enumerate() {
        let of_position = |(&p, rows): (&usize, &Vec<f32>)| {
            let c = rows.len() / (b * queries);
            let own = rows[e * queries * c..(e + 1) * queries * c].chunks_exact(c);
            own.zip(asked(p, t, queries)).map(|(row, i)| Answer::new(row, episode.labels[i])).collect()
        };
        let answers: Vec<Vec<Answer>> = settings.positions.iter().zip(&rows).map(of_position).collect();
        into.add_answers(&answers);
    }
}
