//! The table of what the tests run where: tests/coverage.json, which the browser tests read too.

use super::Options;
use minke::config::Architecture;
use minke::gpu::{Dots, Gpu, Splits, Tile};
use minke::kernels::Matrix;
use minke::kernels::fixed::Form;
use minke::kernels::matvec::RowTile;
use minke::kv_type::{KvType, KvTypes};
use minke::quant::GgmlType;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The table.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    pub native: Vec<Row>,
    pub chromium: Vec<Row>,
}

/// A tier, and what runs in it.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The tier, and which way its kernels go that have more than one.
    pub options: Options,
    /// Indices of [`RowTile::ALL`], in turns for the formats.
    pub row_tiles: Vec<usize>,
    /// KV caches, with each of which the models run.
    pub kv: Vec<KvTypes>,
    /// Of the tiny models. Rows with the same share them.
    pub architectures: Vec<Architecture>,
    pub formats: Vec<String>,
}

impl Row {
    pub fn tier(&self) -> String {
        let subgroups = if self.options.gpu.no_subgroups { "no" } else { "yes" };
        let limits = if self.options.gpu.default_limits { "default" } else { "adapter" };
        format!("subgroups {subgroups}, limits {limits}")
    }

    /// Whether the adapter has the tier; else `what` is told to be skipped, and scripts/test.mjs counts it.
    pub fn can_run(&self, gpu: &Gpu, what: &str) -> bool {
        let can = self.options.gpu.no_subgroups || gpu.caps().subgroups;
        if !can {
            println!(
                "skipped: {what}, {}: {} has no subgroups of at least 8",
                self.tier(),
                gpu.caps().adapter
            );
        }
        can
    }

    /// For a matrix that is the number `case` of those of the row: one of the row's tiles for floats, and where the matrix
    /// has none one of those for bytes.
    pub fn row_tiles(&self, case: usize, w: &Matrix) -> Vec<RowTile> {
        let of = |form: Form| {
            let tiles = self.row_tiles.iter().map(|i| RowTile::ALL[*i]).filter(|tile| tile.form == form);
            tiles.collect::<Vec<_>>()
        };
        let (floats, bytes) = (of(Form::Floats), of(Form::Fixed));
        let some = |tiles: &[RowTile]| tiles.get(case % tiles.len().max(1)).copied();
        let bytes = if w.has_floats() { None } else { some(&bytes) };
        some(&floats).into_iter().chain(bytes).collect()
    }

    /// The row without a value; None where it is one that a row has only one of.
    pub fn without(&self, value: &str) -> Option<Self> {
        let mut row = self.clone();
        let (what, name) = value.split_once(' ').expect("what it is, and its name");
        match what {
            "row_tile" => row.row_tiles.retain(|tile| tile.to_string() != name),
            "keys" => row.kv.retain(|kv| kv.keys.to_string() != name),
            "values" => row.kv.retain(|kv| kv.values.to_string() != name),
            "architecture" => row.architectures.retain(|architecture| architecture.name() != name),
            "format" => row.formats.retain(|format| format != name),
            _ => return (!self.values().contains(value)).then_some(row),
        }
        Some(row)
    }

    /// The values that the row covers, each with what it is a value of.
    pub fn values(&self) -> BTreeSet<String> {
        let tuning = self.options.model.tuning.expect("a table leaves nothing to measurement");
        let mut values = BTreeSet::from([
            format!("tier {}", self.tier()),
            format!("matmul {:?}", tuning.matmul),
            format!("attention {:?}", tuning.attention),
            format!("dots {:?}", tuning.dots),
        ]);
        values.extend(self.row_tiles.iter().map(|tile| format!("row_tile {tile}")));
        values.extend(
            self.kv.iter().flat_map(|kv| [format!("keys {}", kv.keys), format!("values {}", kv.values)]),
        );
        values.extend(
            self.architectures.iter().map(|architecture| format!("architecture {}", architecture.name())),
        );
        values.extend(self.formats.iter().map(|format| format!("format {format}")));
        values
    }
}

/// Every value that there is, from the engine's own lists.
pub fn universe() -> BTreeSet<String> {
    let tiers =
        ["yes", "no"].map(|s| ["adapter", "default"].map(|l| format!("tier subgroups {s}, limits {l}")));
    let mut all: BTreeSet<_> = tiers.into_iter().flatten().collect();
    all.extend(Tile::ALL.map(|tile| format!("matmul {tile:?}")));
    all.extend(Splits::ALL.map(|splits| format!("attention {splits:?}")));
    all.extend(Dots::ALL.map(|dots| format!("dots {dots:?}")));
    all.extend((0..RowTile::ALL.len()).map(|i| format!("row_tile {i}")));
    all.extend(KvType::ALL.into_iter().flat_map(|kv| [format!("keys {kv}"), format!("values {kv}")]));
    all.extend(Architecture::ALL.map(|architecture| format!("architecture {}", architecture.name())));
    all.extend(GgmlType::supported().map(|ty| format!("format {ty}")));
    all
}

/// What no row covers.
pub fn missing(rows: &[Row]) -> Vec<String> {
    let covered = rows.iter().flat_map(Row::values).collect();
    universe().difference(&covered).cloned().collect()
}

pub fn table() -> Coverage {
    serde_json::from_str(include_str!("../coverage.json")).expect("tests/coverage.json")
}

/// `npm run test:full`: everything in every tier.
pub fn full() -> bool {
    std::env::var_os("MINKE_TEST_FULL").is_some_and(|value| !value.is_empty())
}

/// The row in which the model number `i` of an architecture runs, where a test needs a model in no special tier: so it
/// finds compiled what others compiled for the same.
pub fn row_of(architecture: Architecture, i: usize) -> Row {
    let mut rows = rows_of(architecture);
    rows.swap_remove(i % rows.len())
}

/// The row of [`row_of`], or all where the run is a full one.
pub fn rows_for(architecture: Architecture, i: usize) -> Vec<Row> {
    if full() { rows() } else { vec![row_of(architecture, i)] }
}

/// The native rows of an architecture.
pub fn rows_of(architecture: Architecture) -> Vec<Row> {
    table().native.into_iter().filter(|row| row.architectures.contains(&architecture)).collect()
}

/// The native rows; all of everything in each where the run is a full one.
pub fn rows() -> Vec<Row> {
    let rows = table().native;
    if !full() {
        return rows;
    }
    let every = |row: Row| Row {
        row_tiles: (0..RowTile::ALL.len()).collect(),
        architectures: Architecture::ALL.to_vec(),
        formats: GgmlType::supported().map(|ty| ty.name().to_owned()).collect(),
        ..row
    };
    rows.into_iter().map(every).collect()
}
