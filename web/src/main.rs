//! The page: draw, say what it is, and watch a learner that was meta-trained learn it from that, in the browser.

#[allow(dead_code)] // asked for by the page in the next change
mod answers;
mod browser;
mod canvas;
mod card;
mod code;
mod csv;
mod curves;
mod dom;
mod examine;
mod fetch;
mod hands;
mod images;
mod learner;
mod link;
mod packs;
mod page;
mod play;
mod scramble;
mod sharing;
mod study;
mod table;
mod view;
mod walk;

fn main() {
    std::panic::set_hook(Box::new(browser::confess));
    dom::mount(&browser::root(), view::app);
}
