//! Where chips and neurocores lie, and how far a message travels between them.
//!
//! The order is ours, no public source states one: cores fill a router before the next, routers and chips go row by
//! row. Chips are tiled, so that all routers of a system form one plane.

use crate::arch::Arch;

impl Arch {
    /// The place of a chip in the chip grid, as (column, row).
    #[must_use]
    pub fn chip_position(&self, chip: u32) -> (u32, u32) {
        let (columns, _) = self.chip_grid();
        (chip % columns, chip / columns)
    }

    /// The place of a neurocore's router in the plane of all routers, as (x, y).
    #[must_use]
    pub fn core_position(&self, chip: u32, core: u32) -> (u32, u32) {
        let (columns, rows) = self.router_grid();
        let (chip_x, chip_y) = self.chip_position(chip);
        let router = core / self.cores_per_router();
        (chip_x * columns + router % columns, chip_y * rows + router / columns)
    }

    /// Links between routers on the way from one neurocore to another, each given as (chip, core).
    ///
    /// Messages go along x first, then along y; either order has the same length.
    #[must_use]
    pub fn hops(&self, from: (u32, u32), to: (u32, u32)) -> u32 {
        let (from_x, from_y) = self.core_position(from.0, from.1);
        let (to_x, to_y) = self.core_position(to.0, to.1);
        from_x.abs_diff(to_x) + from_y.abs_diff(to_y)
    }

    /// Links from chip to chip on the way between two chips.
    #[must_use]
    pub fn chip_crossings(&self, from_chip: u32, to_chip: u32) -> u32 {
        let (from_x, from_y) = self.chip_position(from_chip);
        let (to_x, to_y) = self.chip_position(to_chip);
        from_x.abs_diff(to_x) + from_y.abs_diff(to_y)
    }
}
