//! The page: draw, say what it is, and watch a learner that was meta-trained learn it from that, in the browser.

mod answers;
mod browser;
mod card;
mod controls;
mod document;
mod fetch;
mod file_kind;
mod file_picker;
mod hands;
mod learner;
mod own_data;
mod page;
mod player;
mod skipped;
#[cfg(test)]
mod spoiled;
mod store;
mod text;
mod tour;
mod view;
mod worker;

fn main() {
    std::panic::set_hook(Box::new(browser::report_panic));
    dom::mount(&browser::root(), view::app);
}
