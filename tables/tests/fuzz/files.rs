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

/// One of some numbers that a file may claim.
pub fn claimed(random: &mut Random) -> u64 {
    const NUMBERS: [u64; 14] = [0, 1, 2, 3, 8, 100, 1000, 16_384, 65_536, 1 << 20, 1 << 31, 1 << 32, 1 << 40, u64::MAX];
    NUMBERS[random.below(NUMBERS.len())]
}
