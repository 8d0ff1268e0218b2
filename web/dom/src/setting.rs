//! Attributes, classes, styles and properties, fixed or following signals.

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, HtmlElement};

use super::follow::follow;

/// What of an element a value goes to.
#[derive(Clone)]
pub struct Place {
    /// The element.
    pub element: Element,
    /// What kind of place.
    pub kind: Kind,
    /// Its name.
    pub name: &'static str,
}

/// What a value can be put to.
#[derive(Clone, Copy)]
pub enum Kind {
    /// An attribute.
    Attribute,
    /// A class.
    Class,
    /// A property of the style.
    Style,
    /// A property of the element.
    Property,
}

impl Place {
    fn put(&self, value: Option<&str>) {
        let Place { element, kind, name } = self;
        // None of these fails for names and values without spaces in a class.
        let _ = match (kind, value) {
            (Kind::Attribute, Some(value)) => element.set_attribute(name, value),
            (Kind::Attribute, None) => element.remove_attribute(name),
            (Kind::Class, value) => element.class_list().toggle_with_force(name, value.is_some()).map(|_| ()),
            (Kind::Style, value) => {
                let style = element.unchecked_ref::<HtmlElement>().style();
                style.set_property(name, value.unwrap_or_default())
            }
            (Kind::Property, value) => {
                let value = value.map_or(JsValue::UNDEFINED, JsValue::from_str);
                js_sys::Reflect::set(element, &JsValue::from_str(name), &value).map(|_| ())
            }
        };
    }

    fn put_flag(&self, flag: bool) {
        match self.kind {
            Kind::Property => {
                let _ = js_sys::Reflect::set(&self.element, &JsValue::from_str(self.name), &flag.into());
            }
            _ => self.put(flag.then_some("")),
        }
    }
}

/// What an attribute, a class, a style or a property can be set to: words, a flag (an attribute or class that is there or
/// not), nothing, or a function that gives one of these and is followed.
pub trait Setting {
    /// Sets it.
    fn set(self, place: Place);
}

impl Setting for &str {
    fn set(self, place: Place) {
        place.put(Some(self));
    }
}

impl Setting for String {
    fn set(self, place: Place) {
        place.put(Some(&self));
    }
}

impl Setting for bool {
    fn set(self, place: Place) {
        place.put_flag(self);
    }
}

impl<S: Setting> Setting for Option<S> {
    fn set(self, place: Place) {
        match self {
            Some(setting) => setting.set(place),
            None => place.put(None),
        }
    }
}

impl<S: Setting, F: FnMut() -> S + 'static> Setting for F {
    fn set(mut self, place: Place) {
        follow(Box::new(move |()| self().set(place.clone())));
    }
}

macro_rules! set_in_words {
    ($($number:ty)*) => {
        $(
            impl Setting for $number {
                fn set(self, place: Place) {
                    place.put(Some(&self.to_string()));
                }
            }
        )*
    };
}

set_in_words!(usize u32 u64);
