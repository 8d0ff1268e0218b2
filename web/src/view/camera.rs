//! A drawing on paper, held before the camera, becomes the drawing in hand.

use std::sync::Arc;

use shaders::input::photo::{self, Ink, Look};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{HtmlVideoElement, MediaStream, MediaStreamConstraints, MediaStreamTrack};

use crate::browser::{self, window};
use crate::document::Document;
use crate::document::codec::levelled;
use crate::own_data::images::square;
use crate::page::Page;
use crate::view::icon::icon;
use dom::*;

/// Pixels a side that are taken.
const TAKEN: usize = 192;
/// What is said where there is none.
const NO_CAMERA: &str = "There is no camera here that the browser can use. You can draw, or open \
                         pictures from a folder.";
/// How often the learner is asked while the camera is on, in milliseconds.
const LOOK_MS: i32 = 300;

/// The camera and its picture. Copies share it.
#[derive(Clone, Copy)]
struct Camera {
    page: Page,
    video: NodeRef<HtmlVideoElement>,
    stream: StoredValue<Option<MediaStream>, LocalStorage>,
    on: RwSignal<bool>,
    /// Whether the visitor is being asked.
    asking: RwSignal<bool>,
}

impl Camera {
    fn new(page: Page) -> Camera {
        let (on, asking) = (RwSignal::new(false), RwSignal::new(false));
        Camera { page, video: NodeRef::new(), stream: StoredValue::new_local(None), on, asking }
    }

    async fn start(self) {
        self.asking.set(true);
        let opened = open().await;
        self.asking.set(false);
        let found = match opened {
            Ok(found) => found,
            Err(words) => return self.page.fault(words),
        };
        self.stream.set_value(Some(found.clone()));
        self.page.stop();
        self.on.set(true);
        // the element comes with the next turn
        browser::sleep(0).await;
        if let Some(video) = self.video.get_untracked() {
            video.set_src_object(Some(&found));
            if let Ok(playing) = video.play() {
                // Where it may not play by itself its first picture is there all the same.
                let _ = JsFuture::from(playing).await;
            }
        }
        // The answer follows what is before the camera.
        while self.on.get_untracked() {
            if let Ok(picture) = self.look() {
                self.page.show(|document| hold(document, picture));
            }
            browser::sleep(LOOK_MS).await;
        }
    }

    /// What the learner sees of what is before the camera.
    fn look(self) -> Result<Vec<f32>, String> {
        let video = self.video.get_untracked().ok_or("the camera is off")?;
        let size = (f64::from(video.video_width()), f64::from(video.video_height()));
        let rgba = square(&video, size, TAKEN, "white")?;
        let seen = photo::drawing(&rgba, TAKEN, TAKEN, Ink::Auto, Look::Photo).map_err(|_| {
            "nothing stands out. Hold a thick, dark drawing on light paper inside the square".to_owned()
        })?;
        Ok(levelled(&seen))
    }

    fn take(self) {
        match self.look() {
            Ok(picture) => {
                self.off();
                self.page.change(|document| hold(document, picture));
                self.page.say("Taken. Now press Teach or a number key to name it.");
            }
            Err(words) => self.page.fault(format!("Nothing was taken: {words}.")),
        }
    }

    fn off(self) {
        if let Some(stream) = self.stream.try_update_value(Option::take).flatten() {
            for track in stream.get_tracks().iter() {
                track.unchecked_into::<MediaStreamTrack>().stop();
            }
        }
        self.on.set(false);
    }
}

/// A picture becomes what is in hand.
fn hold(document: &mut Document, picture: Vec<f32>) {
    document.drawing = Default::default();
    document.photo = Some(Arc::new(picture));
}

/// Camera on, take, off.
pub fn camera(page: Page) -> View {
    let camera = Camera::new(page);
    on_cleanup(move || camera.off());
    let off = move |_| {
        camera.off();
        page.show(|document| document.photo = None);
    };
    let running = move || {
        let video = el("video")
            .node_ref(camera.video)
            .attr("autoplay", true)
            .attr("muted", true)
            .attr("playsinline", true)
            .test_id("video")
            .attr("aria-label", "What the camera sees");
        let take = button("camera-take").class("main").on(ev::CLICK, move |_| camera.take()).child("Take it");
        let off = button("camera-off").on(ev::CLICK, off).child("Camera off");
        View::new().child(el("div").class("view").child(video)).child(el("div").class("buttons").child(take).child(off))
    };
    let idle = move || {
        let start = button("camera-on")
            .attr("disabled", move || camera.asking.get())
            .on(ev::CLICK, move |_| spawn_local(camera.start()))
            .child(icon("camera"))
            .child(move || if camera.asking.get() { "Waiting for the camera…" } else { "Use the camera" });
        let hint = "Draw on paper and hold it up to the camera. The picture never leaves this page.";
        View::new().child(start).child(el("small").class("hint").child(hint))
    };
    el("section")
        .class("camera")
        .attr("aria-label", "Camera")
        .test_id("camera")
        .attr("data-on", move || camera.on.get().to_string())
        .child(show_or(move || camera.on.get(), running, idle))
        .into_view()
}

/// The camera, or why there is none.
async fn open() -> Result<MediaStream, String> {
    let navigator = window().navigator();
    // Browsers have this for secure addresses alone.
    let there = js_sys::Reflect::get(&navigator, &"mediaDevices".into()).is_ok_and(|devices| devices.is_object());
    if !there {
        return Err(
            "Browsers allow the camera only on pages whose address begins with https: or that are on this machine. You can \
             still draw."
                .into(),
        );
    }
    let constraints = MediaStreamConstraints::new();
    let wanted = js_sys::Object::new();
    // the camera at the back of a phone
    let _ = js_sys::Reflect::set(&wanted, &"facingMode".into(), &"environment".into());
    constraints.set_video(&wanted);
    let failed = |error: JsValue| {
        // An OverconstrainedError is no DOMException, and WebKit gives one without a name where there is no camera.
        let name = js_sys::Reflect::get(&error, &"name".into()).ok().and_then(|name| name.as_string());
        match name.unwrap_or_default().as_str() {
            "NotAllowedError" | "SecurityError" => {
                "The camera was not allowed. Allow it for this page (usually at the left of the address bar), then press \
                 the button again."
                    .to_owned()
            }
            "NotFoundError" | "OverconstrainedError" => NO_CAMERA.to_owned(),
            _ if browser::words(error.clone()).to_lowercase().contains("constraint") => NO_CAMERA.to_owned(),
            "NotReadableError" | "AbortError" => {
                "Another program is using the camera. Close it, then press the button again.".to_owned()
            }
            _ => format!("The camera could not be opened: {}.", browser::words(error)),
        }
    };
    let devices = navigator.media_devices().map_err(failed)?;
    let promise = devices.get_user_media_with_constraints(&constraints).map_err(failed)?;
    JsFuture::from(promise).await.map_err(failed).map(JsCast::unchecked_into)
}
