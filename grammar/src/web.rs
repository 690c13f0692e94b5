//! The browser edge: what the package's worker calls. Errors are texts.

use crate::{Grammar, Vocabulary};
use js_sys::{Function, Uint8Array, Uint32Array};
use wasm_bindgen::prelude::*;

/// See [`Vocabulary`].
#[wasm_bindgen(js_name = Vocabulary)]
pub struct WasmVocabulary(Vocabulary);

#[wasm_bindgen(js_class = Vocabulary)]
impl WasmVocabulary {
    /// From the bytes of all tokens one after the other, where each of them stops, a 1 for each that is a control token,
    /// and the tokens that end a reply.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: &[u8], stops: &[u32], control: &[u8], ends: &[u32]) -> Result<Self, String> {
        let starts = [0].iter().chain(stops);
        let tokens = starts.zip(stops).zip(control);
        let tokens =
            tokens.map(|((&start, &stop), &control)| (&bytes[start as usize..stop as usize], control == 1));
        Vocabulary::new(tokens, ends).map(Self)
    }
}

/// See [`Grammar`].
#[wasm_bindgen(js_name = Grammar)]
pub struct WasmGrammar(Grammar);

#[wasm_bindgen(js_class = Grammar)]
impl WasmGrammar {
    /// See [`Grammar::new`].
    #[wasm_bindgen(constructor)]
    pub fn new(vocabulary: &WasmVocabulary, form: &str) -> Result<Self, String> {
        Grammar::new(&vocabulary.0, form).map(Self)
    }

    /// See [`Grammar::mask`].
    pub fn mask(&mut self) -> Result<Vec<u32>, String> {
        self.0.mask()
    }

    /// See [`Grammar::commit`].
    pub fn commit(&mut self, token: u32) -> Result<bool, String> {
        self.0.commit(token)
    }

    /// See [`Grammar::forced`]; `tokenize` takes bytes as a Uint8Array and gives ids as a Uint32Array.
    pub fn forced(&mut self, tokenize: &Function) -> Vec<u32> {
        self.0.forced(|text| match tokenize.call1(&JsValue::NULL, &Uint8Array::from(text)) {
            Ok(tokens) => Uint32Array::new(&tokens).to_vec(),
            Err(_) => Vec::new(), // no tokens: nothing is forced
        })
    }
}
