//! Panics that are meant to happen need not be printed.

use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::sync::{Arc, Mutex, Once, PoisonError};

/// Silences panics whose message contains this text, on every thread, until what it returns is dropped.
///
/// Any other panic is reported as before, a failed assertion of the same test among them: say what you expect.
/// Several may be in force at once, in any order of their ends.
///
/// ```
/// let _quiet = neatflow_testing::quiet_panics("as planned");
/// assert!(std::panic::catch_unwind(|| panic!("failed, as planned")).is_err());
/// ```
#[must_use = "panics are silenced until this is dropped"]
pub fn quiet_panics(expected: impl Into<Arc<str>>) -> QuietPanics {
    INSTALL.call_once(|| {
        // Installed once and for ever: to put the former hook back could undo somebody else's.
        let former = take_hook();
        set_hook(Box::new(move |info| {
            if !is_expected(info) {
                former(info);
            }
        }));
    });
    let expected = expected.into();
    with_expected(|all| all.push(Arc::clone(&expected)));
    QuietPanics { expected }
}

/// Panics with the expected text are silent while this lives.
#[derive(Debug)]
pub struct QuietPanics {
    expected: Arc<str>,
}

impl Drop for QuietPanics {
    fn drop(&mut self) {
        with_expected(|all| {
            if let Some(at) = all.iter().position(|text| Arc::ptr_eq(text, &self.expected)) {
                all.swap_remove(at);
            }
        });
    }
}

static INSTALL: Once = Once::new();
static EXPECTED: Mutex<Vec<Arc<str>>> = Mutex::new(Vec::new());

/// Nothing in here may panic: it also runs in the middle of one.
fn with_expected<T>(f: impl FnOnce(&mut Vec<Arc<str>>) -> T) -> T {
    f(&mut EXPECTED.lock().unwrap_or_else(PoisonError::into_inner))
}

fn is_expected(info: &PanicHookInfo<'_>) -> bool {
    let payload = info.payload();
    let said = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    said.is_some_and(|said| with_expected(|all| all.iter().any(|text| said.contains(&**text))))
}
