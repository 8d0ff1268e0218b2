//! Drawings and pictures of every look, given to the package in a browser.

use super::*;

/// A page that has the package, for scripts of ours.
fn laboratory() -> Option<(Browser, Server, Folder)> {
    let page = "<!doctype html><meta charset=\"utf-8\" /><title>laboratory</title><body></body>";
    let project = project("laboratory", &[("index.html", page)])?;
    let browser = Browser::start(Setting::default())?;
    let server = Server::start(&project.0, 0).unwrap();
    browser.open(&server.url());
    Some((browser, server, project))
}

/// Runs a body in it that may wait, with the drawings of [`DRAWINGS`] at hand, and gives what it returns or its error.
fn tried(browser: &Browser, body: &str) -> Value {
    let script = format!(
        "return (async () => {{ try {{
            const {{ Learner }} = await import('/{PACKAGE}/learner.js');
            const model = '/{PACKAGE}/drawing.safetensors';
            {DRAWINGS}
            {body}
         }} catch (error) {{ return {{ fault: `${{error.name}}: ${{error.message}}` }}; }} }})()"
    );
    browser.script(&script, &[])
}

/// Hand-drawn 1, 3 and 7 in many looks.
const DRAWINGS: &str = r##"
    const LINES = { 1: [[.45, .2], [.55, .08], [.55, .92]], 3: [[.25, .15], [.6, .1], [.7, .28], [.45, .46], [.75, .66], [.6, .9], [.25, .85]], 7: [[.22, .12], [.78, .12], [.45, .92]] };
    const LOOKS = {
        "black on clear": ["black", null], "black on white": ["black", "white"], "white on black": ["white", "black"],
        "black on #f5f5f5": ["black", "#f5f5f5"], "#333 on cream": ["#333333", "#fffbe6"], "white on clear": ["white", null],
        "grey on black": ["#808080", "#000000"], "yellow on blue": ["yellow", "navy"], "pale on clear": ["#ddddee", null],
    };
    let seed = 7;
    const random = () => ((seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff);
    function canvas(digit, [ink, ground], pencil = 22) {
        const canvas = new OffscreenCanvas(280, 280), pen = canvas.getContext("2d");
        if (ground) { pen.fillStyle = ground; pen.fillRect(0, 0, 280, 280); }
        const [w, h] = [90 + 60 * random(), 130 + 50 * random()], [x, y] = [10 + (250 - w) * random(), 10 + (250 - h) * random()], slant = 0.3 * (random() - 0.5);
        Object.assign(pen, { strokeStyle: ink, lineWidth: pencil, lineCap: "round", lineJoin: "round" });
        pen.beginPath();
        for (const [u, v] of LINES[digit]) pen.lineTo(x + (u + slant * (0.5 - v)) * w, y + v * h);
        pen.stroke();
        return canvas;
    }
    const picture = (digit, look, pencil) => canvas(digit, look, pencil).getContext("2d").getImageData(0, 0, 280, 280);
"##;

#[test]
fn drawings_of_every_look_are_the_same_drawings() {
    let Some((browser, _server, _project)) = laboratory() else { return };
    let done = tried(
        &browser,
        r#"
        const names = Object.keys(LOOKS), digits = Object.keys(LINES), result = {};
        const learner = await Learner.load(model, { engine: "cpu" });
        // what is taught in one look is asked in the same, in another, and in all of them; so is what is taught in all of them
        const any = (n) => LOOKS[names[(n * 7) % names.length]];
        for (const taught of [...names, "all looks", "thin lines"]) {
            for (const asked of new Set([taught, "black on clear", "all looks"])) {
                await learner.clear();
                let n = 0, right = 0;
                const drawn = (digit, look) => picture(digit, LOOKS[look] ?? any(n++), look === "thin lines" ? 2 : 22);
                for (let shot = 0; shot < 2; shot++) for (const d of digits) await learner.observe(drawn(d, taught), d);
                for (let i = 0; i < 10; i++) for (const d of digits) right += (await learner.predict(drawn(d, asked))).label === d;
                result[`taught ${taught}, asked ${asked}`] = right;
            }
        }
        return result;"#,
    );
    let runs = done.as_object().unwrap_or_else(|| panic!("{done}"));
    assert_eq!(runs.len(), 31, "{done}");
    assert!(runs.values().all(|right| *right == 30), "right of 30: {done:#}");
}

#[test]
fn every_kind_of_picture_is_the_same_input() {
    let Some((browser, _server, _project)) = laboratory() else { return };
    let done = tried(
        &browser,
        r#"
        const learner = await Learner.load(model, { engine: "cpu" });
        for (const look of ["white on clear", "black on white"]) for (const d of Object.keys(LINES)) await learner.observe(picture(d, LOOKS[look]), d);
        const source = canvas("3", LOOKS["white on clear"]), data = source.getContext("2d").getImageData(0, 0, 280, 280);
        const element = document.createElement("canvas");
        [element.width, element.height] = [280, 280];
        element.getContext("2d").drawImage(source, 0, 0);
        const blob = await source.convertToBlob(), address = URL.createObjectURL(blob);
        // not loaded yet
        const image = new Image();
        image.src = address;
        const frame = document.body.appendChild(document.createElement("iframe"));
        const foreign = new frame.contentWindow.ImageData(new frame.contentWindow.Uint8ClampedArray(data.data), 280, 280);
        const every = (use) => Array.from({ length: 280 * 280 }, (_, i) => use(data.data.subarray(4 * i, 4 * i + 4))).flat();
        const inputs = {
            source, element, blob, image, foreign, data,
            bitmap: await createImageBitmap(source),
            plain: { data: [...data.data].map((v) => v / 255), width: 280, height: 280 },
            rgb: { data: Uint8Array.from(every(([r, g, b, a]) => [a, a, a])), width: 280, height: 280 },
            grey: { data: Float32Array.from(every(([r, g, b, a]) => [1 - a / 255])), width: 280, height: 280 },
            multiplied: { data: Uint8Array.from(every(([r, g, b, a]) => [r * a / 255, g * a / 255, b * a / 255, a])), width: 280, height: 280, premultiplied: true },
        };
        const answers = {};
        for (const [name, input] of Object.entries(inputs)) answers[name] = (await learner.predict(input)).probabilities[1].probability;
        // a canvas that is wiped before it is its turn
        const waiting = learner.predict(element);
        element.getContext("2d").clearRect(0, 0, 280, 280);
        answers.wiped = (await waiting).probabilities[1].probability;
        return answers;"#,
    );
    let answers = done.as_object().unwrap_or_else(|| panic!("{done}"));
    assert_eq!(answers.len(), 12, "{done}");
    let near = |v: &Value| (v.as_f64().unwrap() - done["data"].as_f64().unwrap()).abs() < 0.02;
    assert!(done["data"].as_f64().unwrap() > 0.5 && answers.values().all(near), "{done:#}");

    for (body, words) in [
        ("await learner.observe(picture('1', ['black', 'black']), 'a');", "drawing is empty"),
        ("await learner.observe(new OffscreenCanvas(9, 9), 'a');", "drawing is empty"),
        ("await learner.observe(new Image(), 'a');", "at least one pixel"),
        (
            "const i = new Image(); i.src = '/nothing.png'; await learner.observe(i, 'a');",
            "nothing.png could not be loaded",
        ),
        ("await learner.observe(new Blob(['hello'], { type: 'text/plain' }), 'a');", "text/plain"),
        ("await learner.observe({ data: [1, 2, 3], width: 2, height: 1 }, 'a');", "1, 3 or 4 values for each of 2 × 1"),
        ("await learner.observe({ data: [1, NaN], width: 2, height: 1 }, 'a');", "value 1 is not a finite number"),
        (
            "await learner.observe([1], 'a', { ink: 'red' });",
            "ink: expected \"auto\", \"dark\" or \"light\", found \"red\"",
        ),
        ("await Learner.load(model, { look: 'sketch' });", "look: expected \"auto\", \"drawing\" or \"photo\""),
        ("await Learner.load(7);", "model: expected an address, a Request, a Blob, or bytes"),
        ("await Learner.load('/index.html');", "/index.html: "),
    ] {
        let fault = tried(&browser, &format!("const learner = await Learner.load(model); {body}"))["fault"].to_string();
        assert!(fault.replace("\\\"", "\"").contains(words), "{body} gives: {fault}");
    }
    // ink that covers the rim: only its owner can say which it is
    let said = tried(
        &browser,
        r#"
        const sheet = new OffscreenCanvas(100, 100), pen = sheet.getContext("2d");
        pen.fillRect(0, 0, 100, 100);
        pen.clearRect(40, 20, 8, 60);
        pen.globalCompositeOperation = "destination-over";
        pen.fillStyle = "white";
        pen.fillRect(0, 0, 100, 100);
        const learner = await Learner.load(model, { engine: "cpu" });
        await learner.observe(sheet, "a slit", { ink: "light" });
        await learner.observe(sheet, "a sheet", { ink: "dark" });
        return [(await learner.predict(sheet)).label, (await learner.predict(sheet, { ink: "dark" })).label];"#,
    );
    assert_eq!(said, json!(["a slit", "a sheet"]));
}
