//! What the npm package consists of: the scripts of `web/package`, the built engine, and copies of both for bundlers that
//! take scripts along and leave other files behind.

use std::fs;
use std::io::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;

/// JavaScript of the package, below web/package/; all of it that a page loads.
pub const SCRIPTS: [&str; 6] = ["learner.js", "input.js", "port.js", "wasm.js", "host.js", "worker.js"];
/// What a package has beyond what a page loads.
const EXTRAS: [&str; 4] = ["learner.d.ts", "drawing.d.ts", "README.md", "package.json"];
/// The engine, as wasm-bindgen writes it.
pub const ENGINE: [&str; 2] = ["engine.js", "engine_bg.wasm"];
/// The model that the package brings, beside its scripts.
const MODEL: &str = "drawing.safetensors";

/// Writes the whole package into `folder`, with the engine that was built into the folder `engine`.
///
/// # Errors
/// When a file is missing or cannot be written, or a script imports in a way that [`joined`] does not know.
pub fn assemble(root: &Path, engine: &Path, folder: &Path, version: &str) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    if engine != folder {
        copy(engine, folder, &ENGINE)?;
    }
    let package = root.join("web/package");
    copy(&package, folder, &SCRIPTS)?;
    copy(&package, folder, &EXTRAS)?;
    copy(root, folder, &["LICENSE-MIT", "LICENSE-APACHE"])?;
    copy(&root.join("models"), folder, &[MODEL])?;
    example(root, folder, MODEL)?;
    let manifest = read(&folder.join("package.json"))?.replace("0.0.0", version);
    write(&folder.join("package.json"), &manifest)?;
    write(&folder.join("inline.js"), &inline(folder)?)?;
    write(&folder.join("drawing.js"), &embedded(&folder.join(MODEL))?)
}

/// Writes the example, which loads the model at `model`, seen from `folder`.
///
/// # Errors
/// When a file cannot be read or written.
pub fn example(root: &Path, folder: &Path, model: &str) -> Result<(), String> {
    copy(&root.join("web/package"), folder, &["example.html"])?;
    let script = read(&root.join("web/package/example.js"))?;
    write(&folder.join("example.js"), &script.replace(MODEL, model))
}

