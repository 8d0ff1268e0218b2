//! Excel's older workbooks, as far as to see whether their cells lie where that format has room. What cannot be followed here is the library's to refuse.

/// What stands for no sector.
const NONE: u32 = 0xffff_fffa;
/// Streams shorter than this lie in pieces of so many bytes.
const LEAST: usize = 4096;
const PIECE: usize = 64;
/// Columns and rows of a sheet.
const COLUMNS: u32 = 256;
const ROWS: u32 = 65_536;
/// Records of single cells, which begin with row and column: blank, boolean, formula, label, number, with strings elsewhere.
const CELLS: [u16; 8] = [0x0006, 0x00bd, 0x00be, 0x00d6, 0x00fd, 0x0203, 0x0204, 0x0205];
/// The same for a number in four bytes, and the record of a sheet's size.
const RK: u16 = 0x027e;
const SIZE: u16 = 0x0200;

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|two| u16::from_le_bytes(*two))
}

/// A file in sectors, each of which names the next (MS-CFB).
struct Compound<'a> {
    bytes: &'a [u8],
    size: usize,
    /// The sector after each.
    next: Vec<u32>,
}

impl<'a> Compound<'a> {
    fn of(bytes: &'a [u8]) -> Option<Compound<'a>> {
        let size = 1usize.checked_shl(u32::from(short(bytes, 30)?)).filter(|size| (512..=4096).contains(size))?;
        let mut compound = Compound { bytes, size, next: Vec::new() };
        let mut lists: Vec<u32> = (76..512).step_by(4).map_while(|at| word(bytes, at)).collect();
        // more of them, in sectors that end with the number of the next
        let mut more = word(bytes, 68)?;
        for _ in 0..bytes.len() / size {
            let Some(sector) = compound.sector(more) else { break };
            lists.extend((0..size - 4).step_by(4).map_while(|at| word(sector, at)));
            more = word(sector, size - 4)?;
        }
        for list in lists.into_iter().filter(|list| *list < NONE).take(bytes.len() / size) {
            let Some(sector) = compound.sector(list) else { break };
            compound.next.extend(sector.chunks_exact(4).filter_map(|four| word(four, 0)));
        }
        Some(compound)
    }

    fn sector(&self, number: u32) -> Option<&'a [u8]> {
        let start = (number as usize).checked_add(1)?.checked_mul(self.size)?;
        // the last one may be cut short
        self.bytes.get(start..self.bytes.len().min(start.checked_add(self.size)?)).filter(|sector| !sector.is_empty())
    }

    /// Everything from a sector on; a ring ends where the file would.
    fn stream(&self, first: u32) -> Vec<u8> {
        let (mut at, mut found) = (first, Vec::new());
        for _ in 0..=self.bytes.len() / self.size {
            let Some(sector) = self.sector(at) else { break };
            found.extend_from_slice(sector);
            match self.next.get(at as usize) {
                Some(next) if *next < NONE => at = *next,
                _ => break,
            }
        }
        found
    }

    /// Everything of a short stream, which lies in pieces of 64 bytes in the root's.
    fn short_stream(&self, root: u32, first: u32) -> Vec<u8> {
        let pieces = self.stream(root);
        let next = word(self.bytes, 60).map(|first| self.stream(first)).unwrap_or_default();
        let (mut at, mut found) = (first as usize, Vec::new());
        for _ in 0..LEAST / PIECE {
            let Some(piece) = pieces.chunks(PIECE).nth(at) else { break };
            found.extend_from_slice(piece);
            match at.checked_mul(4).and_then(|place| word(&next, place)) {
                Some(next) if next < NONE => at = next as usize,
                _ => break,
            }
        }
        found
    }

    /// The records of the workbook, under the first entry of either name.
    fn workbooks(&self) -> Vec<Vec<u8>> {
        let entries = word(self.bytes, 48).map(|first| self.stream(first)).unwrap_or_default();
        let root = word(&entries, 116).unwrap_or(u32::MAX);
        let named = |name: &str| {
            let letters: Vec<u8> = name.bytes().chain([0]).flat_map(|letter| [letter, 0]).collect();
            let entry =
                entries.chunks_exact(128).find(|entry| entry[..letters.len()].eq_ignore_ascii_case(&letters))?;
            let (first, length) = (word(entry, 116)?, word(entry, 120)? as usize);
            Some(if length < LEAST { self.short_stream(root, first) } else { self.stream(first) })
        };
        ["Workbook", "Book"].into_iter().filter_map(named).collect()
    }
}

