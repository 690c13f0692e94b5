//! Every kernel in every variant that a model may use, made into pipelines with nothing to run.

use minke::Result;
use minke::gpu::{Buffer, Gpu, Splits, Tile, Tuning};
use minke::kernels::Matrix;
use minke::kernels::attention::attention;
use minke::kernels::decode_attention::{combine, decode_attention};
use minke::kernels::embed::embed;
use minke::kernels::fixed::Form;
use minke::kernels::matmul::{Vectors, matmul, matmul_few};
use minke::kernels::matrix::Arrangement;
use minke::kernels::matvec::{Before, Input, Join, Norm, Output, RowTile, matvec_tiled};
use minke::kernels::repack::Repack;
use minke::kernels::rms_norm::{rms_norm, rms_norm_of};
use minke::kernels::rope::{HeadBuffers, Heads, RopeParams, rope};
use minke::kernels::swiglu::swiglu;
use minke::kv_type::{KvType, KvTypes};
use minke::model::gpu_sampler::{GpuSampler, SamplerScratch};
use minke::quant::GgmlType;

const ROWS: u32 = 72;
const COLS: u32 = 512;

/// Makes them all.
pub async fn compile(gpu: &Gpu, repack: &Repack) -> Result<()> {
    let any = gpu.buffer("any", 1 << 20)?;
    for (matmul, attention) in [(Tile::Workgroup, Splits::Many), (Tile::Registers, Splits::Few)] {
        let gpu = gpu.with_tuning(Tuning { matmul, attention, ..Tuning::default() });
        for ty in GgmlType::supported() {
            matrices(&gpu, repack, ty, &any).await?;
        }
        heads(&gpu, &any);
    }
    for form in [Form::Floats, Form::Fixed] {
        rms_norm(gpu, COLS as usize, 1e-6, form, [&any; 3]);
        swiglu(gpu, COLS as usize, form, &any, &any);
    }
    rms_norm_of(gpu, COLS as usize, 1e-6, &any, [&any; 3]);
    GpuSampler::new(gpu, 1000)?.dispatches(gpu, &SamplerScratch::new(gpu, 1000)?, &any, &any);
    gpu.compile().await;
    Ok(())
}

/// Of one format: alone, and gate and up with another.
async fn matrices(gpu: &Gpu, repack: &Repack, ty: GgmlType, any: &Buffer) -> Result<()> {
    let w = Matrix::new(gpu, COLS, &[("w", ty, ROWS)])?;
    let paired = [("gate", ty, ROWS), ("up", GgmlType::Q4_K, ROWS)];
    let paired = Matrix::arranged(gpu, COLS, &paired, Arrangement::Paired)?;
    for slab in &w.slabs {
        slab.parts.iter().for_each(|part| repack.run(gpu, slab, part, 0, &[0; 256]));
    }
    embed(gpu, &w, any, any);
    let norm = Norm { weight: any, eps: 1e-6, batch: any };
    let normed = Input { x: any, before: Before::Norm(norm) };
    let heads = Heads { n_head: 4, n_kv_head: 2, head_dim: 128, kv: KvTypes::F32 };
    let joined = Input { x: any, before: Before::Join(Join { heads, split: 64, batch: any }) };
    for (bias, accumulate) in [(None, false), (Some(any), true)] {
        let output = Output { bias, accumulate, ..Output::to(any) };
        matmul(gpu, &w, Vectors::Floats, any, any, output);
        if !w.has_floats() {
            matmul(gpu, &w, Vectors::TwoBytes, any, any, output);
            matmul(gpu, &w, Vectors::ThreeBytes, any, any, output);
        }
        matmul_few(gpu, &w, any, any, output);
        for tile in RowTile::ALL.into_iter().filter(|tile| tile.fits(&paired)) {
            matvec_tiled(gpu, &w, any, output, tile);
            matvec_tiled(gpu, &w, normed, output, tile);
            if tile.form.can_keep(gpu, tile.workgroup(), COLS) {
                matvec_tiled(gpu, &w, joined, output, tile);
            }
            let output = Output { accumulate: false, form: tile.form, ..output };
            matvec_tiled(gpu, &paired, normed, output, tile);
        }
    }
    Ok(())
}

/// RoPE and attention, with every cache, with and without Qwen3's norms.
fn heads(gpu: &Gpu, any: &Buffer) {
    let kv_types =
        KvType::ALL.into_iter().flat_map(|keys| KvType::ALL.map(|values| KvTypes { keys, values }));
    for (kv, head_norms) in kv_types.flat_map(|kv| [(kv, None), (kv, Some((any, any)))]) {
        let heads = Heads { n_head: 12, n_kv_head: 2, head_dim: 128, kv };
        let params = RopeParams { n_rot: 128, neox: head_norms.is_some(), eps: 1e-6 };
        let buffers =
            HeadBuffers { table: any, batch: any, head_norms, qkv: any, k_cache: any, v_cache: any };
        rope(gpu, heads, params, buffers);
        decode_attention(gpu, heads, params, buffers, any);
        for form in [Form::Floats, Form::Fixed] {
            combine(gpu, heads, form, [any; 3]);
            attention(gpu, heads, form, [any; 5]);
        }
    }
}
