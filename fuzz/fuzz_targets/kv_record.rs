#![no_main]

use katalo_fuzz::entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::kv_record(data));
