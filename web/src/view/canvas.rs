//! The drawing canvas: mouse, pen, finger and keyboard.

use shaders::pixels::Stroke;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{FocusEvent, HtmlCanvasElement, KeyboardEvent, MouseEvent, PointerEvent, ResizeObserver};

use crate::browser;
use crate::document::{CANVAS, PEN};
use crate::dom::*;
use crate::page::Page;

/// Points closer than this to the last one are left out, in canvas units: they change nothing that is seen.
const NEAR: f32 = 4.0;
/// How far an arrow key moves the pen, and with Shift, in canvas units.
const STEP: (f32, f32) = (50.0, 10.0);
/// Steps of a pen's pressure.
const PRESSURES: f32 = 8.0;

/// The pointer that a stroke belongs to.
#[derive(Clone, Copy)]
struct Owner {
    /// `PointerEvent.pointerId`.
    pointer: i32,
    /// Whether it is a pen.
    pen: bool,
}

/// The canvas with its invitation.
pub fn canvas(page: Page) -> View {
    let canvas = NodeRef::<HtmlCanvasElement>::new();
    // Where the keyboard's pen is, while it is in use.
    let pen = RwSignal::new(None::<[f32; 2]>);
    // Counts whatever makes the same drawing look different: another size, another colour scheme.
    let look = RwSignal::new(0u32);
    let empty = Memo::new(move |_| {
        page.live.with(Vec::is_empty) && page.table.with(|table| table.drawing.is_empty() && table.photo.is_none())
    });

    let paint = move || {
        if let Some(canvas) = canvas.get_untracked() {
            let (strokes, photo) = page.table.with_untracked(|table| (table.drawing.clone(), table.photo.clone()));
            page.live.with_untracked(|live| draw(&canvas, strokes.iter().chain(live), pen.get_untracked()));
            if let Some(photo) = photo.filter(|_| strokes.is_empty() && page.live.with_untracked(Vec::is_empty)) {
                browser::paint_ink(&canvas, &photo);
            }
        }
    };
    let drawing = Memo::new(move |_| page.table.with(|table| (table.drawing.clone(), table.photo.clone())));
    Effect::new(move |_| {
        look.track();
        // A memo that nobody reads follows nothing: to track it is not enough.
        drawing.with(|_| ());
        page.live.track();
        pen.track();
        canvas.track();
        paint();
    });
    // The ink is painted within the pointer's own event; whoever else follows the stroke, the learner above all, hears of
    // it once a frame.
    let told = StoredValue::new(true);
    let tell = move || {
        if told.try_update_value(|told| std::mem::replace(told, false)) == Some(true) {
            next_frame(move || {
                told.set_value(true);
                page.live.notify();
            });
        }
    };
    Effect::new(move |_| {
        if let Some(canvas) = canvas.get() {
            let again = Closure::<dyn FnMut()>::new(move || look.update(|n| *n += 1)).into_js_value();
            if let Ok(observer) = ResizeObserver::new(again.unchecked_ref()) {
                observer.observe(&canvas);
                // Without a holder the browser keeps it as long as the canvas.
            }
            if let Ok(Some(scheme)) = browser::window().match_media("(prefers-color-scheme: dark)") {
                // It throws for no event name.
                let _ = scheme.add_event_listener_with_callback("change", again.unchecked_ref());
                // A media query list without a holder may be collected, listener and all.
                std::mem::forget(scheme);
            }
        }
    });

    let place = move |event: &PointerEvent| {
        let canvas = canvas.get_untracked()?;
        let side = canvas.client_width().max(1) as f32;
        let frame = canvas.get_bounding_client_rect();
        let inner = |at: i32, from: f64, edge: i32| (at as f64 - from - edge as f64) as f32 / side * CANVAS;
        Some([
            inner(event.client_x(), frame.left(), canvas.client_left()).clamp(0.0, CANVAS).round(),
            inner(event.client_y(), frame.top(), canvas.client_top()).clamp(0.0, CANVAS).round(),
        ])
    };
    // A stroke belongs to the pointer that began it: a palm or a second finger adds nothing to it.
    let owner = StoredValue::new(None::<Owner>);
    let owned = move |event: &PointerEvent| owner.get_value().is_some_and(|owner| owner.pointer == event.pointer_id());
    let take_back = move || {
        owner.set_value(None);
        page.live.set(Vec::new());
    };
    let down = move |event: PointerEvent| {
        let pen_now = event.pointer_type() == "pen";
        if pen_now {
            page.hands.pen_seen();
        }
        if event.button() != 0 || (event.pointer_type() == "touch" && page.hands.fingers_off()) {
            return;
        }
        match owner.get_value() {
            // The hand that holds a pen often touches first.
            Some(owner) if pen_now && !owner.pen => take_back(),
            // Its end never came; the stroke is kept, and a new one begins.
            Some(owner) if owner.pointer == event.pointer_id() => {}
            Some(_) => return,
            None => {}
        }
        if let (Some(canvas), Some(point)) = (canvas.get_untracked(), place(&event)) {
            // The stroke goes on outside the canvas; without capture it just ends there.
            let _ = canvas.set_pointer_capture(event.pointer_id());
            pen.set(None);
            page.finish_stroke();
            owner.set_value(Some(Owner { pointer: event.pointer_id(), pen: pen_now }));
            page.live.update_untracked(|live| live.push(Stroke { points: vec![point], width: width(&event) }));
            paint();
            tell();
        }
    };
    let moved = move |event: PointerEvent| {
        if !owned(&event) {
            return;
        }
        if event.buttons() & 1 == 0 {
            // It was lifted where the page could not hear of it.
            owner.set_value(None);
            return page.finish_stroke();
        }
        if page.live.with_untracked(Vec::is_empty) {
            return;
        }
        // Browsers have this for secure addresses only, and `http://` on another machine is none.
        let between = js_sys::Reflect::has(&event, &"getCoalescedEvents".into()).unwrap_or(false);
        let between = if between { event.get_coalesced_events() } else { js_sys::Array::new() };
        let events: Vec<PointerEvent> = match between.length() {
            0 => vec![event],
            _ => between.iter().map(JsCast::unchecked_into).collect(),
        };
        page.live.update_untracked(|live| {
            for event in &events {
                if let Some(point) = place(event) {
                    extend(live, point, width(event));
                }
            }
        });
        paint();
        tell();
    };
    let up = move |event: PointerEvent| {
        if owned(&event) {
            owner.set_value(None);
            page.finish_stroke();
        }
    };
    // The system took the pointer for something else, a palm or a gesture: it was never meant as a stroke.
    let cancelled = move |event: PointerEvent| {
        if owned(&event) {
            take_back();
        }
    };
    // The middle button scrolls nothing here.
    let hush = |event: MouseEvent| {
        if event.button() != 0 {
            event.prevent_default();
        }
    };
    let key = move |event: KeyboardEvent| {
        let step = if event.shift_key() { STEP.1 } else { STEP.0 };
        let (dx, dy) = match event.key().as_str() {
            "ArrowLeft" => (-step, 0.0),
            "ArrowRight" => (step, 0.0),
            "ArrowUp" => (0.0, -step),
            "ArrowDown" => (0.0, step),
            " " => {
                event.prevent_default();
                if !page.live.with_untracked(Vec::is_empty) {
                    page.finish_stroke();
                } else {
                    let point = pen.get_untracked().unwrap_or([CANVAS / 2.0; 2]);
                    pen.set(Some(point));
                    page.live.set(vec![Stroke { points: vec![point], width: PEN }]);
                }
                return;
            }
            _ => return,
        };
        event.prevent_default();
        let [x, y] = pen.get_untracked().unwrap_or([CANVAS / 2.0; 2]);
        let point = [(x + dx).clamp(0.0, CANVAS), (y + dy).clamp(0.0, CANVAS)];
        pen.set(Some(point));
        if !page.live.with_untracked(Vec::is_empty) {
            page.live.update(|live| extend(live, point, PEN));
        }
    };
    let left = move |_: FocusEvent| {
        owner.set_value(None);
        page.finish_stroke();
        pen.set(None);
    };

    el("div")
        .class("paper")
        .toggle("inked", move || !empty.get())
        .child(
            el("canvas")
                .node_ref(canvas)
                .test_id("canvas")
                .attr("data-empty", move || empty.get().to_string())
                .attr("tabindex", "0")
                .attr("role", "application")
                .attr("aria-label", "Drawing area")
                .attr("aria-describedby", "canvas-keys")
                .on(ev::POINTERDOWN, down)
                .on(ev::POINTERMOVE, moved)
                .on(ev::POINTERUP, up)
                .on(ev::POINTERCANCEL, cancelled)
                .on(ev::LOSTPOINTERCAPTURE, up)
                .on(ev::MOUSEDOWN, hush)
                .on(ev::CONTEXTMENU, |event: MouseEvent| event.prevent_default())
                .on(ev::KEYDOWN, key)
                .on(ev::BLUR, left),
        )
        .child(el("p").attr("id", "canvas-keys").class("unseen").child(
            "Draw with mouse, pen or finger. With the keyboard: arrow keys move the pen, Shift makes the steps small, \
                 the space bar puts the pen down and lifts it.",
        ))
        .child(
            el("div")
                .class("invitation")
                .attr("aria-hidden", "true")
                .child(
                    svg("svg").attr("viewBox", "0 0 120 60").child(
                        svg("path")
                            .attr("d", "M8 40 C 20 8, 34 8, 40 30 S 58 56, 68 30 S 92 4, 112 24")
                            .attr("pathLength", "100"),
                    ),
                )
                .child(
                    el("p")
                        .child(move || match page.table.with(|table| table.examples.len()) {
                            0 => "Draw something here,",
                            _ => "Draw another one",
                        })
                        .child(el("br"))
                        .child(move || match page.table.with(|table| table.known()) {
                            0 => "then say what it is.",
                            1 => "and name that too.",
                            _ => "and see what it says.",
                        }),
                ),
        )
        .into_view()
}

