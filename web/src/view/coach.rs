//! The strip above the bench: a demonstration for those who come first, and the walk.

use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use super::icon::Icon;
use crate::browser;
use crate::packs::Pack;
use crate::page::Page;
use crate::walk::Step;

/// What plays for those who come first.
const PACK: Pack = Pack::Symbols;
/// Between the first picture of the page and the demonstration, in milliseconds.
const BEFORE_MS: i32 = 900;

/// The walk, as long as there is something left to try.
#[component]
pub fn Coach(page: Page) -> impl IntoView {
    let next = Memo::new(move |_| page.walk.get().next());
    let closed = move || page.walk.get().closed;
    let empty = move || page.table.with(|table| table.examples.is_empty());
    let playing = move || page.player.on();
    page.demonstrate();
    view! {
        <Show when=move || !closed() || playing()>
            <section class="strip" aria-label="You could try" data-testid="walk" data-playing=move || playing().to_string()>
                <Show when=move || empty() && !playing()>
                    <button type="button" class="strong watch" data-testid="watch" on:click=move |_| page.play(PACK)>
                        <Icon name="play" /> "Watch it learn"
                    </button>
                </Show>
                <p class="step" aria-live="polite">
                    {move || match (playing(), next.get()) {
                        (true, _) => view! {
                            <small>"A demonstration"</small>
                            <b data-testid="walk-step" data-step="0">"It is asked first, and told only then."</b>
                            " Each drawing it has to name by the examples before it. Touch the canvas to take over."
                        }
                        .into_any(),
                        (false, Some(step)) => {
                            let number = step as usize + 1;
                            view! {
                                <small>{format!("You could try, {number} of {}", Step::ALL.len())}</small>
                                <b data-testid="walk-step" data-step=number>{step.title()}</b>
                                " "
                                {step.words()}
                            }
                            .into_any()
                        }
                        (false, None) => view! {
                            <b data-testid="walk-step" data-step="0">"That was the walk."</b>
                            " You have seen a network learn, unlearn and be led astray without one changed weight. Why it \
                             works stands below."
                        }
                        .into_any(),
                    }}
                </p>
                <Show when=move || !playing()>
                <div class="ends">
                    <ol class="dots" aria-hidden="true">
                        {move || {
                            let walk = page.walk.get();
                            Step::ALL
                                .into_iter()
                                .map(|step| {
                                    let done = walk.done[step as usize];
                                    view! { <li class:done=done class:now=walk.next() == Some(step)></li> }
                                })
                                .collect_view()
                        }}
                    </ol>
                    <Show when=move || next.get().is_some()>
                        <button type="button" class="plain" data-testid="walk-show"
                            on:click=move |_| if let Some(step) = next.get_untracked() { point_at(step.control()) }>
                            "Show me"
                        </button>
                        <button type="button" class="plain" data-testid="walk-skip"
                            on:click=move |_| if let Some(step) = next.get_untracked() { page.walked(step) }>
                            "Skip"
                        </button>
                    </Show>
                    <button type="button" class="plain small" data-testid="walk-close" title="Close the walk"
                        aria-label="Close the walk" on:click=move |_| page.walk_on(|walk| walk.closed = true)>
                        <Icon name="close" />
                    </button>
                </div>
                </Show>
                <Show when=playing>
                    <button type="button" data-testid="watch-stop" on:click=move |_| page.take_over()>"Stop"</button>
                </Show>
            </section>
        </Show>
    }
}

impl Page {
    /// On a first visit, with nothing on the table and nothing asked of the address, a demonstration plays by itself,
    /// until its visitor touches anything. Not where the visitor wants no motion.
    fn demonstrate(self) {
        let location = browser::window().location();
        let asked = |part: Result<String, _>| part.is_ok_and(|part: String| !part.is_empty());
        if asked(location.search())
            || asked(location.hash())
            || browser::still()
            || browser::stored().is_some()
            || self.table.with_untracked(|table| !table.examples.is_empty())
        {
            return;
        }
        let by_itself = StoredValue::new(true);
        let touched = move |target: Option<web_sys::EventTarget>| {
            // Its own buttons stop and pause it, and say so.
            let own = target
                .and_then(|target| target.dyn_into::<Element>().ok())
                .is_some_and(|element| element.closest(".strip, .samples").is_ok_and(|found| found.is_some()));
            if by_itself.try_update_value(|by_itself| std::mem::replace(by_itself, false)) == Some(true)
                && !own
                && self.player.state.with_untracked(|state| *state != crate::play::State::Done)
            {
                self.take_over();
            }
        };
        let pressed = window_event_listener(ev::pointerdown, move |event| touched(event.target()));
        let keys = window_event_listener(ev::keydown, move |event| touched(event.target()));
        on_cleanup(move || {
            pressed.remove();
            keys.remove();
        });
        leptos::task::spawn_local(async move {
            while self.phase.get_untracked() == crate::page::Phase::Loading {
                browser::sleep(50).await;
            }
            browser::sleep(BEFORE_MS).await;
            let still_empty = self.table.with_untracked(|table| table.examples.is_empty() && table.drawing.is_empty());
            if by_itself.get_value() && still_empty && self.phase.get_untracked() == crate::page::Phase::Ready {
                self.play(PACK);
            }
        });
    }

    /// Ends a demonstration; what it taught stays, and the canvas is free.
    fn take_over(self) {
        if self.player.on() {
            self.stop();
            self.show(|table| table.drawing = Default::default());
        }
    }
}

/// Brings a control into sight, and lets it glow for a moment.
fn point_at(id: &str) {
    let found = browser::window()
        .document()
        .and_then(|document| document.query_selector(&format!("[data-testid=\"{id}\"]")).ok().flatten());
    if let Some(element) = found {
        element.scroll_into_view_with_bool(false);
        // A class can always be taken away and given again, which starts its animation anew.
        let _ = element.class_list().remove_1("pointed");
        let element: HtmlElement = element.unchecked_into();
        let _ = element.offset_width();
        let _ = element.class_list().add_1("pointed");
        let _ = element.focus();
    }
}
