//! Cases that peers compute as well: tensors in a safetensors file, which their scripts in `xtask/peers` read.

use std::error::Error;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use shaders::Model;

/// A tensor on its way into a file: name, type, shape, bytes.
pub type Entry = (String, Dtype, Vec<usize>, Vec<u8>);

/// Numbers as a file has them.
pub fn floats(name: String, shape: Vec<usize>, values: &[f32]) -> Entry {
    (name, Dtype::F32, shape, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// Labels as a file has them, 64 bits each.
pub fn labels(name: String, shape: Vec<usize>, values: &[u32]) -> Entry {
    (name, Dtype::I64, shape, values.iter().flat_map(|&label| i64::from(label).to_le_bytes()).collect())
}

/// A learner's weights and one batch for it, with its specification under `model`.
///
/// # Shapes
/// `inputs` `[B, T, X]`, `labels` `[B, T]`
///
/// # Errors
/// The operating system's.
pub fn write_batch(
    path: &Path,
    model: &Model,
    tokens: usize,
    inputs: &[f32],
    labels: &[u32],
) -> Result<(), Box<dyn Error>> {
    let spec = &model.spec;
    let batch = labels.len() / tokens;
    let mut all: Vec<Entry> = Vec::new();
    for tensor in spec.tensors() {
        let values = model.tensor(&tensor.name);
        all.push(floats(tensor.name, tensor.shape, values));
    }
    all.push(floats("inputs".into(), vec![batch, tokens, spec.inputs], inputs));
    all.push(self::labels("labels".into(), vec![batch, tokens], labels));
    write(path, &all, &[("model", serde_json::to_string(spec)?)])
}

/// Writes a safetensors file.
///
/// # Errors
/// The operating system's.
pub fn write(path: &Path, entries: &[Entry], metadata: &[(&str, String)]) -> Result<(), Box<dyn Error>> {
    let views: Result<Vec<(&str, TensorView<'_>)>, _> = entries
        .iter()
        .map(|(name, kind, shape, bytes)| Ok((name.as_str(), TensorView::new(*kind, shape.clone(), bytes)?)))
        .collect::<Result<_, safetensors::SafeTensorError>>();
    let metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    std::fs::write(path, safetensors::serialize(views?, Some(metadata))?)?;
    Ok(())
}