/// Whether the records of a workbook speak of cells for which the format has no room.
fn beyond(records: &[u8]) -> bool {
    let mut rest = records;
    while let (Some(kind), Some(length)) = (short(rest, 0), short(rest, 2)) {
        let Some(data) = rest.get(4..4 + usize::from(length)) else { break };
        let far = match (kind, length) {
            (SIZE, 14..) => word(data, 4) > Some(ROWS) || short(data, 10).map(u32::from) > Some(COLUMNS),
            (SIZE, _) => short(data, 6).map(u32::from) > Some(COLUMNS),
            (kind, 4..) if kind == RK || CELLS.contains(&kind) => short(data, 2).map(u32::from) >= Some(COLUMNS),
            _ => false,
        };
        if far {
            return true;
        }
        rest = &rest[4 + usize::from(length)..];
    }
    false
}

/// Whether an older workbook speaks of cells for which the format has no room.
pub fn is_beyond(bytes: &[u8]) -> bool {
    if !bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return false;
    }
    let workbooks = Compound::of(bytes).map(|compound| compound.workbooks()).unwrap_or_default();
    workbooks.iter().any(|records| beyond(records))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u16, data: &[u8]) -> Vec<u8> {
        [&kind.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat()
    }

    /// A file of one workbook stream: sector 0 names the next of each, 1 is the folder, the stream begins at 2.
    fn file(records: &[u8]) -> Vec<u8> {
        let mut stream = records.to_vec();
        stream.resize(4096, 0);
        let mut bytes = vec![0xff; 512];
        bytes[..8].copy_from_slice(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]);
        bytes[30..32].copy_from_slice(&9u16.to_le_bytes());
        bytes[48..52].copy_from_slice(&1u32.to_le_bytes());
        bytes[56..60].copy_from_slice(&4096u32.to_le_bytes());
        bytes[76..80].copy_from_slice(&0u32.to_le_bytes());
        let mut next = vec![u32::MAX; 128];
        next[0] = 0xffff_fffd;
        next[1] = 0xffff_fffe;
        (2..9).for_each(|at| next[at] = at as u32 + 1);
        next[9] = 0xffff_fffe;
        bytes.extend(next.iter().flat_map(|next| next.to_le_bytes()));
        let mut folder = vec![0; 512];
        for (at, name, first, length) in [(0, "Root Entry", u32::MAX - 1, 0u32), (128, "Workbook", 2, 4096)] {
            name.bytes().enumerate().for_each(|(letter, byte)| folder[at + 2 * letter] = byte);
            folder[at + 116..at + 120].copy_from_slice(&first.to_le_bytes());
            folder[at + 120..at + 124].copy_from_slice(&length.to_le_bytes());
        }
        [bytes, folder, stream].concat()
    }

    #[test]
    fn cells_beyond_the_format_are_found_and_others_are_not() {
        let size = |rows: u32, columns: u16| {
            record(SIZE, &[&[0; 4][..], &rows.to_le_bytes(), &[0; 2], &columns.to_le_bytes(), &[0; 2]].concat())
        };
        let cell = |kind: u16, column: u16| record(kind, &[&[9, 0][..], &column.to_le_bytes(), &[0; 10]].concat());
        let start = record(0x0809, &[0; 16]);
        for (records, expected) in [
            (size(65_536, 256), false),
            (size(65_537, 2), true),
            (size(2, 257), true),
            (record(SIZE, &[0, 0, 9, 0, 0, 0, 0, 2, 0, 0]), true),
            ([size(9, 2), cell(0x0203, 255), cell(RK, 3)].concat(), false),
            ([size(9, 2), cell(0x0203, 1), cell(RK, 256)].concat(), true),
            // no record of a cell
            (record(0x0031, &[0xff; 14]), false),
        ] {
            assert_eq!(is_beyond(&file(&[start.clone(), records.clone()].concat())), expected, "{records:?}");
        }
        let whole = file(&size(65_537, 2));
        // the same in pieces: the folder's first entry begins where the stream did, and pieces follow one another by sector 10
        let mut pieces = whole.clone();
        pieces[60..64].copy_from_slice(&10u32.to_le_bytes());
        pieces[512 + 40..512 + 44].copy_from_slice(&0xffff_fffeu32.to_le_bytes());
        pieces[1024 + 116..1024 + 120].copy_from_slice(&2u32.to_le_bytes());
        pieces[1152 + 116..1152 + 124].copy_from_slice(&[3, 0, 0, 0, 100, 0, 0, 0]);
        let records = pieces.split_off(1536);
        let moved = [&vec![0; 192][..], &records[..64], &vec![0; 64][..], &records[64..]].concat();
        pieces.extend(&moved[..4096]);
        let after: Vec<u8> =
            [0u32, 0, 0, 5].iter().flat_map(|next| next.to_le_bytes()).chain(vec![0xff; 496]).collect();
        pieces.extend(after);
        assert!(is_beyond(&pieces));
        for end in (0..whole.len()).step_by(17) {
            is_beyond(&whole[..end]);
        }
        assert!(!is_beyond(b"") && !is_beyond(&[0xff; 2000]));
    }
}
