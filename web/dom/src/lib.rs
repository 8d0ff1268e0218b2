//! Views as plain DOM: elements are made by calls, and what depends on signals follows them.
//!
//! A view of the usual Rust frameworks is a type of its own for every element and its every attribute, and their code was
//! a third of what a visitor loaded. Here all values meet in a few functions that know only nodes, names and strings;
//! signals, memos and effects are those of [`reactive_graph`].
//!
//! ```ignore
//! let count = RwSignal::new(0);
//! el("button").attr("type", "button").on(ev::CLICK, move |_| count.update(|n| *n += 1)).child(move || count.get())
//! ```

pub mod ev;
mod follow;
mod keyed;
mod setting;

use std::marker::PhantomData;
use std::pin::Pin;

use reactive_graph::owner::Owner;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Document, Element, EventTarget, HtmlElement, Node, Window};

use follow::{Again, boxed_effect, boxed_memo, follow};
use keyed::{Change, changes};
pub use setting::Setting;
use setting::{Kind, Place};

pub use any_spawner::Executor;
pub use reactive_graph::computed::Memo;
pub use reactive_graph::graph::untrack;
pub use reactive_graph::owner::{LocalStorage, StoredValue, on_cleanup};
pub use reactive_graph::prelude::*;
pub use reactive_graph::signal::RwSignal;

const SVG: &str = "http://www.w3.org/2000/svg";

/// The window; there is no page without one.
pub fn window() -> Window {
    web_sys::window().expect("a page has a window")
}

fn document() -> Document {
    // A page has one.
    window().document().expect("a document")
}

/// Calls in a microtask, and goes on where it awaits.
pub fn spawn_local(task: impl Future<Output = ()> + 'static) {
    let task: Pin<Box<dyn Future<Output = ()>>> = Box::pin(task);
    wasm_bindgen_futures::spawn_local(task);
}

/// Calls before the browser paints next.
pub fn next_frame(call: impl FnOnce() + 'static) {
    // It fails for no function.
    let _ = window().request_animation_frame(Closure::once_into_js(call).unchecked_ref());
}

/// Shows a view within an element for as long as the page is open.
pub fn mount(parent: &HtmlElement, view: impl FnOnce() -> View) {
    // It fails where it was called before, which is as good.
    let _ = Executor::init_wasm_bindgen();
    let owner = Owner::new();
    if let View(Some(node)) = owner.with(view) {
        append(parent, &node);
    }
    std::mem::forget(owner);
}

fn append(parent: &Node, node: &Node) {
    // It fails for no node that was made here.
    let _ = parent.append_child(node);
}

impl Default for View {
    fn default() -> View {
        View::new()
    }
}

/// A piece of the page: a node, a fragment that holds several, or nothing.
pub struct View(Option<Node>);

impl View {
    /// A piece without anything in it.
    pub fn new() -> View {
        View(None)
    }

    /// With something behind what it holds.
    pub fn child(mut self, child: impl IntoView) -> View {
        self.push(child.into_view());
        self
    }

    fn push(&mut self, view: View) {
        let Some(node) = view.0 else { return };
        let fragment = match self.0.take() {
            None => document().create_document_fragment().into(),
            Some(node) => node,
        };
        append(&fragment, &node);
        self.0 = Some(fragment);
    }
}

/// What can be shown.
pub trait IntoView {
    /// As nodes.
    fn into_view(self) -> View;
}

impl IntoView for View {
    fn into_view(self) -> View {
        self
    }
}

impl IntoView for &str {
    fn into_view(self) -> View {
        View(Some(document().create_text_node(self).into()))
    }
}

impl IntoView for String {
    fn into_view(self) -> View {
        self.as_str().into_view()
    }
}

macro_rules! shown_in_words {
    ($($number:ty)*) => {
        $(
            impl IntoView for $number {
                fn into_view(self) -> View {
                    self.to_string().into_view()
                }
            }
        )*
    };
}

shown_in_words!(usize u32 u64);

impl<V: IntoView> IntoView for Option<V> {
    fn into_view(self) -> View {
        self.map_or(View(None), V::into_view)
    }
}

impl<V: IntoView, const N: usize> IntoView for [V; N] {
    fn into_view(self) -> View {
        self.into_iter().collect_view()
    }
}

impl<V: IntoView, F: FnMut() -> V + 'static> IntoView for F {
    fn into_view(mut self) -> View {
        region(Box::new(move |()| self().into_view()))
    }
}

/// Many things as one view.
pub trait CollectView {
    /// One behind the other.
    fn collect_view(self) -> View;
}

impl<V: IntoView, I: Iterator<Item = V>> CollectView for I {
    fn collect_view(self) -> View {
        let mut all = View(None);
        self.for_each(|view| all.push(view.into_view()));
        all
    }
}