/// How wide a pointer draws, in canvas units: a pen by its pressure, in a few steps; mouse and finger have none.
fn width(event: &PointerEvent) -> f32 {
    match event.pointer_type().as_str() {
        "pen" => PEN * (0.4 + (event.pressure().clamp(0.0, 1.0) * PRESSURES).round() / PRESSURES * 1.2),
        _ => PEN,
    }
}

/// Goes on with the stroke under the pen; where its width changes, a piece of another width follows.
fn extend(live: &mut Vec<Stroke>, [x, y]: [f32; 2], width: f32) {
    let Some(stroke) = live.last_mut() else { return };
    let Some(&[a, b]) = stroke.points.last() else { return };
    if (a - x).hypot(b - y) < NEAR {
        return;
    }
    if stroke.width == width {
        stroke.points.push([x, y]);
    } else {
        live.push(Stroke { points: vec![[a, b], [x, y]], width });
    }
}

/// Paints the strokes as smooth lines in the canvas's text colour, and the keyboard's pen as a ring.
fn draw<'a>(canvas: &HtmlCanvasElement, strokes: impl Iterator<Item = &'a Stroke>, pen: Option<[f32; 2]>) {
    let window = browser::window();
    let side = (f64::from(canvas.client_width()) * window.device_pixel_ratio()).round() as u32;
    if canvas.width() != side || canvas.height() != side {
        canvas.set_width(side);
        canvas.set_height(side);
    }
    let Some(context) = browser::context(canvas) else { return };
    let colour = window
        .get_computed_style(canvas)
        .ok()
        .flatten()
        .and_then(|style| style.get_property_value("color").ok())
        .unwrap_or_default();
    let scale = f64::from(side) / f64::from(CANVAS);
    context.clear_rect(0.0, 0.0, f64::from(side), f64::from(side));
    context.set_stroke_style_str(&colour);
    context.set_line_cap("round");
    context.set_line_join("round");
    let at = |[x, y]: [f32; 2]| (f64::from(x) * scale, f64::from(y) * scale);
    for stroke in strokes {
        context.set_line_width(f64::from(stroke.width) * scale);
        context.begin_path();
        let (x, y) = at(stroke.points[0]);
        context.move_to(x, y);
        // Through the middles between points, bent at the points: round where the hand was round.
        for pair in stroke.points.windows(2) {
            let ((ax, ay), (bx, by)) = (at(pair[0]), at(pair[1]));
            context.quadratic_curve_to(ax, ay, (ax + bx) / 2.0, (ay + by) / 2.0);
        }
        let (x, y) = at(stroke.points[stroke.points.len() - 1]);
        context.line_to(x, y);
        context.stroke();
    }
    if let Some(point) = pen {
        let (x, y) = at(point);
        context.set_line_width(3.0);
        context.begin_path();
        // A circle of positive radius is always drawn.
        let _ = context.arc(x, y, f64::from(PEN) * scale * 0.7, 0.0, std::f64::consts::TAU);
        context.stroke();
    }
}
