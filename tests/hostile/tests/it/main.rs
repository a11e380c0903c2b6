//! What the scanner promises, held against seeds that are changed by chance (the same way every time), and against the
//! texts that are hardest to read.

mod chance;
mod hard;
mod kept;