/// Copies files of one folder into another.
///
/// # Errors
/// Names the file that cannot be copied.
pub fn copy(from: &Path, to: &Path, names: &[&str]) -> Result<(), String> {
    for name in names {
        let file = from.join(name);
        fs::copy(&file, to.join(name)).map_err(|error| format!("cannot copy {}: {error}", file.display()))?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// The script with a copy of the WebAssembly and of the worker, both as text.
fn inline(folder: &Path) -> Result<String, String> {
    let path = folder.join("engine_bg.wasm");
    let wasm = fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let zipped = encoder.write_all(&wasm).and_then(|()| encoder.finish());
    let zipped = zipped.map_err(|error| format!("cannot compress {}: {error}", path.display()))?;
    let modules = ["engine", "host", "worker"];
    let texts = modules.map(|name| read(&folder.join(format!("{name}.js"))));
    let mut parts = Vec::new();
    for (name, text) in modules.into_iter().zip(texts) {
        parts.push((name, text?));
    }
    Ok(format!(
        "// Copies of engine_bg.wasm (gzipped, in base64) and of worker.js with all that it imports. They are loaded where a\n\
         // bundler has left the files behind. Written by `cargo xtask package`.\n\
         export const wasm = {:?};\nexport const worker = {:?};\n",
        STANDARD.encode(zipped),
        joined(&parts)?,
    ))
}

/// The script that holds a model.
fn embedded(model: &Path) -> Result<String, String> {
    let bytes = fs::read(model).map_err(|error| format!("cannot read {}: {error}", model.display()))?;
    Ok(format!(
        "// {MODEL} as bytes, for any bundler. Written by `cargo xtask package`.\n\
         export default Uint8Array.from(atob({:?}), (letter) => letter.charCodeAt(0));\n",
        STANDARD.encode(bytes),
    ))
}

/// Modules as one script. Each may import those before it, in one line each, and exports what it declares.
///
/// # Errors
/// Names a line that imports or exports in another way.
pub fn joined(modules: &[(&str, String)]) -> Result<String, String> {
    let mut script = String::new();
    for (name, text) in modules {
        let mut exports = Vec::new();
        script.push_str(&format!("const {name} = (() => {{\n"));
        for line in text.lines() {
            let odd = || format!("{name}.js: cannot join the line `{line}` with other scripts");
            let declared = line.strip_prefix("export ").filter(|rest| !rest.starts_with('{'));
            if let Some(declared) = declared {
                let kinds = ["async function ", "function ", "class ", "const "];
                let rest = kinds.iter().find_map(|kind| declared.strip_prefix(kind)).ok_or_else(odd)?;
                exports.push(rest.chars().take_while(|c| c.is_alphanumeric() || "_$".contains(*c)).collect());
                script.push_str(declared);
            } else if let Some(list) = line.strip_prefix("export {") {
                for item in list.trim_end().trim_end_matches(';').strip_suffix('}').ok_or_else(odd)?.split(',') {
                    let (local, public) = item.split_once(" as ").unwrap_or((item, item));
                    exports.push(format!("{}: {}", public.trim(), local.trim()));
                }
            } else if let Some(import) = line.strip_prefix("import ") {
                let (names, from) = import.split_once(" from \"./").ok_or_else(odd)?;
                let from = from.trim_end().strip_suffix(".js\";").ok_or_else(odd)?;
                if !modules.iter().take_while(|(other, _)| other != name).any(|(other, _)| *other == from) {
                    return Err(odd());
                }
                let (whole, list) = match names.split_once('{') {
                    Some((whole, list)) => (whole.trim().trim_end_matches(','), list.trim_end_matches([' ', '}'])),
                    None => (names.trim(), ""),
                };
                let whole = if whole.is_empty() { String::new() } else { format!("default: {whole}, ") };
                script.push_str(&format!("const {{ {whole}{} }} = {from};", list.trim()));
            } else {
                script.push_str(line);
            }
            script.push('\n');
        }
        script.push_str(&format!("return {{ {} }};\n}})();\n", exports.join(", ")));
    }
    Ok(script)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only the version of it is changed when it is packed.
    #[test]
    fn the_package_brings_no_other_package_and_runs_nothing_when_it_is_installed() {
        let manifest = read(Path::new("../web/package/package.json")).unwrap();
        for key in ["ependencies\"", "\"scripts\"", "\"gypfile\"", "\"bin\""] {
            assert!(!manifest.contains(key), "{key} in {manifest}");
        }
    }

    #[test]
    fn modules_become_one_script() {
        let modules = [
            ("a", "export class Core {\n}\nexport async function load() {}\nexport { x, y as default };\n".to_owned()),
            (
                "b",
                "import y, { Core, load } from \"./a.js\";\nimport z from \"./a.js\";\nlet s = \"export\";\n"
                    .to_owned(),
            ),
        ];
        let script = joined(&modules).unwrap();
        let expected = "const a = (() => {\nclass Core {\n}\nasync function load() {}\n\n\
            return { Core, load, x: x, default: y };\n})();\n\
            const b = (() => {\nconst { default: y, Core, load } = a;\nconst { default: z,  } = a;\nlet s = \"export\";\n\
            return {  };\n})();\n";
        assert_eq!(script, expected);
        for line in ["import x from \"far\";", "import \"./a.js\";", "export default 7;", "export * from \"./a.js\";"] {
            let error = joined(&[("odd", line.to_owned())]).unwrap_err();
            assert!(error.contains("odd.js") && error.contains(line), "{error}");
        }
    }
}
