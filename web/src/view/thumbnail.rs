//! The shown examples, as small pictures in the rows of their classes. There may be a thousand, so none of them follows
//! signals by itself: after a change one pass over all of them touches those that look different now.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use wasm_bindgen::JsCast;
use web_sys::{DragEvent, Element, Event, HtmlElement, KeyboardEvent, MouseEvent};

use crate::answers::{Answerer, Verdict, percent};
use crate::browser;
use crate::document::{Id, Picture};
use crate::page::{Menu, Page};
use dom::*;

/// Changes of a probability below this are none, on a thumbnail.
const NOTHING: f32 = 0.005;
/// Steps of the glow.
const GLOWS: f32 = 12.0;
/// Most examples that glow at once: where more have a share each of them is faint.
const MOST_GLOWING: usize = 60;
/// More examples that come at once do not arrive one by one for the eye.
const FEW: usize = 6;
/// How long pictures are painted, and words put on them, between two frames, in milliseconds each.
const PAINTING_MS: f64 = 4.0;
/// Fewest that are given their words at once.
const READ_AT_ONCE: usize = 32;

/// What stands on a thumbnail.
#[derive(Clone, Default, PartialEq)]
struct Words {
    index: usize,
    name: Rc<str>,
    verdict: Verdict,
    /// Of the attention, in per cent as it is read out; none where it has none.
    share: Option<String>,
    /// How much it changes the answer.
    effect: Option<String>,
}

/// One example on the page.
struct Thumb {
    item: Element,
    button: HtmlElement,
    image: Element,
    painted: Option<Picture>,
    glow: u8,
    share: f32,
    words: Option<Words>,
    /// How much it brings to the answer, and where that stands.
    effect: Option<(f32, Element)>,
}

#[derive(Default)]
struct State {
    thumbs: HashMap<Id, Thumb>,
    /// Examples whose picture is to be painted.
    unpainted: VecDeque<Id>,
    painting: bool,
    /// Those whose arrival was shown last.
    arriving: Vec<Id>,
    /// Whether a pass over all of them is on its way.
    refreshing: bool,
    /// How many of the first ones have no words yet for what holds now.
    unread: usize,
}

/// All small pictures. Copies share them.
#[derive(Clone, Copy)]
pub struct Gallery {
    page: Page,
    state: StoredValue<Rc<RefCell<State>>, LocalStorage>,
    /// Examples of each label, in their order.
    by_label: Memo<HashMap<u32, Vec<Id>>>,
}

impl Gallery {
    /// The pictures of the page's examples, which lists made by [`Gallery::list`] show.
    pub fn new(page: Page) -> Gallery {
        let by_label = memo(move |_| {
            let mut all: HashMap<u32, Vec<Id>> = HashMap::new();
            page.document.with(|document| {
                document.examples.iter().for_each(|example| all.entry(example.label).or_default().push(example.id));
            });
            all
        });
        let gallery = Gallery { page, state: StoredValue::new_local(Rc::default()), by_label };
        effect(move || {
            // each of these changes how they look
            by_label.track();
            page.document.track();
            page.basis.track();
            page.attention.track();
            page.controls.missing.track();
            page.current_stroke.track();
            gallery.look_again();
        });
        gallery
    }

    /// Has all of them made to look as they should, after the lists have made what is new.
    fn look_again(self) {
        let state = self.state();
        if !std::mem::replace(&mut state.borrow_mut().refreshing, true) {
            spawn_local(async move { self.refresh() });
        }
    }

    /// Examples of a label, in their order.
    pub fn of(self, label: u32) -> Vec<Id> {
        self.by_label.with(|all| all.get(&label).cloned().unwrap_or_default())
    }

    /// How many examples a label has.
    pub fn count(self, label: u32) -> usize {
        self.by_label.with(|all| all.get(&label).map_or(0, Vec::len))
    }

    fn state(self) -> Rc<RefCell<State>> {
        self.state.with_value(Rc::clone)
    }

