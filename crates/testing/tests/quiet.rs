//! The panic hook belongs to the whole process: this test has one for itself.

use neatflow_testing::quiet_panics;
use std::panic::{catch_unwind, set_hook};
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn only_expected_panics_are_silent_on_any_thread_and_only_as_long_as_they_are_expected() {
    static REPORTED: AtomicUsize = AtomicUsize::new(0);
    fn reports_after_a_panic() -> usize {
        std::thread::spawn(|| catch_unwind(|| panic!("egg {} broke", 7))).join().unwrap().unwrap_err();
        REPORTED.load(Ordering::SeqCst)
    }
    set_hook(Box::new(|_| _ = REPORTED.fetch_add(1, Ordering::SeqCst)));
    assert_eq!(reports_after_a_panic(), 1);
    let broke = quiet_panics("broke");
    let again = quiet_panics(String::from("egg 7"));
    assert_eq!(reports_after_a_panic(), 1);
    drop(broke);
    assert_eq!(reports_after_a_panic(), 1);
    let _other = quiet_panics("something else");
    drop(again);
    assert_eq!(reports_after_a_panic(), 2);
}
