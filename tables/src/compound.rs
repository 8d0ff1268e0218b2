//! The container of Excel's older workbooks (MS-CFB): the one stream that matters, taken out of any such file and put into a
//! plain one. A reader that follows a stranger's lists of sectors may go round in a ring.

/// What stands for no sector: none, the end of a stream, a sector of the table itself.
const NONE: u32 = 0xffff_fffa;
const END: u32 = 0xffff_fffe;
const FREE: u32 = 0xffff_ffff;
const TABLE: u32 = 0xffff_fffd;
/// Streams shorter than this lie in pieces of so many bytes.
const LEAST: usize = 4096;
const PIECE: usize = 64;
/// Sectors of the container that is written, and how many numbers one of them holds.
const SECTOR: usize = 4096;
const NUMBERS: usize = SECTOR / 4;
/// Sectors of its table that the first sector has room for.
const MOST_TABLES: usize = 109;
const MAGIC: [u8; 8] = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];

/// Whether bytes are such a container.
pub fn is_compound(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

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

    /// The records of the workbook, under the first entry of this name.
    fn named(&self, name: &str) -> Option<Vec<u8>> {
        let entries = self.stream(word(self.bytes, 48)?);
        let root = word(&entries, 116)?;
        let letters: Vec<u8> = name.bytes().chain([0]).flat_map(|letter| [letter, 0]).collect();
        let entry = entries.chunks_exact(128).find(|entry| entry[..letters.len()].eq_ignore_ascii_case(&letters))?;
        let (first, length) = (word(entry, 116)?, word(entry, 120)? as usize);
        let mut found = if length < LEAST { self.short_stream(root, first) } else { self.stream(first) };
        found.truncate(length);
        Some(found)
    }
}

/// The records of the workbook in a container: of a newer one, where a file has two.
pub fn workbook(bytes: &[u8]) -> Option<Vec<u8>> {
    let compound = Compound::of(bytes)?;
    ["Workbook", "Book"].into_iter().find_map(|name| compound.named(name))
}

