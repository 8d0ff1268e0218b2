//! How much a packed workbook becomes, found out before it is read: the bytes of its entries, and the cells of an OpenDocument
//! sheet, where one cell may stand for millions.

use std::io::{Cursor, Read};

use crate::error::TableError;
use crate::text::{MOST_BYTES, most_unpacked};

/// Columns and rows that the library takes from a repeat.
const COLUMNS: usize = 16_384;
const ROWS: usize = 1_048_576;
/// Strings that a workbook may say it has.
const FREE_STRINGS: usize = 1 << 16;
/// Cells that a sheet may become: any, and so many for each byte of its unpacked content.
const FREE_CELLS: usize = 1 << 16;
const MOST_CELLS: usize = 16;

/// Checks a workbook in a zip file.
///
/// # Errors
/// More bytes or more cells than a file of this size stands for.
pub fn check(bytes: &[u8]) -> Result<(), TableError> {
    // whatever is wrong with the archive is said by who reads it
    let Ok(mut zip) = zip::ZipArchive::new(Cursor::new(bytes)) else { return Ok(()) };
    let most = most_unpacked(bytes.len()).min(MOST_BYTES);
    let mut left = most;
    for at in 0..zip.len() {
        let Ok(mut entry) = zip.by_index(at) else { continue };
        // what it says of its own size is no promise; all together, as entries may lie over one another
        let strings = entry.name().is_ok_and(|name| name.to_ascii_lowercase().ends_with("sharedstrings.xml"));
        let mut piece = [0; 4096];
        let mut content = Vec::new();
        while let Ok(count @ 1..) = entry.read(&mut piece) {
            if strings {
                content.extend(&piece[..count]);
            }
            left = left.checked_sub(count).ok_or_else(|| {
                TableError::new(format!(
                    "expected a workbook of at most {most} bytes when unpacked, found more. Save it as CSV"
                ))
            })?;
        }
        if boasts(&content) {
            return Err(TableError::new(
                "the workbook is damaged: it says that it has more words than it holds. Save it anew, or as CSV",
            ));
        }
    }
    let mut part = |name: &str| {
        let mut content = Vec::new();
        if let Ok(entry) = zip.by_name(name) {
            // damaged data are the reader's to refuse; it sees no more of them than this
            let _ = entry.take(most as u64).read_to_end(&mut content);
        }
        content
    };
    // what is not whole is refused here
    for name in ["content.xml", "META-INF/manifest.xml", "meta.xml"] {
        if let Some(open) = unclosed(&part(name)) {
            return Err(TableError::new(format!(
                "the workbook is damaged: expected the end of {open} in its {name}, found none. Save it anew, or as CSV"
            )));
        }
    }
    let content = part("content.xml");
    let (cells, allowed) = (cells(&content), FREE_CELLS + MOST_CELLS * content.len());
    if cells > allowed {
        return Err(TableError::new(format!(
            "expected a table, found {cells} cells, most of them repeats of one another. Save the part that is a table, or all \
             as CSV"
        )));
    }
    Ok(())
}

/// Whether a list of strings says that it has more of them than it can hold.
fn boasts(content: &[u8]) -> bool {
    let lists = Tags(content).filter(|tag| name(tag).ends_with(b"sst"));
    let digits = |tag: &&[u8]| {
        let runs = tag.split(|byte| !byte.is_ascii_digit());
        runs.filter_map(|run| std::str::from_utf8(run).ok().filter(|run| !run.is_empty()))
            .any(|run| run.parse::<usize>().map_or(true, |count| count > content.len().max(FREE_STRINGS)))
    };
    lists.into_iter().any(|tag| digits(&tag))
}

