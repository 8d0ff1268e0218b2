//! Small valid files, written here.

use std::io::Write;

use fuzz::Random;

/// Rows of numbers and words with a class, between these separators.
pub fn table(separator: &str, end: &str, rows: usize) -> String {
    let mut text = ["size", "count", "day", "colour", "kind"].join(separator) + end;
    for at in 0..rows {
        let cells = [
            format!("{}.{}", at * 7 % 13, at % 10),
            format!("{}", at * at % 17),
            format!("2026-0{}-1{}", 1 + at % 9, at % 9),
            ["red", "\"gr een\"", "", "?"][at % 4].to_owned(),
            ["a", "b"][at / 2 % 2].to_owned(),
        ];
        text += &(cells.join(separator) + end);
    }
    text
}

/// ARFF with every kind of attribute, dense and sparse rows.
pub fn arff() -> String {
    let mut text = "% made\n@relation r\n@attribute 'x y' numeric\n@attribute note string\n@attribute day date\n\
                    @attribute kind {a, 'b c', \"d\"}\n@data\n"
        .to_owned();
    for at in 0..8 {
        text += &match at % 3 {
            0 => format!("{at}.5, 'it\\'s', 2026-01-0{}, a\n", at + 1),
            1 => format!("?, w{at}, ?, 'b c'\n"),
            _ => format!("{{0 {at}, 3 'b c'}}, {{0.5}}\n"),
        };
    }
    text
}

/// Bytes packed as gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An array of NumPy with this header and these values.
pub fn npy(header: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let header = format!("{header}\n");
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(content);
    bytes
}

/// The header of an array.
pub fn header(kind: &str, fortran: &str, shape: &str) -> String {
    format!("{{'descr': {kind}, 'fortran_order': {fortran}, 'shape': {shape}, }}")
}

/// Arrays of several types.
pub fn arrays() -> Vec<Vec<u8>> {
    let floats: Vec<u8> = (0..24).flat_map(|at| (at as f32 % 7.0 * 0.5).to_le_bytes()).collect();
    let letters: Vec<u8> = "abbaabba".chars().flat_map(|letter| u32::from(letter).to_le_bytes()).collect();
    let records: Vec<u8> = (0..8).flat_map(|at| [at, at * 3, b'a' + at % 2]).collect();
    vec![
        npy(&header("'<f4'", "False", "(8, 3)"), &floats),
        npy(&header("'>i2'", "True", "(6, 2, 4)"), &floats),
        npy(&header("'<U1'", "False", "(8,)"), &letters),
        npy(&header("[('x', '|u1'), ('y', '|i1'), ('kind', '|S1')]", "False", "(8,)"), &records),
    ]
}

/// A zip file of these entries, each stored or packed.
pub fn zip(entries: &[(&str, Vec<u8>)], packed: bool) -> Vec<u8> {
    let (mut bytes, mut list) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let mut sum = flate2::Crc::new();
        sum.update(content);
        // readers look for this one as it is
        let packed = packed && *name != "mimetype";
        let stored = match packed {
            true => {
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap()
            }
            false => content.clone(),
        };
        let mut about = vec![20, 0, 0, 0, if packed { 8 } else { 0 }, 0, 0, 0, 0, 0];
        about.extend(sum.sum().to_le_bytes());
        about.extend((stored.len() as u32).to_le_bytes());
        about.extend((content.len() as u32).to_le_bytes());
        about.extend((name.len() as u16).to_le_bytes());
        about.extend([0, 0]);
        let offset = bytes.len() as u32;
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&about);
        bytes.extend(name.as_bytes());
        bytes.extend(stored);
        list.extend(b"PK\x01\x02\x14\0");
        list.extend(&about);
        list.extend([0; 10]);
        list.extend(offset.to_le_bytes());
        list.extend(name.as_bytes());
    }
    let start = bytes.len() as u32;
    let count = (entries.len() as u16).to_le_bytes();
    bytes.extend(&list);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend(count);
    bytes.extend(count);
    bytes.extend((list.len() as u32).to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

const NAMES: &str = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"";
const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// The entries of an Excel workbook with this sheet.
pub fn xlsx(sheet: Vec<u8>) -> Vec<(&'static str, Vec<u8>)> {
    let book = format!(
        "<workbook {NAMES} xmlns:r=\"{RELATIONS}\"><sheets><sheet name=\"Data\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
    );
    let related = format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
         <Relationship Id=\"r1\" Type=\"{RELATIONS}/worksheet\" Target=\"worksheets/sheet1.xml\"/>\
         <Relationship Id=\"r2\" Type=\"{RELATIONS}/sharedStrings\" Target=\"sharedStrings.xml\"/></Relationships>"
    );
    let strings = format!("<sst {NAMES} count=\"2\" uniqueCount=\"2\"><si><t>plum</t></si><si><t>melon</t></si></sst>");
    let package = format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
         <Relationship Id=\"r1\" Type=\"{RELATIONS}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
    );
    vec![
        ("_rels/.rels", package.into_bytes()),
        ("xl/workbook.xml", book.into_bytes()),
        ("xl/_rels/workbook.xml.rels", related.into_bytes()),
        ("xl/sharedStrings.xml", strings.into_bytes()),
        ("xl/worksheets/sheet1.xml", sheet),
    ]
}