/// A container with these records alone: sectors of the table, one with the folder, then the stream. None where they are more
/// than it has room for.
pub fn container(records: &[u8]) -> Option<Vec<u8>> {
    // a shorter stream would lie in pieces
    let length = records.len().max(LEAST);
    let sectors = length.div_ceil(SECTOR);
    let tables = (sectors + 1).div_ceil(NUMBERS - 1);
    if tables > MOST_TABLES {
        return None;
    }
    let (folder, first) = (tables as u32, tables as u32 + 1);
    let mut bytes = vec![0; SECTOR];
    let put = |bytes: &mut Vec<u8>, at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    let head = [3, 0, 4, 0, 0xfe, 0xff, 12, 0, 6, 0];
    put(&mut bytes, 0, &MAGIC);
    put(&mut bytes, 24, &head);
    for (at, value) in [(44, folder), (48, folder), (56, LEAST as u32), (60, END), (68, END)] {
        put(&mut bytes, at, &value.to_le_bytes());
    }
    let listed = |at: usize| if at < tables { at as u32 } else { FREE };
    (0..MOST_TABLES).for_each(|at| put(&mut bytes, 76 + 4 * at, &listed(at).to_le_bytes()));
    let last = first + sectors as u32 - 1;
    let next = |at: u32| match at {
        at if at < folder => TABLE,
        at if at == folder || at == last => END,
        at if at < last => at + 1,
        _ => FREE,
    };
    bytes.extend((0..(tables * NUMBERS) as u32).flat_map(|at| next(at).to_le_bytes()));
    let start = bytes.len();
    bytes.resize(start + SECTOR, 0);
    for (at, name, kind, first, length) in [(0, "Root Entry", 5, 0, 0), (128, "Workbook", 2, first, length)] {
        let letters: Vec<u8> = name.bytes().flat_map(|letter| [letter, 0]).collect();
        put(&mut bytes, start + at, &letters);
        put(&mut bytes, start + at + 64, &(letters.len() as u16 + 2).to_le_bytes());
        bytes[start + at + 66] = kind;
        put(&mut bytes, start + at + 116, &first.to_le_bytes());
        put(&mut bytes, start + at + 120, &(length as u64).to_le_bytes());
    }
    bytes.extend_from_slice(records);
    bytes.resize(start + SECTOR * (1 + sectors), 0);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of one stream in sectors of 512 bytes: sector 0 names the next of each, 1 is the folder, the stream begins at 2.
    fn file(stream: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xff; 512];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[30..32].copy_from_slice(&9u16.to_le_bytes());
        bytes[48..52].copy_from_slice(&1u32.to_le_bytes());
        bytes[76..80].copy_from_slice(&0u32.to_le_bytes());
        let mut next = vec![FREE; 128];
        (next[0], next[1]) = (TABLE, END);
        (2..9).for_each(|at| next[at] = at as u32 + 1);
        next[9] = END;
        bytes.extend(next.iter().flat_map(|next| next.to_le_bytes()));
        let mut folder = vec![0; 512];
        for (at, name, first, length) in [(0, "Root Entry", END, 0u32), (128, "workbook", 2, 4096)] {
            name.bytes().enumerate().for_each(|(letter, byte)| folder[at + 2 * letter] = byte);
            folder[at + 116..at + 120].copy_from_slice(&first.to_le_bytes());
            folder[at + 120..at + 124].copy_from_slice(&length.to_le_bytes());
        }
        [bytes, folder, stream.to_vec()].concat()
    }

    fn stream(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at % 251) as u8).collect()
    }

    #[test]
    fn streams_are_taken_from_sectors_and_from_pieces() {
        let records = stream(4096);
        let whole = file(&records);
        assert_eq!(workbook(&whole), Some(records));
        // the same in pieces: the folder's first entry begins where the stream did, and pieces follow one another by sector 10
        let mut pieces = whole.clone();
        pieces[60..64].copy_from_slice(&10u32.to_le_bytes());
        pieces[512 + 40..512 + 44].copy_from_slice(&END.to_le_bytes());
        pieces[1024 + 116..1024 + 120].copy_from_slice(&2u32.to_le_bytes());
        pieces[1152 + 116..1152 + 124].copy_from_slice(&[3, 0, 0, 0, 100, 0, 0, 0]);
        let records = pieces.split_off(1536);
        let moved = [&vec![0; 192][..], &records[..64], &vec![0; 64][..], &records[64..]].concat();
        pieces.extend(&moved[..4096]);
        let after: Vec<u8> =
            [0u32, 0, 0, 5].iter().flat_map(|next| next.to_le_bytes()).chain(vec![0xff; 496]).collect();
        pieces.extend(after);
        assert_eq!(workbook(&pieces).as_deref(), Some(&records[..100]));
    }

    #[test]
    fn rings_of_sectors_end_and_cut_files_are_none_or_less() {
        let mut ring = file(&stream(4096));
        ring[512 + 36..512 + 40].copy_from_slice(&2u32.to_le_bytes());
        assert_eq!(workbook(&ring).map(|found| found.len()), Some(4096));
        // the folder itself
        ring[512 + 4..512 + 8].copy_from_slice(&1u32.to_le_bytes());
        assert!(workbook(&ring).is_some());
        let whole = file(&stream(4096));
        for end in (0..whole.len()).step_by(17) {
            assert!(workbook(&whole[..end]).is_none_or(|found| found.len() <= 4096));
        }
        assert!(workbook(b"").is_none() && workbook(&[0xff; 2000]).is_none());
    }

    #[test]
    fn what_is_put_into_a_container_is_found_there() {
        for length in [0, 10, 4095, 4096, 4097, 9 << 20] {
            let records = stream(length);
            let bytes = container(&records).unwrap();
            assert!(is_compound(&bytes) && bytes.len() < length + (length >> 8) + 5 * SECTOR);
            let found = workbook(&bytes).unwrap();
            assert!(found.starts_with(&records) && found[length..].iter().all(|byte| *byte == 0));
            assert_eq!(found.len(), length.max(LEAST));
        }
        assert!(container(&vec![0; 458 << 20]).is_none());
    }
}
