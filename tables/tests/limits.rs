//! Small files that say much: each is read at once or refused in words. Before, they took minutes, all memory, or a panic.

use std::io::Write;

use tables::read::{How, read};
use tables::stream::Stream;
use tables::{Asked, Choices, Grid, Inputs, Table, TableError, delimited, pictures, text};

fn grid(text: &str) -> Grid {
    read(text.as_bytes(), How::default()).unwrap_or_else(|error| panic!("{error} in {text:.100}")).grid
}

fn table(text: &str) -> Result<Table, TableError> {
    Table::new(read(text.as_bytes(), How::default())?.grid, &Choices::default())
}

/// A heading with one name for all columns but the class.
#[test]
fn one_name_for_thousands_of_columns() {
    let width = 20_000;
    let rows: String =
        (0..4).map(|row| format!("{}{}\n", format!("{row},").repeat(width), ["a", "b"][row % 2])).collect();
    let found = grid(&format!("{}kind\n{rows}", "x,".repeat(width)));
    let table = Table::of(&found, &Choices::default()).unwrap();
    assert_eq!((table.columns[0].name.as_str(), table.columns[width - 1].name.as_str()), ("x", "x (20000)"));
    let asked = Asked::new(&table, &found, None).unwrap();
    assert_eq!(asked.places[..3], [Some(0), Some(1), Some(2)]);
}

/// A class that is written in another way in every row.
#[test]
fn thousands_of_spellings_of_one_class() {
    let rows: String = (0..3000)
        .map(|row| match row % 3 {
            0 => format!("{},no\n", row % 7),
            // upper and lower case, as the digits of a number
            _ => {
                let letters = (0..14).map(|bit| if row >> bit & 1 == 1 { 'Y' } else { 'y' });
                format!("{},{}\n", row % 7, letters.collect::<String>())
            }
        })
        .collect();
    let found = table(&format!("x,kind\n{rows}")).unwrap();
    assert_eq!(found.class_names.len(), 2);
    let note = found.notes.iter().find(|note| note.starts_with("Taken as one class")).unwrap();
    assert!(note.contains("and 1992 more") && note.len() < 400, "{note}");
}

/// Numbers at the ends of 64 bits in the first row, and near the largest double in a column.
#[test]
fn numbers_at_the_ends_of_their_range() {
    let ends =
        "-9223372036854775808,9223372036854775807,-9223372036854775808,kind\n1,2,3,a\n4,5,6,b\n7,8,9,a\n1,1,1,b\n";
    assert_eq!(table(ends).unwrap().len(), 5);
    let rows: String = (0..8).map(|row| format!("{}e307,{}\n", row * 2, ["a", "b"][row % 2])).collect();
    let found = table(&format!("x,kind\n{rows}")).unwrap();
    assert!(found.columns[0].used(), "they count no rows");
}

/// Rows that end in thousands of separators.
#[test]
fn empty_columns_are_one_note() {
    let row = |x: usize| format!("{x},{}{}\n", ["a", "b"][x % 2], ",".repeat(5000));
    let found = delimited::read(&(0..6).map(row).collect::<String>()).unwrap();
    assert_eq!((found.width, found.notes), (2, vec!["5000 empty last columns left out.".to_owned()]));
}

/// A row that is thousands of pieces long.
#[test]
fn a_row_longer_than_any_piece() {
    let text = format!("x,y\n1,2\n3,\"{}\"\n5,6\n", "a\n".repeat(200_000));
    let mut stream = Stream::with_piece(text.as_bytes(), None, 16).unwrap();
    let mut rows = stream.first().rows.len();
    while let Some(more) = stream.more().unwrap() {
        rows += more.len();
    }
    assert_eq!(rows, 4);
}

