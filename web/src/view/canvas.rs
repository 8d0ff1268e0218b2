//! The drawing canvas: mouse, pen, finger and keyboard.

use shaders::input::pixels::Stroke;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{FocusEvent, HtmlCanvasElement, KeyboardEvent, MouseEvent, PointerEvent, ResizeObserver};

use crate::browser;
use crate::document::{CANVAS, PEN};
use crate::page::Page;
use dom::*;

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

/// Where the canvas is and how it looks. To ask the browser for it makes it lay out the page, which takes longer than a
/// pointer's event may: while a stroke goes on it is asked once a frame, where the page is laid out anyway.
#[derive(Clone, PartialEq)]
struct Frame {
    /// Left and top of the drawing area in the window, in CSS pixels.
    corner: [f64; 2],
    /// Its side, in CSS pixels.
    side: f64,
    /// Colour of ink.
    colour: String,
}

impl Frame {
    fn of(canvas: &HtmlCanvasElement) -> Frame {
        let frame = canvas.get_bounding_client_rect();
        let style = browser::window().get_computed_style(canvas).ok().flatten();
        Frame {
            corner: [frame.left() + f64::from(canvas.client_left()), frame.top() + f64::from(canvas.client_top())],
            side: f64::from(canvas.client_width()),
            colour: style.and_then(|style| style.get_property_value("color").ok()).unwrap_or_default(),
        }
    }
}

/// The canvas, and what its pointers and keys are doing. Copies share it.
#[derive(Clone, Copy)]
struct Board {
    page: Page,
    canvas: NodeRef<HtmlCanvasElement>,
    /// Where the keyboard's pen is, while it is in use.
    pen: RwSignal<Option<[f32; 2]>>,
    /// A stroke belongs to the pointer that began it: a palm or a second finger adds nothing to it.
    owner: StoredValue<Option<Owner>>,
    /// Whether whoever follows the stroke has heard of its newest points.
    told: StoredValue<bool>,
    /// As it was found last.
    frame: StoredValue<Option<Frame>>,
}

impl Board {
    fn new(page: Page) -> Board {
        let (canvas, pen) = (NodeRef::new(), RwSignal::new(None));
        let owner = StoredValue::new(None);
        Board { page, canvas, pen, owner, told: StoredValue::new(true), frame: StoredValue::new(None) }
    }

    /// Paints anew when the drawing changes, or what it is painted on.
    fn follow(self) {
        let page = self.page;
        // Counts whatever makes the same drawing look different: another size, another colour scheme.
        let look = RwSignal::new(0u32);
        let drawing = memo(move |_| page.document.with(|document| (document.drawing.clone(), document.photo.clone())));
        effect(move || {
            look.track();
            // A memo that nobody reads follows nothing: to track it is not enough.
            drawing.with(|_| ());
            page.current_stroke.track();
            self.pen.track();
            self.canvas.track();
            if self.owner.get_value().is_none() {
                self.measure();
            }
            self.paint();
        });
        effect(move || {
            let Some(canvas) = self.canvas.get() else { return };
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
        });
    }

    fn measure(self) {
        self.frame.set_value(self.canvas.get_untracked().map(|canvas| Frame::of(&canvas)));
    }

    fn paint(self) {
        let (Some(canvas), Some(frame)) = (self.canvas.get_untracked(), self.frame.get_value()) else { return };
        let page = self.page;
        let (strokes, photo) =
            page.document.with_untracked(|document| (document.drawing.clone(), document.photo.clone()));
        page.current_stroke.with_untracked(|current_stroke| {
            draw(&canvas, &frame, strokes.iter().chain(current_stroke), self.pen.get_untracked())
        });
        if let Some(photo) = photo.filter(|_| strokes.is_empty() && page.current_stroke.with_untracked(Vec::is_empty)) {
            browser::paint_ink(&canvas, &photo);
        }
    }

    /// The ink is painted within the pointer's own event; whoever else follows the stroke, the learner above all, hears of
    /// it once a frame.
    fn tell(self) {
        self.paint();
        if self.told.try_update_value(|told| std::mem::replace(told, false)) == Some(true) {
            next_frame(move || {
                self.told.set_value(true);
                // the page may have moved under the stroke
                self.measure();
                self.page.current_stroke.notify();
            });
        }
    }

