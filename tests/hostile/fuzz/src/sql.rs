#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::Target::Sql.look(bytes));
