//! Where panics of framers end.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Runs foreign code. A panic comes back as its message; what the code left half done is only dropped after that.
pub(crate) fn contain<T>(foreign: impl FnOnce() -> T) -> Result<T, Arc<str>> {
    catch_unwind(AssertUnwindSafe(foreign)).map_err(message)
}

#[cold]
fn message(payload: Box<dyn Any + Send>) -> Arc<str> {
    let said = payload.downcast_ref::<&str>().copied();
    let said = said.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = Arc::from(said.unwrap_or("(no message)"));
    // A payload may be anything, also something that panics when it is dropped.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
    message
}
