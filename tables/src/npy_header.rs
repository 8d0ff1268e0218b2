//! Whether the header of an array of NumPy's can be given to the library that reads it, and whether an array with it can be read.

use npyz::DType;

/// Most values that are read.
pub const MOST_VALUES: usize = 1 << 28;
/// Longest header: what NumPy itself accepts from strangers (`max_header_size`).
const LONGEST_HEADER: usize = 10_000;
/// Most brackets inside one another in a header: a dictionary, and two structured types with the shape of a field.
const DEEPEST_HEADER: usize = 8;

/// Whether a header is one that the library can be given: not longer than the file, not longer and not deeper than headers are.
pub fn check(bytes: &[u8]) -> Result<(), String> {
    let length = |at: usize, count: usize| {
        let word = bytes.get(at..at + count)?;
        Some((at + count, word.iter().rev().fold(0usize, |all, byte| all << 8 | usize::from(*byte))))
    };
    let found = if bytes.get(6) == Some(&1) { length(8, 2) } else { length(8, 4) };
    let Some((start, length)) = found else { return Err("ends within its header. Get the file again".into()) };
    if length > LONGEST_HEADER {
        return Err(format!("has a header of {length} bytes; at most {LONGEST_HEADER} are read. Save fewer fields"));
    }
    let header = start.checked_add(length).and_then(|end| bytes.get(start..end));
    let header = header.ok_or("ends within its header. Get the file again")?;
    let (deepest, product) = shape_of(header)?;
    if deepest > DEEPEST_HEADER {
        return Err(format!(
            "has a type that is nested {deepest} deep; at most {DEEPEST_HEADER} is read. Save fields alone"
        ));
    }
    match product.filter(|product| *product <= MOST_VALUES) {
        Some(_) => Ok(()),
        None => Err(format!("has more than {MOST_VALUES} values. Save a part of it")),
    }
}

/// How deep brackets lie in one another in a header, and the product of all its numbers, which are lengths of axes; none where
/// that is beyond what can be counted.
fn shape_of(header: &[u8]) -> Result<(usize, Option<usize>), String> {
    let odd = || "has a header that NumPy does not write. Save it again".to_owned();
    let (mut depth, mut deepest, mut product) = (0usize, 0, Some(1usize));
    let mut rest = header;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'\'' | b'"' => {
                let mut escaped = false;
                let end = rest.iter().position(|byte| {
                    let closes = !escaped && byte == first;
                    escaped = !escaped && *byte == b'\\';
                    closes
                });
                let end = end.ok_or_else(odd)?;
                rest = &rest[end + 1..];
                // three quotes open another kind of string
                if end == 0 && rest.first() == Some(first) {
                    return Err(odd());
                }
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'0'..=b'9' => {
                let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
                let end = rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
                let digits = header.len() - rest.len() - 1..header.len() - rest.len() + end;
                let number =
                    std::str::from_utf8(&header[digits]).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
                let number = number.ok_or_else(odd)?.parse::<usize>().ok();
                product = product.and_then(|all| all.checked_mul(number?.max(1)));
                rest = &rest[end..];
            }
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    Ok((deepest, product))
}

/// Whether a value, or a field of it, has no bytes: a few bytes of header would then stand for any number of values.
pub fn has_empty(kind: &DType) -> bool {
    match kind {
        DType::Record(fields) => fields.is_empty() || fields.iter().any(|field| has_empty(&field.dtype)),
        kind => kind.num_bytes() == Some(0),
    }
}
