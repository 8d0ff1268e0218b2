//! One safetensors file holds one learner. Loading never trusts the file: header, sizes, names, shapes, dtypes and
//! values are checked, each fault with its own error, before anything is allocated for it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorView};
use sha2::{Digest, Sha256};

use super::spec::ModelSpec;
use super::tensors::TensorSpec;
use super::validate::{MAX_PARAMETERS, SpecError};
use crate::foreign::{self, FileKind};

/// The version this build writes and reads.
pub const FORMAT_VERSION: &str = "1";
/// Key of the checksum in a file's metadata.
const CHECKSUM: &str = "checksum";
/// A header longer than this is not one of ours.
const MAX_HEADER: u64 = 1 << 20;

/// A learner: its spec, its weights and its metadata.
#[derive(Debug, Clone)]
pub struct Model {
    /// What it is.
    pub spec: ModelSpec,
    /// Free text besides `format`, `spec` and `checksum`: `training` (TOML), `commit`, `data`, `evaluation` (JSON),
    /// `licence`.
    pub metadata: BTreeMap<String, String>,
    /// Weights by name, exactly those of [`ModelSpec::tensors`].
    tensors: BTreeMap<String, Vec<f32>>,
    /// See [`Model::hash`]; computed once, until weights change.
    hash: OnceLock<String>,
}

impl PartialEq for Model {
    fn eq(&self, other: &Model) -> bool {
        self.spec == other.spec && self.tensors == other.tensors && self.metadata == other.metadata
    }
}

/// How weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 4 bytes each.
    F32,
    /// 2 bytes each, rounded to nearest.
    F16,
}

/// Why a file is not a learner that can be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system's answer.
    #[error("{}: {source}", path.display())]
    Io {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// Fewer or more bytes than the header promises.
    #[error("model file: expected {expected} bytes, found {found}; it was cut off or damaged, fetch it again")]
    Length {
        /// Bytes that the header promises.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// A file of another format.
    #[error("model file: expected a file that `trainer export` wrote, found {}. {}", .0.name(), .0.instead_of_a_model())]
    Foreign(FileKind),
    /// Not a safetensors header.
    #[error(
        "model file: expected a file that `trainer export` wrote, found no safetensors header ({0}). Fetch it again"
    )]
    NotSafetensors(String),
    /// Larger than any learner of this project.
    #[error("model file: {found} bytes; at most {limit} are accepted. {}", match kind {
        None | Some(FileKind::Safetensors) => "It is larger than any learner of this project: choose another file",
        Some(kind) => kind.instead_of_a_model(),
    })]
    TooLarge {
        /// Bytes found.
        found: u64,
        /// Bytes accepted.
        limit: u64,
        /// What it is by its first bytes.
        kind: Option<FileKind>,
    },
    /// A safetensors file of another program.
    #[error(
        "model file: expected a file that `trainer export` wrote, found weights of another program: \
         {tensors} tensors, the first `{first}`, without the `spec` of a learner. {}",
        FileKind::Safetensors.instead_of_a_model()
    )]
    OtherProgram {
        /// How many tensors it has.
        tensors: usize,
        /// Name of the first in its file.
        first: String,
    },
    /// A file of ours that lacks something.
    #[error("model file: its metadata lacks `{0}`; expected a file that `trainer export` wrote")]
    MissingMetadata(&'static str),
    /// Weights or metadata were changed since they were written.
    #[error(
        "model file: it is damaged: its weights and metadata have the checksum {found}, and {expected} was written \
         into it. Fetch it again"
    )]
    Damaged {
        /// Checksum in the file.
        expected: String,
        /// Checksum of what the file holds.
        found: String,
    },
    /// Written by another version.
    #[error("model file: format version {found}, this build reads {FORMAT_VERSION}; use a newer build or export again")]
    FormatVersion {
        /// Version found.
        found: String,
    },
    /// The spec is no `ModelSpec`.
    #[error("model file: its spec cannot be read ({0})")]
    SpecJson(String),
    /// The spec cannot be built.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A tensor of the spec is not there.
    #[error("model file: tensor `{0}` is missing")]
    MissingTensor(String),
    /// A tensor that the spec does not know.
    #[error("model file: tensor `{0}` does not belong to this spec")]
    ExtraTensor(String),
    /// Neither f32 nor f16.
    #[error("model file: tensor `{name}` has dtype {found}; expected F32 or F16")]
    Dtype {
        /// Tensor.
        name: String,
        /// Dtype found.
        found: String,
    },
    /// Another shape than the spec's.
    #[error("model file: tensor `{name}` has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Tensor.
        name: String,
        /// Shape of the spec.
        expected: Vec<usize>,
        /// Shape found.
        found: Vec<usize>,
    },
    /// NaN or an infinity.
    #[error("model file: tensor `{name}` holds a value that is not finite at index {index}")]
    NotFinite {
        /// Tensor.
        name: String,
        /// Index of the first such value.
        index: usize,
    },
}