/// A place of the page whose content is made anew whenever a signal changes that was read to make it. Two comments mark
/// it, so that whatever stands between them can be exchanged.
fn region(mut make: Box<dyn Again<(), View>>) -> View {
    let (begin, end): (Node, Node) = (document().create_comment("").into(), document().create_comment("").into());
    let fragment: Node = document().create_document_fragment().into();
    append(&fragment, &begin);
    append(&fragment, &end);
    follow(Box::new(move |()| {
        let View(new) = make.again(());
        let old = begin.next_sibling().filter(|old| *old != end);
        // Words that only change keep their node.
        if let (Some(old), Some(new)) = (&old, &new)
            && old.node_type() == Node::TEXT_NODE
            && new.node_type() == Node::TEXT_NODE
            && old.next_sibling().as_ref() == Some(&end)
        {
            return old.set_node_value(new.node_value().as_deref());
        }
        let Some(parent) = end.parent_node() else { return };
        clear(&parent, &begin, &end);
        if let Some(new) = new {
            // It fails for no node that was made here.
            let _ = parent.insert_before(&new, Some(&end));
        }
    }));
    View(Some(fragment))
}

/// Removes what stands between two nodes.
fn clear(parent: &Node, begin: &Node, end: &Node) {
    while let Some(node) = begin.next_sibling().filter(|node| node != end) {
        if parent.remove_child(&node).is_err() {
            return;
        }
    }
}

/// A view as long as something holds.
pub fn show<V: IntoView>(when: impl Fn() -> bool + Send + Sync + 'static, then: impl Fn() -> V + 'static) -> View {
    show_or(when, then, View::new)
}

/// One view as long as something holds, and another one else.
pub fn show_or<V: IntoView, O: IntoView>(
    when: impl Fn() -> bool + Send + Sync + 'static,
    then: impl Fn() -> V + 'static,
    or: impl Fn() -> O + 'static,
) -> View {
    // Through a memo, so that neither is made anew while the answer stays the same.
    let when = memo(move |_| when());
    either(when, Box::new(move |()| then().into_view()), Box::new(move |()| or().into_view()))
}

fn either(when: Memo<bool>, mut then: Box<dyn Again<(), View>>, mut or: Box<dyn Again<(), View>>) -> View {
    region(Box::new(move |()| if when.get() { then.again(()) } else { or.again(()) }))
}

/// A value that follows signals; `call` gets what it gave before.
pub fn memo<T: PartialEq + Send + Sync + 'static>(call: impl Fn(Option<&T>) -> T + Send + Sync + 'static) -> Memo<T> {
    boxed_memo(Box::new(call))
}

/// Calls soon, and again whenever a signal changes that it has read.
pub fn effect(mut call: impl FnMut() + 'static) {
    boxed_effect(Box::new(move |()| call()));
}

/// A view for each item of a list; those whose key stays keep theirs. `view` gives an element, which may be moved.
pub fn each<T: 'static, K: Into<u64>>(
    items: impl Fn() -> Vec<T> + 'static,
    key: impl Fn(&T) -> K + 'static,
    view: impl Fn(T) -> View + Clone + 'static,
) -> View {
    each_boxed(Box::new(move |()| {
        let make = |item| {
            let (key, view) = (key(&item).into(), view.clone());
            let make: Box<dyn FnOnce() -> View> = Box::new(move || view(item));
            (key, make)
        };
        items().into_iter().map(make).unzip()
    }))
}

/// Keys, and what makes the view of each.
type Items = (Vec<u64>, Vec<Box<dyn FnOnce() -> View>>);

fn each_boxed(mut items: Box<dyn Again<(), Items>>) -> View {
    let end: Node = document().create_comment("").into();
    let fragment: Node = document().create_document_fragment().into();
    append(&fragment, &end);
    // What an item makes lives as long as the item, not until the list changes next.
    let scope = Owner::current().unwrap_or_default();
    let mut keys: Vec<u64> = Vec::new();
    let mut shown: Vec<Option<(Node, Owner)>> = Vec::new();
    follow(Box::new(move |()| {
        let Some(parent) = end.parent_node() else { return };
        let (wanted, makes) = items.again(());
        let mut old = std::mem::take(&mut shown);
        let mut made = Vec::with_capacity(wanted.len());
        for (change, make) in changes(&keys, &wanted).into_iter().zip(makes) {
            made.push(match change {
                Change::Keep(place) => (old[place].take(), false),
                Change::Move(place) => (old[place].take(), true),
                Change::Make => {
                    let owner = scope.child();
                    let View(node) = owner.with(|| untrack(make));
                    (node.map(|node| (node, owner)), true)
                }
            });
        }
        for (node, owner) in old.into_iter().flatten() {
            let _ = parent.remove_child(&node);
            drop(owner);
        }
        let mut next = end.clone();
        for (item, moved) in made.iter().rev() {
            let Some((node, _)) = item else { continue };
            // Only what has moved is touched: the focus stays where it is.
            if *moved {
                let _ = parent.insert_before(node, Some(&next));
            }
            next = node.clone();
        }
        shown = made.into_iter().map(|(item, _)| item).collect();
        keys = wanted;
    }));
    View(Some(fragment))
}

