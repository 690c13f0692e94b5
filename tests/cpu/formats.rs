//! The scalar twin of every block format against the `gguf` package, on enough random blocks to meet every entry of
//! the grids (golden/kernels has too few for that).

use crate::common;
use minke::quant::GgmlType;
use minke::reference::dequantise::{dequantise, set_scales};

const BLOCKS: usize = 2048;

#[test]
fn all_block_formats_agree_with_the_gguf_package() {
    let mut state = 1u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as u16
    };
    for ty in GgmlType::supported().filter(|ty| ty.block_len() > 1) {
        let layout = ty.layout().expect("a layout");
        let bytes = layout.block_bytes() as usize;
        let mut blocks: Vec<u8> = (0..BLOCKS * bytes).map(|_| random() as u8).collect();
        for block in blocks.chunks_mut(bytes) {
            set_scales(layout, block, || random() & 0xbbff); // neither infinite nor NaN
        }
        let got = dequantise(layout, &blocks);
        let want = common::python_dequantise(ty, &blocks);
        assert_eq!(got.len(), BLOCKS * ty.block_len() as usize);
        assert!(got == want, "{ty} differs from the gguf package");
    }
}
