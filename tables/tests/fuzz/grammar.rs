//! Inputs that are made, not spoiled: what a stranger would have to think of.

use fuzz::{LONGEST, Random, mutate};

use crate::files;

/// Cells of all kinds, the odd ones among them.
const CELLS: [&str; 34] = [
    "1",
    "0",
    "2.5",
    "-3",
    "1e308",
    "-1e308",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "1,5",
    "1.234,5",
    "1'000",
    "NaN",
    "inf",
    "NA",
    "?",
    "",
    "a",
    "b",
    "A",
    "1.0",
    "1.00",
    "yes",
    "no",
    "2026-02-28",
    "31.12.1999",
    "24:59:60.9",
    "9999-12-31T23:59+99:99",
    "(5)",
    "$ 1",
    "50%",
    "\"a, b\"",
    "\"\"\"\"",
    "é",
];

fn joined(random: &mut Random, cells: impl Iterator<Item = String>, separator: &str) -> String {
    let mut line = cells.collect::<Vec<_>>().join(separator);
    line.push_str(random.pick(&["\n", "\n", "\n", "\r\n", "\n\n"]));
    line
}

/// A table whose rows and columns are drawn, sometimes very wide or very long.
pub fn delimited(random: &mut Random) -> Vec<u8> {
    let separator = random.pick(&[",", ";", "\t", "|", " ", ", ", "x", "\""]);
    let (rows, width) = match random.below(40) {
        0 => (random.between(2, 4), random.between(1000, 9000)),
        1 => (random.between(2000, 9000), random.between(1, 3)),
        _ => (random.between(1, 40), random.between(1, 8)),
    };
    let mut text = match random.below(6) {
        0 => format!("sep={separator}\n"),
        1 => format!("# {}\n", random.text(20)),
        2 => "A title\n\n".to_owned(),
        _ => String::new(),
    };
    // a heading of one name again and again, or of different ones
    let same = random.once_in(3);
    if random.once_in(2) {
        text += &joined(random, (0..width).map(|at| if same { "x".to_owned() } else { format!("x{at}") }), separator);
    }
    let column: Vec<usize> = (0..width).map(|_| random.below(5)).collect();
    // one spelling for each row, all of one class
    let spelled = random.once_in(8);
    for row in 0..rows {
        let cells = column.iter().enumerate().map(|(at, kind)| match (kind, at + 1 == width) {
            (_, true) if spelled => format!("1.{}", "0".repeat(row % 97 + row / 97)),
            (_, true) => ["a", "b", "c"][row % 3].to_owned(),
            (0, _) => format!("{}", row as u64 * 7 % 13),
            (1, _) => format!("{}.{}", row % 7, at % 9),
            (2, _) => CELLS[random_at(row, at)].to_owned(),
            (3, _) => String::new(),
            _ => CELLS[random_at(at, at)].to_owned(),
        });
        let line = cells.collect::<Vec<_>>().join(separator);
        text += &line;
        text.push('\n');
        if text.len() > LONGEST {
            break;
        }
    }
    text.into_bytes()
}

fn random_at(row: usize, column: usize) -> usize {
    (row * 31 + column * 17) % CELLS.len()
}

