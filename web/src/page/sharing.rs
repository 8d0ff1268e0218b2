//! Examples on their way: as a file, and as a link.

use super::{OWN_MODEL, Page, Source};
use crate::browser;
use crate::document::Document;
use crate::document::change::Hand;
use crate::document::codec::checksum;
use crate::document::link::{self, Shared};
use crate::store::record::{About, Origin};
use crate::text::{base, capital};
use dom::*;

impl Page {
    /// Opens the visitor's own set again.
    pub fn bring_back(self) {
        if let Some((id, _)) = untrack(|| self.mine()) {
            self.say("Your own examples are back.");
            self.go_to(id);
        }
    }

    /// Everything that the answers depend on.
    pub fn shared(self) -> Shared {
        let (source, hash) = self.facts.with_untracked(|facts| {
            facts.as_ref().map_or((OWN_MODEL.to_owned(), [0; 4]), |facts| {
                let byte = |i: usize| facts.hash.get(2 * i..2 * i + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
                (facts.source.clone(), [0, 1, 2, 3].map(|i| byte(i).unwrap_or_default()))
            })
        });
        Shared {
            document: self.document.get_untracked(),
            model: source,
            hash,
            scrambled: self.scrambled.get_untracked(),
        }
    }

    /// The address of this page with everything in it, or why it would be of no use.
    pub fn link(self) -> Result<String, String> {
        self.finish_stroke();
        self.address()
    }

    /// The same, without the stroke that is being drawn.
    pub fn address(self) -> Result<String, String> {
        let shared = self.shared();
        if shared.document.examples.is_empty() {
            return Err("There is nothing to share yet: teach it something first.".into());
        }
        let location = browser::window().location();
        let page = location.origin().unwrap_or_default() + &location.pathname().unwrap_or_default();
        let address = page + &link::write(&shared);
        if address.len() > link::LONGEST {
            let most = shared.document.examples.len() * link::LONGEST / address.len();
            return Err(format!(
                "A link with {} examples has {} characters, and mail and chat programs cut links after about {}. Save a \
                 file and send that instead, or share at most about {most} examples.",
                shared.document.examples.len(),
                address.len(),
                link::LONGEST
            ));
        }
        Ok(address)
    }

    /// What the link in the address brought, if there is one. The address is free of it then.
    pub fn read_link(self) -> Option<Shared> {
        match link::read(&browser::fragment())? {
            Ok(shared) => {
                browser::drop_fragment();
                Some(shared)
            }
            Err(error) => {
                self.fault(format!("{}.", capital(&error.to_string())));
                None
            }
        }
    }

    /// Opens a link that came into the address of the page that is already here.
    pub fn follow_link(self) {
        let current = self.facts.with_untracked(|facts| facts.as_ref().map(|facts| facts.source.clone()));
        let Some(shared) = self.read_link() else { return };
        let model = shared.address().filter(|model| current.as_deref() != Some(model.as_str()));
        self.stop();
        self.later(async move {
            self.open_shared(shared);
            match model {
                Some(model) => self.load(Source::Address(model)),
                None => self.compare_with_link(),
            }
        });
    }

    /// Opens what was shared as a set beside all others. The same link is not opened twice, as long as it is as it came.
    pub fn open_shared(self, shared: Shared) {
        let count = shared.document.examples.len();
        let source = checksum(link::write(&shared).as_bytes());
        self.expected.set(Some((base(&shared.model).to_owned(), shared.hash)));
        match self.same_source(source) {
            Some(id) => {
                let hand = Hand::of(&shared.document);
                self.go_to_with(id, Some(hand));
            }
            None => {
                let (name, scrambled) = ("From a link".to_owned(), shared.scrambled);
                self.create(
                    About { name, origin: Origin::Link, source, scrambled, ..About::default() },
                    shared.document,
                );
            }
        }
        let own = match untrack(|| self.mine()) {
            None => "",
            Some(_) => " Your own set is unchanged: “Back to mine” or Undo opens it.",
        };
        self.say(format!("This link brought {count} examples, which are now a separate set.{own}"));
    }

    /// Says so where the learner in use is not the one that a link was made with.
    pub fn compare_with_link(self) {
        let Some((name, hash)) = self.expected.get_untracked() else { return };
        let Some(found) = self.facts.with_untracked(|facts| facts.as_ref().map(|facts| facts.hash.clone())) else {
            return;
        };
        self.expected.set(None);
        let expected: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        if !found.starts_with(&expected) {
            self.fault(format!(
                "This link was made with {name} (weights {expected}…), but this page uses other weights, so answers may \
                 differ. Open that model file to get the same answers."
            ));
        }
    }

    /// Examples from a file's text, as a set beside all others: one step to undo.
    pub fn open_examples(self, name: &str, text: &str) {
        self.stop();
        match Document::load(text) {
            Ok(found) => {
                let (count, source) = (found.examples.len(), checksum(text.as_bytes()));
                let title = name.rsplit_once('.').map_or(name, |(title, _)| title).to_owned();
                let words = format!("Opened {count} examples from “{name}” as a separate set. Undo goes back.");
                self.later(async move {
                    match self.same_source(source) {
                        Some(id) => self.go_to(id),
                        None => {
                            // What is on the canvas stays, and is answered from the new examples.
                            self.finish_stroke();
                            let mut found = found;
                            self.document.with_untracked(Hand::of).give(&mut found);
                            let about = About { name: title, origin: Origin::File, source, ..About::default() };
                            self.create(about, found);
                        }
                    }
                    self.say(words);
                });
            }
            Err(error) => self.fault(format!(
                "“{name}” holds no examples that this page can read ({error}). Expected a file made by “Save a file”. \
                 Your examples are unchanged."
            )),
        }
    }
}
