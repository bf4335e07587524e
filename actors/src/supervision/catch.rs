//! Where panics end.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Runs foreign code. A panic comes back as its message.
///
/// Unwind safety is the caller's: whatever the code left half done is rebuilt (`restarting`) or only dropped.
pub(crate) fn contain<T>(foreign: impl FnOnce() -> T) -> Result<T, Arc<str>> {
    catch_unwind(AssertUnwindSafe(foreign)).map_err(message)
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::resume_unwind;

    struct Grenade;

    impl Drop for Grenade {
        fn drop(&mut self) {
            resume_unwind(Box::new(Self));
        }
    }

    #[test]
    fn any_payload_becomes_a_message() {
        let said = |payload| contain::<()>(|| resume_unwind(payload)).unwrap_err();
        assert_eq!(&*said(Box::new("static")), "static");
        assert_eq!(&*said(Box::new(String::from("formatted"))), "formatted");
        assert_eq!(&*said(Box::new(7)), "(no message)");
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_harmless() {
        assert!(contain::<()>(|| resume_unwind(Box::new(Grenade))).is_err());
    }
}
