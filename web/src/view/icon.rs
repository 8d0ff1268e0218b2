//! Small drawings for buttons.

use dom::*;

/// A small drawing for a button.
pub fn icon(name: &'static str) -> View {
    let path = match name {
        "undo" => "M8 4 L3.5 8.5 L8 13 M3.5 8.5 H12 a4.5 4.5 0 0 1 0 9 H9",
        "redo" => "M12 4 L16.5 8.5 L12 13 M16.5 8.5 H8 a4.5 4.5 0 0 0 0 9 H11",
        "swap" => "M6.5 3.5 V16 M3.5 13 L6.5 16.5 L9.5 13 M13.5 16.5 V4 M10.5 7 L13.5 3.5 L16.5 7",
        "play" => "M6 4 L15.5 10 L6 16 Z",
        "camera" => "M3 6.5 h3.2 l1.6 -2.2 h4.4 l1.6 2.2 h3.2 v9.2 h-14 z M13 11 a3 3 0 1 1 -6 0 a3 3 0 0 1 6 0",
        "save" => "M10 3.5 V12.5 M6.5 9 L10 12.5 L13.5 9 M4 16.5 H16",
        "pen" => "M4 16 l0.9 -3.6 L13.2 4.1 l2.7 2.7 L7.6 15.1 Z M11.2 6.1 l2.7 2.7",
        "plus" => "M10 4 V16 M4 10 H16",
        _ => "M5 5 L15 15 M15 5 L5 15",
    };
    svg("svg")
        .class("icon")
        .attr("viewBox", "0 0 20 20")
        .attr("aria-hidden", "true")
        .child(svg("path").attr("d", path))
        .into_view()
}
