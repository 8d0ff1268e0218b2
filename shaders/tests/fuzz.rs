//! Spoiled model files, saved states and files of other programs: each is read or refused in words, within its time and its
//! memory. What is accepted is used once.

use std::sync::Arc;

use fuzz::{Found, Random, Target, mutate};
use serde_json::Value;
use sha2::{Digest, Sha256};
use shaders::cpu::Session;
use shaders::model::file::Precision;
use shaders::model::spec::{Convolution, Equivariant, Ridge, RidgeKernel, Stem};
use shaders::{FileKind, Model, ModelSpec};

#[global_allocator]
static ALLOCATOR: fuzz::Counting = fuzz::Counting;

/// A small learner of each family.
fn specs() -> Vec<ModelSpec> {
    let mut paper = ModelSpec::paper(4, 0, 0.1, 0.3);
    (paper.width, paper.layers, paper.heads, paper.key_size, paper.longest) = (2, 1, 1, 2, 5);
    let mut shifted = ModelSpec::shifted(3, 4, 1, 2);
    (shifted.classes, shifted.longest) = (3, 6);
    let mut set = ModelSpec::equivariant(16, 3, 4, 1);
    set.longest = 6;
    let mut stem = set.clone();
    let convolutions = vec![Convolution { channels: 2, size: 3, stride: 2 }];
    let ridges = [RidgeKernel::Linear, RidgeKernel::Gaussian, RidgeKernel::Local];
    stem.equivariant = Some(Equivariant {
        linear_heads: 1,
        neighbour: 2,
        ridge: ridges.map(|kernel| Ridge { kernel, lambda: 0.1, raw: kernel == RidgeKernel::Local }).to_vec(),
        stem: Some(Stem { side: 4, channels: 1, convolutions, embedding: 3 }),
    });
    vec![paper, shifted, set, stem]
}

fn models() -> Vec<Model> {
    let mut models: Vec<Model> = specs().into_iter().map(|spec| Model::random(spec, 1).unwrap()).collect();
    models[1].metadata.insert("licence".into(), "CC0-1.0".into());
    models
}

/// A file in its parts: the header as JSON without its checksum, and the data.
fn parts(file: &[u8]) -> (Value, Vec<u8>) {
    let length = u64::from_le_bytes(*file.first_chunk().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&file[8..8 + length]).unwrap();
    // whoever edits a file takes it out
    header["__metadata__"].as_object_mut().unwrap().remove("checksum");
    (header, file[8 + length..].to_vec())
}

fn framed(header: &[u8], data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header, data].concat()
}

/// A spec with some of its sizes and switches changed to others.
fn resized(random: &mut Random, spec: &str) -> String {
    const FIELDS: [&str; 16] = [
        "/inputs",
        "/classes",
        "/width",
        "/layers",
        "/heads",
        "/key_size",
        "/mlp_factor",
        "/longest",
        "/equivariant/linear_heads",
        "/equivariant/neighbour",
        "/equivariant/ridge/0/lambda",
        "/equivariant/stem/side",
        "/equivariant/stem/embedding",
        "/equivariant/stem/convolutions/0/size",
        "/equivariant/stem/convolutions/0/stride",
        "/equivariant/stem/convolutions/0/channels",
    ];
    const SWITCHES: [(&str, &[&str]); 4] = [
        ("/key_shift", &["\"none\"", "\"full\"", "\"gated\""]),
        ("/query_key", &["\"free\"", "\"equal\"", "\"tied\""]),
        ("/qk_norm", &["true", "false"]),
        ("/positions", &["\"learned\"", "\"none\""]),
    ];
    let mut spec: Value = serde_json::from_str(spec).unwrap();
    for _ in 0..random.between(1, 3) {
        if let Some(field) = spec.pointer_mut(random.pick(&FIELDS)) {
            *field = [0, 1, 2, 3, 4, 5, 8, 9, 16, 64, 100, 256, 1025][random.below(13)].into();
        }
        let (switch, values) = SWITCHES[random.below(4)];
        if random.once_in(3)
            && let Some(field) = spec.pointer_mut(switch)
        {
            *field = serde_json::from_str(random.pick(values)).unwrap();
        }
    }
    spec.to_string()
}

