//! Files that real libraries wrote; `files/make.py` made them.
#![cfg(all(feature = "numpy", feature = "spreadsheets"))]

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
fn workbooks_of_pandas_keep_numbers_dates_and_holes() {
    for name in ["pandas.xlsx", "pandas.ods"] {
        let table = table(name);
        assert_eq!(names(&table), ["size", "count", "day", "fresh", "kind"], "{name}");
        assert_eq!((table.len(), table.class), (24, 4), "{name}");
        assert_eq!(table.class_names, ["müsli", "brot"], "{name}");
        assert_eq!(table.columns[0].missing, 1, "{name}");
        assert!(matches!(table.columns[2].kind, Kind::Date(_)), "{name}: {:?}", table.columns[2].kind);
        let Values::Numbers(days) = &table.columns[2].values else { panic!("dates are numbers") };
        assert_eq!(days[1] - days[0], 36.0 * 3600.0, "{name}");
        assert_eq!(table.lines[0], 2, "{name}");
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

/// Cut off or spoiled at any place, they are refused or read, and never more.
#[test]
fn spoiled_files_are_refused_or_read() {
    for name in ["pandas.xlsx", "pandas.ods", "two.npz", "records.npy", "unnamed.npz"] {
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
