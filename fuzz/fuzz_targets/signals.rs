#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| momoland_engine::fuzzing::signals(bytes));