/// A sheet of Excel with numbers, words and a formula.
pub fn sheet() -> Vec<u8> {
    let mut text = format!("<worksheet {NAMES}><dimension ref=\"A1:C9\"/><sheetData>");
    for row in 1..9 {
        text += &format!(
            "<row r=\"{row}\"><c r=\"A{row}\"><v>{row}.5</v></c><c r=\"B{row}\"><f>A{row}*2</f><v>{}</v></c>\
             <c r=\"C{row}\" t=\"s\"><v>{}</v></c></row>",
            2 * row,
            row % 2
        );
    }
    (text + "</sheetData></worksheet>").into_bytes()
}

/// The entries of an OpenDocument workbook with this content.
pub fn ods(content: Vec<u8>) -> Vec<(&'static str, Vec<u8>)> {
    let kind = "application/vnd.oasis.opendocument.spreadsheet";
    let list = format!(
        "<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\">\
         <manifest:file-entry manifest:full-path=\"/\" manifest:media-type=\"{kind}\"/></manifest:manifest>"
    );
    vec![("mimetype", kind.into()), ("META-INF/manifest.xml", list.into_bytes()), ("content.xml", content)]
}

/// The content of an OpenDocument workbook.
pub fn content() -> Vec<u8> {
    let mut text = "<office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
                    xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" \
                    xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\"><office:body><office:spreadsheet>\
                    <table:table table:name=\"Data\">"
        .to_owned();
    for row in 0..8 {
        text += &format!(
            "<table:table-row table:number-rows-repeated=\"1\"><table:table-cell office:value-type=\"float\" \
             office:value=\"{row}.5\"></table:table-cell><table:table-cell table:number-columns-repeated=\"2\">\
             </table:table-cell><table:table-cell office:value-type=\"string\"><text:p>{}</text:p></table:table-cell>\
             <table:table-cell table:number-columns-repeated=\"1020\"></table:table-cell></table:table-row>",
            ["plum", "melon"][row % 2]
        );
    }
    (text + "</table:table></office:spreadsheet></office:body></office:document-content>").into_bytes()
}

/// A record of Excel's older workbooks.
pub fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat()
}

/// A record of a cell: row, column, format, and what it holds.
pub fn cell(kind: u16, row: u16, column: u16, content: &[u8]) -> Vec<u8> {
    record(kind, &[&row.to_le_bytes()[..], &column.to_le_bytes(), &[0, 0], content].concat())
}

/// What such a workbook begins with: a format of dates, a name, two strings of which the second goes on in another record.
/// The records of each sheet follow.
pub fn records(sheets: &[Vec<u8>]) -> Vec<u8> {
    let begin = record(0x0809, &[&[0, 6, 5, 0][..], &[0; 12]].concat());
    let mut head = begin.clone();
    head.extend(record(0x0042, &1200u16.to_le_bytes()));
    head.extend(record(0x041e, b"\xa4\0\x0a\0\0yyyy-mm-dd"));
    for format in [0, 0xa4] {
        head.extend(record(0x00e0, &[&[0, 0, format, 0][..], &[0; 16]].concat()));
    }
    head.extend(record(0x0018, b"\0\0\0\x01\x07\0\0\0\0\0\0\0\0\0\0n\x3a\0\0\x01\0\0\0"));
    head.extend(record(0x00fc, b"\x09\0\0\0\x02\0\0\0\x04\0\0plum\x05\0\x08\x01\0mel"));
    head.extend(record(0x003c, b"\x01o\0n\0\x01\0\0\0"));
    let mut place = head.len() + 16 * sheets.len() + 4;
    let mut body = Vec::new();
    for (at, sheet) in sheets.iter().enumerate() {
        let name = [b'd', b'a', b't', b'0' + at as u8];
        head.extend(record(0x0085, &[&(place as u32).to_le_bytes()[..], &[0, 0, 4, 0], &name].concat()));
        let whole = [&begin[..], sheet, &record(0x000a, &[])].concat();
        place += whole.len();
        body.extend(whole);
    }
    [head, record(0x000a, &[]), body].concat()
}

