//! The models that this repository ships.

use shaders::Model;
use shaders::model::file::{FileError, Precision};

#[test]
fn every_shipped_model_is_what_this_version_writes_and_notices_damage() {
    let folder = std::env::current_dir().unwrap().join("../models");
    for name in ["drawing", "general", "quick", "paper"] {
        let bytes = std::fs::read(folder.join(name).with_extension("safetensors")).unwrap();
        let model = Model::from_bytes(&bytes).unwrap();
        let same = [Precision::F16, Precision::F32].into_iter().any(|precision| model.to_bytes(precision) == bytes);
        assert!(same, "{name} lacks its checksum, or is written differently");
        for at in [bytes.len() - 1, bytes.len() / 2] {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            assert!(matches!(Model::from_bytes(&bad), Err(FileError::Damaged { .. })), "{name}, byte {at}");
        }
    }
}
