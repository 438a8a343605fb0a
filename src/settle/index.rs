//! Items by a key, packed: a batch has many rows, and most have one item or none.

pub(super) struct Index {
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Index {
    /// Of pairs of key and item; the items of a key keep their order. Keys are below `keys`.
    pub fn of(keys: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut starts = vec![0_u32; keys + 1];
        for (key, _) in pairs.clone() {
            starts[key as usize + 1] += 1;
        }
        for key in 0..keys {
            starts[key + 1] += starts[key];
        }
        let mut free = starts.clone();
        let mut items = vec![0; starts[keys] as usize];
        for (key, item) in pairs {
            items[free[key as usize] as usize] = item;
            free[key as usize] += 1;
        }
        Self { starts, items }
    }

    pub fn get(&self, key: u32) -> &[u32] {
        let [from, to] = [key, key + 1].map(|key| self.starts[key as usize] as usize);
        &self.items[from..to]
    }
}
