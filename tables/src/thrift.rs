//! Walks through Thrift's compact protocol, in which Parquet writes what it says of itself, and trusts no length in it.
//!
//! Source: <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>, and the field numbers of
//! <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>.

/// Deepest nesting of values, and of columns in groups.
const DEEPEST: usize = 64;

/// Types of the protocol that are looked into, beside whole numbers of 16, 32 and 64 bits (4 to 6), which readers take for one
/// another.
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// Checks the footer of a file: every length in it fits into it, and its schema is not nested deeper than 64 groups, which
/// readers follow by recursion. Nothing if it does not.
pub fn footer(bytes: &[u8]) -> Option<()> {
    let mut walk = Walk { bytes, at: 0 };
    let mut last = 0;
    while let Some((id, kind)) = walk.field(&mut last)? {
        match (id, kind) {
            (2, LIST) => walk.schema()?,
            _ => walk.skip(kind, 0)?,
        }
    }
    Some(())
}

/// Bytes that the pages of a column become when unpacked, by what their headers say. Nothing if one says what cannot be.
pub fn unpacked(mut pages: &[u8]) -> Option<usize> {
    let mut sum = 0usize;
    while !pages.is_empty() {
        let mut walk = Walk { bytes: pages, at: 0 };
        let (mut last, mut sizes) = (0, [None; 2]);
        while let Some((id, kind)) = walk.field(&mut last)? {
            match (id, kind) {
                // unpacked, then as it lies in the file
                (2 | 3, 4..=6) => sizes[usize::from(id == 3)] = Some(usize::try_from(walk.signed()?).ok()?),
                _ => walk.skip(kind, 0)?,
            }
        }
        let [Some(unpacked), Some(packed)] = sizes else { return None };
        sum = sum.checked_add(unpacked)?;
        pages = pages[walk.at..].get(packed..)?;
    }
    Some(sum)
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Walk<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn pass(&mut self, count: usize) -> Option<()> {
        self.at = self.at.checked_add(count).filter(|at| *at <= self.bytes.len())?;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(value);
            }
        }
        None
    }

    /// A signed number: 0, −1, 1, −2, … are 0, 1, 2, 3, ….
    fn signed(&mut self) -> Option<i64> {
        self.varint().map(|value| (value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Number and type of the next field of a struct; none at its end. `last` is the number of the field before.
    fn field(&mut self, last: &mut i16) -> Option<Option<(i16, u8)>> {
        let head = self.byte()?;
        if head == 0 {
            return Some(None);
        }
        *last = match head >> 4 {
            0 => i16::try_from(self.signed()?).ok()?,
            step => last.checked_add(i16::from(step))?,
        };
        Some(Some((*last, head & 15)))
    }

    /// Length and type of a list, which has no more elements than there are bytes left.
    fn list(&mut self) -> Option<(usize, u8)> {
        let head = self.byte()?;
        let length = match head >> 4 {
            15 => usize::try_from(self.varint()?).ok()?,
            short => usize::from(short),
        };
        (length <= self.bytes.len() - self.at).then_some((length, head & 15))
    }

    /// Passes a value. As an element of a list, a truth value has a byte of its own.
    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        match kind {
            1 | 2 => Some(()),
            3 => self.pass(1),
            4..=6 => self.varint().map(drop),
            7 => self.pass(8),
            8 => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.pass(length)
            }
            // a list, a set
            LIST | 10 => {
                let (length, kind) = self.list()?;
                (0..length).try_for_each(|_| self.element(kind, depth + 1))
            }
            // a map
            11 => {
                let length = usize::try_from(self.varint()?).ok()?;
                if length == 0 {
                    return Some(());
                }
                let kinds = self.byte()?;
                (0..length).try_for_each(|_| {
                    self.element(kinds >> 4, depth + 1)?;
                    self.element(kinds & 15, depth + 1)
                })
            }
            STRUCT => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip(kind, depth + 1)?;
                }
                Some(())
            }
            // a UUID
            13 => self.pass(16),
            _ => None,
        }
    }

    fn element(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            1 | 2 => self.pass(1),
            _ => self.skip(kind, depth),
        }
    }

    /// Passes a schema: its groups and columns in the order of a walk through the tree, each group with its number of children.
    fn schema(&mut self) -> Option<()> {
        let (length, STRUCT) = self.list()? else { return None };
        // children that the groups around here still await
        let mut open: Vec<usize> = Vec::new();
        for at in 0..length {
            let (mut last, mut children) = (0, 0);
            while let Some((id, kind)) = self.field(&mut last)? {
                match (id, kind) {
                    (5, 4..=6) => children = usize::try_from(self.signed()?).ok()?,
                    _ => self.skip(kind, 0)?,
                }
            }
            if let Some(awaited) = open.last_mut() {
                *awaited -= 1;
            }
            // readers make room for as many as it says
            if children > length - at - 1 {
                return None;
            }
            if children > 0 {
                open.push(children);
            }
            while open.last() == Some(&0) {
                open.pop();
            }
            if open.len() > DEEPEST {
                return None;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field of the next number that is a small signed number.
    fn small(step: u8, value: i8) -> [u8; 2] {
        [step << 4 | 5, (value << 1 ^ value >> 7) as u8]
    }

    #[test]
    fn pages_say_what_they_become() {
        // type, unpacked, packed, then a nested header with a number and a truth value; 3 bytes of content
        let page = |unpacked: i8, packed: i8| {
            [&small(1, 0)[..], &small(1, unpacked), &small(1, packed), &[2 << 4 | STRUCT], &small(1, 9), &[0x11, 0, 0]]
                .concat()
        };
        let content = [7, 7, 7];
        let two = [&page(10, 3)[..], &content, &page(20, 3), &content].concat();
        assert_eq!(unpacked(&two), Some(30));
        assert_eq!(unpacked(&two[..two.len() - 1]), None, "the last page is cut");
        assert_eq!(unpacked(&[&page(-1, 3)[..], &content].concat()), None);
        assert_eq!(unpacked(&[]), Some(0));
    }

    /// A schema of groups with one child each.
    fn nested(groups: usize) -> Vec<u8> {
        let length = groups + 1;
        let mut bytes = vec![2 << 4 | LIST, 0xf0 | STRUCT, length as u8 | 128, (length >> 7) as u8];
        for _ in 0..groups {
            bytes.extend(small(5, 1));
            bytes.push(0);
        }
        bytes.extend([0, 0]);
        bytes
    }

    #[test]
    fn schemas_that_are_nested_too_deep_are_refused() {
        assert_eq!(footer(&nested(60)), Some(()));
        assert_eq!(footer(&nested(70)), None);
        // a group that says it has a hundred columns
        let [five, many] = small(5, 100);
        assert_eq!(footer(&[2 << 4 | LIST, 2 << 4 | STRUCT, five, many, 0, 0, 0]), None);
    }

    #[test]
    fn lengths_beyond_the_bytes_are_refused() {
        // a list of 2³² numbers, a string of as many bytes
        assert_eq!(footer(&[0x19, 0xf5, 0x80, 0x80, 0x80, 0x80, 0x10, 0]), None);
        assert_eq!(footer(&[0x18, 0x80, 0x80, 0x80, 0x80, 0x10, 0]), None);
        // a list of truth values takes a byte for each
        assert_eq!(footer(&[0x19, 0x21, 1, 1, 0]), Some(()));
        assert_eq!(footer(&[]), None);
    }
}