    /// Where a pointer is, in canvas units.
    fn place(self, event: &PointerEvent) -> Option<[f32; 2]> {
        let frame = self.frame.get_value()?;
        let inner = |at: i32, corner: f64| {
            let share = (f64::from(at) - corner) / frame.side.max(1.0);
            (share as f32 * CANVAS).clamp(0.0, CANVAS).round()
        };
        Some([inner(event.client_x(), frame.corner[0]), inner(event.client_y(), frame.corner[1])])
    }

    fn owned(self, event: &PointerEvent) -> bool {
        self.owner.get_value().is_some_and(|owner| owner.pointer == event.pointer_id())
    }

    /// The stroke was never meant.
    fn take_back(self) {
        self.owner.set_value(None);
        self.page.current_stroke.set(Vec::new());
    }

    fn down(self, event: PointerEvent) {
        let page = self.page;
        let pen_now = event.pointer_type() == "pen";
        if pen_now {
            page.hands.pen_seen();
        }
        if event.button() != 0 || (event.pointer_type() == "touch" && page.hands.fingers_off()) {
            return;
        }
        match self.owner.get_value() {
            // The hand that holds a pen often touches first.
            Some(owner) if pen_now && !owner.pen => self.take_back(),
            // Its end never came; the stroke is kept, and a new one begins.
            Some(owner) if owner.pointer == event.pointer_id() => {}
            Some(_) => return,
            None => {}
        }
        self.measure();
        if let (Some(canvas), Some(point)) = (self.canvas.get_untracked(), self.place(&event)) {
            // The stroke goes on outside the canvas; without capture it just ends there.
            let _ = canvas.set_pointer_capture(event.pointer_id());
            self.pen.set(None);
            page.finish_stroke();
            self.owner.set_value(Some(Owner { pointer: event.pointer_id(), pen: pen_now }));
            page.current_stroke.update_untracked(|current_stroke| {
                current_stroke.push(Stroke { points: vec![point], width: width(&event) })
            });
            self.tell();
        }
    }

    fn moved(self, event: PointerEvent) {
        if !self.owned(&event) {
            return;
        }
        if event.buttons() & 1 == 0 {
            // It was lifted where the page could not hear of it.
            self.owner.set_value(None);
            return self.page.finish_stroke();
        }
        if self.page.current_stroke.with_untracked(Vec::is_empty) {
            return;
        }
        // Browsers have this for secure addresses only, and `http://` on another machine is none.
        let between = js_sys::Reflect::has(&event, &"getCoalescedEvents".into()).unwrap_or(false);
        let between = if between { event.get_coalesced_events() } else { js_sys::Array::new() };
        let events: Vec<PointerEvent> = match between.length() {
            0 => vec![event],
            _ => between.iter().map(JsCast::unchecked_into).collect(),
        };
        self.page.current_stroke.update_untracked(|current_stroke| {
            for event in &events {
                if let Some(point) = self.place(event) {
                    extend(current_stroke, point, width(event));
                }
            }
        });
        self.tell();
    }

    fn up(self, event: PointerEvent) {
        if self.owned(&event) {
            self.owner.set_value(None);
            self.page.finish_stroke();
        }
    }

    /// The system took the pointer for something else, a palm or a gesture: it was never meant as a stroke.
    fn cancelled(self, event: PointerEvent) {
        if self.owned(&event) {
            self.take_back();
        }
    }

    /// The keyboard's pen: arrow keys move it, the space bar puts it down and lifts it.
    fn key(self, event: KeyboardEvent) {
        let current_stroke = self.page.current_stroke;
        let step = if event.shift_key() { STEP.1 } else { STEP.0 };
        let [x, y] = self.pen.get_untracked().unwrap_or([CANVAS / 2.0; 2]);
        let (dx, dy) = match event.key().as_str() {
            "ArrowLeft" => (-step, 0.0),
            "ArrowRight" => (step, 0.0),
            "ArrowUp" => (0.0, -step),
            "ArrowDown" => (0.0, step),
            " " => {
                event.prevent_default();
                if !current_stroke.with_untracked(Vec::is_empty) {
                    return self.page.finish_stroke();
                }
                self.pen.set(Some([x, y]));
                return current_stroke.set(vec![Stroke { points: vec![[x, y]], width: PEN }]);
            }
            _ => return,
        };
        event.prevent_default();
        let point = [(x + dx).clamp(0.0, CANVAS), (y + dy).clamp(0.0, CANVAS)];
        self.pen.set(Some(point));
        if !current_stroke.with_untracked(Vec::is_empty) {
            current_stroke.update(|current_stroke| extend(current_stroke, point, PEN));
        }
    }

