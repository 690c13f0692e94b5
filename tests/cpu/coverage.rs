//! The table of what runs where leaves nothing out.

use crate::common::coverage::{Coverage, Row, missing, table, universe};
use minke::kernels::matvec::RowTile;

#[test]
fn the_table_covers_every_value_in_both_worlds() {
    let Coverage { native, chromium } = table();
    assert_eq!(missing(&native), [""; 0], "native");
    assert_eq!(missing(&chromium), [""; 0], "chromium");
}

#[test]
fn a_value_that_is_taken_out_is_missed() {
    let Coverage { native, chromium } = table();
    for rows in [native, chromium] {
        for value in universe() {
            let without: Vec<Row> = rows.iter().filter_map(|row| row.without(&value)).collect();
            assert!(missing(&without).contains(&value), "{value}");
        }
    }
}

/// Whatever is named is something that there is.
#[test]
fn the_table_names_nothing_else() {
    let Coverage { native, chromium } = table();
    for row in native.iter().chain(&chromium) {
        assert!(row.values().is_subset(&universe()), "{:?}", row.values());
        assert!(row.row_tiles.iter().all(|tile| *tile < RowTile::ALL.len()));
    }
}