/// ARFF with many attributes, with many words, and with rows that stand for more cells than the file has signs.
#[test]
fn arff_of_many_words() {
    let attributes: String = (0..40_000).map(|at| format!("@attribute a{at} numeric\n")).collect();
    let found = grid(&format!("@relation r\n{attributes}@data\n{{0 1}}\n{{1 1}}\n"));
    assert_eq!((found.width, found.rows[1].cells[1].as_str()), (40_000, "1"));
    let few: String = attributes.split_inclusive('\n').take(1000).collect();
    let error = read(format!("@relation r\n{few}@data\n{}", "{}\n".repeat(20_000)).as_bytes(), How::default());
    assert!(error.unwrap_err().to_string().contains("far more cells"));

    let words: Vec<String> = (0..40_000).map(|word| format!("w{word}")).collect();
    let rows: String = (0..20_000).map(|row| format!("w{},{}\n", 39_999 - row % 30, ["a", "b"][row % 2])).collect();
    let text = format!("@relation r\n@attribute x {{{}}}\n@attribute class {{a,b}}\n@data\n{rows}", words.join(","));
    let found = table(&text).unwrap();
    let error = Inputs::of(&found, &(0..found.len()).collect::<Vec<_>>()).unwrap_err();
    assert!(error.to_string().contains("40000 inputs"), "{error}");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A file that unpacks to a thousand times its size.
#[test]
fn a_packed_file_that_grows_too_far() {
    let packed = gzip("1,2,a\n3,4,b\n".repeat(2 << 20).as_bytes());
    let most = text::most_unpacked(packed.len());
    assert!((16 << 20..24 << 20).contains(&most), "{most}");
    let error = read(&packed, How::default()).unwrap_err().to_string();
    assert!(error.contains(&format!("at most {most} bytes")) && error.contains("Unpack it yourself"), "{error}");
    assert_eq!(text::most_unpacked(usize::MAX), usize::MAX);
}

/// A picture whose name has thousands of parts, and as many folders as pictures.
#[test]
fn pictures_with_endless_names() {
    let mut names: Vec<(String, ())> =
        (0..2000).map(|at| (format!("{}-{at}.png", ["cat", "dog"][at % 2]), ())).collect();
    names.push((format!("cat-{}.png", "1a".repeat(20_000)), ()));
    assert_eq!(pictures::sort(names, 20).ok().unwrap().classes, ["cat", "dog"]);
    let folders: Vec<(String, ())> = (0..60_000).map(|at| (format!("f{at}/x.png"), ())).collect();
    assert!(pictures::sort(folders, 20).err().unwrap().contains("60000 classes"));
}

/// Arrays whose axes or values have no length, whose headers are longer, deeper or larger than any, or end too soon.
#[test]
#[cfg(feature = "numpy")]
fn arrays_that_claim_what_they_do_not_hold() {
    let npy = |kind: &str, shape: &str, content: &[u8]| {
        let header = format!("{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}\n");
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), content].concat()
    };
    let nested = |depth: usize| format!("{}'|u1'{}", "[('a', ".repeat(depth), ")]".repeat(depth));
    let long = format!("[{}]", (0..2000).map(|at| format!("('f{at}', '|u1')")).collect::<Vec<_>>().join(", "));
    for (bytes, part) in [
        (npy("'|u1'", "(1000000000000, 0)", &[]), "more than 268435456 values"),
        (npy("'|u1'", "(200000000, 0)", &[]), "expected an array of rows"),
        (npy("'|S0'", "(100000000,)", &[]), "no bytes"),
        (npy("'<U0'", "(2, 2)", &[]), "no bytes"),
        (npy("[]", "(100000000,)", &[]), "no bytes"),
        (npy("[('a', '|S0'), ('b', '|u1')]", "(4,)", &[1; 4]), "no bytes"),
        (npy("'|S9'", "(200,)", &[1; 4]), "ends after 4 bytes"),
        (npy(&nested(5), "(2,)", &[1, 2]), "nested 11 deep"),
        (npy(&long, "(2,)", &[1, 2]), "at most 10000 are read"),
        (npy("'''|u1'''", "(2, 2)", &[1; 4]), "NumPy does not write"),
        (npy("'|u1'", "(0x2, 2)", &[1; 4]), "NumPy does not write"),
        (b"\x93NUMPY\x01\x00\xff".to_vec(), "ends within its header"),
    ] {
        let error = read(&bytes, How::default()).unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
    // brackets within a name are none
    let named = npy("[('a ((((((((((', '|u1'), ('kind', '|S1')]", "(4,)", b"\x01x\x02y\x01x\x02y");
    assert_eq!(read(&named, How::default()).unwrap().grid.rows.len(), 4);
}

/// Cells at the corners of a sheet, and a sheet that is all corners.
#[test]
#[cfg(feature = "spreadsheets")]
fn workbooks_that_become_far_more_than_they_are() {
    let workbook = |sheet: &str| {
        let names = "http://schemas.openxmlformats.org";
        let relations = |of: &str, target: &str| {
            format!(
                "<Relationships xmlns=\"{names}/package/2006/relationships\"><Relationship Id=\"r1\" \
                 Type=\"{names}/officeDocument/2006/relationships/{of}\" Target=\"{target}\"/></Relationships>"
            )
        };
        let book = format!(
            "<workbook xmlns:r=\"{names}/officeDocument/2006/relationships\"><sheets><sheet name=\"Data\" sheetId=\"1\" \
             r:id=\"r1\"/></sheets></workbook>"
        );
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, content) in [
            ("_rels/.rels", relations("officeDocument", "xl/workbook.xml")),
            ("xl/workbook.xml", book),
            ("xl/_rels/workbook.xml.rels", relations("worksheet", "worksheets/sheet1.xml")),
            ("xl/worksheets/sheet1.xml", format!("<worksheet><sheetData>{sheet}</sheetData></worksheet>")),
        ] {
            zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    };
    let cell = |place: &str| format!("<row><c r=\"{place}\"><v>1</v></c></row>");
    let corners = ["A1", "CV1", "A2000", "CV2000"].map(cell).concat();
    let found = read(&workbook(&corners), How::default()).unwrap().grid;
    assert_eq!((found.width, found.rows.len(), found.rows[1].line), (2, 2, 2000));
    // a cell in each row, each in a column of its own
    let letters = |at: usize| format!("{}{}", (b'A' + (at / 26) as u8) as char, (b'A' + (at % 26) as u8) as char);
    let corners: String = (0..650).map(|at| cell(&format!("{}{}", letters(at), at + 1))).collect();
    let error = read(&workbook(&corners), How::default()).unwrap_err().to_string();
    assert!(error.contains("650 cells over 650 rows and 650 columns"), "{error}");
}
