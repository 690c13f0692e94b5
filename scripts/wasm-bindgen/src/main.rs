//! `minke-wasm-bindgen INPUT.wasm OUT_DIR`: JavaScript glue for a wasm module, as the wasm-bindgen command
//! makes it, but at exactly the version of the lock file.

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(out)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: minke-wasm-bindgen INPUT.wasm OUT_DIR");
        std::process::exit(2);
    };
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    bindgen.input_path(input).out_name("minke").typescript(true).omit_default_module_path(true);
    let done = bindgen.web(true).and_then(|bindgen| bindgen.generate(out));
    if let Err(error) = done {
        eprintln!("minke-wasm-bindgen: {error:#}");
        std::process::exit(1);
    }
}