/// ARFF with any number of attributes, words and rows.
pub fn arff(random: &mut Random) -> Vec<u8> {
    let many = random.once_in(60);
    let (attributes, words) = match (many, random.once_in(2)) {
        (true, true) => (random.between(1000, 2500), 2),
        (true, false) => (2, random.between(1000, 8000)),
        _ => (random.between(1, 6), random.between(1, 4)),
    };
    let mut text = "@relation r\n".to_owned();
    for at in 0..attributes {
        let kind = random.below(5);
        text += &match kind {
            0 => format!("@attribute 'a {at}' string\n"),
            1 => format!("@attribute a{at} date\n"),
            2 => {
                format!("@attribute a{at} {{{}}}\n", (0..words).map(|w| format!("w{w}")).collect::<Vec<_>>().join(","))
            }
            _ => format!("@attribute a{at} numeric\n"),
        };
        if text.len() > LONGEST / 2 {
            break;
        }
    }
    text += "@data\n";
    let rows = if many { 3000 } else { random.between(1, 20) };
    let sparse = random.once_in(2);
    for row in 0..rows {
        let line = match sparse {
            true if row % 3 > 0 => "{}".to_owned(),
            true if row > 0 => format!("{{{} ?}}", row % attributes),
            true if random.once_in(4) => format!("{{{} 1}}", files::claimed(random)),
            true => format!("{{0 ?, {} ?}}", attributes - 1),
            false if many => (0..attributes.min(20)).map(|_| format!("w{}", words - 1)).collect::<Vec<_>>().join(","),
            false => (0..attributes).map(|at| CELLS[random_at(row, at)]).collect::<Vec<_>>().join(","),
        };
        text += &(line + "\n");
        if text.len() > LONGEST {
            break;
        }
    }
    text.into_bytes()
}

/// Text of any kind, packed: spoiled first, so that the sum is right, or long and all the same, as a bomb is.
pub fn gzip(random: &mut Random) -> Vec<u8> {
    if random.once_in(200) {
        let line = random.pick(&["1,2,a\n3,4,b\n", "0", "\"", "a,", "x\n", "\n"]);
        return files::gzip(&line.as_bytes().repeat((random.between(1, 5) << 18) / line.len()));
    }
    let text = if random.once_in(2) { delimited(random) } else { arff(random) };
    let seeds = [files::table(";", "\n", 9).into_bytes()];
    let mut packed = files::gzip(&mutate(random, &text, &seeds, &[]));
    if random.once_in(4) {
        packed.extend(files::gzip(b"1,2,a\n"));
    }
    packed
}

/// An array with a type, an order and a shape that may be anything.
pub fn npy(random: &mut Random) -> Vec<u8> {
    let kind = match random.below(8) {
        0 => format!("'<U{}'", files::claimed(random)),
        1 => format!("'|S{}'", files::claimed(random)),
        2 => format!("[('a', '<f8', ({}, {})), ('b', '|u1')]", files::claimed(random), files::claimed(random)),
        3 => "[('a', '|u1'), ('b', [('c', '<i2'), ('d', '<M8[us]')])]".to_owned(),
        4 => "[]".to_owned(),
        5 => format!("{}'|u1'{}", "[('a', ".repeat(random.below(12)), ")]".repeat(random.below(12))),
        _ => format!("'{}'", random.pick(&["|u1", "<i8", ">f4", "<f2", "|b1", "<m8[s]", "<c16", "|O", "|V3", "<f16"])),
    };
    let shape = match random.below(4) {
        0 => format!("({}, {}, {})", files::claimed(random), files::claimed(random), files::claimed(random)),
        1 => format!("({}, {})", random.between(0, 9), files::claimed(random)),
        2 => format!("({},)", random.between(0, 40)),
        _ => format!("({}, {})", random.between(1, 12), random.between(0, 4)),
    };
    let order = random.pick(&["False", "True", "None"]);
    let length = random.below(600);
    let content: Vec<u8> = (0..length).map(|at| if at % 5 == 0 { random.bits() as u8 } else { 0 }).collect();
    let mut bytes = files::npy(&files::header(&kind, order, &shape), &content);
    if random.once_in(12) {
        // version 2 says the length of its header in four bytes
        bytes[6] = 2;
        let length = (files::claimed(random) as u32).to_le_bytes();
        bytes.splice(8..10, length);
    }
    bytes
}

