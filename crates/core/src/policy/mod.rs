//! Which candidates there are, and in which order.
