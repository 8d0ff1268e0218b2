//! Frozen features in the place of pixels: the stem of a learner for drawings, from its file or with random weights.
//!
//! As in the paper's figures with a pretrained network, features are standardised by one mean and one standard deviation
//! over the training split, then squashed by tanh; the run then projects them as it would pixels.

use std::path::Path;
use std::sync::Mutex;

use burn::tensor::{Tensor, TensorData};
use shaders::Model;

use crate::config::RunConfig;
use crate::data::{self, Split, mean_and_std};
use crate::device::host;
use crate::nets::Net;
use crate::nets::tensors::floats;
use crate::sources::{SourceError, drawn_base};
use crate::train::TrainError;
use tasks::Base;

/// Which frozen network: `random`, or a model file with a stem.
pub(super) fn base(network: &str, name: &str, split: Split, data_dir: &Path) -> Result<Base, TrainError> {
    /// Bases that are kept, as in [`crate::sources::encoded_base`].
    static KEPT: Mutex<Vec<(String, Base)>> = Mutex::new(Vec::new());
    let key = format!("{network} {name} {split} {}", data_dir.display());
    // held while features are made: two cells want the same at the same time
    let mut kept = KEPT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some((_, base)) = kept.iter().find(|(of, _)| *of == key) {
        return Ok(base.clone());
    }
    let model = match network {
        "random" => {
            let spec = RunConfig::preset("drawing")?.model;
            Model::random(spec, 0).map_err(crate::config::ConfigError::from)?
        }
        path => Model::read(Path::new(path))?,
    };
    let net = match Net::from_model(&model, &host()) {
        Net::Set(net) if net.has_stem() => net,
        _ => return Err(TrainError::NoStem { path: network.into() }),
    };
    let features = |split: Split| -> Result<(Vec<f32>, Vec<u32>), SourceError> {
        let set = data::open(name, split, data_dir)?;
        let base = drawn_base(&set, name)?;
        let pictures = base.drawings.as_ref().expect("a base of drawings has them");
        let x = base.dimensions;
        let mut features = Vec::new();
        for chunk in pictures.chunks(256 * x) {
            let mut chunk = chunk.to_vec();
            chunk.chunks_exact_mut(x).for_each(shaders::input::pixels::standardise);
            let rows = chunk.len() / x;
            let drawings = Tensor::<2>::from_data(TensorData::new(chunk, [rows, x]), &host());
            features.extend(floats(net.embed(drawings)));
        }
        Ok((features, base.labels.to_vec()))
    };
    let (train, labels) = features(Split::Train)?;
    let (mean, std) = mean_and_std(&train);
    for of in [Split::Train, Split::Test] {
        let (mut values, labels) = if of == Split::Train { (train.clone(), labels.clone()) } else { features(of)? };
        values.iter_mut().for_each(|v| *v = ((*v - mean) / std.max(1e-6)).tanh());
        let key = format!("{network} {name} {of} {}", data_dir.display());
        kept.push((key, Base::new(name, values, labels)));
    }
    let (_, base) = kept.iter().find(|(of, _)| *of == key).expect("both splits were just made");
    Ok(base.clone())
}
