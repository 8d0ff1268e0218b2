//! Imports go one way: each crate's modules have one order, which `ARCHITECTURE.md` lists lowest first, and no file imports
//! one that stands after it.
//!
//! Read are `use` lines and paths in the code that begin with `crate`, `super` or `self`, but not those of unit tests. A
//! `mod.rs` or `lib.rs` that only declares its children, and hands some of their names on, is no file of the order; who
//! imports a name through it imports the whole folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every crate of the workspace but `bench`, which has programs, and a file that they share.
const CRATES: &[&str] = &[
    "backprop",
    "backprop-gpu",
    "fuzz",
    "onnx",
    "proxy",
    "python",
    "shaders",
    "tables",
    "tasks",
    "tests",
    "trainer",
    "web",
    "web/dom",
    "web/engine",
    "web/reader",
    "web/training",
    "xtask",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace").to_owned()
}

/// The modules of each crate that has a section `` ## `crate/src` ``, in order: the first code of each row of its table.
fn orders(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut orders: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut section = None;
    for line in text.lines() {
        let code = || line.split('`').nth(1).map(str::to_owned);
        if line.starts_with("## ") {
            section = code().and_then(|name| name.strip_suffix("/src").map(str::to_owned));
        } else if let (Some(section), true, Some(module)) = (&section, line.starts_with("| `"), code()) {
            orders.entry(section.clone()).or_default().push(module);
        }
    }
    orders
}

/// A source file as a module: its path in the crate (empty for the root), and its text without unit tests and comments.
#[derive(Debug)]
struct Module {
    path: Vec<String>,
    text: String,
}

impl Module {
    fn name(&self) -> String {
        if self.path.is_empty() { "lib".to_owned() } else { self.path.join("/") }
    }
}

/// Every source file below `folder`.
fn modules(folder: &Path) -> Vec<Module> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let inside = path.strip_prefix(folder).unwrap().with_extension("");
                let mut parts: Vec<String> =
                    inside.iter().map(|part| part.to_str().expect("names are plain").to_owned()).collect();
                // a program beside a library stands above it
                let root = parts.len() == 1 && parts[0] == "main" && !folder.join("lib.rs").exists();
                if root || matches!(parts.last().map(String::as_str), Some("mod" | "lib")) {
                    parts.pop();
                }
                found.push(Module { path: parts, text: code(&fs::read_to_string(&path).unwrap()) });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Source without comments and without what comes after `mod tests`.
fn code(source: &str) -> String {
    let lines: Vec<&str> = source.lines().collect();
    let is_test = |at: usize| {
        lines[at].starts_with("#[cfg(test)]")
            || lines[at].starts_with("#[cfg(all(test")
            || lines[at].starts_with("#[test]")
    };
    let end = (0..lines.len())
        .find(|&at| {
            is_test(at) && lines.get(at + 1).is_some_and(|next| next.starts_with("mod ") && next.ends_with('{'))
        })
        .unwrap_or(lines.len());
    lines[..end].iter().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Whether a file declares modules and hands names on, and nothing else.
fn only_lists(text: &str) -> bool {
    let mut text = text.trim().to_owned();
    // attributes
    while let Some(at) = text.find("#[").or_else(|| text.find("#![")) {
        let length = text[at..].find("]\n").map_or(text.len() - at, |end| end + 1);
        text.replace_range(at..at + length, "");
    }
    let declares = |statement: &str| statement.starts_with("mod ") && !statement.contains('{');
    let statements: Vec<&str> = text
        .split(';')
        .map(|statement| statement.trim().trim_start_matches("pub ").trim_start_matches("pub(crate) "))
        .filter(|statement| !statement.is_empty())
        .collect();
    statements.iter().any(|statement| declares(statement))
        && statements.iter().all(|statement| declares(statement) || statement.starts_with("use "))
}

/// Paths that begin with `crate`, `super` or `self`, with the braces of `use` lines taken apart.
fn paths(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in text.match_indices(start) {
            let inside = at.checked_sub(1).is_some_and(|before| word(bytes[before]) || bytes[before] == b':');
            // `pub(in crate::x)` names no import
            if !inside && !text[..at].ends_with("(in ") {
                expand(&text[at..], &[], &mut found);
            }
        }
    }
    found
}

/// Reads one path, or a tree in braces, at the beginning of `text`; gives the rest.
fn expand<'a>(text: &'a str, before: &[String], found: &mut Vec<Vec<String>>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = expand(rest, before, found).trim_start();
            // another name for what is imported
            if let Some(renamed) = rest.strip_prefix("as ") {
                rest = renamed.trim_start().trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').trim_start();
            }
            match rest.strip_prefix(',') {
                Some(next) if !next.trim_start().starts_with('}') => rest = next,
                Some(next) => return next.trim_start().strip_prefix('}').unwrap_or(next),
                None => return rest.strip_prefix('}').unwrap_or(rest),
            }
        }
    }
    let length = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '*')).unwrap_or(text.len());
    let (name, rest) = text.split_at(length);
    let path: Vec<String> = before.iter().cloned().chain([name.to_owned()]).collect();
    match rest.strip_prefix("::") {
        Some(rest) if !rest.starts_with('<') => expand(rest, &path, found),
        _ => {
            found.push(path);
            rest
        }
    }
}

