//! The page: draw, say what it is, and watch a learner that was meta-trained learn it from that, in the browser.

mod browser;
mod canvas;
mod learner;
mod page;
mod scramble;
mod study;
mod table;
mod view;
mod walk;

fn main() {
    std::panic::set_hook(Box::new(browser::confess));
    leptos::mount::mount_to(browser::root(), view::App).forget();
}