    fn left(self) {
        self.owner.set_value(None);
        self.page.finish_stroke();
        self.pen.set(None);
    }
}

/// The canvas with its invitation.
pub fn canvas(page: Page) -> View {
    let board = Board::new(page);
    board.follow();
    let empty = memo(move |_| {
        page.current_stroke.with(Vec::is_empty)
            && page.document.with(|document| document.drawing.is_empty() && document.photo.is_none())
    });
    // The middle button scrolls nothing here.
    let hush = |event: MouseEvent| {
        if event.button() != 0 {
            event.prevent_default();
        }
    };
    el("div")
        .class("paper")
        .toggle("inked", move || !empty.get())
        .child(
            el("canvas")
                .node_ref(board.canvas)
                .test_id("canvas")
                .attr("data-empty", move || empty.get().to_string())
                .attr("tabindex", "0")
                .attr("role", "application")
                .attr("aria-label", "Drawing area")
                .attr("aria-describedby", "canvas-keys")
                .on(ev::POINTERDOWN, move |event| board.down(event))
                .on(ev::POINTERMOVE, move |event| board.moved(event))
                .on(ev::POINTERUP, move |event| board.up(event))
                .on(ev::POINTERCANCEL, move |event| board.cancelled(event))
                .on(ev::LOSTPOINTERCAPTURE, move |event| board.up(event))
                .on(ev::MOUSEDOWN, hush)
                .on(ev::CONTEXTMENU, |event: MouseEvent| event.prevent_default())
                .on(ev::KEYDOWN, move |event| board.key(event))
                .on(ev::BLUR, move |_: FocusEvent| board.left()),
        )
        .child(el("p").attr("id", "canvas-keys").class("unseen").child(
            "Draw with mouse, pen or finger. With the keyboard: arrow keys move the pen, Shift makes the steps small, \
                 the space bar puts the pen down and lifts it.",
        ))
        .child(invitation(page))
        .into_view()
}

/// What the empty canvas says.
fn invitation(page: Page) -> Tag {
    let scribble =
        svg("path").attr("d", "M8 40 C 20 8, 34 8, 40 30 S 58 56, 68 30 S 92 4, 112 24").attr("pathLength", "100");
    el("div")
        .class("invitation")
        .attr("aria-hidden", "true")
        .child(svg("svg").attr("viewBox", "0 0 120 60").child(scribble))
        .child(
            el("p")
                .child(move || match page.document.with(|document| document.examples.len()) {
                    0 => "Draw something here,",
                    _ => "Draw another one",
                })
                .child(el("br"))
                .child(move || match page.document.with(|document| document.known()) {
                    0 => "then say what it is.",
                    1 => "and name that too.",
                    _ => "and see what it says.",
                }),
        )
}

/// How wide a pointer draws, in canvas units: a pen by its pressure, in a few steps; mouse and finger have none.
fn width(event: &PointerEvent) -> f32 {
    match event.pointer_type().as_str() {
        "pen" => PEN * (0.4 + (event.pressure().clamp(0.0, 1.0) * PRESSURES).round() / PRESSURES * 1.2),
        _ => PEN,
    }
}

/// Goes on with the stroke under the pen; where its width changes, a piece of another width follows.
fn extend(current_stroke: &mut Vec<Stroke>, [x, y]: [f32; 2], width: f32) {
    let Some(stroke) = current_stroke.last_mut() else { return };
    let Some(&[a, b]) = stroke.points.last() else { return };
    if (a - x).hypot(b - y) < NEAR {
        return;
    }
    if stroke.width == width {
        stroke.points.push([x, y]);
    } else {
        current_stroke.push(Stroke { points: vec![[a, b], [x, y]], width });
    }
}

/// Paints the strokes as smooth lines in the canvas's text colour, and the keyboard's pen as a ring.
fn draw<'a>(
    canvas: &HtmlCanvasElement,
    frame: &Frame,
    strokes: impl Iterator<Item = &'a Stroke>,
    pen: Option<[f32; 2]>,
) {
    let side = (frame.side * browser::window().device_pixel_ratio()).round() as u32;
    if canvas.width() != side || canvas.height() != side {
        canvas.set_width(side);
        canvas.set_height(side);
    }
    let Some(context) = browser::context(canvas) else { return };
    let scale = f64::from(side) / f64::from(CANVAS);
    context.clear_rect(0.0, 0.0, f64::from(side), f64::from(side));
    context.set_stroke_style_str(&frame.colour);
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