/// An element while it is being made.
pub struct Tag(Element);

/// An HTML element.
pub fn el(name: &str) -> Tag {
    // It fails for no name of an element.
    Tag(document().create_element(name).expect("an element"))
}

/// A button, and the name that tests know it by.
pub fn button(test_id: impl Setting) -> Tag {
    el("button").attr("type", "button").test_id(test_id)
}

/// An SVG element.
pub fn svg(name: &str) -> Tag {
    Tag(document().create_element_ns(Some(SVG), name).expect("an element"))
}

impl Tag {
    fn set(self, kind: Kind, name: &'static str, value: impl Setting) -> Tag {
        value.set(Place { element: self.0.clone(), kind, name });
        self
    }

    /// With an attribute.
    pub fn attr(self, name: &'static str, value: impl Setting) -> Tag {
        self.set(Kind::Attribute, name, value)
    }

    /// With the name that tests know it by.
    pub fn test_id(self, value: impl Setting) -> Tag {
        self.attr("data-testid", value)
    }

    /// With classes.
    pub fn class(self, value: impl Setting) -> Tag {
        self.attr("class", value)
    }

    /// With a class for as long as something holds.
    pub fn toggle(self, class: &'static str, on: impl Setting) -> Tag {
        self.set(Kind::Class, class, on)
    }

    /// With a property of its style.
    pub fn style(self, name: &'static str, value: impl Setting) -> Tag {
        self.set(Kind::Style, name, value)
    }

    /// With a property of the element itself, such as what a field holds.
    pub fn prop(self, name: &'static str, value: impl Setting) -> Tag {
        self.set(Kind::Property, name, value)
    }

    /// With a listener.
    pub fn on<E: JsCast + 'static>(self, kind: ev::Kind<E>, mut call: impl FnMut(E) + 'static) -> Tag {
        listen(&self.0, kind.0, Box::new(move |event: web_sys::Event| call(event.unchecked_into())));
        self
    }

    /// Known to others from now on.
    pub fn node_ref<T: JsCast + 'static>(self, node: NodeRef<T>) -> Tag {
        node.0.set(Some(self.0.clone()));
        self
    }

    /// The element itself, for whoever changes much at a time and can say what.
    pub fn element(self) -> Element {
        self.0
    }

    /// With something behind what it holds.
    pub fn child(self, child: impl IntoView) -> Tag {
        if let View(Some(node)) = child.into_view() {
            append(&self.0, &node);
        }
        self
    }
}

impl IntoView for Tag {
    fn into_view(self) -> View {
        View(Some(self.0.into()))
    }
}

fn listen(target: &EventTarget, name: &str, mut call: Box<dyn Again<web_sys::Event, ()>>) -> JsValue {
    // The browser frees it with the element.
    let call = Closure::<dyn FnMut(web_sys::Event)>::new(move |event| call.again(event)).into_js_value();
    let _ = target.add_event_listener_with_callback(name, call.unchecked_ref());
    call
}

/// Listens to the window for as long as the scope that it was called in is alive.
pub fn on_window<E: JsCast + 'static>(kind: ev::Kind<E>, mut call: impl FnMut(E) + 'static) {
    struct Listener(&'static str, JsValue);

    impl Drop for Listener {
        fn drop(&mut self) {
            let _ = window().remove_event_listener_with_callback(self.0, self.1.unchecked_ref());
        }
    }

    let call = listen(&window(), kind.0, Box::new(move |event: web_sys::Event| call(event.unchecked_into())));
    StoredValue::new_local(Listener(kind.0, call));
}

/// An element of the page, once it is there.
pub struct NodeRef<T: 'static>(RwSignal<Option<Element>, LocalStorage>, PhantomData<T>);

impl<T> Clone for NodeRef<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for NodeRef<T> {}

impl<T: JsCast> Default for NodeRef<T> {
    fn default() -> NodeRef<T> {
        NodeRef::new()
    }
}

impl<T: JsCast> NodeRef<T> {
    /// Not there yet.
    pub fn new() -> NodeRef<T> {
        NodeRef(RwSignal::new_local(None), PhantomData)
    }

    /// The element; whoever reads it follows it.
    pub fn get(self) -> Option<T> {
        self.0.get().map(JsCast::unchecked_into)
    }

    /// The element now.
    pub fn get_untracked(self) -> Option<T> {
        self.0.get_untracked().map(JsCast::unchecked_into)
    }

    /// Follows it.
    pub fn track(self) {
        self.0.track();
    }
}
