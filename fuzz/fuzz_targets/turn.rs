#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| signaling_server::turn::fuzzing::datagrams(bytes));