    /// The list of a class's examples.
    pub fn list(self, label: u32) -> Tag {
        let list = NodeRef::<HtmlElement>::new();
        let ids = memo(move |_| self.of(label));
        let mut shown: Vec<Id> = Vec::new();
        let page = self.page;
        let of = move |event: &Event| self.example_at(event);
        let tag = el("ul")
            .class("thumbs")
            .node_ref(list)
            .on(ev::CLICK, move |event: MouseEvent| {
                if let Some((id, button)) = of(&event) {
                    let place = button.get_bounding_client_rect();
                    page.menu.set(Some(Menu { id, x: place.left(), y: place.bottom() + 6.0 }));
                }
            })
            .on(ev::KEYDOWN, move |event: KeyboardEvent| {
                if let ("Delete" | "Backspace", Some((id, button))) = (event.key().as_str(), of(&event)) {
                    event.prevent_default();
                    event.stop_propagation();
                    step_aside(&button);
                    page.forget(id);
                }
            })
            .on(ev::DRAGSTART, move |event: DragEvent| {
                let Some((id, _)) = of(&event) else { return };
                if let Some(data) = event.data_transfer() {
                    let at = page.document.with_untracked(|document| document.examples.iter().position(|e| e.id == id));
                    // What is dragged must carry something, or some browsers drag nothing.
                    let _ = data.set_data("text/plain", &at.map_or(String::new(), |at| (at + 1).to_string()));
                    data.set_effect_allowed("move");
                }
                page.dragged.set(Some(id));
            })
            .on(ev::DRAGEND, move |_| page.dragged.set(None));
        effect(move || {
            let Some(list) = list.get() else { return };
            ids.with(|ids| {
                self.arrange(&list, &shown, ids);
                shown.clone_from(ids);
            });
        });
        tag
    }

    /// The example that an event is about, and its button.
    fn example_at(self, event: &Event) -> Option<(Id, HtmlElement)> {
        let target: Element = event.target()?.dyn_into().ok()?;
        let button = target.closest("[data-example]").ok().flatten()?;
        Some((button.get_attribute("data-example")?.parse().ok()?, button.unchecked_into()))
    }

    /// Makes a list that shows some examples show others: what stays where it is is not touched.
    fn arrange(self, list: &HtmlElement, shown: &[Id], wanted: &[Id]) {
        let all = self.state();
        let mut state = all.borrow_mut();
        let begin = shown.iter().zip(wanted).take_while(|(a, b)| a == b).count();
        let rest = (shown.len() - begin).min(wanted.len() - begin);
        let end = (0..rest).take_while(|at| shown[shown.len() - 1 - at] == wanted[wanted.len() - 1 - at]).count();
        let middle: HashSet<Id> = wanted[begin..wanted.len() - end].iter().copied().collect();
        for id in &shown[begin..shown.len() - end] {
            let Some(thumb) = state.thumbs.get(id) else { continue };
            // It may be in another list by now.
            if !middle.contains(id) && thumb.item.parent_node().is_some_and(|parent| list.is_same_node(Some(&parent))) {
                thumb.item.remove();
            }
        }
        let new = middle.iter().filter(|id| !state.thumbs.contains_key(id)).count();
        let after = wanted.get(wanted.len() - end).and_then(|id| state.thumbs.get(id));
        let mut next = after.map(|thumb| thumb.item.clone());
        for id in wanted[begin..wanted.len() - end].iter().rev() {
            if !state.thumbs.contains_key(id) {
                let thumb = Thumb::new(*id);
                if new <= FEW {
                    // It fails for no class without spaces.
                    let _ = thumb.button.class_list().add_1("new");
                    state.arriving.push(*id);
                }
                state.thumbs.insert(*id, thumb);
                state.unpainted.push_back(*id);
            }
            let item = state.thumbs[id].item.clone();
            // It fails for no element that was made here.
            let _ = list.insert_before(&item, next.as_deref());
            next = Some(item);
        }
        drop(state);
        self.look_again();
    }

    /// Makes all look as they should, and drops those that are gone.
    fn refresh(self) {
        let page = self.page;
        let state = self.state();
        let mut state = state.borrow_mut();
        state.refreshing = false;
        let attention = page.attention.get_untracked();
        let brightest = attention.iter().flatten().copied().fold(0.0, f32::max);
        let glowing = attention.as_deref().map_or(0.0, faintest);
        page.document.with_untracked(|document| {
            if state.thumbs.len() > document.examples.len() {
                let there: HashSet<Id> = document.examples.iter().map(|example| example.id).collect();
                state.thumbs.retain(|id, _| there.contains(id));
            }
            for (index, example) in document.examples.iter().enumerate() {
                let share = attention.as_ref().and_then(|all| all.get(index).copied()).unwrap_or(0.0);
                if let Some(thumb) = state.thumbs.get_mut(&example.id) {
                    thumb.glow(share, brightest, glowing);
                }
            }
        });
        let reading = std::mem::replace(&mut state.unread, usize::MAX) > 0;
        drop(state);
        if !reading {
            self.read();
        }
    }

