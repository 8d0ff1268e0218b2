//! Canvas, tools, and what the learner sees.

use leptos::html;
use leptos::prelude::*;

use super::camera::Camera;
use super::icon::Icon;
use super::switch::Switch;
use crate::browser;
use crate::canvas::Canvas;
use crate::page::Page;

/// Canvas, tools, and what the learner sees.
#[component]
pub fn Desk(page: Page) -> impl IntoView {
    let seen = NodeRef::<html::Canvas>::new();
    Effect::new(move |_| {
        if let Some(canvas) = seen.get() {
            page.sight.with(|picture| browser::paint(&canvas, picture.as_ref().map(|picture| picture.as_slice())));
        }
    });
    let empty = move || page.picture.with(Option::is_none);
    view! {
        <section class="desk" aria-label="Drawing">
            <Canvas page />
            <div class="tools">
                <div class="buttons">
                    <button type="button" data-testid="undo" title="Undo (Ctrl Z)" disabled=move || !page.reach.get().0
                        on:click=move |_| page.undo()>
                        <Icon name="undo" /> "Undo"
                    </button>
                    <button type="button" class="small" data-testid="redo" title="Redo (Ctrl Shift Z)" aria-label="Redo"
                        disabled=move || !page.reach.get().1 on:click=move |_| page.redo()>
                        <Icon name="redo" />
                    </button>
                    <button type="button" data-testid="clear-drawing" title="Clear the canvas (Esc)" disabled=empty
                        on:click=move |_| page.clear_drawing()>
                        "Clear"
                    </button>
                </div>
            </div>
            <p class="note" class:fault=move || page.note.with(|note| note.as_ref().is_some_and(|note| note.fault))
                class:idle=move || page.note.with(Option::is_none) data-testid="status" role="status" aria-live="polite">
                {move || match page.note.get() {
                    Some(note) => note.words,
                    None => "Keys: 1 – 9 teach, Ctrl Z takes back, Esc clears the canvas.".to_owned(),
                }}
            </p>
            <p class="note fault" role="alert" data-testid="unkept" hidden=move || page.unkept.with(Option::is_none)>
                {move || page.unkept.get().map(|error| format!(
                    "Your examples can't be kept for the next visit: the browser's storage for this page is full or \
                     blocked ({error}). They stay here until you close the page; save them as a file under Share and keep."
                ))}
            </p>
            <figure class="sight" class:empty=empty>
                <canvas node_ref=seen data-testid="seen" id="seen" width="28" height="28" role="img"
                    aria-label="The drawing as the learner sees it, 28 by 28 pixels"></canvas>
                <figcaption>
                    <b>"What it sees"</b>
                    {move || match page.scrambled.get() {
                        true => "The same drawing after one fixed random mixture of all its pixels.",
                        false => "Your drawing cut out, centred, and made 28 × 28 pixels small.",
                    }}
                    <Switch on=page.scrambled id="scramble" words="Scramble the pixels"
                        turn=move |on| page.scramble(on) />
                </figcaption>
            </figure>
            <Camera page />
        </section>
    }
}
