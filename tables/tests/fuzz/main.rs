//! Spoiled tables of every format: each is read or refused in words, within its time and its memory.
#![cfg(all(feature = "encodings", feature = "numpy", feature = "parquet", feature = "spreadsheets"))]

mod files;
mod grammar;

use fuzz::{Found, Target};
use tables::read::{How, read};
use tables::stream::Stream;
use tables::{Asked, Choices, Grid, Inputs, Table, TableError, archive, pictures};

#[global_allocator]
static ALLOCATOR: fuzz::Counting = fuzz::Counting;

/// Words that texts of tables know.
const WORDS: &[&[u8]] = &[
    b"\"",
    b"\"\"",
    b"\n",
    b"\r\n",
    b"\r",
    b",",
    b";",
    b"\t",
    b"#",
    b"sep=;\n",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xfe\xff",
    b"\0",
    b"\xc3\xa4",
    b"\xe4",
    b"%",
    b"{",
    b"}",
    b"?",
    b"@data\n",
    b"@attribute x numeric\n",
    b"@relation",
    b"\\",
    b"'",
    b"NaN",
    b",,,,,,,,",
    b"1e999",
    b"\xe2\x88\x92",
    b"#N/A",
];

/// Most bytes that a packed file of this length can hold and that are let through: deflate makes at most 1032 of one.
fn unpacked(length: usize) -> usize {
    (1032 * length).min(tables::text::most_unpacked(length))
}

/// Everything that is done with a table before and after its rows are shown.
fn understand(grid: &Grid) -> Result<(), TableError> {
    let table = Table::of(grid, &Choices::default())?;
    let shown: Vec<usize> = (0..table.len()).take(40).collect();
    let inputs = Inputs::of(&table, &shown)?;
    assert!(shown.iter().all(|row| inputs.row(&table, *row).iter().all(|value| value.is_finite())));
    let mut asked = Asked::new(&table, grid, None)?;
    let rows = &grid.rows[usize::from(asked.headed)..];
    let rows = &rows[..rows.len().min(20)];
    let values = asked.values(&table, rows);
    assert!((0..rows.len()).all(|row| inputs.other(&values, row).iter().all(|value| value.is_finite())));
    Ok(())
}

fn table(bytes: &[u8]) -> Found {
    read(bytes, How::default()).and_then(|found| understand(&found.grid)).into()
}

/// Arrays alone may be pictures or have no class: to be read is enough.
fn array(bytes: &[u8]) -> Found {
    let grid = read(bytes, How::default()).map(|found| found.grid);
    if let Ok(grid) = &grid {
        let _ = understand(grid);
    }
    grid.into()
}

/// Files in other files: to be unpacked is enough.
fn contents(bytes: &[u8]) -> Found {
    archive::files(bytes).into()
}

/// Panics of the libraries that read workbooks and Parquet are caught, and would fill the screen.
fn caught(bytes: &[u8]) -> Found {
    static QUIET: std::sync::Once = std::sync::Once::new();
    QUIET.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let libraries = ["/calamine-", "/parquet-", "/bytes-", "/lz4_flex-", "/brotli", "/snap-"];
            if !panic.location().is_some_and(|place| libraries.iter().any(|name| place.file().contains(name))) {
                before(panic);
            }
        }));
    });
    array(bytes)
}

fn texts() -> Vec<Vec<u8>> {
    let mut texts: Vec<Vec<u8>> =
        [",", ";", "\t", "|"].map(|separator| files::table(separator, "\n", 12).into_bytes()).to_vec();
    texts.push(files::table(",", "\r\n", 12).into_bytes());
    texts.push(format!("# made\nsep=,\n{}", files::table(",", "\n", 12)).into_bytes());
    texts.push(files::table(",", "\n", 12).encode_utf16().flat_map(u16::to_le_bytes).collect());
    texts
}

#[test]
fn delimited() {
    let target = Target {
        name: "tables-delimited",
        seeds: texts(),
        words: WORDS,
        grammar: Some(grammar::delimited),
        seal: None,
        memory: |length| 200 * length + (1 << 18),
        cases: 6000,
    };
    target.run(table);
}

#[test]
fn arff() {
    let target = Target {
        name: "tables-arff",
        seeds: vec![files::arff().into_bytes()],
        words: WORDS,
        grammar: Some(grammar::arff),
        seal: None,
        memory: |length| 3000 * length + (1 << 22),
        cases: 6000,
    };
    target.run(table);
}

#[test]
fn gzip() {
    let target = Target {
        name: "tables-gzip",
        seeds: texts().iter().map(|text| files::gzip(text)).collect(),
        words: &[b"\x1f\x8b\x08", b"\0\0\0\0"],
        grammar: Some(grammar::gzip),
        seal: None,
        memory: |length| 200 * unpacked(length) + (1 << 18),
        cases: 3000,
    };
    target.run(array);
}

#[test]
fn stream() {
    let target = Target {
        name: "tables-stream",
        seeds: [texts(), vec![files::arff().into_bytes()]].concat(),
        words: WORDS,
        grammar: Some(grammar::delimited),
        seal: None,
        memory: |length| 200 * length + (1 << 18),
        cases: 4000,
    };
    target.run(|bytes| {
        let all = || {
            let mut stream = Stream::with_piece(bytes, None, 64 + bytes.len() % 512)?;
            let width = stream.first().width;
            while let Some(rows) = stream.more()? {
                assert!(rows.iter().all(|row| row.cells.len() == width));
            }
            Ok::<(), TableError>(())
        };
        all().into()
    });
}

