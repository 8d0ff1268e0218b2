//! Prints what a table means: `cargo run -p tables --example understand FILE [CLASS]`.

use std::env;
use std::error::Error;
use std::fs;

use tables::column::Kind;
use tables::{Choices, Table, arff, delimited, text};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = env::args().skip(1);
    let file = words.next().ok_or("expected the name of a file")?;
    let decoded = text::decode(&fs::read(&file)?, None)?;
    let grid = match arff::is_arff(&decoded.text) {
        true => arff::read(&decoded.text)?,
        false => delimited::read(&decoded.text)?,
    };
    let separator = grid.separator.map_or("none", delimited::spoken);
    let table = Table::new(grid, &Choices { class: words.next(), ..Choices::default() })?;
    println!("{file}: {} rows, {}, separator: {separator}, heading: {}", table.len(), decoded.encoding, table.headed);
    for column in &table.columns {
        let kind = match &column.kind {
            Kind::Number(writing) => format!("numbers ({writing:?})"),
            Kind::Date(order) => format!("dates ({order:?})"),
            Kind::Category(words) => format!("{} words", words.len()),
        };
        let left_out = column.left_out.as_ref().map_or(String::new(), |why| format!("; not used: {}", why.reason()));
        println!("  {}: {kind}, {} missing{left_out}", column.name, column.missing);
    }
    println!("  classes: {}", table.class_names.join(", "));
    table.notes.iter().for_each(|note| println!("  {note}"));
    Ok(())
}