    /// Puts words and verdicts on some, the newest first, and on the others before the next frames.
    fn read(self) {
        let page = self.page;
        let all = self.state();
        let mut state = all.borrow_mut();
        // words are for whoever reads, not for whoever draws; when the stroke ends they are looked at again
        if !page.current_stroke.with_untracked(Vec::is_empty) {
            state.unread = 0;
            return;
        }
        let begin = browser::now_ms();
        let basis = page.basis.get_untracked();
        let attention = page.attention.get_untracked();
        let missing = page.controls.missing.get_untracked();
        let looks = page.scrambled.get_untracked();
        page.document.with_untracked(|document| {
            let names: HashMap<u32, Rc<str>> =
                document.classes.iter().map(|class| (class.label, class.name.as_str().into())).collect();
            let State { thumbs, unpainted, arriving, unread, .. } = &mut *state;
            let from = document.examples.len().min(*unread);
            *unread = 0;
            for (done, index) in (0..from).rev().enumerate() {
                if done >= READ_AT_ONCE && browser::now_ms() - begin > PAINTING_MS {
                    *unread = index + 1;
                    break;
                }
                let example = &document.examples[index];
                let Some(thumb) = thumbs.get_mut(&example.id) else { continue };
                let share = attention.as_ref().and_then(|all| all.get(index).copied()).unwrap_or(0.0);
                thumb.share(share);
                thumb.effect(example.id, missing.as_ref().and_then(|all| all.effects.get(&example.id).copied()));
                let verdict = basis.map_or(Verdict::Unasked, |b| example.answers.under(b)[Answerer::Learner as usize]);
                thumb.words(Words {
                    index,
                    name: names.get(&example.label).cloned().unwrap_or_else(|| "?".into()),
                    verdict,
                    share: (share > 0.0).then(|| percent(share)),
                    effect: thumb.effect.as_ref().map(|(effect, _)| points(*effect)),
                });
                // A picture that was scrambled, or is no more, is another one.
                let clear = thumb.painted.as_ref().is_some_and(|p| std::sync::Arc::ptr_eq(p, &example.picture));
                if thumb.painted.is_some() && clear == looks {
                    thumb.painted = None;
                    unpainted.push_back(example.id);
                }
                if !arriving.is_empty() && index + FEW < document.examples.len() && arriving.contains(&example.id) {
                    // Moving it would have it arrive once more.
                    let _ = thumb.button.class_list().remove_1("new");
                }
            }
            let there = document.examples.len().saturating_sub(FEW);
            let old: HashSet<Id> = document.examples[..there].iter().map(|example| example.id).collect();
            arriving.retain(|id| !old.contains(id));
        });
        if state.unread > 0 {
            next_frame(move || self.read());
        }
        if !state.painting && !state.unpainted.is_empty() {
            state.painting = true;
            next_frame(move || self.paint());
        }
    }

    /// Paints some pictures, the newest first, and the others before the next frames.
    fn paint(self) {
        let state = self.state();
        let mut state = state.borrow_mut();
        let begin = browser::now_ms();
        while let Some(id) = state.unpainted.pop_back() {
            let page = self.page;
            let example =
                page.document.with_untracked(|document| document.examples.iter().rfind(|e| e.id == id).cloned());
            if let (Some(example), Some(thumb)) = (example, state.thumbs.get_mut(&id)) {
                let picture = untrack(|| page.seen(&example));
                // It fails for no name of an attribute.
                let _ = thumb.image.set_attribute("src", &browser::address_of(&picture));
                thumb.painted = Some(picture);
            }
            if browser::now_ms() - begin > PAINTING_MS {
                break;
            }
        }
        state.painting = !state.unpainted.is_empty();
        if state.painting {
            next_frame(move || self.paint());
        }
    }

    /// Where the picture of an example is.
    pub fn button(self, id: Id) -> Option<HtmlElement> {
        self.state().borrow().thumbs.get(&id).map(|thumb| thumb.button.clone())
    }
}

/// The smallest share that still glows.
fn faintest(attention: &[f32]) -> f32 {
    if attention.len() <= MOST_GLOWING {
        return 0.0;
    }
    let mut all = attention.to_vec();
    let (_, least, _) = all.select_nth_unstable_by(MOST_GLOWING - 1, |a, b| b.total_cmp(a));
    *least
}