/// A file whose header, spec or data are spoiled inside a frame that is right.
fn spoiled_model(random: &mut Random) -> Vec<u8> {
    let files: Vec<Vec<u8>> = models().iter().map(|model| model.to_bytes(Precision::F16)).collect();
    let (mut header, data) = parts(&files[random.below(files.len())]);
    let words: &[&[u8]] = &[
        b"\"F32\"",
        b"\"F64\"",
        b"\"U8\"",
        b"[[[[[[[[",
        b"{\"a\":",
        b"null",
        b"true",
        b"\"paper\"",
        b"\"shifted\"",
        b"\"equivariant\"",
        b"\"gated\"",
        b"\"tied\"",
        b"\"learned\"",
        b"\"size\":2",
        b"\"stride\":4",
        b"\"side\":64",
        b"-1",
        b"1e30",
    ];
    match random.below(4) {
        0 => framed(&mutate(random, header.to_string().as_bytes(), &files, words), &data),
        1 => framed(header.to_string().as_bytes(), &mutate(random, &data, &files, &[b"\0\x7c", b"\xff\xff"])),
        _ => {
            let spec = header["__metadata__"]["spec"].as_str().unwrap_or_default().to_owned();
            let text = match random.once_in(2) {
                true => String::from_utf8_lossy(&mutate(random, spec.as_bytes(), &[], words)).into_owned(),
                false => resized(random, &spec),
            };
            // now and then with the tensors that the spoiled spec asks for, so that it is used
            let found = serde_json::from_str::<ModelSpec>(&text).ok().filter(|spec| spec.validate().is_ok());
            if let Some(found) = found.filter(|spec| spec.parameters() < 20_000)
                && let Ok(model) = Model::random(found, 1)
            {
                return model.to_bytes(Precision::F16);
            }
            header["__metadata__"]["spec"] = text.into();
            framed(header.to_string().as_bytes(), &data)
        }
    }
}

/// Shows two examples and asks about one.
fn used(model: Model) {
    let inputs = model.spec.inputs;
    let labels = [0, 1];
    let values: Vec<f32> = (0..2 * inputs).map(|at| (at % 7) as f32 / 7.0).collect();
    let mut session = Session::new(Arc::new(model));
    let shown = session.context.capacity().min(2);
    session.context.observe(&values[..shown * inputs], &labels[..shown]).unwrap();
    let answer = session.predict(&values[..inputs]).unwrap();
    assert_eq!(answer.len(), session.context.classes());
}

#[test]
fn model_files() {
    let target = Target {
        name: "shaders-model",
        seeds: models().iter().flat_map(|m| [Precision::F16, Precision::F32].map(|p| m.to_bytes(p))).collect(),
        words: &[
            b"\"data_offsets\":[0,",
            b"\"shape\":[",
            b"__metadata__",
            b"\"F32\"",
            b"}",
            b"{",
            b"\\u0000",
            b"[[[[[[",
        ],
        grammar: Some(spoiled_model),
        seal: None,
        memory: |length| 100 * length + (1 << 20),
        cases: 3000,
    };
    target.run(|bytes| match Model::from_bytes(bytes) {
        Ok(model) => {
            used(model);
            Found::Read
        }
        Err(error) => Found::Refused(error.to_string()),
    });
}

/// A state whose checksum is right whatever is in it.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = bytes.len().saturating_sub(32);
    let sum = Sha256::digest(&bytes[..length]);
    bytes.splice(length.., sum.iter().copied());
    bytes
}

#[test]
fn saved_states() {
    let models: Vec<Arc<Model>> = models().into_iter().map(Arc::new).collect();
    let state = |model: &Arc<Model>| {
        let mut session = Session::new(model.clone());
        let inputs = model.spec.inputs;
        session.context.observe(&(0..3 * inputs).map(|at| at as f32).collect::<Vec<_>>(), &[0, 1, 0]).unwrap();
        session.context.save()
    };
    let target = Target {
        name: "shaders-state",
        seeds: models.iter().map(state).collect(),
        words: &[b"ICLSTATE", b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\x01\0\0\0", b"\xff\xff\xff\xff"],
        grammar: None,
        seal: Some(sealed),
        memory: |length| 16 * length + (1 << 16),
        cases: 20_000,
    };
    let sessions: Vec<Session> = models.iter().map(|model| Session::new(model.clone())).collect();
    target.run(|bytes| {
        let mut last = Found::Refused("no session".into());
        for session in &sessions {
            let mut context = session.context.clone();
            let found = context.restore(bytes);
            assert!(context.len() <= context.capacity());
            assert_eq!(context.examples().inputs.len(), context.len() * context.inputs());
            assert!(found.is_ok() || context.is_empty(), "a refused state changed the session");
            if found.is_ok() {
                return Found::Read;
            }
            last = found.into();
        }
        last
    });
}

#[test]
fn files_of_other_programs() {
    let zip = b"PK\x03\x04\x14\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x0b\0\0\0a/data.pkl.packed".to_vec();
    let texts =
        ["{\"a\": 1}", "a;b\n1;2\n3;4\n", "<!DOCTYPE html>", "<?xml version=\"1.0\"?><svg>", "version https://git-lfs"];
    let mut seeds: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    seeds.extend([
        zip,
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(),
        b"\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94.".to_vec(),
    ]);
    seeds.push(models()[0].to_bytes(Precision::F16));
    let target = Target {
        name: "shaders-foreign",
        seeds,
        words: &[
            b"PK\x01\x02",
            b"PK\x03\x04",
            b"xl/",
            b"ftyp",
            b"\xff\xfe",
            b"\xef\xbb\xbf",
            b"BM",
            b"ustar",
            b"\n",
            b";",
        ],
        grammar: None,
        seal: None,
        // it promises never to allocate
        memory: |_| 0,
        cases: 40_000,
    };
    target.run(|bytes| match FileKind::of(bytes) {
        Some(kind) => {
            assert!(!kind.name().is_empty() && !kind.instead_of_a_model().is_empty());
            Found::Read
        }
        None => Found::Read,
    });
}
