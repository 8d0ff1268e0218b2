//! Spoiled saved sessions with labels of their own, and spoiled model files, as the engine opens them: what is accepted
//! answers a question with finite probabilities, or says that it cannot.

use std::sync::Arc;

use engine::labelled_session::LabelledSession;
use engine::learner::Learner;
use fuzz::{Found, Target};
use sha2::{Digest, Sha256};
use shaders::model::file::Precision;
use shaders::{Model, ModelSpec};

#[global_allocator]
static ALLOCATOR: fuzz::Counting = fuzz::Counting;

/// Values of an example.
const WIDTH: usize = 3;

fn models() -> Vec<Arc<Model>> {
    let mut shifted = ModelSpec::shifted(WIDTH, 4, 1, 2);
    (shifted.classes, shifted.longest, shifted.encoding.projected) = (3, 6, false);
    let mut set = ModelSpec::equivariant(WIDTH, 4, 4, 1);
    set.longest = 6;
    [shifted, set].map(|spec| Arc::new(Model::random(spec, 1).unwrap())).to_vec()
}

/// A saved session: a byte that counts the names of its classes, a byte for each, and the engine's own bytes.
fn saved(model: &Arc<Model>) -> Vec<u8> {
    let mut session = LabelledSession::on_cpu(model.clone(), (1, WIDTH, 1)).unwrap();
    for (at, label) in [2, 0, 2, 1].into_iter().enumerate() {
        let row: Vec<f32> = (0..WIDTH).map(|column| ((at * 3 + column * 5) % 7) as f32).collect();
        session.observe(&row, label).unwrap();
    }
    let mut bytes = vec![session.names.len() as u8];
    bytes.extend(session.names.iter().map(|name| *name as u8));
    bytes.extend(session.save());
    bytes
}

/// The parts of [`saved`].
fn parts(bytes: &[u8]) -> (Vec<u32>, &[u8]) {
    let count = bytes.first().map_or(0, |count| usize::from(count % 9)).min(bytes.len().saturating_sub(1));
    let names = bytes.get(1..1 + count).unwrap_or_default();
    (names.iter().map(|name| u32::from(*name)).collect(), bytes.get(1 + count..).unwrap_or_default())
}

/// With a checksum that is right.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let from = bytes.len() - parts(&bytes).1.len();
    let end = bytes.len().saturating_sub(32).max(from);
    let sum = Sha256::digest(&bytes[from..end]);
    bytes.splice(end.., sum.iter().copied());
    bytes
}

#[test]
fn saved_sessions() {
    let models = models();
    let target = Target {
        name: "engine-session",
        seeds: models.iter().map(saved).collect(),
        words: &[b"\0\0\xc0\x7f", b"\x02\0\0\0", b"\x04\0\0\0", b"\xff\xff\xff\xff", b"\x02\x07\x01", b"\0"],
        grammar: None,
        seal: Some(sealed),
        memory: |length| 16 * length + (1 << 18),
        cases: 6000,
    };
    target.run(|bytes| {
        let (names, state) = parts(bytes);
        let mut last = Found::Refused("no model".into());
        for model in &models {
            let restored = LabelledSession::restore(model.clone(), (1, WIDTH, 1), &names, state);
            let mut session = match restored {
                Ok(session) => session,
                Err(error) => {
                    last = Found::Refused(error.said);
                    continue;
                }
            };
            let count = session.labels.len();
            let labels = model.spec.classes.max(10);
            match pollster::block_on(session.answer(&[0.5; WIDTH], labels)) {
                Ok(answer) => assert_eq!(answer.is_some(), count > 0),
                // values near the end of f32 are examples, and their answer is none
                Err(error) => return Found::Refused(error.said),
            }
            session.rewind(count / 2).unwrap();
            return Found::Read;
        }
        last
    });
}

/// A file of a learner without its checksum, under which a spoiled weight would be refused.
fn unsealed(model: &Model, precision: Precision) -> Vec<u8> {
    let mut bytes = model.to_bytes(precision);
    let key = b"\"checksum\"";
    let at = bytes.windows(key.len()).position(|window| window == key).expect("files have a checksum");
    bytes[at + 1] = b'C';
    bytes
}

#[test]
fn models_as_the_page_opens_them() {
    let models = models();
    let mut seeds: Vec<Vec<u8>> = models.iter().map(|model| model.to_bytes(Precision::F16)).collect();
    seeds.extend(models.iter().flat_map(|model| [Precision::F16, Precision::F32].map(|size| unsealed(model, size))));
    let target = Target {
        name: "engine-model",
        seeds,
        words: &[b"\"data_offsets\":[0,", b"\"F32\"", b"}", b"{", b"[[[[[[", b"\xff\xff", b"\xff\x7f\x7f", b"\xff\x7b"],
        grammar: None,
        seal: None,
        memory: |length| 100 * length + (1 << 18),
        cases: 4000,
    };
    target.run(|bytes| match Learner::open(bytes) {
        Ok(learner) => {
            assert!(learner.card().contains("hash"));
            match answer(bytes) {
                Ok(()) => Found::Read,
                Err(said) => Found::Refused(said),
            }
        }
        Err(error) => Found::Refused(error.said),
    });
}

/// Shows two examples to a learner and asks it.
fn answer(bytes: &[u8]) -> Result<(), String> {
    let model = Arc::new(Model::from_bytes(bytes).expect("it was opened before"));
    let (width, labels) = (model.spec.inputs, model.spec.classes.max(10));
    let mut session = LabelledSession::on_cpu(model, (1, width, 1)).map_err(|error| error.said)?;
    let row = |at: usize| (0..width).map(|column| ((at * 3 + column * 5) % 7) as f32).collect::<Vec<f32>>();
    for (at, label) in [1, 0].into_iter().enumerate() {
        session.observe(&row(at), label).map_err(|error| error.said)?;
    }
    let answer = pollster::block_on(session.answer(&row(2), labels)).map_err(|error| error.said)?;
    let answer = answer.expect("something was shown");
    assert!(answer.probabilities.iter().all(|share| share.is_finite()), "{:?}", answer.probabilities);
    Ok(())
}
