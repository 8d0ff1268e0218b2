//! Keys that work everywhere but in text fields.
//!
//! A key is known by the letter that it writes, and by its place on the keyboard where that letter is of another alphabet or
//! no digit: the digits of a French keyboard need Shift, and a Russian one has no z.

use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, HtmlInputElement, KeyboardEvent};

use crate::document::Document;
use crate::page::Page;
use dom::*;

/// What the page says of its keys.
pub const HELP: &str =
    "Keys: 1 – 9 and 0 teach, or a class’s letter; Ctrl Z undoes, Ctrl Shift Z redoes, Esc clears the canvas.";

/// Every key and what it does.
pub const KEYS: [(&str, &str); 8] = [
    ("1 – 9, 0", "teach the drawing to this class"),
    ("A letter or sign", "teach the drawing to the class of that name"),
    ("Ctrl Z", "undo (Command Z on a Mac)"),
    ("Ctrl Shift Z, Ctrl Y", "redo"),
    ("Esc, Delete", "clear the canvas"),
    ("Arrows", "on the canvas: move the pen; with Shift in small steps"),
    ("Space", "on the canvas: pen down, pen up"),
    ("Delete", "on an example: forget it"),
];

/// The last letter of those that keyboards with a Latin layout write.
const LAST_LATIN: char = '\u{24f}';

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// Teaches the class at this place.
    Teach(usize),
    Undo,
    Redo,
    Clear,
}

/// A key with what is held down.
#[derive(Debug, Clone, Copy, Default)]
struct Key<'a> {
    /// What it writes, as `KeyboardEvent.key`.
    key: &'a str,
    /// Where it is, as `KeyboardEvent.code`.
    code: &'a str,
    /// Ctrl, or Command.
    command: bool,
    shift: bool,
    /// Alt, Option or AltGr.
    alt: bool,
}

impl Key<'_> {
    fn action(self) -> Option<Action> {
        match (self.alt, self.command) {
            (true, _) => None,
            (false, true) => self.command_action(),
            (false, false) => match self.key {
                "Escape" | "Delete" | "Backspace" => Some(Action::Clear),
                // 1 … 9, and 0 for the tenth
                _ => self.digit().map(|digit| Action::Teach((digit + 9) % 10)),
            },
        }
    }

    fn command_action(self) -> Option<Action> {
        let letter = self.key.to_ascii_lowercase();
        let letter = match (letter.as_str(), self.code) {
            // A Latin layout has a z somewhere else (bépo writes à at this place); Hebrew, Greek and Russian have none.
            (letter, _) if letter.chars().all(|letter| letter <= LAST_LATIN) => letter,
            (_, "KeyZ") => "z",
            (_, "KeyY") => "y",
            _ => return None,
        };
        match (letter, self.shift) {
            ("z", false) => Some(Action::Undo),
            ("z", true) | ("y", false) => Some(Action::Redo),
            _ => None,
        }
    }

    /// The digit that a key writes, in whatever script; else the one at its place in the row of digits.
    fn digit(self) -> Option<usize> {
        let mut letters = self.key.chars();
        let (letter, None) = (letters.next()?, letters.next()) else { return None };
        // The zeros of ASCII, Arabic, Persian, Devanagari, Bengali, Thai and full-width digits.
        let zeros = ['0', '\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{e50}', '\u{ff10}'];
        let written = zeros.iter().filter_map(|zero| (letter as usize).checked_sub(*zero as usize)).find(|n| *n < 10);
        let at_its_place = || match self.shift {
            false => self.code.strip_prefix("Digit")?.parse().ok().filter(|digit| *digit < 10),
            // Shift and a digit's key write a sign that somebody may mean.
            true => None,
        };
        written.or_else(at_its_place)
    }
}

/// Names of the classes, in their order.
pub fn names(document: &Document) -> Vec<String> {
    document.classes.iter().map(|class| class.name.clone()).collect()
}

/// Whether a name is one letter, digit or sign, which a key may write.
fn is_letter(name: &str) -> bool {
    name.chars().count() == 1
}

/// The class that a key which writes `written` teaches by its name: the one of just that name, else one that differs in being
/// large or small.
fn named(written: &str, names: &[String]) -> Option<usize> {
    let same = |name: &String| name == written;
    // Unicode's tables of large and small letters would make the page larger by tens of kilobytes
    let alike = |name: &String| is_letter(name) && name.eq_ignore_ascii_case(written);
    let found = || names.iter().position(same).or_else(|| names.iter().position(alike));
    is_letter(written).then(found).flatten()
}

/// The key that teaches the class at a place: its name where that is one letter, else the digit of its place, unless a class
/// has that for its name.
pub fn key_of(name: &str, place: usize, names: &[String]) -> Option<String> {
    if is_letter(name) {
        return Some(name.to_owned());
    }
    let digit = (place < 10).then(|| ((place + 1) % 10).to_string())?;
    named(&digit, names).is_none().then_some(digit)
}