/// Cells that the sheets of an OpenDocument file become, in rows as long as the longest, with repeats and empty cells between
/// others. Empty ones at the ends of rows and tables, of which programs write a million, are none.
fn cells(content: &[u8]) -> usize {
    let (mut taken, mut widest, mut rows) = (0usize, 0usize, 0usize);
    // of the row: cells so far, empty ones after them; of the sheet: empty rows after those
    let (mut width, mut empty, mut empty_rows, mut repeat) = (0usize, 0usize, 0usize, 0usize);
    let (mut deepest, mut filled) = (0usize, false);
    let end_row =
        |width: usize, filled: bool, repeat: usize, empty_rows: &mut usize, rows: &mut usize, widest: &mut usize| {
            match filled {
                true => {
                    *rows = rows.saturating_add(std::mem::take(empty_rows)).saturating_add(repeat);
                    *widest = (*widest).max(width);
                }
                false => *empty_rows = empty_rows.saturating_add(repeat),
            }
        };
    for tag in Tags(content) {
        let number = |name: &str, most: usize| {
            attribute(tag, name).map_or(1, |text| text.parse::<usize>().unwrap_or(1).min(most))
        };
        match name(tag) {
            b"table:table-row" => {
                end_row(width, filled, repeat, &mut empty_rows, &mut rows, &mut widest);
                repeat = number("table:number-rows-repeated", ROWS);
                (width, empty, filled) = (0, 0, false);
            }
            b"table:table-cell" | b"table:covered-table-cell" => {
                let count = number("table:number-columns-repeated", COLUMNS);
                let is_empty =
                    !contains(tag, b"office:") && !contains(tag, b"table:formula") && !contains(tag, b"calcext:");
                if is_empty {
                    empty = (empty + count).min(COLUMNS);
                } else {
                    width = (width + empty + count).min(COLUMNS);
                    taken = taken.saturating_add(empty + count);
                    (empty, filled) = (0, true);
                }
            }
            b"/table:table" => {
                end_row(width, filled, repeat, &mut empty_rows, &mut rows, &mut widest);
                deepest = deepest.saturating_add(rows.saturating_mul(widest));
                (width, empty, empty_rows, repeat, filled, rows, widest) = (0, 0, 0, 0, false, 0, 0);
            }
            _ => {}
        }
    }
    taken.max(deepest)
}

/// The element that is not closed, or closed without being open; none in XML that is whole.
fn unclosed(content: &[u8]) -> Option<String> {
    let shown = |name: &[u8]| format!("<{}>", String::from_utf8_lossy(&name[..name.len().min(40)]));
    let mut open = Vec::new();
    let mut tags = Tags(content);
    for tag in &mut tags {
        match name(tag) {
            name if name.starts_with(b"/") => match open.pop() {
                Some(last) if last == &name[1..] => {}
                last => return Some(shown(last.unwrap_or(name))),
            },
            // a declaration that declares more within it
            name if name.starts_with(b"!") && tag.contains(&b'[') => return Some(shown(name)),
            name if name.starts_with(b"!") || tag.ends_with(b"/") => {}
            name => open.push(name),
        }
    }
    // a tag or a comment that has no end
    let cut = tags.0.contains(&b'<').then(|| "a tag".to_owned());
    cut.or_else(|| open.pop().map(shown))
}

fn contains(tag: &[u8], part: &[u8]) -> bool {
    tag.windows(part.len()).any(|window| window == part)
}

/// The name of a tag, with the slash of one that closes.
fn name(tag: &[u8]) -> &[u8] {
    let end = tag.iter().skip(1).position(|byte| byte.is_ascii_whitespace() || *byte == b'/').map(|at| at + 1);
    &tag[..end.unwrap_or(tag.len())]
}

/// The text of an attribute.
fn attribute<'a>(tag: &'a [u8], name: &str) -> Option<&'a str> {
    let start = tag.windows(name.len()).position(|window| window == name.as_bytes())? + name.len();
    let rest = tag.get(start..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, rest) = rest.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
    let end = rest.iter().position(|byte| byte == quote)?;
    std::str::from_utf8(&rest[..end]).ok()
}