/// What is wrong with the order of one crate.
fn check(name: &str, order: &[String], modules: &[Module]) -> Vec<String> {
    let mut wrong = Vec::new();
    let place = |module: &str| order.iter().position(|listed| listed == module);
    for module in modules {
        match (only_lists(&module.text), place(&module.name())) {
            (false, None) => wrong.push(format!("{name}: `{}` is not in ARCHITECTURE.md", module.name())),
            (true, Some(_)) => {
                wrong.push(format!("{name}: `{}` only lists, and is no file of the order", module.name()))
            }
            _ => {}
        }
    }
    for listed in order {
        if !modules.iter().any(|module| module.name() == *listed) {
            wrong.push(format!("{name}: ARCHITECTURE.md lists `{listed}`, which is no module"));
        }
    }
    // arrows between folders go one way, too, if each stands in one piece
    let folder = |module: &String| module.split('/').next().unwrap_or_default().to_owned();
    for (at, module) in order.iter().enumerate() {
        let before = order[..at].iter().rposition(|other| folder(other) == folder(module));
        if before.is_some_and(|before| before + 1 != at) {
            wrong.push(format!("{name}: `{module}` stands apart from the rest of its folder"));
        }
    }
    for module in modules.iter().filter(|module| place(&module.name()).is_some()) {
        let own = place(&module.name()).expect("just looked for");
        for path in paths(&module.text) {
            let Some((target, highest)) = resolve(module, &path, modules, &place) else { continue };
            if target != module.name() && highest >= own {
                let path = path.join("::");
                wrong.push(format!(
                    "{name}: `{}` imports `{target}`, whose row comes later in ARCHITECTURE.md ({path})",
                    module.name()
                ));
            }
        }
    }
    wrong
}

/// The module that a path leads to and its place; of a folder's list, the place of the highest in the folder.
fn resolve(
    from: &Module,
    path: &[String],
    modules: &[Module],
    place: &dyn Fn(&str) -> Option<usize>,
) -> Option<(String, usize)> {
    let mut at: Vec<String> = Vec::new();
    let mut rest = path;
    match path[0].as_str() {
        "crate" => rest = &rest[1..],
        "self" => {
            at = from.path.clone();
            rest = &rest[1..];
        }
        _ => {
            at = from.path.clone();
            while rest.first().is_some_and(|name| name == "super") {
                at.pop();
                rest = &rest[1..];
            }
        }
    }
    let exists = |path: &[String]| modules.iter().find(|module| module.path == path);
    for name in rest {
        at.push(name.clone());
        if exists(&at).is_none() {
            at.pop();
            break;
        }
    }
    let module = exists(&at)?;
    if let Some(place) = place(&module.name()) {
        return Some((module.name(), place));
    }
    // a name that a list hands on
    let inside = modules.iter().filter(|other| other.path.starts_with(&at)).filter_map(|other| place(&other.name()));
    inside.max().map(|highest| (module.name(), highest))
}

#[test]
fn no_file_imports_upward() {
    let root = root();
    let orders = orders(&fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap());
    for name in CRATES {
        assert!(orders.contains_key(*name), "ARCHITECTURE.md has no section for `{name}/src`");
    }
    let wrong: Vec<String> =
        orders.iter().flat_map(|(name, order)| check(name, order, &modules(&root.join(name).join("src")))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn upward_imports_are_found_however_they_are_written() {
    let module = |path: &str, text: &str| Module {
        path: path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect(),
        text: code(text),
    };
    let order: Vec<String> = ["low", "a/one", "a/two", "a", "b/three", "top"].map(str::to_owned).to_vec();
    let found = |path: &str, text: &str| {
        let mut all = vec![
            module("low", "pub fn f() {}"),
            module("a/one", "pub struct One;"),
            module("a/two", "pub struct Two;"),
            module("a", "mod one;\nmod two;\npub struct Both(one::One, two::Two);"),
            module("b", "pub mod three;\npub use three::Three;"),
            module("b/three", "pub struct Three;"),
            module("top", "pub fn main() {}"),
            module("", "pub mod low;\npub use a::Both;"),
        ];
        let at = all.iter().position(|other| other.path == module(path, "").path).unwrap();
        all[at].text = code(text);
        check("crate", &order, &all)
    };
    for (path, text) in [
        ("low", "use crate::top::main;"),
        ("low", "use crate::{\n    a::{one::One as First, two},\n    low,\n};"),
        ("low", "fn f() { crate::a::one::g(); }"),
        ("low", "use super::top;"),
        ("low", "use crate::Both;"),
        ("a/one", "use super::two::Two;"),
        ("a/one", "use super::Both;"),
        ("a/one", "use crate::b::Three;"),
        ("a", "use super::b::three::*;\npub struct A;"),
    ] {
        let found = found(path, text);
        assert_eq!(found.len(), if text.contains("{one") { 2 } else { 1 }, "{path}: {text}: {found:?}");
    }
    for (path, text) in [
        ("top", "use crate::{a::{Both, one::One}, b::Three, low::f};"),
        ("a/two", "use super::one::One;\nuse crate::low;"),
        ("low", "// use crate::top::main;\npub fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::top::main;\n}"),
    ] {
        assert_eq!(found(path, text), Vec::<String>::new(), "{path}: {text}");
    }
    assert!(found("b", "pub mod three;\npub struct B;")[0].contains("not in ARCHITECTURE.md"));
}