#[test]
fn npy() {
    let target = Target {
        name: "tables-npy",
        seeds: files::arrays(),
        words: &[b"'<f8'", b"'|S0'", b"'<U0'", b"(2, 0)", b"True", b"[", b"(", b"1,", b"'|O'", b"\\x00"],
        grammar: Some(grammar::npy),
        seal: None,
        memory: |length| 200 * length + (1 << 18),
        cases: 6000,
    };
    target.run(array);
}

#[test]
fn npz() {
    let arrays = files::arrays();
    let both = [("x.npy", arrays[0].clone()), ("y.npy", arrays[2].clone())];
    let target = Target {
        name: "tables-npz",
        seeds: vec![files::zip(&both, true), files::zip(&both, false)],
        words: &[b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"x.npy", b"../", b"\0"],
        grammar: Some(grammar::npz),
        seal: None,
        memory: |length| 200 * unpacked(length) + (1 << 18),
        cases: 3000,
    };
    target.run(array);
}

#[test]
fn archives() {
    let arrays = files::arrays();
    let all = [("cat/1.png", arrays[0].clone()), ("cat/2.png", vec![7; 300]), ("rows.csv", b"x,k\n1,a\n".to_vec())];
    let target = Target {
        name: "tables-archives",
        seeds: vec![files::zip(&all, true), files::zip(&all, false), arrays[0].clone()],
        words: &[b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"__MACOSX/", b"../", b"(2, 2, 2)", b"\0"],
        grammar: Some(grammar::npz),
        seal: None,
        memory: |length| 200 * unpacked(length) + (1 << 18),
        cases: 4000,
    };
    target.run(contents);
}

#[test]
fn xlsx() {
    let entries = files::xlsx(files::sheet());
    let target = Target {
        name: "tables-xlsx",
        seeds: vec![files::zip(&entries, true), files::zip(&entries, false)],
        words: &[b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"xl/workbook.bin", b"\0"],
        grammar: Some(grammar::xlsx),
        seal: None,
        memory: |length| 40 * unpacked(length) + (1 << 20),
        cases: 6000,
    };
    target.run(caught);
}

#[test]
fn xls() {
    let few = files::records(&[files::older_sheet()]);
    let many = files::records(&[Vec::new(), files::older_sheet().repeat(8)]);
    let target = Target {
        name: "tables-xls",
        seeds: vec![files::compound("Workbook", &few), files::compound("Book", &many)],
        words: &[b"\x09\x08\x10\0", b"\x0a\0\0\0", b"\xfe\xff\xff\xff", b"\xff\xff\xff\xff", b"\x02\0\0\0", b"W\0"],
        grammar: Some(grammar::xls),
        seal: None,
        memory: |length| 2000 * length + (1 << 27),
        cases: 3000,
    };
    target.run(caught);
}

#[test]
fn ods() {
    let entries = files::ods(files::content());
    let target = Target {
        name: "tables-ods",
        seeds: vec![files::zip(&entries, true), files::zip(&entries, false)],
        words: &[b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"\0"],
        grammar: Some(grammar::ods),
        seal: None,
        memory: |length| 4000 * unpacked(length) + (1 << 24),
        cases: 6000,
    };
    target.run(caught);
}

#[test]
fn parquet() {
    let names = ["pandas", "fastparquet", "polars", "named-index", "index", "typed", "older"];
    let target = Target {
        name: "tables-parquet",
        seeds: names.map(|name| std::fs::read(format!("tests/files/{name}.parquet")).unwrap()).to_vec(),
        words: &[b"PAR1", b"PARE", b"\x15\x02", b"\x15\xfe\xff\xff\xff\x0f", b"\x19\xfc", b"\x1c", b"\0\0\0\0"],
        grammar: None,
        seal: None,
        memory: |length| 600 * length + (1 << 22),
        cases: 20_000,
    };
    target.run(caught);
}

#[test]
fn names_of_pictures() {
    let names: String = (0..9).map(|at| format!("pets/{}/{at}.png\n", ["cat", "dog"][at % 2])).collect();
    let flat: String = (0..9).map(|at| format!("{}-{at:02}.jpg\n", ["cat", "dog"][at % 2])).collect();
    let target = Target {
        name: "tables-pictures",
        seeds: vec![names.into_bytes(), flat.into_bytes()],
        words: &[b"/", b".", b"__MACOSX/", b"Thumbs.db", b"01", b"a1a1", b"\xc3\xa9", b"\n\n"],
        grammar: Some(grammar::pictures),
        seal: None,
        memory: |length| 400 * length + (1 << 18),
        cases: 6000,
    };
    target.run(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        let names = text.lines().filter(|name| pictures::is_picture(name) && !pictures::is_hidden(name));
        pictures::sort(names.map(|name| (name.to_owned(), ())).collect(), 20).into()
    });
}

/// Every kind of cell of the older workbooks, in sectors and in pieces, and a file of Office that is no workbook.
#[test]
fn older_workbooks_are_read_cell_by_cell() {
    let few = files::compound("Workbook", &files::records(&[files::older_sheet()]));
    let many = files::compound("Book", &files::records(&[Vec::new(), files::older_sheet().repeat(8)]));
    for (bytes, notes) in [(few, 0), (many, 1)] {
        let grid = read(&bytes, How::default()).unwrap().grid;
        let cells = |row: usize| grid.rows[row].cells.join("|");
        assert_eq!((grid.rows.len(), grid.notes.len()), (8, notes));
        assert_eq!(
            [0, 1, 2].map(cells),
            ["0.5|0|true|0|1900-01-01|plum", "1.5|1|no|0|1900-01-01|melon", "2.5|2|yes|0|1900-01-01|plum"]
        );
    }
    let other = files::compound("WordDocument", &files::records(&[]));
    let error = read(&other, How::default()).unwrap_err().message;
    assert!(error.starts_with("expected a workbook, found another file of Office"), "{error}");
}