impl Model {
    /// A learner of these weights, which have to be those of [`ModelSpec::tensors`].
    pub fn new(spec: ModelSpec, tensors: BTreeMap<String, Vec<f32>>, metadata: BTreeMap<String, String>) -> Model {
        Model { spec, metadata, tensors, hash: OnceLock::new() }
    }

    /// Reads and checks a file's bytes.
    ///
    /// # Errors
    /// Each fault has its own variant of [`FileError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Model, FileError> {
        let declared = read_header(bytes)?;
        let text = declared.metadata().clone().unwrap_or_default();
        let get = |key: &'static str| text.get(key).ok_or(FileError::MissingMetadata(key));
        if !text.contains_key("spec") {
            let tensors = declared.tensors();
            let first = tensors.iter().min_by_key(|(_, info)| info.data_offsets);
            let first = first.map_or_else(String::new, |(name, _)| name.chars().take(100).collect());
            return Err(FileError::OtherProgram { tensors: tensors.len(), first });
        }
        let version = get("format")?;
        if version != FORMAT_VERSION {
            return Err(FileError::FormatVersion { found: version.clone() });
        }
        let spec: ModelSpec =
            serde_json::from_str(get("spec")?).map_err(|error| FileError::SpecJson(error.to_string()))?;
        spec.validate()?;
        let tensors = read_tensors(bytes, &declared, spec.tensors())?;
        let ours = |key: &str| ["format", "spec", CHECKSUM].contains(&key);
        let mut metadata = BTreeMap::new();
        metadata.extend(text.iter().filter(|(key, _)| !ours(key)).map(|(k, v)| (k.clone(), v.clone())));
        let model = Model::new(spec, tensors, metadata);
        if let Some(expected) = text.get(CHECKSUM) {
            let found = checksum(&model.hash(), &text);
            if found != *expected {
                return Err(FileError::Damaged { expected: expected.clone(), found });
            }
        }
        Ok(model)
    }

    /// Reads and checks a file.
    ///
    /// # Errors
    /// As [`Model::from_bytes`], and errors of the operating system.
    pub fn read(path: &Path) -> Result<Model, FileError> {
        let io = |source| FileError::Io { path: path.to_owned(), source };
        let found = std::fs::metadata(path).map_err(io)?.len();
        let limit = 8 + MAX_HEADER + 4 * MAX_PARAMETERS as u64;
        if found > limit {
            let mut head = Vec::new();
            let file = std::fs::File::open(path).map_err(io)?;
            std::io::Read::read_to_end(&mut std::io::Read::take(file, 4096), &mut head).map_err(io)?;
            return Err(FileError::TooLarge { found, limit, kind: FileKind::of(&head) });
        }
        Model::from_bytes(&std::fs::read(path).map_err(io)?)
    }

    /// The bytes of the file. Equal models give equal bytes.
    ///
    /// The metadata gets a `checksum`: the SHA-256 of [`Model::hash`] and of every other key and value, so that a file that
    /// was damaged on its way is refused. Whoever edits the metadata of a file by other means takes that key out.
    pub fn to_bytes(&self, precision: Precision) -> Vec<u8> {
        let mut text: HashMap<String, String> = self.metadata.clone().into_iter().collect();
        text.insert("format".into(), FORMAT_VERSION.into());
        text.insert("spec".into(), serde_json::to_string(&self.spec).expect("a spec is plain data"));
        let hash = match precision {
            Precision::F32 => self.hash(),
            // of what a reader will find
            Precision::F16 => self.hash_of(|value| half::f16::from_f32(value).to_f32()),
        };
        text.insert(CHECKSUM.into(), checksum(&hash, &text));
        let wanted = self.spec.tensors();
        let raw: Vec<Vec<u8>> = wanted
            .iter()
            .map(|t| {
                let values = &self.tensors[&t.name];
                match precision {
                    Precision::F32 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
                    Precision::F16 => values.iter().flat_map(|v| half::f16::from_f32(*v).to_le_bytes()).collect(),
                }
            })
            .collect();
        let dtype = match precision {
            Precision::F32 => Dtype::F32,
            Precision::F16 => Dtype::F16,
        };
        let views = wanted.iter().zip(&raw).map(|(t, bytes)| {
            let view = TensorView::new(dtype, t.shape.clone(), bytes).expect("a model's tensors fit its spec");
            (t.name.clone(), view)
        });
        let bytes = safetensors::serialize(views, Some(text)).expect("a model's tensors fit its spec");
        sorted_header(&bytes)
    }

    /// Writes the file under a temporary name in the same folder, then renames it.
    ///
    /// # Errors
    /// Errors of the operating system.
    pub fn write(&self, path: &Path, precision: Precision) -> Result<(), FileError> {
        let io = |source| FileError::Io { path: path.to_owned(), source };
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(io)?;
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        let temporary = path.with_file_name(name);
        std::fs::write(&temporary, self.to_bytes(precision)).map_err(io)?;
        std::fs::rename(&temporary, path).map_err(io)
    }

    /// Weights by name.
    pub fn tensors(&self) -> &BTreeMap<String, Vec<f32>> {
        &self.tensors
    }

    /// Weights by name, to change them.
    pub fn tensors_mut(&mut self) -> &mut BTreeMap<String, Vec<f32>> {
        self.hash = OnceLock::new();
        &mut self.tensors
    }

    /// One tensor's values.
    ///
    /// # Panics
    /// If `name` is not a tensor of this spec.
    pub fn tensor(&self, name: &str) -> &[f32] {
        self.tensors.get(name).unwrap_or_else(|| panic!("`{name}` is no tensor of this spec"))
    }

    /// SHA-256 of all weights in file order, in hexadecimal: the same as long as no weight changes. It is computed once.
    pub fn hash(&self) -> String {
        self.hash.get_or_init(|| self.hash_of(|value| value)).clone()
    }

    fn hash_of(&self, stored: impl Fn(f32) -> f32) -> String {
        let mut hash = Sha256::new();
        for tensor in self.spec.tensors() {
            for value in &self.tensors[&tensor.name] {
                hash.update(stored(*value).to_le_bytes());
            }
        }
        hexadecimal(&hash.finalize())
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the key [`CHECKSUM`] holds: a SHA-256 of the hash of the weights, and of each key and value of the metadata but
/// itself, sorted, each with its length before it.
fn checksum(weights: &str, metadata: &HashMap<String, String>) -> String {
    let mut hash = Sha256::new();
    hash.update(weights);
    // grown key by key: `sort` and `collect` would bring a sort of their own for long lists, 4 KB of the page each
    let mut sorted = BTreeMap::new();
    sorted.extend(metadata.iter().filter(|(key, _)| *key != CHECKSUM).map(|(k, v)| (k.clone(), v.clone())));
    for part in sorted.iter().flat_map(|(key, value)| [key, value]) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hexadecimal(&hash.finalize())
}

/// Checks sizes and reads the header; a file that is no safetensors file is named as what it is.
fn read_header(bytes: &[u8]) -> Result<Metadata, FileError> {
    let found = bytes.len() as u64;
    let limit = 8 + MAX_HEADER + 4 * MAX_PARAMETERS as u64;
    if found > limit {
        return Err(FileError::TooLarge { found, limit, kind: FileKind::of(bytes) });
    }
    if !foreign::is_safetensors(bytes) {
        return Err(match (FileKind::of(bytes), bytes.get(..9)) {
            (Some(kind), _) => FileError::Foreign(kind),
            (None, Some(first)) => FileError::NotSafetensors(format!("it begins with the bytes {first:02x?}")),
            (None, None) => FileError::Length { expected: 9, found },
        });
    }
    let header = bytes.first_chunk::<8>().map_or(0, |length| u64::from_le_bytes(*length));
    if header > MAX_HEADER {
        return Err(FileError::Foreign(FileKind::Safetensors));
    }
    if 8 + header > found {
        return Err(FileError::Length { expected: 8 + header, found });
    }
    // the crate checks names, dtypes and that offsets are contiguous; the length is ours, for a clear message
    match SafeTensors::read_metadata(bytes) {
        Ok((_, declared)) => Ok(declared),
        Err(error) => Err(match promised_length(bytes, header) {
            Some(expected) if expected != found => FileError::Length { expected, found },
            _ => FileError::NotSafetensors(error.to_string()),
        }),
    }
}

/// Checks that the tensors of a file are those wanted, and reads their values.
fn read_tensors(
    bytes: &[u8],
    declared: &Metadata,
    wanted: Vec<TensorSpec>,
) -> Result<BTreeMap<String, Vec<f32>>, FileError> {
    let infos = declared.tensors();
    for tensor in &wanted {
        let info = infos.get(&tensor.name).ok_or_else(|| FileError::MissingTensor(tensor.name.clone()))?;
        if !matches!(info.dtype, Dtype::F32 | Dtype::F16) {
            return Err(FileError::Dtype { name: tensor.name.clone(), found: format!("{:?}", info.dtype) });
        }
        if info.shape != tensor.shape {
            let (name, expected, found) = (tensor.name.clone(), tensor.shape.clone(), info.shape.clone());
            return Err(FileError::Shape { name, expected, found });
        }
    }
    if infos.len() != wanted.len() {
        let mut unknown = infos.keys().filter(|name| wanted.iter().all(|t| &t.name != *name));
        let first = unknown.next().map(|first| unknown.fold(first, |first, name| first.min(name)));
        return Err(FileError::ExtraTensor(first.cloned().unwrap_or_default()));
    }
    let data = &bytes[bytes.len() - declared.data_len()..];
    let mut tensors = BTreeMap::new();
    for tensor in wanted {
        let info = infos[&tensor.name];
        let raw = &data[info.data_offsets.0..info.data_offsets.1];
        let values: Vec<f32> = match info.dtype {
            Dtype::F16 => raw.chunks_exact(2).map(|two| half::f16::from_le_bytes([two[0], two[1]]).to_f32()).collect(),
            _ => raw.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect(),
        };
        if let Some(index) = values.iter().position(|v| !v.is_finite()) {
            return Err(FileError::NotFinite { name: tensor.name, index });
        }
        tensors.insert(tensor.name, values);
    }
    Ok(tensors)
}

/// The file length that a header promises, read leniently to separate "cut off" from "not safetensors".
fn promised_length(bytes: &[u8], header: u64) -> Option<u64> {
    let json: serde_json::Value = serde_json::from_slice(&bytes[8..8 + header as usize]).ok()?;
    let end = json.as_object()?.iter().filter_map(|(_, t)| t.get("data_offsets")?.get(1)?.as_u64()).max()?;
    (8 + header).checked_add(end)
}

/// safetensors keeps metadata in a hash map; sorting the header makes equal models equal files.
fn sorted_header(bytes: &[u8]) -> Vec<u8> {
    let length = u64::from_le_bytes(*bytes.first_chunk::<8>().expect("a file just written")) as usize;
    let json: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).expect("a header just written");
    let mut header = serde_json::to_vec(&json).expect("plain data");
    while !header.len().is_multiple_of(8) {
        header.push(b' ');
    }
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header);
    out.extend(&bytes[8 + length..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        let mut model = Model::random(ModelSpec::shifted(16, 8, 2, 2), 1).unwrap();
        model.metadata.insert("licence".into(), "CC0-1.0".into());
        model
    }

    /// The file with its header edited as JSON, data untouched.
    fn edited(edit: impl Fn(&mut serde_json::Map<String, serde_json::Value>)) -> Vec<u8> {
        let bytes = model().to_bytes(Precision::F32);
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let mut json: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        edit(json.as_object_mut().unwrap());
        let header = serde_json::to_vec(&json).unwrap();
        [&(header.len() as u64).to_le_bytes()[..], &header, &bytes[8 + length..]].concat()
    }

    fn edited_spec(edit: impl Fn(&mut serde_json::Value)) -> Vec<u8> {
        edited(|json| {
            let mut spec: serde_json::Value =
                serde_json::from_str(json["__metadata__"]["spec"].as_str().unwrap()).unwrap();
            edit(&mut spec);
            json["__metadata__"]["spec"] = spec.to_string().into();
        })
    }

    #[test]
    fn a_file_round_trips_and_is_reproducible() {
        let bytes = model().to_bytes(Precision::F32);
        assert_eq!(Model::from_bytes(&bytes).unwrap(), model());
        assert_eq!(bytes, model().to_bytes(Precision::F32));
        let half = Model::from_bytes(&model().to_bytes(Precision::F16)).unwrap();
        for (name, values) in model().tensors() {
            for (a, b) in values.iter().zip(half.tensor(name)) {
                assert!((a - b).abs() <= a.abs() / 1024.0 + 1e-7);
            }
        }
    }

    #[test]
    fn a_file_cut_off_anywhere_is_an_error_and_never_a_panic() {
        let bytes = model().to_bytes(Precision::F32);
        for length in 0..bytes.len() {
            assert!(Model::from_bytes(&bytes[..length]).is_err(), "{length} bytes were accepted");
        }
        let cut = Model::from_bytes(&bytes[..bytes.len() - 10]);
        assert!(matches!(cut, Err(FileError::Length { .. })), "{cut:?}");
        let longer = Model::from_bytes(&[&bytes[..], &[0; 4]].concat());
        assert!(matches!(longer, Err(FileError::Length { .. })), "{longer:?}");
    }

    #[test]
    fn each_fault_has_its_own_error() {
        let read = |bytes: Vec<u8>| Model::from_bytes(&bytes).unwrap_err();
        assert!(matches!(read(b"PK\x03\x04 not a model at all".to_vec()), FileError::Foreign(FileKind::Zip)));
        assert!(matches!(read(vec![0x7f; 64]), FileError::NotSafetensors(_)));
        assert!(matches!(
            read(edited(|h| {
                h.remove("__metadata__");
            })),
            FileError::OtherProgram { .. }
        ));
        // as other programs write it
        let other = read(edited(|h| h["__metadata__"] = serde_json::json!({ "format": "pt" })));
        assert!(matches!(&other, FileError::OtherProgram { .. }), "{other}");
        let without = |key: &'static str| {
            read(edited(move |h| {
                h["__metadata__"].as_object_mut().unwrap().remove(key);
            }))
        };
        assert!(matches!(without("format"), FileError::MissingMetadata("format")));
        assert!(matches!(
            read(edited(|h| h["__metadata__"]["format"] = "7".into())),
            FileError::FormatVersion { found } if found == "7"
        ));
        assert!(matches!(read(edited(|h| h["__metadata__"]["spec"] = "{}".into())), FileError::SpecJson(_)));
        assert!(matches!(read(edited_spec(|s| s["colour"] = 1.into())), FileError::SpecJson(_)));
        assert!(matches!(read(edited_spec(|s| s["width"] = 1_000_000_000u64.into())), FileError::Spec(_)));
        assert!(matches!(read(edited_spec(|s| s["width"] = 4.into())), FileError::Shape { .. }));
        assert!(matches!(read(edited_spec(|s| s["layers"] = 3.into())), FileError::MissingTensor(_)));
        assert!(matches!(read(edited_spec(|s| s["layers"] = 1.into())), FileError::ExtraTensor(_)));
        assert!(matches!(
            read(edited(|h| h["norm.gamma"]["dtype"] = "I32".into())),
            FileError::Dtype { name, .. } if name == "norm.gamma"
        ));
    }

    #[test]
    fn values_that_are_not_finite_are_found() {
        for poison in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut bad = model();
            bad.tensors_mut().get_mut("readout.bias").unwrap()[3] = poison;
            let error = Model::from_bytes(&bad.to_bytes(Precision::F32)).unwrap_err();
            assert!(matches!(error, FileError::NotFinite { ref name, index: 3 } if name == "readout.bias"), "{error}");
        }
    }

    #[test]
    fn flipped_bytes_never_panic() {
        let bytes = model().to_bytes(Precision::F32);
        let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        for at in 0..8 + header {
            for bit in [1u8, 0x80] {
                let mut bad = bytes.clone();
                bad[at] ^= bit;
                let _ = Model::from_bytes(&bad);
            }
        }
    }

    #[test]
    fn a_stranger_s_file_is_named_and_not_taken_for_a_header() {
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4665\nsize 573438\n";
        let said = Model::from_bytes(pointer).unwrap_err().to_string();
        assert!(said.contains("Git LFS pointer") && said.contains("git lfs pull"), "{said}");
        let said = Model::from_bytes(b"").unwrap_err().to_string();
        assert!(said.contains("an empty file"), "{said}");
        let large = [&(MAX_HEADER + 8).to_le_bytes()[..], b"{\"model.layers.0.weight\":"].concat();
        assert!(matches!(Model::from_bytes(&large), Err(FileError::Foreign(FileKind::Safetensors))));
    }

    #[test]
    fn one_flipped_byte_of_the_weights_or_the_spec_is_found() {
        for precision in [Precision::F32, Precision::F16] {
            let bytes = model().to_bytes(precision);
            let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            for at in (header..bytes.len()).step_by(7) {
                let mut bad = bytes.clone();
                bad[at] ^= 1;
                assert!(matches!(Model::from_bytes(&bad), Err(FileError::Damaged { .. })), "byte {at}");
            }
        }
        // a longer context, and another licence: both would do as a file
        for change in [("longest\\\":256", "longest\\\":255"), ("CC0-1.0", "CC0-1.1")] {
            let bytes = model().to_bytes(Precision::F32);
            let at = bytes.windows(change.0.len()).position(|part| part == change.0.as_bytes()).unwrap();
            let bad = [&bytes[..at], change.1.as_bytes(), &bytes[at + change.1.len()..]].concat();
            assert!(matches!(Model::from_bytes(&bad), Err(FileError::Damaged { .. })), "{change:?}");
        }
    }

    #[test]
    fn files_without_a_checksum_are_read_as_before() {
        let old = edited(|h| {
            h["__metadata__"].as_object_mut().unwrap().remove(CHECKSUM);
        });
        assert_eq!(Model::from_bytes(&old).unwrap(), model());
    }

    #[test]
    fn the_hash_follows_the_weights() {
        let mut other = model();
        assert_eq!(other.hash(), model().hash());
        other.tensors_mut().get_mut("norm.beta").unwrap()[0] += 1e-6;
        assert_ne!(other.hash(), model().hash());
    }
}
