//! A restart budget.
