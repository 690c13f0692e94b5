//! Each way that a matvec, a matmul or attention can go, timed on this device with the model's own matrices.

use super::calibrate::Ceilings;
use super::table::Row;
use minke::Result;
use minke::gpu::{Buffer, Dispatch, Extent, Gpu, Splits, Tile, Tuning};
use minke::kernels::matmul::{FEW_TOKENS, Product, Vectors};
use minke::kernels::matvec::{Before, Input, Norm, Output, RowTile, matvec_tiled};
use minke::kernels::{BATCH_HEADER, Matrix};
use minke::model::autotune::attention_to;
use minke::model::{MAX_BATCH, Model};

/// What is multiplied, and where the result goes: zeros, which change no time.
struct Buffers {
    x: Buffer,
    y: Buffer,
    batch: Buffer,
}

impl Buffers {
    fn new(model: &Model) -> Result<Self> {
        let gpu = model.gpu();
        let most = |of: fn(&Matrix) -> u32| model.matrices().map(of).max().unwrap_or(0);
        let floats = |n: u32, tokens: usize| gpu.buffer("variants", 4 * u64::from(n) * tokens as u64);
        let layers = model.matrices().filter(|w| !is_output(w)).map(|w| w.rows).max().unwrap_or(0);
        let y = (layers as usize * MAX_BATCH).max(most(|w| w.rows) as usize);
        Ok(Self {
            x: floats(most(|w| w.cols), MAX_BATCH)?,
            y: floats(y as u32, 1)?,
            batch: gpu.buffer("variants", 4 * (BATCH_HEADER + MAX_BATCH) as u64)?,
        })
    }

    fn set_tokens(&self, gpu: &Gpu, tokens: u32) {
        gpu.write(&self.batch, 4, bytemuck::bytes_of(&tokens));
    }
}

/// The last matrix, of which a prompt needs one row.
fn is_output(w: &Matrix) -> bool {
    matches!(w.name, "output" | "token_embd")
}

/// All ways whose label has `wanted`: matvecs of every matrix, products of 8 and of 512 tokens with those of the layers, and the
/// attention of a token, and of a prompt's last 512, to `positions`.
pub async fn measure(
    model: &Model,
    wanted: &str,
    positions: usize,
    repetitions: usize,
    ceilings: &Ceilings,
) -> Result<Vec<Row>> {
    let gpu = model.gpu();
    let buffers = Buffers::new(model)?;
    let mut candidates = Candidates { wanted, all: Vec::new() };
    candidates.multiply(model, &buffers)?;
    candidates.attend(model, positions as u32)?;
    // all together before the first is timed: a GPU that waits for a compiler slows its clock
    gpu.compile().await;
    let mut rows = Vec::new();
    for candidate in candidates.all {
        buffers.set_tokens(gpu, candidate.extent.tokens);
        rows.push(candidate.timed(gpu, repetitions, ceilings).await?);
    }
    Ok(rows)
}

/// What is timed.
struct Candidates<'a> {
    /// What its label must have.
    wanted: &'a str,
    all: Vec<Candidate>,
}

