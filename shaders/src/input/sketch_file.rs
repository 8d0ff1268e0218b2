//! Files of drawings, whatever their format.

use super::inkml::{self, is_inkml};
use super::quick_draw::{self, is_binary, is_quick_draw};
use super::sketch::Sketches;

/// Whether a file holds drawings, by its beginning; its name decides for bytes that could be anything.
pub fn holds_sketches(name: &str, head: &[u8]) -> bool {
    is_quick_draw(head) || is_inkml(head) || name.ends_with(".bin") && is_binary(head)
}

/// Reads up to `most` drawings of a file, or of its first bytes.
///
/// # Errors
/// As [`inkml::sketches`].
pub fn sketches(name: &str, bytes: &[u8], most: usize) -> Result<Sketches, String> {
    match () {
        () if is_inkml(bytes) => inkml::sketches(&String::from_utf8_lossy(bytes), most),
        () if name.ends_with(".bin") => Ok(quick_draw::binary(bytes, quick_draw::word_of(name), most)),
        () => Ok(quick_draw::sketches(&String::from_utf8_lossy(bytes), most)),
    }
}

/// What is expected of a file that holds no drawing.
pub const EXPECTED: &str = "expected drawings: lines of JSON with \"word\" and \"drawing\" or the binary form, as Quick, Draw! has \
                            them, or InkML";
