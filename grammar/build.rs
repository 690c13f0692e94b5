//! llguidance calls itself for each schema within a schema: in wasm too there has to be room for `MAX_DEPTH` of them.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|target| target == "wasm32") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size=4194304");
    }
}
