//! A run as bytes, to go on with at the next visit or in another worker. A browser's storage gives back what it likes after
//! years, and whoever can write there need not be the page: all of it is checked.

use serde::{Deserialize, Serialize};

use crate::run::{Drawings, Measured, Run};
use crate::settings::{LENGTH, Settings};

/// What a checkpoint begins with.
const MAGIC: &[u8; 8] = b"GPICLrun";

/// The head of a checkpoint. The numbers follow: weights, average, both moments, drawings.
#[derive(Serialize, Deserialize)]
struct Head {
    settings: Settings,
    measured: Measured,
    /// Steps of each tensor's moments.
    times: Vec<usize>,
    labels: Vec<u32>,
}

impl Head {
    /// Whether it is of a run as [`Run`] makes them.
    fn is_whole(&self) -> bool {
        let Head { settings, measured, times, .. } = self;
        let Measured { step, logged, right, losses, seen, unseen, progress, points, .. } = measured;
        let (_, changed) = settings.clone().bounded();
        changed.is_empty()
            && *step <= settings.steps
            && progress.since <= *step
            && progress.lines <= *step
            && progress.stage <= settings.stages().len()
            && u64::from(losses.1) <= *step
            && points.len() as u64 <= *step
            && [logged, right, seen, unseen].iter().all(|positions| positions.len() <= LENGTH)
            && times.iter().all(|time| *time as u64 <= *step)
    }
}

impl Run {
    /// All that [`Run::resume`] needs to go on to the same bits.
    pub fn checkpoint(&self) -> Vec<u8> {
        let state = &self.trainer.state;
        let head = Head {
            settings: self.settings().clone(),
            measured: self.measured.clone(),
            times: state.moments.times.clone(),
            labels: self.drawings.labels.clone(),
        };
        let head = serde_json::to_vec(&head).expect("plain data");
        let mut bytes = MAGIC.to_vec();
        bytes.extend((head.len() as u32).to_le_bytes());
        bytes.extend(head);
        let buffers =
            [&state.weights, &state.average, &state.moments.first, &state.moments.second, &self.drawings.inputs];
        for value in buffers.into_iter().flatten() {
            bytes.extend(value.to_le_bytes());
        }
        bytes
    }

    /// Goes on from a checkpoint.
    ///
    /// # Errors
    /// The bytes are no checkpoint, or of another version of the page.
    pub fn resume(bytes: &[u8]) -> Result<Run, String> {
        Run::read(bytes).ok_or_else(|| {
            "this run can't be continued: it was kept by another version of the page, or is damaged. Start a new one".into()
        })
    }

    fn read(bytes: &[u8]) -> Option<Run> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (head, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let head: Head = serde_json::from_slice(head).ok()?;
        if !head.is_whole() || !rest.len().is_multiple_of(4) {
            return None;
        }
        let Head { settings, measured, times, labels } = head;
        let numbers: Vec<f32> = rest.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let size: usize = settings.spec().tensors().iter().map(|tensor| tensor.len()).sum();
        let (state, inputs) = numbers.split_at_checked(4 * size)?;
        let whole = !labels.is_empty() && inputs.len().is_multiple_of(labels.len());
        if times.len() != settings.spec().tensors().len() || (!whole && !inputs.is_empty()) {
            return None;
        }
        let mut run = Run::new(settings, Drawings { inputs: inputs.to_vec(), labels }).ok()?;
        let own = &mut run.trainer.state;
        let buffers = [&mut own.weights, &mut own.average, &mut own.moments.first, &mut own.moments.second];
        for (buffer, values) in buffers.into_iter().zip(state.chunks_exact(size)) {
            buffer.copy_from_slice(values);
        }
        own.moments.times = times;
        run.measured = measured;
        Some(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Kind, Optimiser};
    use crate::testing::{bits, run, small, take};

    #[test]
    fn a_run_goes_on_from_a_checkpoint_to_the_same_bits() {
        for settings in
            [small(), Settings { curriculum: true, learner: Kind::Paper, optimiser: Optimiser::Muon, ..small() }]
        {
            let (mut whole, mut first) = (run(settings.clone()), run(settings));
            take(&mut whole, 23);
            take(&mut first, 11);
            let mut second = Run::resume(&first.checkpoint()).unwrap();
            take(&mut second, 12);
            assert_eq!(bits(whole.weights()), bits(second.weights()));
            assert_eq!(bits(whole.average()), bits(second.average()));
            let (one, other) = (whole.report(0), second.report(0));
            assert_eq!((one.step, one.stage, one.points.len()), (other.step, other.stage, other.points.len()));
            // numbers in JSON may lose their last bit
            let near = |a: &f64, b: &f64| (a - b).abs() < 1e-12;
            assert!(one.unseen.iter().zip(&other.unseen).all(|(a, b)| near(a, b)));
            assert!(one.seen.iter().zip(&other.seen).all(|(a, b)| near(a, b)));
            assert!(one.points.iter().zip(&other.points).all(|(a, b)| near(&a.loss, &b.loss)));
        }
    }

    #[test]
    fn bytes_that_are_no_checkpoint_are_refused() {
        let mut run = run(small());
        run.advance().unwrap();
        let whole = run.checkpoint();
        assert!(Run::resume(&whole).is_ok());
        for length in [0, 7, 8, 11, 40, whole.len() / 2, whole.len() - 1] {
            assert!(Run::resume(&whole[..length]).is_err(), "{length} bytes");
        }
        let mut longer = whole.clone();
        longer.extend([0; 4]);
        let mut wrong = whole;
        wrong[9] ^= 0x40;
        assert!(Run::resume(&longer).is_err() && Run::resume(&wrong).is_err());
    }

    /// The same checkpoint with something else in its head.
    fn changed(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
        let length = u32::from_le_bytes(bytes[8..12].try_into().unwrap()) as usize;
        let head = std::str::from_utf8(&bytes[12..12 + length]).unwrap();
        assert!(head.contains(from), "{from} in {head}");
        let head = head.replacen(from, to, 1);
        [MAGIC, &(head.len() as u32).to_le_bytes()[..], head.as_bytes(), &bytes[12 + length..]].concat()
    }

    #[test]
    fn a_head_that_no_run_has_is_refused() {
        let mut run = run(Settings { curriculum: true, ..small() });
        take(&mut run, 3);
        let whole = run.checkpoint();
        assert!(Run::resume(&changed(&whole, "\"step\":3", "\"step\":4")).is_ok());
        for (from, to) in [
            ("\"since\":0", "\"since\":4"),
            ("\"lines\":1", "\"lines\":18446744073709551615"),
            ("\"stage\":0", "\"stage\":3"),
            ("\"step\":3", "\"step\":18446744073709551615"),
            ("\"times\":[3", "\"times\":[9999999999"),
            ("\"width\":16", "\"width\":16000"),
            ("\"points\":[", "\"points\":[{},"),
        ] {
            assert!(Run::resume(&changed(&whole, from, to)).is_err(), "{to}");
        }
        let long = format!("\"logged\":[{}", "0.5,".repeat(LENGTH));
        assert!(Run::resume(&changed(&whole, "\"logged\":[", &long)).is_err());
    }
}