impl Thumb {
    fn new(id: Id) -> Thumb {
        // the button has the words, and is what is dragged
        let image =
            el("img").attr("alt", "").attr("width", "28").attr("height", "28").attr("draggable", "false").element();
        let button = el("button")
            .attr("type", "button")
            .class("thumb")
            .attr("data-example", id.to_string())
            .attr("draggable", "true")
            .attr("aria-haspopup", "menu")
            .element();
        let item = el("li").element();
        // They fail for no element that was made here.
        let _ = button.append_child(&image);
        let _ = item.append_child(&button);
        Thumb {
            item,
            button: button.unchecked_into(),
            image,
            painted: None,
            glow: 0,
            share: -1.0,
            words: None,
            effect: None,
        }
    }

    fn set(&self, name: &str, value: &str) {
        // It fails for no name of an attribute.
        let _ = self.button.set_attribute(name, value);
    }

    /// The brightest example glows fully.
    fn glow(&mut self, share: f32, brightest: f32, faintest: f32) {
        let glows = share > 0.0 && share >= faintest;
        let glow = if glows { (GLOWS * share / brightest).round() as u8 } else { 0 };
        if std::mem::replace(&mut self.glow, glow) != glow {
            let _ = self.button.style().set_property("--glow", &format!("{:.3}", f32::from(glow) / GLOWS));
        }
    }

    fn share(&mut self, share: f32) {
        if std::mem::replace(&mut self.share, share) != share {
            self.set("data-share", &format!("{share:.4}"));
        }
    }

    fn effect(&mut self, id: Id, effect: Option<f32>) {
        if self.effect.as_ref().map(|(effect, _)| *effect) == effect {
            return;
        }
        if let Some((_, old)) = self.effect.take() {
            old.remove();
        }
        let Some(effect) = effect else { return };
        let (brings, takes) = (effect > NOTHING, effect < -NOTHING);
        let badge = el("span")
            .class("without")
            .test_id(format!("effect-{id}"))
            .attr("data-effect", format!("{effect:.5}"))
            .toggle("for", brings)
            .toggle("against", takes)
            .child(points(effect))
            .element();
        let _ = self.button.append_child(&badge);
        self.effect = Some((effect, badge));
    }

    fn words(&mut self, words: Words) {
        if self.words.as_ref() == Some(&words) {
            return;
        }
        if self.words.as_ref().is_none_or(|old| old.index != words.index) {
            self.set("data-testid", &format!("example-{}", words.index));
        }
        if self.words.as_ref().is_none_or(|old| old.verdict != words.verdict) {
            let classes = self.button.class_list();
            let _ = classes.toggle_with_force("right", words.verdict == Verdict::Right);
            let _ = classes.toggle_with_force("wrong", words.verdict == Verdict::Wrong);
        }
        let guess = match words.verdict {
            Verdict::Right => ", guessed right",
            Verdict::Wrong => ", guessed wrong",
            Verdict::Unasked | Verdict::NoQuestion => "",
        };
        let share = words.share.as_ref().map(|share| format!(", {share} of the attention")).unwrap_or_default();
        let effect = words.effect.as_ref().map(|effect| format!(", changes the answer by {effect}"));
        let text = format!("Example {}, {}{guess}{share}{}", words.index + 1, words.name, effect.unwrap_or_default());
        self.set("aria-label", &text);
        self.set("title", &format!("{text}. Click to change its label or forget it."));
        self.words = Some(words);
    }
}

/// A change of a probability, in percentage points.
fn points(change: f32) -> String {
    match 100.0 * change {
        points if points.abs() < 100.0 * NOTHING => "±0".to_owned(),
        points if points < 0.0 => format!("−{:.0}", -points),
        points => format!("+{points:.0}"),
    }
}

/// Gives the focus to an example, once it is where it belongs.
pub fn focus_example(id: Id) {
    next_frame(move || {
        let document = browser::window().document();
        let found = document.and_then(|d| d.query_selector(&format!("[data-example=\"{id}\"]")).ok().flatten());
        if let Some(thumb) = found {
            // It fails for nothing that is in the page.
            let _ = thumb.unchecked_into::<HtmlElement>().focus();
        }
    });
}

/// Whoever forgets examples by keyboard goes on with the next one, instead of starting over at the top of the page.
fn step_aside(button: &HtmlElement) {
    let Some(item) = button.closest("li").ok().flatten() else { return };
    let neighbour = item.next_element_sibling().or_else(|| item.previous_element_sibling());
    if let Some(Ok(Some(button))) = neighbour.map(|item| item.query_selector("button")) {
        // It fails for nothing that is in the page.
        let _ = button.unchecked_into::<HtmlElement>().focus();
    }
}
