//! What the page needs of the browser: clock, address, storage, files, and pictures on small canvases.

pub use dom::window;
use shaders::input::pixels::SIDE;
use shaders::input::png;
use wasm_bindgen::{Clamped, JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    CanvasRenderingContext2d, File, HtmlCanvasElement, HtmlElement, ImageData, Storage, Url, UrlSearchParams,
};

/// No learner of this project is larger, so a file that is was picked by mistake.
pub const LARGEST: f64 = 300e6;

/// Milliseconds since the page began to load.
pub fn now_ms() -> f64 {
    window().performance().map_or(0.0, |clock| clock.now())
}

/// One value of the address's query, such as `cpu` of `?engine=cpu`; empty where it has no value.
pub fn query(name: &str) -> Option<String> {
    let search = window().location().search().ok()?;
    UrlSearchParams::new_with_str(&search).ok()?.get(name)
}

/// Whether the page stands in an article (`?embed`): it shows little then, and stores nothing in the browser.
pub fn embedded() -> bool {
    query("embed").is_some()
}

/// Whether a media query holds, such as `(prefers-reduced-motion: reduce)`.
pub fn media(query: &str) -> bool {
    window().match_media(query).ok().flatten().is_some_and(|list| list.matches())
}

/// Sets `data-NAME` on `<html>`, where styles and tests read the page's state.
pub fn set_data_attribute(name: &str, value: &str) {
    if let Some(root) = window().document().and_then(|document| document.document_element()) {
        // A valid attribute name is set without fail.
        let _ = root.set_attribute(&format!("data-{name}"), value);
    }
}

/// Words of a JavaScript exception.
pub fn words(error: JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(|| format!("{error:?}"), |error| String::from(error.message()))
}

/// What to do for WebGPU, by the browser that this seems to be.
pub fn webgpu_help() -> &'static str {
    if !window().is_secure_context() {
        return "Browsers allow WebGPU only on secure pages: open this page with https, or on this machine as \
                http://localhost.";
    }
    let agent = window().navigator().user_agent().unwrap_or_default();
    let is = |name: &str| agent.contains(name);
    if is("Firefox/") {
        "Firefox has WebGPU from version 141 on Windows and 145 on Macs with Apple silicon. Elsewhere open about:config \
         and set dom.webgpu.enabled to true, or use Chrome or Edge."
    } else if is("Chrome/") || is("Edg/") {
        "Chrome and Edge have WebGPU from version 113 (on Android 121). Update the browser, turn on graphics acceleration \
         under Settings, System, and check the WebGPU line on chrome://gpu. On Linux you may need \
         chrome://flags/#enable-unsafe-webgpu."
    } else if is("Safari/") {
        "Safari has WebGPU from version 26. Before that: Settings, Advanced, Show features for web developers, then \
         Feature Flags, WebGPU."
    } else {
        "WebGPU is in Chrome and Edge from version 113, in Safari from 26 and in Firefox from 141."
    }
}

/// Comes back after that many milliseconds.
pub async fn sleep(ms: i32) {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        // Fails only where there is no window.
        let _ = window().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms);
    });
    // A timer never rejects.
    let _ = JsFuture::from(promise).await;
}

/// Whether the visitor asked for as little motion as possible.
pub fn prefers_reduced_motion() -> bool {
    window().match_media("(prefers-reduced-motion: reduce)").ok().flatten().is_some_and(|query| query.matches())
}

/// The address's fragment, `#` included.
pub fn fragment() -> String {
    window().location().hash().unwrap_or_default()
}

/// Takes the fragment off the address, so that a reload does not open it again.
pub fn drop_fragment() {
    let location = window().location();
    let address = location.pathname().unwrap_or_default() + &location.search().unwrap_or_default();
    if let Ok(history) = window().history() {
        // It throws for addresses of other sites alone.
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&address));
    }
}

/// Gives the visitor a file of their own.
pub fn download(name: &str, text: &str) -> Result<(), String> {
    let kind = if name.ends_with(".csv") { "text/csv" } else { "application/json" };
    download_as(name, &text.into(), kind)
}

/// Gives the visitor a file of bytes.
pub fn download_bytes(name: &str, bytes: &js_sys::Uint8Array) -> Result<(), String> {
    download_as(name, bytes, "application/octet-stream")
}

fn download_as(name: &str, content: &JsValue, kind: &str) -> Result<(), String> {
    let options = web_sys::BlobPropertyBag::new();
    options.set_type(kind);
    let parts = js_sys::Array::of1(content);
    let blob = web_sys::Blob::new_with_str_sequence_and_options(&parts, &options).map_err(words)?;
    let url = Url::create_object_url_with_blob(&blob).map_err(words)?;
    let document = window().document().ok_or("there is no page")?;
    let anchor: web_sys::HtmlAnchorElement = document.create_element("a").map_err(words)?.unchecked_into();
    anchor.set_href(&url);
    anchor.set_download(name);
    anchor.click();
    // The browser has taken the address by then; at once would be too early for some.
    wasm_bindgen_futures::spawn_local(async move {
        sleep(10_000).await;
        let _ = Url::revoke_object_url(&url);
    });
    Ok(())
}

/// Puts text on the clipboard; false where the browser does not allow that.
pub async fn copy(text: &str) -> bool {
    let clipboard = js_sys::Reflect::get(&window().navigator(), &"clipboard".into());
    if !clipboard.is_ok_and(|clipboard| clipboard.is_object()) {
        return false;
    }
    JsFuture::from(window().navigator().clipboard().write_text(text)).await.is_ok()
}

