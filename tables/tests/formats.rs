//! Files that real libraries wrote; `files/make.py` made them.
#![cfg(all(feature = "numpy", feature = "parquet", feature = "spreadsheets"))]

use tables::column::{Kind, Values};
use tables::read::{How, read};
use tables::{Choices, Grid, Table, TableError};

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(format!("tests/files/{name}")).unwrap()
}

fn grid(name: &str) -> Grid {
    read(&bytes(name), How::default()).unwrap().grid
}

fn table(name: &str) -> Table {
    Table::new(grid(name), &Choices::default()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn names(table: &Table) -> Vec<&str> {
    table.columns.iter().map(|column| column.name.as_str()).collect()
}

#[test]
fn tables_of_three_libraries_keep_numbers_dates_and_holes() {
    // rows of workbooks come after their heading
    for (name, first) in [
        ("pandas.xlsx", 2),
        ("pandas.ods", 2),
        ("pandas.parquet", 1),
        ("fastparquet.parquet", 1),
        ("polars.parquet", 1),
    ] {
        let table = table(name);
        assert_eq!(names(&table), ["size", "count", "day", "fresh", "kind"], "{name}");
        assert_eq!((table.len(), table.class), (24, 4), "{name}");
        assert_eq!(table.class_names, ["müsli", "brot"], "{name}");
        assert_eq!(table.columns[0].missing, 1, "{name}");
        assert!(matches!(table.columns[2].kind, Kind::Date(_)), "{name}: {:?}", table.columns[2].kind);
        let Values::Numbers(days) = &table.columns[2].values else { panic!("dates are numbers") };
        assert_eq!((days[0], days[1] - days[0]), (1_740_787_200.0, 36.0 * 3600.0), "{name}");
        assert_eq!(table.lines[0], first, "{name}");
    }
}

#[test]
fn titles_other_sheets_and_uncalculated_formulas_are_told() {
    let found = grid("openpyxl.xlsx");
    let notes = found.notes.join(" ");
    for part in ["“Data” of 2", "Measured in spring", "24 of 24 formulas were never calculated"] {
        assert!(notes.contains(part), "{notes}");
    }
    let table = Table::new(found, &Choices::default()).unwrap();
    assert_eq!((names(&table), table.lines[0]), (vec!["size", "count", "double", "kind"], 4));
    assert!(grid("xlsxwriter.xlsx").notes.join(" ").contains("All 24 formulas are 0"));
    let how = How { sheet: Some("Data"), ..How::default() };
    assert_eq!(read(&bytes("openpyxl.xlsx"), how).unwrap().grid.rows.len(), 25);
    let refused =
        |sheet: &str| read(&bytes("openpyxl.xlsx"), How { sheet: Some(sheet), ..How::default() }).unwrap_err();
    assert!(refused("Dat").to_string().contains("Notes, Data"));
    assert!(refused("Notes").to_string().contains("holds no table"));
}

#[test]
fn arrays_of_numpy_are_tables() {
    for (name, class) in [("two.npz", "y"), ("unnamed.npz", "class")] {
        let table = table(name);
        assert_eq!((names(&table), table.len()), (vec!["x1", "x2", class], 24), "{name}");
        assert_eq!((table.class, table.class_names.len(), table.columns[0].missing), (2, 2, 1), "{name}");
        let Values::Numbers(sizes) = &table.columns[0].values else { panic!("sizes are numbers") };
        assert_eq!((sizes[0], sizes[1], sizes[2]), (1.0, 3.01, 1.02), "{name}");
    }
    let table = table("records.npy");
    assert_eq!(
        (names(&table), table.class_names.clone()),
        (vec!["size", "count", "kind"], vec!["müsli".into(), "brot".into()])
    );
}

#[test]
fn an_index_of_pandas_is_no_class() {
    let named = grid("named-index.parquet");
    assert_eq!(named.heading.unwrap(), ["kind", "size", "count", "day", "fresh"]);
    let found = grid("index.parquet");
    assert_eq!(found.heading.as_ref().unwrap(), &["size", "count", "day", "fresh", "kind"]);
    assert!(found.notes.join(" ").contains("index"), "{:?}", found.notes);
}

#[test]
fn types_of_parquet_are_read_however_they_are_written() {
    for name in ["typed.parquet", "older.parquet"] {
        let found = grid(name);
        let heading = ["half", "big", "price", "day", "time", "until", "place.x", "place.y", "binary", "kind"];
        assert_eq!(found.heading.as_ref().unwrap(), &heading, "{name}");
        assert!(found.notes.join(" ").contains("lists are left out: tags"), "{:?}", found.notes);
        let row = |at: usize| found.rows[at].cells.iter().map(String::as_str).collect::<Vec<_>>();
        let first =
            ["0", "18446744073709551615", "-5.00", "2025-03-01", "08:30:00", "9999-12-31", "0", "", "beer", "müsli"];
        assert_eq!(row(0), first, "{name}");
        let last = [
            "11.5",
            "18446744073709551592",
            "23.75",
            "2025-03-24",
            "19:30:23",
            "9999-12-29",
            "5.75",
            "-23",
            "wine",
            "",
        ];
        assert_eq!((found.rows.len(), row(23)), (24, last.to_vec()), "{name}");
    }
}

/// A file of 10 kB that stands for five million rows.
#[test]
fn parquet_that_stands_for_far_more_than_it_is_is_refused() {
    let error = read(&bytes("constant.parquet"), How::default()).unwrap_err().to_string();
    assert!(error.contains("far more rows"), "{error}");
}

/// Cut off or spoiled at any place, they are refused or read, and never more.
#[test]
fn spoiled_files_are_refused_or_read() {
    for name in
        ["pandas.xlsx", "pandas.ods", "two.npz", "records.npy", "unnamed.npz", "pandas.parquet", "typed.parquet"]
    {
        let good = bytes(name);
        for at in (0..good.len()).step_by(37) {
            let outcome: [Result<_, TableError>; 2] =
                [good[..at].to_vec(), spoiled(&good, at)].map(|bytes| read(&bytes, How::default()));
            for result in outcome {
                if let Err(error) = result {
                    assert!(error.to_string().len() > 10, "{name} at {at}: {error}");
                }
            }
        }
    }
}

fn spoiled(good: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = good.to_vec();
    bytes[at] ^= 0x55;
    bytes
}
