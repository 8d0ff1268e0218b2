//! Lines from what the learner sees to the examples that it looked at, over everything else.

use web_sys::{Element, SvgElement};

use super::thumbnail::Gallery;
use super::words::hue;
use crate::browser;
use crate::document::Id;
use crate::page::Page;
use dom::*;

/// Shares below this are no line.
const FAINT: f32 = 0.03;
/// Most lines at once.
const MOST: usize = 12;
/// Width of a line that has all attention, in CSS pixels.
const WIDEST: f32 = 14.0;

#[derive(Clone, PartialEq)]
struct Line {
    path: String,
    width: f32,
    label: u32,
}

/// The lines. They follow the layout: where things are is measured anew whenever something may have moved.
pub fn lines(page: Page, gallery: Gallery) -> View {
    let over = NodeRef::<SvgElement>::new();
    let lines = RwSignal::new(Vec::<Line>::new());
    let asked = StoredValue::new(false);
    let measure = move || {
        if asked.try_update_value(|asked| std::mem::replace(asked, true)) == Some(false) {
            next_frame(move || {
                asked.set_value(false);
                if let Some(over) = over.get_untracked() {
                    lines.set(measured(page, gallery, &over));
                }
            });
        }
    };
    effect(move || {
        page.attention.track();
        page.document.track();
        page.lines.track();
        over.track();
        measure();
    });
    // Scrolling moves what sticks and what scrolls by itself; capture hears of the latter as well.
    on_window(ev::SCROLL, move |_| measure());
    on_window(ev::RESIZE, move |_| measure());
    svg("svg")
        .node_ref(over)
        .class("lines-over")
        .attr("aria-hidden", "true")
        .test_id("lines")
        .attr("data-count", move || lines.with(Vec::len))
        .child(move || {
            lines
                .get()
                .into_iter()
                .map(|line| {
                    svg("path")
                        .class(hue(line.label))
                        .attr("d", line.path)
                        .attr("stroke-width", format!("{:.1}", line.width))
                })
                .collect_view()
        })
        .into_view()
}

fn measured(page: Page, gallery: Gallery, over: &SvgElement) -> Vec<Line> {
    let document = browser::window().document();
    let (Some(document), true) = (document, page.lines.get_untracked()) else { return Vec::new() };
    let Some(attention) = page.attention.get_untracked() else { return Vec::new() };
    let Some(from) = document.get_element_by_id("seen") else { return Vec::new() };
    let origin = over.get_bounding_client_rect();
    let seen = from.get_bounding_client_rect();
    let mut shares: Vec<(f32, Id, u32)> = page.document.with_untracked(|document| {
        let shares = document.examples.iter().zip(attention).map(|(example, share)| (share, example.id, example.label));
        shares.filter(|(share, ..)| *share >= FAINT).collect()
    });
    shares.sort_by(|a, b| b.0.total_cmp(&a.0));
    shares.truncate(MOST);
    let line = |(share, id, label): (f32, Id, u32)| {
        let thumb = gallery.button(id)?;
        let at = thumb.get_bounding_client_rect();
        let list = thumb.closest("ul").ok().flatten().map(|list: Element| list.get_bounding_client_rect());
        let (x, y) = (at.left() + at.width() / 2.0, at.top() + at.height() / 2.0);
        // One that its list has scrolled away is not there.
        if list.is_some_and(|list| x < list.left() || x > list.right() || y < list.top() || y > list.bottom()) {
            return None;
        }
        // Side by side the line leaves to the right; one above the other, upwards or downwards. It ends at the edge that
        // is nearer, so that it does not lie over the picture.
        let beside = x > seen.right();
        let above = y < seen.top() + seen.height() / 2.0;
        let (x0, y0) = match beside {
            true => (seen.right(), seen.top() + seen.height() / 2.0),
            false => (seen.left() + seen.width() / 2.0, if above { seen.top() } else { seen.bottom() }),
        };
        let (x1, y1) = (x, if above { at.bottom() } else { at.top() });
        let (x0, y0, x1, y1) = (x0 - origin.left(), y0 - origin.top(), x1 - origin.left(), y1 - origin.top());
        let (out_x, out_y) = if beside { ((x1 - x0) * 0.6, 0.0) } else { (0.0, (y1 - y0) * 0.4) };
        let hang = if above { 46.0 } else { -46.0 };
        let path =
            format!("M{x0:.1} {y0:.1} C{:.1} {:.1} {x1:.1} {:.1} {x1:.1} {y1:.1}", x0 + out_x, y0 + out_y, y1 + hang);
        Some(Line { path, width: 1.0 + share * WIDEST, label })
    };
    shares.into_iter().filter_map(line).collect()
}
