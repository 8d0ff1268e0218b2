//! The state of AdamW and Muon between [`backprop`] and Burn's optimisers, so that a run can go on with either.

use std::ops::Range;

use backprop::{Layout, Moments};
use burn::tensor::TensorData;
use shaders::model::spec::ModelSpec;

/// Why the state of an optimiser cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum MomentsError {
    /// The container.
    #[error(transparent)]
    Pack(#[from] burn_pack::Error),
    /// A tensor that is not as long as its weights.
    #[error("`{name}` holds {found} numbers, expected {expected}")]
    Length {
        /// Tensor in the file.
        name: String,
        /// Numbers it should hold.
        expected: usize,
        /// Numbers it holds.
        found: usize,
    },
}

/// The state of an optimiser as Burn's writes it.
///
/// # Shapes
/// `by_muon` says of each tensor, in the spec's order, whether Muon moves it; none where all are AdamW's.
pub(super) fn write(spec: &ModelSpec, moments: &Moments, by_muon: &[bool]) -> burn_pack::Writer {
    let (mut tensors, mut scalars, mut paths) = (Vec::new(), Vec::new(), Vec::new());
    let by_muon = by_muon.iter().copied().chain(std::iter::repeat(false));
    for ((Place { id, name, shape, place }, &time), muon) in places(spec).into_iter().zip(&moments.times).zip(by_muon) {
        if time == 0 {
            continue;
        }
        let kept = match muon {
            true => vec![("velocity", &moments.first)],
            false => vec![("moment_1", &moments.first), ("moment_2", &moments.second)],
        };
        for (kind_of, values) in kept {
            let data = TensorData::new(values[place.clone()].to_vec(), shape.clone());
            let (bytes, shape, kind) = data.into_parts();
            let name = format!("{id}.momentum.{kind_of}");
            tensors.push(burn_pack::Tensor::new(name, kind, shape, Some(id), bytes));
        }
        scalars.push((format!("{id}.__rank"), shape.len()));
        if !muon {
            scalars.push((format!("{id}.momentum.time"), time));
        }
        // by its path Burn finds the optimiser that it belongs to
        if spec.equivariant.is_none() {
            paths.push((id.to_string(), format!("{FAMILY}{name}")));
        }
    }
    let writer = burn_pack::Writer::new(tensors);
    let writer = scalars.iter().fold(writer, |writer, (name, value)| writer.with_scalar(name, (*value).into()));
    paths.iter().fold(writer, |writer, (id, path)| writer.with_metadata(id, path))
}

/// Takes the state of an optimiser from where Burn's or [`write`] wrote it; a weight that has none begins with zeros.
///
/// # Errors
/// What the container says, or a tensor of another length.
pub(super) fn read(spec: &ModelSpec, moments: &mut Moments, file: burn_pack::Reader) -> Result<(), MomentsError> {
    let time = |id: u64| file.scalars().get(&format!("{id}.momentum.time")).copied();
    let names: Vec<String> = file.tensor_names().into_iter().map(str::to_owned).collect();
    let Moments { first, second, times } = moments;
    for (Place { id, place, .. }, own) in places(spec).into_iter().zip(times) {
        *own = time(id).and_then(|time| usize::try_from(time).ok()).unwrap_or(0);
        let velocity = names.contains(&format!("{id}.momentum.velocity"));
        if velocity {
            // Muon asks only whether there was a step
            *own = 1;
        }
        let first_name = if velocity { "velocity" } else { "moment_1" };
        for (name, values) in [(first_name, &mut *first), ("moment_2", &mut *second)] {
            let name = format!("{id}.momentum.{name}");
            let to = &mut values[place.clone()];
            to.fill(0.0);
            if !names.contains(&name) {
                continue;
            }
            let bytes = file.tensor_data(&name)?;
            if bytes.len() != 4 * to.len() {
                return Err(MomentsError::Length { name, expected: to.len(), found: bytes.len() / 4 });
            }
            for (to, bytes) in to.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *to = f32::from_le_bytes(*bytes);
            }
        }
    }
    Ok(())
}

/// What the paths of a causal learner's parameters begin with in Burn.
const FAMILY: &str = "Causal.";

/// A tensor's number in Burn's module, its name, its shape, and where it lies in a flat buffer.
struct Place {
    id: u64,
    name: String,
    shape: Vec<usize>,
    place: Range<usize>,
}

fn places(spec: &ModelSpec) -> Vec<Place> {
    let tensors = spec.tensors().into_iter().zip(Layout::new(spec).tensors).zip(1..);
    tensors.map(|((tensor, place), id)| Place { id, name: tensor.name, shape: tensor.shape, place }).collect()
}
