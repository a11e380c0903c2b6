//! The sealed change set: what a feature adds, changes and removes.
