//! The page: draw, say what it is, and watch a learner that was meta-trained learn it from that, in the browser.

mod answers;
mod background;
mod browser;
mod canvas;
mod card;
mod code;
mod csv;
mod curves;
mod dom;
mod engines;
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
