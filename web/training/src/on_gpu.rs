//! The same steps on a GPU. It takes some, one after another without waiting; then their numbers come, and
//! the learner with them, which is measured where all others are.

use backprop::schedule;
use backprop_gpu::{Batch, StepError, Trainer, Update};

use crate::run::{NotFinite, Run};
use crate::settings::{AVERAGE, CLIP, Optimiser};

/// Why steps on a GPU ended. The run is as it was before them.
#[derive(Debug, Clone, PartialEq)]
pub enum Stopped {
    /// A loss or a gradient is not finite.
    NotFinite(NotFinite),
    /// The GPU refused or failed, and is of no use any more.
    Gpu(StepError),
}

impl From<StepError> for Stopped {
    fn from(error: StepError) -> Stopped {
        Stopped::Gpu(error)
    }
}

impl Run {
    /// Puts the learner on a GPU.
    ///
    /// # Errors
    /// A device that is lost, too small or fails.
    pub async fn trainer_on(&self, gpu: &shaders::gpu::Gpu) -> Result<Trainer, StepError> {
        let mut trainer = Trainer::new(gpu, &self.settings().spec()).await?;
        trainer.load(&self.trainer.state)?;
        Ok(trainer)
    }

    /// Steps on the GPU that holds this run's learner: at most so many, and none beyond the next measurement. Gives their
    /// number. The learner comes back from the GPU each time, so that a GPU that is lost takes no more than these steps
    /// with it.
    ///
    /// # Errors
    /// See [`Stopped`].
    pub async fn advance_on(&mut self, trainer: &mut Trainer, most: u64) -> Result<u64, Stopped> {
        // points are added by measurements alone, with which steps end
        let points = std::mem::take(&mut self.measured.points);
        let before = self.measured.clone();
        self.measured.points = points;
        match self.steps_on(trainer, most).await {
            Ok(()) => Ok(self.measured.step - before.step),
            Err(stopped) => {
                self.measured.points = std::mem::replace(&mut self.measured, before).points;
                // what is on the GPU has made steps that do not count
                trainer.load(&self.trainer.state)?;
                Err(stopped)
            }
        }
    }

    async fn steps_on(&mut self, trainer: &mut Trainer, most: u64) -> Result<(), Stopped> {
        let first = self.measured.step;
        while self.measured.step < first + most.max(1) && !self.done() {
            if self.measured.step > first {
                // of the step before; this changes the tasks of the next one, and accuracies have no say in it
                self.end_stage(None);
            }
            let step = self.measured.step;
            let (inputs, labels, tokens) = self.batch();
            let of = Batch { inputs: &inputs, labels: &labels, tokens };
            let update = Update {
                adam: &self.settings().adam(step),
                muon: self.settings().optimiser == Optimiser::Muon,
                clip: CLIP,
                ema_decay: schedule::average_decay(AVERAGE, step),
            };
            trainer.step(of, &update, true).await?;
            self.measured.step += 1;
            if self.logs() || self.measures() {
                break;
            }
        }
        let mut last = None;
        for (numbers, step) in trainer.finish().await?.into_iter().zip(first + 1..) {
            if !numbers.finite() {
                return Err(Stopped::NotFinite(NotFinite { step }));
            }
            self.count(numbers.loss, &numbers.right);
            last = Some(numbers.right);
        }
        trainer.save(&mut self.trainer.state).await?;
        self.end_stage(last.as_ref().filter(|_| self.logs()));
        if self.measures() {
            self.measure();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Drawings;
    use crate::settings::{Kind, Settings};
    use shaders::gpu::Gpu;
    use shaders::testing;

    /// A software adapter, unless the machine has a GPU.
    fn gpu() -> Option<Gpu> {
        testing::gpu_or_skip(pollster::block_on(Gpu::new()))
    }

    fn small(settings: Settings) -> Run {
        let settings = Settings { width: 16, batch: 2, ..settings };
        Run::new(settings, Drawings::default()).unwrap()
    }

    fn take(run: &mut Run, trainer: &mut Trainer, steps: u64) {
        let end = run.step() + steps;
        while run.step() < end {
            pollster::block_on(run.advance_on(trainer, end - run.step())).unwrap();
        }
    }

    #[test]
    fn a_run_on_a_gpu_is_the_run_on_the_cpu() {
        let Some(gpu) = gpu() else { return };
        for settings in [
            Settings::default(),
            Settings { learner: Kind::Paper, curriculum: true, optimiser: Optimiser::Muon, ..Settings::default() },
        ] {
            let (mut one, mut other) = (small(settings.clone()), small(settings));
            let mut trainer = pollster::block_on(other.trainer_on(&gpu)).unwrap();
            for _ in 0..25 {
                one.advance().unwrap();
            }
            take(&mut other, &mut trainer, 13);
            // a checkpoint of one goes on with the other
            let mut other = Run::resume(&other.checkpoint()).unwrap();
            let mut trainer = pollster::block_on(other.trainer_on(&gpu)).unwrap();
            take(&mut other, &mut trainer, 12);
            let (one, other) = (one.report(0), other.report(0));
            let steps = |report: &crate::run::Report| report.points.iter().map(|point| point.step).collect::<Vec<_>>();
            assert_eq!((steps(&one), one.step, one.stage), (steps(&other), other.step, other.stage));
            for (a, b) in one.points.iter().zip(&other.points) {
                assert!((a.loss - b.loss).abs() < 1e-3, "{a:?} on the CPU, {b:?} on the GPU");
            }
        }
    }

    #[test]
    fn steps_of_which_one_is_not_finite_or_that_a_lost_card_took_do_not_count() {
        let Some(gpu) = gpu() else { return };
        let mut run = small(Settings::default());
        let mut trainer = pollster::block_on(run.trainer_on(&gpu)).unwrap();
        take(&mut run, &mut trainer, 11);
        let before = run.checkpoint();
        let mut spoiled = Run::resume(&before).unwrap();
        spoiled.trainer.state.weights[0] = f32::NAN;
        trainer.load(&spoiled.trainer.state).unwrap();
        let stopped = pollster::block_on(run.advance_on(&mut trainer, 5));
        assert_eq!(stopped, Err(Stopped::NotFinite(NotFinite { step: 12 })));
        assert_eq!(run.checkpoint(), before);
        // the GPU has the learner of before again
        take(&mut run, &mut trainer, 1);
        let before = run.checkpoint();
        gpu.destroy();
        assert!(matches!(pollster::block_on(run.advance_on(&mut trainer, 5)), Err(Stopped::Gpu(_))));
        assert_eq!(run.checkpoint(), before);
        run.advance().unwrap();
        assert_eq!(run.step(), 13);
    }
}
