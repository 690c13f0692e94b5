//! `minke-wasm-bindgen INPUT.wasm OUT_DIR NAME`: JavaScript glue for a wasm module, as the wasm-bindgen command
//! makes it, but at exactly the version of the lock file.

use std::error::Error;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, out, name] = &arguments[..] else {
        eprintln!("usage: minke-wasm-bindgen INPUT.wasm OUT_DIR NAME");
        std::process::exit(2);
    };
    if let Err(error) = glue(input, out, name) {
        eprintln!("minke-wasm-bindgen: {error:#}");
        std::process::exit(1);
    }
}

fn glue(input: &str, out: &str, name: &str) -> Result<(), Box<dyn Error>> {
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    bindgen.input_path(input).out_name(name).typescript(true).omit_default_module_path(true);
    let mut output = bindgen.web(true)?.generate_output()?;
    // llguidance's functions for C are exported from any wasm that has it, and nobody calls them
    let exports = &mut output.wasm_mut().exports;
    let unused: Vec<_> =
        exports.iter().filter(|export| export.name.starts_with("llg_")).map(|export| export.id()).collect();
    unused.into_iter().for_each(|id| exports.delete(id));
    Ok(output.emit(out)?)
}
