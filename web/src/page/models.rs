//! How a learner comes to the page, and what the page says of it.

use std::sync::Arc;

use super::{Facts, Page, Phase, Source};
use crate::browser;
use crate::card::Card;
use crate::fetch::{self, Progress};
use crate::learner::client::Learner;
use crate::learner::engines::{EngineFacts, Place};
use crate::text::{base, capital};
use dom::*;

impl Page {
    /// Fetches or reads a model and puts it in place of the one in use; if it can't be used, that one stays.
    pub fn load(self, source: Source) {
        browser::set_data_attribute("busy", "true");
        let asked = self.inner.try_update_value(|inner| {
            inner.asked += 1;
            inner.asked
        });
        spawn_local(async move {
            let last = move || self.inner.with_value(|inner| Some(inner.asked) == asked);
            let (name, bytes) = match source {
                Source::Address(address) => {
                    let progress = move |progress| {
                        if last() {
                            self.progress.set(Some(progress));
                        }
                    };
                    let bytes = fetch::fetch(&address, progress).await;
                    (address, bytes)
                }
                Source::File(file) => (file.name(), browser::read(&file).await),
                Source::Bytes(name, bytes) => (name, Ok(bytes)),
            };
            if !last() {
                return;
            }
            self.progress.set(None);
            let bytes = match bytes {
                Ok(bytes) => bytes,
                Err(words) => return self.refuse(words),
            };
            let Some(engines) = self.inner.with_value(|inner| inner.engines.clone()) else { return };
            let opened = Learner::open(&engines, Place::Front, bytes).await;
            // Before it is known what was kept there is nothing to answer.
            self.sets.opened().await;
            match opened {
                Ok(learner) if last() => {
                    self.inner.update_value(|inner| inner.incoming = Some((learner, name)));
                    self.wake();
                }
                Ok(_) => {}
                Err(error) => self.refuse(format!("“{}” can't be used. {}", base(&name), capital(&error.to_string()))),
            }
        });
    }

    /// A model that can't be used: says so, and keeps what is there.
    fn refuse(self, words: String) {
        let words = match self.facts.get_untracked() {
            Some(facts) => format!("{words}. The learner in use is still {}.", facts.file),
            None => {
                self.phase.set(Phase::Failed);
                format!("{words}. Open another model file to continue. Your drawings are kept.")
            }
        };
        self.fault(words.replace("..", "."));
        if !self.inner.with_value(|inner| inner.running) {
            browser::set_data_attribute("busy", "false");
        }
    }

    /// Another learner beside the one in use, for [`Learner::ask`].
    pub async fn second(self, address: &str, progress: impl Fn(Progress)) -> Result<Learner, String> {
        let bytes = fetch::fetch(address, progress).await?;
        let engines = self.inner.with_value(|inner| inner.engines.clone()).ok_or("there is no engine")?;
        Learner::open(&engines, Place::Back, bytes).await.map_err(|error| error.to_string())
    }

    /// Puts a learner in place of the one in use.
    pub(super) fn replace(self, learner: Learner, source: String) {
        let name = base(&source).to_owned();
        let card = learner.card();
        let known = self.facts.get_untracked().is_some();
        self.facts.set(Some(Facts {
            file: name.clone(),
            source,
            card: Arc::new(Card::of(&card.metadata)),
            hash: card.hash.clone(),
            parameters: card.parameters,
            family: match (card.variant.as_str(), card.stem) {
                ("paper", _) => "Transformer as in the paper",
                ("shifted", _) => "Transformer with shifted keys",
                (_, true) => "equivariant set learner that looks at drawings",
                (_, false) => "equivariant set learner",
            },
            layers: card.layers,
            set: card.variant == "equivariant",
            classes: card.classes,
            capacity: card.capacity,
        }));
        self.engine.set(Some(learner.engine()));
        self.compare_with_link();
        self.controls.go_on();
        self.inner.update_value(|inner| inner.learner = Some(learner.clone()));
        if known {
            self.say(format!("Now using {name}, with all your examples."));
        } else if self.phase.get_untracked() == Phase::Failed {
            self.say(format!("Now using {name}."));
        }
        if let Some(longest) = browser::query("parity") {
            // `?parity=37` leaves out longer episodes, which take minutes where the GPU is software
            let longest = longest.parse().unwrap_or(u32::MAX);
            spawn_local(async move {
                let report = learner.parity(longest).await;
                let failed =
                    |error| format!("{{ \"passed\": false, \"words\": {:?}, \"checks\": [] }}", format!("{error}"));
                self.parity.set(Some(report.unwrap_or_else(failed)));
            });
        }
    }

    /// A learner's engine has changed.
    pub(super) fn heed(self, number: u32, facts: &EngineFacts, notice: Option<String>) {
        let ours = self.inner.with_value(|inner| inner.learner.as_ref().is_some_and(|own| own.number() == number));
        if ours {
            self.engine.set(Some(facts.clone()));
            if let Some(words) = notice {
                self.say(words);
            }
        }
    }

    /// Destroys the device, to see that nothing is lost.
    pub fn lose_device(self) {
        let Some(engines) = self.inner.with_value(|inner| inner.engines.clone()) else { return };
        spawn_local(async move {
            if engines.lose_device().await {
                self.wake();
            } else {
                self.say("There is no GPU device to lose: the learner runs on the CPU.");
            }
        });
    }
}