/// Arrays in an archive: each spoiled or made, now and then zeros that pack well.
pub fn npz(random: &mut Random) -> Vec<u8> {
    let arrays = files::arrays();
    let mut entries = Vec::new();
    for name in ["x.npy", "y.npy", "readme.txt", "z.npy"].into_iter().take(random.between(1, 4)) {
        let array = match random.below(3) {
            0 => npy(random),
            1 => {
                let valid = &arrays[random.below(arrays.len())];
                mutate(random, valid, &arrays, &[])
            }
            _ => arrays[random.below(arrays.len())].clone(),
        };
        entries.push((name, array));
    }
    if random.once_in(100) {
        let rows = random.between(1, 3) << 16;
        entries.push((
            "zeros.npy",
            files::npy(&files::header("'|u1'", "False", &format!("({rows}, 2)")), &vec![0; 2 * rows]),
        ));
    }
    files::zip(&entries, random.once_in(2))
}

/// The words of a format, put in or in another's place, and a part spoiled.
fn spoiled(random: &mut Random, entries: Vec<(&'static str, Vec<u8>)>, words: &[&[u8]]) -> Vec<u8> {
    let all: Vec<Vec<u8>> = entries.iter().map(|(_, content)| content.clone()).collect();
    let one = if random.once_in(3) { random.below(entries.len()) } else { entries.len() - 1 };
    let spoil = |(at, (name, content)): (usize, (&'static str, Vec<u8>))| {
        let content = if at == one { mutate(random, &content, &all, words) } else { content };
        (name, content)
    };
    let entries: Vec<_> = entries.into_iter().enumerate().map(spoil).collect();
    files::zip(&entries, true)
}

/// An Excel workbook with cells at places that may be anything.
pub fn xlsx(random: &mut Random) -> Vec<u8> {
    let words: &[&[u8]] = &[
        b"XFD1048576",
        b"A1",
        b"ZZZZ9",
        b"t=\"s\"",
        b"t=\"d\"",
        b"t=\"e\"",
        b"t=\"inlineStr\"",
        b"<c r=\"B2\"><v>1</v></c>",
        b"<row r=\"1048576\">",
        b"<is><t>x</t></is>",
        b"<f t=\"shared\" ref=\"A1:B9\" si=\"0\">A1</f>",
        b"&amp;",
        b"&#x0;",
        b"<!--",
        b"<![CDATA[",
        b"s=\"9\"",
        b"<si><t>y</t></si>",
    ];
    if random.once_in(4) {
        let mut sheet = "<worksheet><sheetData>".to_owned();
        for _ in 0..random.between(1, 40) {
            let column = random.pick(&["A", "B", "C", "Z", "XFD", "AAA", ""]);
            sheet += &format!("<row><c r=\"{column}{}\"><v>{}</v></c></row>", files::claimed(random), random.below(9));
        }
        return files::zip(&files::xlsx((sheet + "</sheetData></worksheet>").into_bytes()), true);
    }
    spoiled(random, files::xlsx(files::sheet()), words)
}

/// An OpenDocument workbook with repeats that may be anything.
pub fn ods(random: &mut Random) -> Vec<u8> {
    let words: &[&[u8]] = &[
        b"table:number-columns-repeated=\"16384\"",
        b"table:number-rows-repeated=\"1048576\"",
        b"office:value=\"1e308\"",
        b"office:value-type=\"string\"",
        b"office:date-value=\"2026-01-01\"",
        b"<text:p>x</text:p>",
        b"<text:s text:c=\"9\"/>",
        b"<table:covered-table-cell></table:covered-table-cell>",
        b"table:formula=\"of:=1\"",
        b"&lt;",
        b"&#x0;",
        b"<!--",
    ];
    if random.once_in(4) {
        let mut text = "<office:body><office:spreadsheet><table:table table:name=\"Data\">".to_owned();
        for row in 0..random.between(1, 30) {
            let (rows, columns) = (files::claimed(random), files::claimed(random));
            text += &format!(
                "<table:table-row table:number-rows-repeated=\"{rows}\"><table:table-cell \
                 table:number-columns-repeated=\"{columns}\" {}></table:table-cell><table:table-cell \
                 office:value=\"{row}\"></table:table-cell></table:table-row>",
                random.pick(&["", "office:value=\"1\"", "office:value-type=\"string\"", "table:formula=\"x\""])
            );
        }
        text += "</table:table></office:spreadsheet></office:body>";
        return files::zip(&files::ods(text.into_bytes()), true);
    }
    spoiled(random, files::ods(files::content()), words)
}

/// Names of pictures, one a line.
pub fn pictures(random: &mut Random) -> Vec<u8> {
    let folder = random.once_in(2);
    let wild = random.once_in(30);
    let count = if random.once_in(30) { 4000 } else { random.between(1, 30) };
    let mut text = String::new();
    for at in 0..count {
        let class = random.pick(&["cat", "Dog", "é", "7", "", "a1b2", "__MACOSX", ".x", "CAT"]);
        let stem = if wild && at == 3 { "a1".repeat(random.below(8000)) } else { random.text(6).replace('\n', "") };
        text += &match folder {
            true if count > 1000 => format!("f{at}/{stem}.png\n"),
            true => format!("all/{class}/{stem}{at}.png\n"),
            false => format!("{class}-{stem}_{at:03}.jpg\n"),
        };
    }
    text.into_bytes()
}

/// A cell of an older workbook that may lie anywhere, or another record of any length.
fn older_record(random: &mut Random) -> Vec<u8> {
    let row = [0, 1, 7, 8, 65_535][random.below(5)];
    let column = [0, 1, 2, 255, 256, 65_535][random.below(6)];
    let content: Vec<u8> =
        (0..random.below(24)).map(|_| if random.once_in(3) { random.bits() as u8 } else { 0 }).collect();
    match random.below(8) {
        0 => files::cell(0x0204, row, column, &[&(files::claimed(random) as u16).to_le_bytes()[..], b"\0ab"].concat()),
        1 => files::cell(0x00fd, row, column, &(random.below(4) as u32).to_le_bytes()),
        2 => files::record(0x0207, &[&(files::claimed(random) as u16).to_le_bytes()[..], b"\0ab"].concat()),
        3 => files::cell(0x0203, row, random.below(4) as u16, &(random.bits() as f64).to_le_bytes()),
        4 => files::record([0x0809, 0x000a, 0x003c, 0x00e5][random.below(4)], &content),
        5 => files::cell(0x0200, row, column, &content),
        kind => {
            let kinds = [0x0006, 0x00bd, 0x00d6, 0x0205, 0x027e, 0x0018, 0x00e0, 0x041e, 0x0085, 0x002f];
            files::cell(kinds[(kind + random.below(10)) % 10], row, column, &content)
        }
    }
}

/// An older workbook whose records are made or spoiled, in a container that is whole.
pub fn xls(random: &mut Random) -> Vec<u8> {
    let sheet = |random: &mut Random| {
        let mut sheet = if random.once_in(2) { files::older_sheet() } else { Vec::new() };
        let count = if random.once_in(50) { 1200 } else { random.below(12) };
        let same = random.once_in(2).then(|| older_record(random));
        for _ in 0..count {
            sheet.extend(same.clone().unwrap_or_else(|| older_record(random)));
        }
        sheet
    };
    let sheets: Vec<Vec<u8>> = (0..random.between(1, 3)).map(|_| sheet(random)).collect();
    let mut records = files::records(&sheets);
    if random.once_in(2) {
        let words: &[&[u8]] = &[b"\x09\x08\0\0", b"\x0a\0\0\0", b"\x3c\0\0\0", b"\xfc\0", b"\x08", b"\xff\xff"];
        records = mutate(random, &records, &[], words);
    }
    records.truncate(60_000);
    files::compound(random.pick(&["Workbook", "Book", "WORKBOOK"]), &records)
}