/// A sheet of such a workbook with every kind of cell.
pub fn older_sheet() -> Vec<u8> {
    let mut sheet = record(0x0200, &[0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 5, 0, 0, 0]);
    for row in 0..8u16 {
        sheet.extend(cell(0x0203, row, 0, &(f64::from(row) + 0.5).to_le_bytes()));
        sheet.extend(cell(0x027e, row, 1, &(u32::from(row) << 2 | 2).to_le_bytes()));
        let last = [&[2, 0, 0, 0, 1, 0, 6, 0, 0, 0][..], &4u16.to_le_bytes()].concat();
        sheet.extend(cell(0x00bd, row, 3, &last));
        match row % 4 {
            0 => sheet.extend(cell(0x0205, row, 2, &[1, 0])),
            1 => sheet.extend(cell(0x0204, row, 2, b"\x02\0\0no")),
            2 => {
                let tokens =
                    [&[0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 5, 0][..], &[0x44, 0, 0, 0, 0xc0]].concat();
                sheet.extend(cell(0x0006, row, 2, &tokens));
                sheet.extend(record(0x0207, b"\x03\0\0yes"));
            }
            _ => sheet.extend([record(0x0809, &[0; 16]), cell(0x0203, 99, 9, &[0; 8]), record(0x000a, &[])].concat()),
        }
        sheet.extend(cell(0x00fd, row, 5, &u32::from(row % 2).to_le_bytes()));
    }
    sheet.extend(record(0x00e5, &[1, 0, 0, 0, 1, 0, 6, 0, 7, 0]));
    sheet
}

/// A container with these records under a name: in sectors of 512 bytes, or in pieces of 64 if they are few.
pub fn compound(name: &str, records: &[u8]) -> Vec<u8> {
    let sectors = records.len().div_ceil(512);
    let few = records.len() < 4096;
    // sector 0 names the next of each, 1 is the folder, then the stream, then the list of pieces
    let pieces = 2 + sectors as u32;
    let mut next = vec![u32::MAX; 128 * (sectors + 3).div_ceil(128)];
    assert_eq!(next.len(), 128, "one sector of numbers");
    (next[0], next[1]) = (0xffff_fffd, 0xffff_fffe);
    (2..pieces).for_each(|at| next[at as usize] = if at + 1 == pieces { 0xffff_fffe } else { at + 1 });
    let mut bytes = vec![0; 512];
    bytes[..8].copy_from_slice(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]);
    bytes[24..34].copy_from_slice(&[0x3e, 0, 3, 0, 0xfe, 0xff, 9, 0, 6, 0]);
    let first = if few { (pieces, 1) } else { (0xffff_fffe, 0) };
    for (at, value) in [(44, 1), (48, 1), (56, 4096), (60, first.0), (64, first.1), (68, 0xffff_fffe)] {
        bytes[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
    }
    bytes[76..512].fill(0xff);
    bytes[76..80].fill(0);
    if few {
        next[pieces as usize] = 0xffff_fffe;
    }
    bytes.extend(next.iter().flat_map(|next| next.to_le_bytes()));
    let root: (u32, u32) = if few { (2, 512 * sectors as u32) } else { (0xffff_fffe, 0) };
    let stream = if few { 0 } else { 2 };
    for (name, kind, (first, length)) in [("Root Entry", 5, root), (name, 2, (stream, records.len() as u32))] {
        let mut entry = [0; 128];
        name.bytes().enumerate().for_each(|(at, letter)| entry[2 * at] = letter);
        (entry[64], entry[66]) = (2 * name.len() as u8 + 2, kind);
        entry[116..120].copy_from_slice(&first.to_le_bytes());
        entry[120..124].copy_from_slice(&length.to_le_bytes());
        bytes.extend(entry);
    }
    bytes.resize(1536, 0);
    bytes.extend(records);
    bytes.resize(512 * (3 + sectors), 0);
    if few {
        let last = records.len().div_ceil(64) as u32;
        bytes.extend((1..=128).flat_map(|at| if at < last { at } else { 0xffff_fffe_u32 }.to_le_bytes()));
    }
    bytes
}

/// One of some numbers that a file may claim.
pub fn claimed(random: &mut Random) -> u64 {
    const NUMBERS: [u64; 14] = [0, 1, 2, 3, 8, 100, 1000, 16_384, 65_536, 1 << 20, 1 << 31, 1 << 32, 1 << 40, u64::MAX];
    NUMBERS[random.below(NUMBERS.len())]
}
