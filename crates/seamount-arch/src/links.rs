//! How many messages pass each link between routers.
//!
//! A message goes along x first, then along y, as [`Arch::hops`] counts. A route is therefore at most two straight
//! runs, and a run is two entries of a difference array: adding a message takes the same time however far it goes.

use crate::arch::Arch;

/// Where a link leads from its router, in the plane of all routers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// To the next column.
    East,
    /// To the column before.
    West,
    /// To the next row.
    South,
    /// To the row before.
    North,
}

/// A link from a router to its neighbor; messages pass it one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// Row of the router, over all chips.
    pub y: u32,
    /// Column of the router, over all chips.
    pub x: u32,
    /// Which of its neighbors the link leads to.
    pub direction: Direction,
}

/// Messages on each link of a system.
#[derive(Clone, Debug)]
pub struct LinkLoads<'a> {
    arch: &'a Arch,
    n_columns: usize,
    /// By [`Direction`], `[row, column]`: what a link has more than the one that messages pass before it.
    changes: [Vec<i64>; 4],
}

impl Direction {
    /// All of them, in the order of [`Link`]s.
    pub const ALL: [Self; 4] = [Self::East, Self::West, Self::South, Self::North];

    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::East => "east",
            Self::West => "west",
            Self::South => "south",
            Self::North => "north",
        }
    }
}

impl<'a> LinkLoads<'a> {
    /// No messages anywhere.
    #[must_use]
    pub fn new(arch: &'a Arch) -> Self {
        let ((chip_columns, chip_rows), (columns, rows)) = (arch.chip_grid(), arch.router_grid());
        let n_columns = index(chip_columns) * index(columns);
        let none = vec![0; n_columns * index(chip_rows) * index(rows)];
        Self { arch, n_columns, changes: [none.clone(), none.clone(), none.clone(), none] }
    }

    /// Adds `n_messages` from one neurocore of the system to another, each given as (chip, core).
    pub fn add(&mut self, from: (u32, u32), to: (u32, u32), n_messages: u32) {
        let (from_x, from_y) = self.arch.core_position(from.0, from.1);
        let (to_x, to_y) = self.arch.core_position(to.0, to.1);
        let corner = self.at(to_x, from_y);
        let along_x = if from_x < to_x { Direction::East } else { Direction::West };
        self.run(along_x, self.at(from_x, from_y), corner, n_messages);
        let along_y = if from_y < to_y { Direction::South } else { Direction::North };
        self.run(along_y, corner, self.at(to_x, to_y), n_messages);
    }

    /// The links that messages pass and how many do, in the order of the links.
    #[must_use]
    pub fn loads(&self) -> Vec<(Link, u64)> {
        let sums = Direction::ALL.map(|direction| self.sums(direction));
        let n_routers = self.changes[0].len();
        let mut loads = Vec::new();
        for at in 0..n_routers {
            let (x, y) = (number(at % self.n_columns), number(at / self.n_columns));
            for (direction, sums) in Direction::ALL.into_iter().zip(&sums) {
                let n_messages =
                    u64::try_from(sums[at]).expect("invariant: no more messages leave a run than enter it");
                if n_messages != 0 {
                    loads.push((Link { y, x, direction }, n_messages));
                }
            }
        }
        loads
    }

    /// Messages that pass the links of all routers from `from` up to, and without, `to`, which lies straight ahead.
    fn run(&mut self, direction: Direction, from: usize, to: usize, n_messages: u32) {
        let changes = &mut self.changes[direction as usize];
        changes[from] += i64::from(n_messages);
        changes[to] -= i64::from(n_messages);
    }

    /// Adds up the changes of a direction along the way of its messages.
    fn sums(&self, direction: Direction) -> Vec<i64> {
        let mut sums = self.changes[direction as usize].clone();
        let n = sums.len();
        let step = match direction {
            Direction::East | Direction::West => 1,
            Direction::South | Direction::North => self.n_columns,
        };
        match direction {
            Direction::East | Direction::South => (step..n).for_each(|at| sums[at] += sums[at - step]),
            Direction::West | Direction::North => (0..n - step).rev().for_each(|at| sums[at] += sums[at + step]),
        }
        sums
    }

    fn at(&self, x: u32, y: u32) -> usize {
        index(y) * self.n_columns + index(x)
    }
}

impl Arch {
    /// The chip that a router belongs to, given its place in the plane of all routers.
    #[must_use]
    pub fn chip_of_router(&self, x: u32, y: u32) -> u32 {
        let ((columns, rows), (chip_columns, _)) = (self.router_grid(), self.chip_grid());
        y / rows * chip_columns + x / columns
    }
}

impl Link {
    /// The router that the link leads to, as (x, y); `None` at the edge of the plane.
    #[must_use]
    pub fn leads_to(self) -> Option<(u32, u32)> {
        let Self { x, y, direction } = self;
        match direction {
            Direction::East => Some((x + 1, y)),
            Direction::West => Some((x.checked_sub(1)?, y)),
            Direction::South => Some((x, y + 1)),
            Direction::North => Some((x, y.checked_sub(1)?)),
        }
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).expect("invariant: addresses have at least 32 bits")
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("invariant: the sides of the plane of routers are products of small counts")
}