/// What stands between the brackets of each tag, but not of comments, character data and instructions.
struct Tags<'a>(&'a [u8]);

impl<'a> Iterator for Tags<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let start = self.0.iter().position(|byte| *byte == b'<')? + 1;
            let rest = &self.0[start..];
            let skipped = [(&b"!--"[..], &b"-->"[..]), (b"![CDATA[", b"]]>"), (b"?", b"?>")];
            if let Some((open, close)) = skipped.into_iter().find(|(open, _)| rest.starts_with(open)) {
                let inside = &rest[open.len()..];
                let end = inside.windows(close.len()).position(|window| window == close)?;
                self.0 = &inside[end + close.len()..];
                continue;
            }
            let mut quote = None;
            let end = rest.iter().position(|byte| {
                match (quote, byte) {
                    (None, b'"' | b'\'') => quote = Some(*byte),
                    (Some(open), byte) if open == *byte => quote = None,
                    _ => {}
                }
                quote.is_none() && *byte == b'>'
            })?;
            self.0 = &rest[end + 1..];
            return Some(&rest[..end]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(rows: &str) -> Vec<u8> {
        format!("<office:spreadsheet><table:table table:name='a>b'>{rows}</table:table></office:spreadsheet>")
            .into_bytes()
    }

    #[test]
    fn elements_without_an_end_are_found() {
        for whole in
            ["", "<a/>", "<a b='>'><c/>text</a>", "<?x?><!DOCTYPE a><a><!-- <b> --><![CDATA[<b>]]></a>", "<a ></a >"]
        {
            assert_eq!(unclosed(whole.as_bytes()), None, "{whole}");
        }
        for (cut, open) in [
            ("<a><b></a>", "<b>"),
            ("<a>", "<a>"),
            ("</a>", "</a>"),
            ("<a></a", "a tag"),
            ("<!DOCTYPE a [<!X>]>", "<!"),
        ] {
            assert!(unclosed(cut.as_bytes()).is_some_and(|found| found.starts_with(open)), "{cut}");
        }
    }

    #[test]
    fn a_list_that_says_more_than_it_holds_is_found() {
        let list = |count: &str| {
            format!("<sst xmlns=\"a/2006\" uniqueCount=\"{count}\"><si><t>plum</t></si></sst>").into_bytes()
        };
        assert!(!boasts(&list("1")) && !boasts(&list("65536")) && !boasts(b"") && !boasts(b"<a n='99999999'/>"));
        assert!(boasts(&list("99999999")) && boasts(&list("99999999999999999999999")));
    }

    #[test]
    fn repeats_are_counted_and_the_empty_ends_of_programs_are_not() {
        let cell = "<table:table-cell office:value='1'/>";
        let ends = "<table:table-cell table:number-columns-repeated='16380'/>";
        let row = |cells: &str| format!("<table:table-row>{cells}</table:table-row>");
        let many = |cells: &str, count: usize| {
            format!("<table:table-row table:number-rows-repeated=\"{count}\">{cells}</table:table-row>")
        };
        for (rows, expected) in [
            (row(cell), 1),
            (row(&format!("{cell}{ends}")), 1),
            (format!("{}{}", row(&cell.repeat(3)), many(ends, 1_048_575)), 3),
            (many(&cell.repeat(2), 500), 1000),
            // what lies between two cells
            (row(&format!("{cell}{ends}{cell}")), 16_382),
            (format!("{}{}{}", row(cell), many("<table:table-cell/>", 900), row(cell)), 902),
            (row("<table:table-cell office:value='1' table:number-columns-repeated='99999999'/>"), 16_384),
            // what a comment says is not there
            (format!("<!-- <table:table-row> {cell} -->{}", row(cell)), 1),
        ] {
            assert_eq!(cells(&sheet(&rows)), expected, "{rows:.200}");
        }
        assert_eq!(cells(b""), 0);
    }
}