/// Does what a key says.
pub fn shortcut(page: Page, event: &KeyboardEvent) {
    let target = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok());
    let in_text = target.is_some_and(|element| match element.dyn_ref::<HtmlInputElement>() {
        Some(field) => !["radio", "checkbox", "file"].contains(&field.type_().as_str()),
        None => matches!(element.tag_name().as_str(), "SELECT" | "TEXTAREA") || element.is_content_editable(),
    });
    // While an input method composes, keys belong to it.
    if in_text || event.is_composing() {
        return;
    }
    let (key, code) = (event.key(), event.code());
    let key = Key {
        key: &key,
        code: &code,
        command: event.ctrl_key() || event.meta_key(),
        shift: event.shift_key(),
        alt: event.alt_key() || event.get_modifier_state("AltGraph"),
    };
    let by_name = || match key.alt || key.command {
        true => None,
        false => named(key.key, &page.document.with_untracked(names)).map(Action::Teach),
    };
    match by_name().or_else(|| key.action()) {
        Some(Action::Undo) => page.undo(),
        Some(Action::Redo) => page.redo(),
        Some(Action::Clear) => page.clear_drawing(),
        Some(Action::Teach(place)) => {
            let label = page.document.with_untracked(|document| document.classes.get(place).map(|class| class.label));
            match label {
                Some(label) if !event.repeat() => page.teach(label),
                _ => return,
            }
        }
        None => return,
    }
    event.prevent_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain<'a>(key: &'a str, code: &'a str) -> Option<Action> {
        Key { key, code, ..Key::default() }.action()
    }

    fn command<'a>(key: &'a str, code: &'a str, shift: bool) -> Option<Action> {
        Key { key, code, shift, command: true, ..Key::default() }.action()
    }

    #[test]
    fn digits_teach_on_every_keyboard() {
        for (key, code, place) in [
            ("1", "Digit1", 0),
            ("9", "Digit9", 8),
            ("0", "Digit0", 9),
            ("&", "Digit1", 0),
            ("é", "Digit2", 1),
            ("à", "Digit0", 9),
            ("\u{6f1}", "Digit1", 0),
            ("\u{663}", "Digit3", 2),
            ("\u{969}", "Digit3", 2),
            ("1", "Numpad1", 0),
            // a layout with its digits in another order
            ("7", "Digit1", 6),
        ] {
            assert_eq!(plain(key, code), Some(Action::Teach(place)), "{key} at {code}");
        }
        let shifted = Key { key: "1", code: "Digit1", shift: true, ..Key::default() };
        assert_eq!(shifted.action(), Some(Action::Teach(0)), "French, with Shift");
    }

    #[test]
    fn letters_teach_the_class_of_their_name() {
        let names = |names: &[&str]| -> Vec<String> { names.iter().map(|name| name.to_string()).collect() };
        let both = names(&["moon", "a", "A", "b", "7", "é"]);
        for (written, found) in [
            ("a", Some(1)),
            ("A", Some(2)),
            ("B", Some(3)),
            ("7", Some(4)),
            ("é", Some(5)),
            ("É", None),
            ("m", None),
            ("moon", None),
            ("Escape", None),
            ("1", None),
        ] {
            assert_eq!(named(written, &both), found, "{written}");
        }
        let key = |place: usize| key_of(&both[place], place, &both);
        assert_eq!((key(0).as_deref(), key(2).as_deref(), key(4).as_deref()), (Some("1"), Some("A"), Some("7")));
        // the digit of its place is another class's name
        let digits = names(&["zero", "1", "two"]);
        assert_eq!(key_of("zero", 0, &digits), None);
        assert_eq!(key_of("two", 2, &digits).as_deref(), Some("3"));
        assert_eq!(key_of("eleven", 10, &names(&["x"; 11])), None);
    }

    #[test]
    fn keys_that_write_something_else_teach_nothing() {
        for (key, code) in [("a", "KeyA"), ("End", "Numpad1"), ("Dead", "Digit6"), ("Process", "Digit1"), ("F1", "F1")]
        {
            assert_eq!(plain(key, code), None, "{key} at {code}");
        }
        assert_eq!(Key { key: "!", code: "Digit1", shift: true, ..Key::default() }.action(), None);
        assert_eq!(Key { key: "1", code: "Digit1", alt: true, ..Key::default() }.action(), None);
        // AltGr is Ctrl and Alt on Windows
        assert_eq!(Key { key: "z", code: "KeyZ", alt: true, command: true, ..Key::default() }.action(), None);
        assert_eq!(command("1", "Digit1", false), None, "Ctrl 1 changes the tab");
    }

    #[test]
    fn undo_goes_by_letter_and_then_by_place() {
        for (key, code) in
            [("z", "KeyZ"), ("Z", "KeyZ"), ("z", "KeyY"), ("z", "KeyW"), ("я", "KeyZ"), ("ζ", "KeyZ"), ("ז", "KeyZ")]
        {
            assert_eq!(command(key, code, false), Some(Action::Undo), "{key} at {code}");
            assert_eq!(command(key, code, true), Some(Action::Redo), "{key} at {code} with Shift");
        }
        assert_eq!(command("y", "KeyY", false), Some(Action::Redo));
        assert_eq!(command("н", "KeyY", false), Some(Action::Redo));
        // French: w is where z is elsewhere, and closes the tab
        assert_eq!(command("w", "KeyZ", false), None);
        assert_eq!(command("à", "KeyZ", false), None, "bépo");
        assert_eq!(command(";", "KeyZ", false), None, "Dvorak");
    }
}
