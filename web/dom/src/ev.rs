//! Events by name and type.

use std::marker::PhantomData;

/// A kind of event: its name, and what its listeners get.
pub struct Kind<E>(pub(super) &'static str, PhantomData<E>);

macro_rules! kinds {
    ($($constant:ident $name:literal $event:ident;)*) => {
        $(#[doc = concat!("`", $name, "`")] pub const $constant: Kind<web_sys::$event> = Kind($name, PhantomData);)*
    };
}

kinds! {
    BLUR "blur" FocusEvent;
    CHANGE "change" Event;
    CLICK "click" MouseEvent;
    CONTEXTMENU "contextmenu" MouseEvent;
    DRAGEND "dragend" DragEvent;
    DRAGLEAVE "dragleave" DragEvent;
    DRAGOVER "dragover" DragEvent;
    DRAGSTART "dragstart" DragEvent;
    DROP "drop" DragEvent;
    FOCUS "focus" FocusEvent;
    HASHCHANGE "hashchange" Event;
    KEYDOWN "keydown" KeyboardEvent;
    LOSTPOINTERCAPTURE "lostpointercapture" PointerEvent;
    MOUSEDOWN "mousedown" MouseEvent;
    PASTE "paste" Event;
    POINTERCANCEL "pointercancel" PointerEvent;
    POINTERDOWN "pointerdown" PointerEvent;
    POINTERMOVE "pointermove" PointerEvent;
    POINTERUP "pointerup" PointerEvent;
    RESIZE "resize" Event;
    SCROLL "scroll" Event;
    SUBMIT "submit" SubmitEvent;
    TOGGLE "toggle" Event;
    VISIBILITYCHANGE "visibilitychange" Event;
}
