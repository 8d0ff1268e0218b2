//! The page: draw, say what it is, and watch a learner that was meta-trained learn it from that, in the browser.

mod app;
mod browser;
mod canvas;
mod learner;
mod page;
mod table;

fn main() {
    std::panic::set_hook(Box::new(browser::confess));
    leptos::mount::mount_to(browser::root(), app::App).forget();
}
