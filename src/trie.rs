//! Finds which of many texts begins at a place.

use std::collections::HashMap;

/// Texts by their bytes. Unlike an automaton's, its size and the time to build it grow with the texts' bytes alone, whatever
/// they are; a search takes as many steps at each place as the longest text has bytes.
#[derive(Debug, Default)]
pub struct Trie {
    /// The node that a byte leads to; node 0 is the root.
    next: HashMap<(u32, u8), u32>,
    /// For each node the value of the text that ends there.
    values: Vec<Option<u32>>,
}

impl Trie {
    /// Of two equal texts the first counts, and an empty one nowhere.
    pub fn new<'t>(texts: impl IntoIterator<Item = (&'t str, u32)>) -> Self {
        let mut trie = Self { next: HashMap::new(), values: vec![None] };
        for (text, value) in texts {
            let mut node = 0;
            for byte in text.bytes() {
                node = *trie.next.entry((node, byte)).or_insert_with(|| {
                    trie.values.push(None);
                    trie.values.len() as u32 - 1
                });
            }
            if node != 0 {
                trie.values[node as usize].get_or_insert(value);
            }
        }
        trie
    }

    /// The texts that `text` begins with, the shortest first: how many bytes each has, and its value.
    pub fn prefixes(&self, text: &[u8]) -> impl Iterator<Item = (usize, u32)> {
        let nodes = text.iter().scan(0, |node, byte| {
            *node = *self.next.get(&(*node, *byte))?;
            Some(self.values[*node as usize])
        });
        nodes.zip(1..).filter_map(|(value, bytes)| Some((bytes, value?)))
    }
}
