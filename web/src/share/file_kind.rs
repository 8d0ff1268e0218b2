//! What a file is, by its first bytes.

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    Learner,
    Examples,
    Table,
    Picture,
}

/// What a file is, by its first bytes; its name decides where they could be anything.
pub fn kind(name: &str, head: &[u8]) -> FileKind {
    let name = name.to_ascii_lowercase();
    let named = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    let picture: [&[u8]; 5] = [b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM"];
    if picture.iter().any(|magic| head.starts_with(magic)) && !named(&[".csv", ".safetensors"]) {
        return FileKind::Picture;
    }
    // safetensors: the header's length in eight bytes, then its brace
    if named(&[".safetensors"]) || (head.get(8) == Some(&b'{') && head.iter().take(8).any(|byte| *byte == 0)) {
        return FileKind::Learner;
    }
    match head.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => FileKind::Examples,
        _ if named(&[".json"]) => FileKind::Examples,
        _ if named(&[".csv", ".tsv", ".txt"]) => FileKind::Table,
        _ if !head.is_empty()
            && head.iter().all(|byte| *byte >= b' ' || b"\r\n\t".contains(byte))
            && head.contains(&b',') =>
        {
            FileKind::Table
        }
        // what it is not, the check of the file says in words
        _ => FileKind::Learner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_what_is_in_them() {
        let model = [b"\x60\x05\0\0\0\0\0\0{\"__metadata__\"".as_slice()].concat();
        for (name, head, expected) in [
            ("a.bin", model.as_slice(), FileKind::Learner),
            ("a.safetensors", b"<!doctype html>", FileKind::Learner),
            ("a", b" {\"version\":2", FileKind::Examples),
            ("examples.json", b"", FileKind::Examples),
            ("t.csv", b"\"a\";1", FileKind::Table),
            ("table", b"1,2,x\n3,4,y\n", FileKind::Table),
            ("photo.csv.png", b"\x89PNG\r\n", FileKind::Picture),
            ("junk", b"\x01\x02", FileKind::Learner),
        ] {
            assert_eq!(kind(name, head), expected, "{name}");
        }
    }
}
