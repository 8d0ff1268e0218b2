//! Variants `paper` and `shifted`.

use crate::kernel::linear;
use crate::model::file::Model;
use crate::model::spec::{KeyShift, LAYER_NORM_EPSILON, Positions, QK_NORM_EPSILON, QueryKey};
use crate::probability::{log_softmax, softmax};

/// Vectors of several tokens.
type Rows = Vec<Vec<f64>>;

/// Log-probabilities at every position, `[T, C]`.
pub(super) fn answers(model: &Model, inputs: &[f32], labels: &[u32]) -> Vec<f32> {
    let spec = &model.spec;
    let mut hidden = embed(model, inputs, labels);
    for l in 0..spec.layers {
        let name = |part: &str| format!("layer.{l}.{part}");
        let mixed = attend(model, l, &norm(model, &hidden, &name("norm1")));
        add(&mut hidden, &affine(model, &mixed, &name("output")));
        let mut units = affine(model, &norm(model, &hidden, &name("norm2")), &name("mlp.up"));
        units.iter_mut().flatten().for_each(|unit| *unit = linear::gelu(*unit));
        add(&mut hidden, &affine(model, &units, &name("mlp.down")));
    }
    let mut scores = affine(model, &norm(model, &hidden, "norm"), "readout");
    scores.iter_mut().for_each(|row| log_softmax(row));
    scores.into_iter().flatten().map(|log| log as f32).collect()
}

/// rows·W + b
fn affine(model: &Model, rows: &[Vec<f64>], name: &str) -> Rows {
    let (weight, bias) = (model.tensor(&format!("{name}.weight")), model.tensor(&format!("{name}.bias")));
    let row = |x: &Vec<f64>| {
        let mut out: Vec<f64> = bias.iter().map(|&b| f64::from(b)).collect();
        for (x, weights) in x.iter().zip(weight.chunks_exact(bias.len())) {
            out.iter_mut().zip(weights).for_each(|(o, &w)| *o += x * f64::from(w));
        }
        out
    };
    rows.iter().map(row).collect()
}

/// LayerNorm.
fn norm(model: &Model, rows: &[Vec<f64>], name: &str) -> Rows {
    let (gamma, beta) = (model.tensor(&format!("{name}.gamma")), model.tensor(&format!("{name}.beta")));
    let width = gamma.len();
    let row = |x: &Vec<f64>| {
        let mean = x.iter().sum::<f64>() / width as f64;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
        let deviation = (variance + f64::from(LAYER_NORM_EPSILON)).sqrt();
        (0..width).map(|d| (x[d] - mean) / deviation * f64::from(gamma[d]) + f64::from(beta[d])).collect()
    };
    rows.iter().map(row).collect()
}

fn add(rows: &mut [Vec<f64>], more: &[Vec<f64>]) {
    rows.iter_mut().flatten().zip(more.iter().flatten()).for_each(|(h, more)| *h += more);
}

/// Inputs, labels and positions.
fn embed(model: &Model, inputs: &[f32], labels: &[u32]) -> Rows {
    let (spec, width) = (&model.spec, model.spec.width);
    let (input_table, label_table) = (model.tensor("embed.input.weight"), model.tensor("embed.label.weight"));
    let token = |i: usize| {
        let mut h: Vec<f64> = model.tensor("embed.bias").iter().map(|&b| f64::from(b)).collect();
        let mut plus = |row: &[f32], factor: f64| {
            h.iter_mut().zip(row).for_each(|(h, &value)| *h += factor * f64::from(value));
        };
        for (x, row) in inputs[i * spec.inputs..].iter().zip(input_table.chunks_exact(width)) {
            plus(row, f64::from(*x));
        }
        if i > 0 {
            plus(&label_table[labels[i - 1] as usize * width..][..width], 1.0);
        }
        if spec.positions == Positions::Learned {
            plus(&model.tensor("embed.position")[i * width..][..width], 1.0);
        }
        h
    };
    (0..labels.len()).map(token).collect()
}

/// What each token's attention gives, before the output projection.
fn attend(model: &Model, l: usize, z: &[Vec<f64>]) -> Rows {
    let (spec, size) = (&model.spec, model.spec.key_size);
    let name = |part: &str| format!("layer.{l}.{part}");
    let query = affine(model, z, &name("query"));
    let key = if spec.query_key == QueryKey::Tied { query.clone() } else { affine(model, z, &name("key")) };
    let value = affine(model, z, &name("value"));
    let mut mixed = vec![vec![0.0; spec.channels()]; z.len()];
    let unit = |vector: Vec<f64>| -> Vec<f64> {
        if !spec.qk_norm {
            return vector;
        }
        let norm = (vector.iter().map(|v| v * v).sum::<f64>() + f64::from(QK_NORM_EPSILON)).sqrt();
        vector.iter().map(|v| v / norm).collect()
    };
    for head in 0..spec.heads {
        let channels = head * size..(head + 1) * size;
        let gate = match spec.key_shift {
            KeyShift::None => 0.0,
            KeyShift::Full => 1.0,
            KeyShift::Gated => 1.0 / (1.0 + f64::from(-model.tensor(&name("key_shift.gate"))[head]).exp()),
        };
        let slot = |j: usize| {
            let before = |c: usize| if j > 0 { key[j - 1][c] } else { 0.0 };
            unit(channels.clone().map(|c| (1.0 - gate) * key[j][c] + gate * before(c)).collect())
        };
        let slots: Rows = (0..z.len()).map(slot).collect();
        let factor = match spec.qk_norm {
            true => f64::from(model.tensor(&name("temperature"))[head]).exp(),
            false => 1.0 / (size as f64).sqrt(),
        };
        for (i, mixed) in mixed.iter_mut().enumerate() {
            let q = unit(query[i][channels.clone()].to_vec());
            let logit = |s: &Vec<f64>| factor * q.iter().zip(s).map(|(q, s)| q * s).sum::<f64>();
            let mut shares: Vec<f64> = slots[..=i].iter().map(logit).collect();
            softmax(&mut shares);
            for (share, value) in shares.iter().zip(&value) {
                channels.clone().for_each(|c| mixed[c] += share * value[c]);
            }
        }
    }
    mixed
}
