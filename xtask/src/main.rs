//! Tasks of the project: `cargo xtask dev | test | build | bench`.
fn main() {}
