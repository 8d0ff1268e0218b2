//! What earlier versions of the page have kept in `localStorage`: one document, and the visitor's own while something else
//! was on it.

use super::record::{About, FIRST, Origin, Unreadable};
use crate::browser;
use crate::document::Document;
use crate::document::codec::checksum;

/// Key of the document.
const TABLE: &str = "learner-table";
/// Key of the visitor's own document while something else was on it.
const ASIDE: &str = "learner-table-aside";

/// A set of an earlier version.
pub struct Earlier {
    /// Its key there.
    pub key: &'static str,
    /// Names the very text: the same text is not taken over twice.
    pub source: String,
    /// What it becomes.
    pub about: About,
    /// Its classes and examples.
    pub document: Document,
}

/// All that an earlier version has left, the visitor's own first, and what of it can't be read.
pub fn find() -> (Vec<Earlier>, Vec<Unreadable>) {
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    let aside = browser::remembered(ASIDE);
    let borrowed = aside.is_some();
    for (key, text) in [(ASIDE, aside), (TABLE, browser::remembered(TABLE))] {
        let Some(text) = text else { continue };
        match Document::load(&text) {
            Ok(document) => {
                let source = format!("{key} {} {:08x}", text.len(), checksum(text.as_bytes()));
                let own = About { name: FIRST.to_owned(), ..About::default() };
                let other =
                    About { name: "From a sample or a link".to_owned(), origin: Origin::Link, ..About::default() };
                let about = if key == TABLE && borrowed { other } else { own };
                found.push(Earlier { key, source, about, document });
            }
            Err(why) => {
                let what = format!("Examples of an earlier visit, in this browser's localStorage as “{key}”");
                unreadable.push(Unreadable { what, why, text: Some(text) });
            }
        }
    }
    (found, unreadable)
}
