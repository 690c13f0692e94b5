// The batch: tokens batch[4 ..] stand at positions pos, pos + 1, ...
fn batch_pos() -> u32 { return batch[0]; }
fn batch_tokens() -> u32 { return batch[1]; }
fn batch_row() -> u32 { return batch[2]; } // the batch row whose logits are wanted
fn batch_token(t: u32) -> u32 { return batch[4u + t]; }
