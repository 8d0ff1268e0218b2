//! What the page needs of the browser: clock, address, storage, files, and pictures on small canvases.

use shaders::pixels::SIDE;
use wasm_bindgen::{Clamped, JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    CanvasRenderingContext2d, File, HtmlCanvasElement, HtmlElement, ImageData, RequestCache, RequestInit, Response,
    Storage, Url, UrlSearchParams, Window,
};

/// Key of the page's table in the browser's own storage.
const STORAGE_KEY: &str = "learner-table";
/// No learner of this project is larger, so a file that is was picked by mistake.
const LARGEST_FILE: f64 = 300e6;

/// The window; there is no page without one.
pub fn window() -> Window {
    web_sys::window().expect("a page has a window")
}

/// Milliseconds since the page began to load.
pub fn now_ms() -> f64 {
    window().performance().map_or(0.0, |clock| clock.now())
}

/// One value of the address's query, such as `cpu` of `?engine=cpu`; empty where it has no value.
pub fn query(name: &str) -> Option<String> {
    let search = window().location().search().ok()?;
    UrlSearchParams::new_with_str(&search).ok()?.get(name)
}

/// Whether a media query holds, such as `(prefers-reduced-motion: reduce)`.
pub fn media(query: &str) -> bool {
    window().match_media(query).ok().flatten().is_some_and(|list| list.matches())
}

/// Lets `ms` milliseconds pass.
pub async fn sleep(ms: i32) {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        // Fails only where there is no window.
        let _ = window().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms);
    });
    // Nobody rejects it.
    let _ = JsFuture::from(promise).await;
}

/// Sets `data-NAME` on `<html>`, where styles and tests read the page's state.
pub fn mark(name: &str, value: &str) {
    if let Some(root) = window().document().and_then(|document| document.document_element()) {
        // A valid attribute name is set without fail.
        let _ = root.set_attribute(&format!("data-{name}"), value);
    }
}

/// Words of a JavaScript exception.
fn words(error: JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(|| format!("{error:?}"), |error| String::from(error.message()))
}

/// What to do for WebGPU, by the browser that this seems to be.
pub fn webgpu_help() -> &'static str {
    if !window().is_secure_context() {
        return "Browsers give WebGPU to secure addresses only: open this page by https, or on this machine as \
                http://localhost.";
    }
    let agent = window().navigator().user_agent().unwrap_or_default();
    let is = |name: &str| agent.contains(name);
    if is("Firefox/") {
        "Firefox has WebGPU from version 141 on Windows and 145 on Macs with Apple silicon. Elsewhere open about:config \
         and set dom.webgpu.enabled to true, or use Chrome or Edge."
    } else if is("Chrome/") || is("Edg/") {
        "Chrome and Edge have WebGPU from version 113 (on Android 121). Update the browser, turn on graphics acceleration \
         under Settings, System, and look under chrome://gpu what it says of WebGPU. On Linux it may take \
         chrome://flags/#enable-unsafe-webgpu."
    } else if is("Safari/") {
        "Safari has WebGPU from version 26. Before that: Settings, Advanced, Show features for web developers, then \
         Feature Flags, WebGPU."
    } else {
        "WebGPU is in Chrome and Edge from version 113, in Safari from 26 and in Firefox from 141."
    }
}

/// Fetches a file of this site, in words if it can't.
pub async fn fetch(address: &str) -> Result<Vec<u8>, String> {
    let base = window().location().href().map_err(words)?;
    let url = Url::new_with_base(address, &base).map_err(|_| format!("“{address}” is not an address"))?;
    if window().location().origin().is_ok_and(|origin| origin != url.origin()) {
        return Err(format!(
            "“{address}” is on another site, and this page speaks to its own alone. Save the file and open it from your disk"
        ));
    }
    let options = RequestInit::new();
    // A model that was trained again keeps its name: ask whether the copy at hand is still good.
    options.set_cache(RequestCache::NoCache);
    let failed = |error| format!("“{address}” could not be fetched: {}", words(error));
    let response = JsFuture::from(window().fetch_with_str_and_init(&url.href(), &options)).await.map_err(failed)?;
    let response: Response = response.unchecked_into();
    if !response.ok() {
        return Err(format!("“{address}” could not be fetched: the server answered {}", response.status()));
    }
    let buffer = JsFuture::from(response.array_buffer().map_err(failed)?).await.map_err(failed)?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}

