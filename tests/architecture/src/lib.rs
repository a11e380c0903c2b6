//! Tests of the workspace itself: see `tests/it`. The rules that they keep stand in `ARCHITECTURE.md`.
