//! Choices that change how fast a device computes, never what. `model/autotune.rs` makes them by measurement.

/// Which way each kernel takes that has more than one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Tuning {
    /// How a matrix is multiplied by a batch, and how the batch attends.
    pub matmul: Tile,
    /// Invocations that keep the device busy: of a matrix with few rows, each row gets more of them. 0: any number.
    pub invocations: u32,
    /// How one token's attention is split.
    pub attention: Splits,
    /// How a token's activations are multiplied by quantised weights.
    pub dots: Dots,
}

/// What products of a token's activations and quantised weights are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dots {
    /// Floats.
    #[default]
    Floats,
    /// Four bytes at once: for devices that have such an instruction.
    Bytes,
}

impl Dots {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Floats, Self::Bytes];
}

/// Where a matmul keeps the weights that it has unpacked, and a batch's attention the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tile {
    /// In workgroup memory: for GPUs.
    #[default]
    Workgroup,
    /// In registers: for devices where a load costs much more than arithmetic, as on a CPU.
    Registers,
}

impl Tile {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Workgroup, Self::Registers];
}

/// Over how many workgroups the positions that a head attends to are split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Splits {
    /// As many as there can be, of many invocations each: for GPUs.
    #[default]
    Many,
    /// Half as many where workgroup memory allows, of few invocations: for devices of few cores, where each workgroup has its
    /// cost.
    Few,
}

impl Splits {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Many, Self::Few];
}
