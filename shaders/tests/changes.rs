//! A session that is changed a thousand times answers as one that is opened anew and shown what is left.

use std::sync::Arc;

use rand::RngExt;
use shaders::cpu::session::Session;
use shaders::model::spec::{Convolution, Equivariant, Ridge, RidgeKernel, Stem};
use shaders::{Model, ModelSpec, parity, random, testing};

const CLASSES: u32 = 3;

/// Changes a session of `model` at random, asks after each change, and compares with a new session.
fn change(model: &Arc<Model>, changes: usize) {
    let (inputs, width) = (testing::episode(model, 3, 200).0, model.spec.inputs);
    let mut stream = random::stream(5, "changes", 0);
    let mut session = Session::new(model.clone());
    let (mut images, mut worst) = (true, 0f32);
    for change in 0..changes {
        let shown = session.context.len();
        let any = stream.random_range(0..shown.max(1));
        let label = stream.random_range(0..CLASSES);
        match stream.random_range(0..10) {
            _ if shown < 2 => show(&mut session, &inputs, width, 12, &mut stream),
            0..=3 => show(&mut session, &inputs, width, 1, &mut stream),
            4 => show(&mut session, &inputs, width, 6, &mut stream),
            5 | 6 => session.context.remove(any).unwrap(),
            7 => session.context.relabel(any, label).unwrap(),
            // two changes before the next question
            8 => {
                session.context.remove(any).unwrap();
                show(&mut session, &inputs, width, 1, &mut stream);
                session.context.remove(any / 2).unwrap();
            }
            _ if change % 5 == 0 => session.context.truncate(shown - shown / 3).unwrap(),
            _ if change % 7 == 0 => session.context.clear(),
            _ => {
                images = !images;
                session.context.set_images(images);
            }
        }
        let queries = &inputs[..width * stream.random_range(1..7)];
        let mut fresh = Session::new(model.clone());
        fresh.context.set_images(images);
        let examples = session.context.examples();
        fresh.context.observe(&examples.inputs, &examples.labels).unwrap();
        let (got, want) = (session.predict(queries).unwrap(), fresh.predict(queries).unwrap());
        let report = parity::compare("a changed session", &format!("change {change}"), &got, &want, 1e-4);
        assert!(report.ok, "{report}");
        worst = report.worst.map_or(worst, |one| worst.max(one.difference));
    }
    println!("{changes} changes, worst difference {worst:e}");
}

/// Shows `count` of the `inputs`, as far as there is room.
fn show(session: &mut Session, inputs: &[f32], width: usize, count: usize, stream: &mut random::Stream) {
    for _ in 0..count.min(session.context.capacity() - session.context.len()) {
        let at = stream.random_range(0..inputs.len() / width);
        session.context.observe(&inputs[at * width..][..width], &[stream.random_range(0..CLASSES)]).unwrap();
    }
}

#[test]
fn a_set_learner_answers_as_if_nothing_had_been_kept() {
    let ridge = [(RidgeKernel::Linear, true), (RidgeKernel::Gaussian, false), (RidgeKernel::Local, true)];
    let ridge = ridge.map(|(kernel, raw)| Ridge { kernel, lambda: 0.2, raw }).to_vec();
    let convolution = Convolution { channels: 3, size: 3, stride: 2 };
    let stem = Some(Stem { side: 4, channels: 1, convolutions: vec![convolution], embedding: 11 });
    let mut spec = ModelSpec::equivariant(19, CLASSES as usize, 7, 2);
    (spec.heads, spec.key_size, spec.longest) = (3, 3, 60);
    spec.equivariant = Some(Equivariant { linear_heads: 1, neighbour: 3, ridge, stem });
    change(&Arc::new(Model::random(spec, 2).unwrap()), 1000);
}

#[test]
fn a_causal_learner_answers_as_if_nothing_had_been_kept() {
    let spec = ModelSpec { longest: 40, classes: CLASSES as usize, ..ModelSpec::shifted(9, 12, 2, 3) };
    change(&Arc::new(Model::random(spec, 2).unwrap()), 1000);
}