/// Reads a file that was picked or dropped.
pub async fn read(file: &File) -> Result<Vec<u8>, String> {
    if file.size() > LARGEST_FILE {
        return Err(format!(
            "expected a model of at most {:.0} MB, found {:.0} MB; pick a .safetensors file of this project",
            LARGEST_FILE / 1e6,
            file.size() / 1e6
        ));
    }
    let buffer = JsFuture::from(file.array_buffer()).await.map_err(words)?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}

fn storage() -> Option<Storage> {
    // Some browsers throw here when cookies are off.
    window().local_storage().ok().flatten()
}

/// What was stored last time.
pub fn stored() -> Option<String> {
    storage()?.get_item(STORAGE_KEY).ok().flatten()
}

/// Stores `text` for the next visit, or says why not.
pub fn store(text: &str) -> Result<(), String> {
    let storage = storage().ok_or("this browser keeps no data for this page")?;
    storage.set_item(STORAGE_KEY, text).map_err(words)
}

/// What was remembered under a name of this page.
pub fn remembered(name: &str) -> Option<String> {
    storage()?.get_item(name).ok().flatten()
}

/// Remembers something small for the next visit. Where nothing can be kept, nothing is lost but that.
pub fn remember(name: &str, value: &str) {
    if let Some(storage) = storage() {
        let _ = storage.set_item(name, value);
    }
}

/// The context to paint on.
pub fn context(canvas: &HtmlCanvasElement) -> Option<CanvasRenderingContext2d> {
    canvas.get_context("2d").ok().flatten().map(JsCast::unchecked_into)
}

/// Paints what the learner sees: bright ink on black, one canvas pixel each. None paints black.
///
/// # Shapes
/// `picture` [28, 28]
pub fn paint(canvas: &HtmlCanvasElement, picture: Option<&[f32]>) {
    let level = |i: usize| picture.map_or(0, |picture| (picture[i] * 255.0).round() as u8);
    let pixels: Vec<u8> = (0..SIDE * SIDE).flat_map(|i| [level(i), level(i), level(i), 255]).collect();
    let side = SIDE as u32;
    if let (Some(context), Ok(image)) =
        (context(canvas), ImageData::new_with_u8_clamped_array_and_sh(Clamped(&pixels), side, side))
    {
        // It fails only for an image that was transferred away.
        let _ = context.put_image_data(&image, 0.0, 0.0);
    }
}

/// The element that holds the page.
pub fn root() -> HtmlElement {
    let element = window().document().and_then(|document| document.get_element_by_id("app"));
    let element: HtmlElement = element.expect("index.html has an element `app`").unchecked_into();
    element.set_inner_html("");
    element
}

/// A panic is our own bug: says so on the page, where it would otherwise just stop answering.
pub fn confess(panic: &std::panic::PanicHookInfo<'_>) {
    let report = panic.to_string();
    js_sys::Reflect::get(&js_sys::global(), &"console".into())
        .and_then(|console| js_sys::Reflect::get(&console, &"error".into()))
        .map(|error| js_sys::Function::from(error).call1(&JsValue::NULL, &JsValue::from_str(&report)))
        .ok();
    mark("state", "failed");
    mark("busy", "false");
    if let Some(place) = window().document().and_then(|document| document.get_element_by_id("crash")) {
        let _ = place.remove_attribute("hidden");
        place.set_text_content(Some(
            "This page has run into a mistake of its own and stopped. Reload it: your examples are kept. \
             The browser's console says what happened.",
        ));
    }
}