/// Reads a file that was picked or dropped.
pub async fn read(file: &File) -> Result<Vec<u8>, String> {
    if file.size() > LARGEST {
        return Err(format!(
            "expected a model of at most {:.0} MB, found {:.0} MB; pick a .safetensors file of this project",
            LARGEST / 1e6,
            file.size() / 1e6
        ));
    }
    let buffer = JsFuture::from(file.array_buffer()).await.map_err(words)?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}

fn storage() -> Option<Storage> {
    if embedded() {
        return None;
    }
    // Some browsers throw here when cookies are off.
    window().local_storage().ok().flatten()
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

/// Forgets what was remembered under a name.
pub fn forget(name: &str) {
    if let Some(storage) = storage() {
        // What can't be removed is not taken for anything new.
        let _ = storage.remove_item(name);
    }
}

fn session_storage() -> Option<Storage> {
    if embedded() {
        return None;
    }
    window().session_storage().ok().flatten()
}

/// What this tab remembers under a name, until it is closed.
pub fn session(name: &str) -> Option<String> {
    session_storage()?.get_item(name).ok().flatten()
}

/// Has this tab remember something small until it is closed.
pub fn remember_session(name: &str, value: &str) {
    if let Some(storage) = session_storage() {
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

/// The address of a picture that the learner sees: bright ink on black.
///
/// # Shapes
/// `picture` [28, 28]
pub fn address_of(picture: &[f32]) -> String {
    let file: String = png::grey(picture, SIDE).into_iter().map(char::from).collect();
    // It fails for no text of characters below 256.
    format!("data:image/png;base64,{}", window().btoa(&file).unwrap_or_default())
}

/// Paints a picture of one or three channels, one canvas pixel each.
///
/// # Shapes
/// `picture` [28, 28, channels] in [0, 1]
pub fn paint_colours(canvas: &HtmlCanvasElement, picture: &[f32], channels: usize) {
    let level = |value: f32| (value * 255.0).round() as u8;
    let colour = |pixel: &[f32]| [level(pixel[0]), level(pixel[channels / 2]), level(pixel[channels - 1]), 255];
    let pixels: Vec<u8> = picture.chunks_exact(channels.max(1)).flat_map(colour).collect();
    let side = SIDE as u32;
    if let (Some(context), Ok(image)) =
        (context(canvas), ImageData::new_with_u8_clamped_array_and_sh(Clamped(&pixels), side, side))
    {
        // It fails only for an image that was transferred away.
        let _ = context.put_image_data(&image, 0.0, 0.0);
    }
}

/// The text that is pasted.
pub fn pasted(event: &web_sys::Event) -> Option<String> {
    let event: &web_sys::ClipboardEvent = event.unchecked_ref();
    event.clipboard_data()?.get_data("text").ok()
}

/// Paints a picture's ink over the whole of a canvas, in the canvas's text colour.
///
/// # Shapes
/// `picture` [28, 28]
pub fn paint_ink(canvas: &HtmlCanvasElement, picture: &[f32]) {
    let document = window().document();
    let Some(small) = document.and_then(|document| document.create_element("canvas").ok()) else { return };
    let small: HtmlCanvasElement = small.unchecked_into();
    small.set_width(SIDE as u32);
    small.set_height(SIDE as u32);
    paint(&small, Some(picture));
    if let (Some(to), Some(from)) = (context(canvas), context(&small)) {
        // Bright ink on black becomes ink of the text's colour on nothing.
        let colour = window().get_computed_style(canvas).ok().flatten();
        let colour = colour.and_then(|style| style.get_property_value("color").ok()).unwrap_or_default();
        if let Ok(image) = from.get_image_data(0.0, 0.0, SIDE as f64, SIDE as f64) {
            let ink: Vec<u8> = image.data().0.chunks_exact(4).flat_map(|p| [0, 0, 0, p[0]]).collect();
            if let Ok(image) = ImageData::new_with_u8_clamped_array_and_sh(Clamped(&ink), SIDE as u32, SIDE as u32) {
                // It fails only for an image that was transferred away.
                let _ = from.put_image_data(&image, 0.0, 0.0);
            }
        }
        let whole = f64::from(canvas.width());
        // Painting its text colour within what is there; these words are all known.
        let _ = to.draw_image_with_html_canvas_element_and_dw_and_dh(&small, 0.0, 0.0, whole, whole);
        let _ = to.set_global_composite_operation("source-in");
        to.set_fill_style_str(&colour);
        to.fill_rect(0.0, 0.0, whole, whole);
        let _ = to.set_global_composite_operation("source-over");
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
pub fn report_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let report = panic.to_string();
    js_sys::Reflect::get(&js_sys::global(), &"console".into())
        .and_then(|console| js_sys::Reflect::get(&console, &"error".into()))
        .map(|error| js_sys::Function::from(error).call1(&JsValue::NULL, &JsValue::from_str(&report)))
        .ok();
    set_data_attribute("state", "failed");
    set_data_attribute("busy", "false");
    if let Some(place) = window().document().and_then(|document| document.get_element_by_id("crash")) {
        let _ = place.remove_attribute("hidden");
        place.set_text_content(Some(
            "Something went wrong and the page stopped. Please reload it: your examples are saved. The browser's console \
             has the details.",
        ));
    }
}