impl Candidates<'_> {
    /// `pass` is made if the label is wanted.
    fn add(
        &mut self,
        label: String,
        pass: impl FnOnce() -> Result<Vec<Dispatch>>,
        extent: impl Into<Extent>,
    ) -> Result<()> {
        if label.contains(self.wanted) {
            self.all.push(Candidate { label, pass: pass()?, extent: extent.into() });
        }
        Ok(())
    }

    fn multiply(&mut self, model: &Model, buffers: &Buffers) -> Result<()> {
        let gpu = model.gpu();
        let mut names: Vec<&str> = Vec::new();
        model.matrices().for_each(|w| {
            if !names.contains(&w.name) {
                names.push(w.name)
            }
        });
        for name in names {
            let matrices = || model.matrices().filter(|w| w.name == name);
            for tile in RowTile::ALL.into_iter().filter(|tile| matrices().all(|w| tile.fits(w))) {
                let pass = || Ok(matrices().flat_map(|w| one_token(gpu, w, buffers, tile)).collect());
                self.add(format!("matvec {name}, {tile}"), pass, 1)?;
            }
            if matrices().any(is_output) {
                continue;
            }
            let output = Output::to(&buffers.y);
            for Way { label, gpu, product, vectors, tokens } in
                of_batches(gpu, !matrices().any(Matrix::has_floats))
            {
                let of = |w| product.multiply(&gpu, w, vectors, [&buffers.x, &buffers.batch], output);
                self.add(label.replace("NAME", name), || Ok(matrices().flat_map(of).collect()), tokens)?;
            }
        }
        Ok(())
    }

    fn attend(&mut self, model: &Model, positions: u32) -> Result<()> {
        let tuning = model.gpu().caps().tuning;
        let of_one =
            Splits::ALL.map(|attention| (1, format!("{attention:?}"), Tuning { attention, ..tuning }));
        let most = positions.min(MAX_BATCH as u32);
        let of_many = Tile::ALL.map(|matmul| (most, format!("{matmul:?}"), Tuning { matmul, ..tuning }));
        for (tokens, way, tuning) in of_one.into_iter().chain(of_many) {
            let extent = Extent { tokens, positions };
            let pass = || {
                let attention = attention_to(model.gpu(), &model.config, model.kv(), extent)?;
                Ok((0..model.config.n_layer).flat_map(|_| attention(tuning)).collect())
            };
            self.add(format!("attention of {tokens}, {way}").to_lowercase(), pass, extent)?;
        }
        Ok(())
    }
}

/// A way that something can go: its dispatches in all layers, for a batch of some extent.
struct Candidate {
    label: String,
    pass: Vec<Dispatch>,
    extent: Extent,
}

impl Candidate {
    async fn timed(self, gpu: &Gpu, repetitions: usize, ceilings: &Ceilings) -> Result<Row> {
        let Self { label, pass, extent } = self;
        let mut times = gpu.time(&vec![&pass[..]; repetitions + 1], extent).await?.split_off(1); // without the first, which warms up
        times.sort_by(f64::total_cmp);
        let work = pass.iter().fold((0, 0), |(bytes, flops), dispatch| {
            (bytes + dispatch.work.bytes.at(extent), flops + dispatch.work.flops.at(extent))
        });
        Ok(Row::new(label, pass.len(), times[times.len() / 2], work, ceilings))
    }
}

/// A way to multiply a batch by a matrix, which the label calls `NAME`.
struct Way {
    label: String,
    gpu: Gpu,
    product: Product,
    vectors: Vectors,
    tokens: u32,
}

/// All that there are, for quantised matrices those by bytes too.
fn of_batches(gpu: &Gpu, quantised: bool) -> Vec<Way> {
    let mut ways = Vec::new();
    for tile in Tile::ALL {
        for (kernel, product, tokens) in
            [("matmul_few", Product::Few, FEW_TOKENS), ("matmul", Product::Many, MAX_BATCH as u32)]
        {
            let gpu = gpu.with_tuning(Tuning { matmul: tile, ..gpu.caps().tuning });
            let label = format!("{kernel} NAME, {}", format!("{tile:?}").to_lowercase());
            ways.push(Way { label, gpu, product, vectors: Vectors::Floats, tokens });
        }
    }
    for (vectors, bytes) in [(Vectors::TwoBytes, "two"), (Vectors::ThreeBytes, "three")] {
        if quantised {
            let (label, tokens) = (format!("matmul NAME, {bytes} bytes"), MAX_BATCH as u32);
            ways.push(Way { label, gpu: gpu.clone(), product: Product::Many, vectors, tokens });
        }
    }
    ways
}

/// As the model multiplies by that matrix, but for biases.
fn one_token(gpu: &Gpu, w: &Matrix, buffers: &Buffers, tile: RowTile) -> Vec<Dispatch> {
    let Buffers { x, y, batch } = buffers;
    let normed = is_output(w) || matches!(w.name, "qkv" | "gate_up");
    let norm = Before::Norm(Norm { weight: x, eps: 1e-6, batch });
    let before = if normed { norm } else { Before::Nothing };
    let output = Output { accumulate: !normed, ..Output::to(y) };
    matvec_tiled(gpu, w, Input { x, before }, output, tile)
}
