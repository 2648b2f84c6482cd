//! What a function can give, by running it on intervals.
//!
//! One interval a step forgets that steps depend on each other, and a polynomial over a whole word would give nearly
//! any word. So the input is cut into pieces, over each of which little is lost: aligned ones, the finer the nearer to
//! zero, for functions that shift their operand until its first bit is where they want it.

use seamount_ir::kernel::{Arg, Compare, Kernel, ScalarOp, Word};

use super::Interval;

/// A piece is at most a part of `2^FINENESS` of its own magnitude.
const FINENESS: u32 = 8;
/// A piece is at most a part of `2^COARSENESS` of the whole input.
const COARSENESS: u32 = 11;

/// The results of a function, by piece of its input.
pub(super) struct Image {
    /// Pieces of the input in order, and what each gives.
    pieces: Vec<(Interval, Interval)>,
}

impl Image {
    pub(super) fn new(kernel: &Kernel, word: Word, input: Interval) -> Self {
        let longest = (input.most - input.least) >> COARSENESS;
        let mut locals = Vec::new();
        let mut pieces = Vec::new();
        let mut least = input.least;
        while least <= input.most {
            let magnitude = if least < 0 { !least } else { least };
            let length = (magnitude >> FINENESS).min(longest).max(1);
            let most = (least | ((1 << length.ilog2()) - 1)).min(input.most);
            let piece = Interval { least, most };
            pieces.push((piece, evaluate(kernel, word, piece, &mut locals)));
            least = most + 1;
        }
        Self { pieces }
    }

    /// Of a part of the input.
    pub(super) fn of(&self, input: Interval) -> Interval {
        let first = self.pieces.partition_point(|(piece, _)| piece.most < input.least);
        let touched = self.pieces[first..].iter().take_while(|(piece, _)| piece.least <= input.most);
        Interval::hull(touched.map(|(_, image)| *image)).expect("invariant: the part lies within the input")
    }
}

fn evaluate(kernel: &Kernel, word: Word, input: Interval, locals: &mut Vec<Interval>) -> Interval {
    locals.clear();
    locals.push(input);
    for &op in &kernel.ops {
        let value = scalar(op, word, |arg| read(arg, locals));
        locals.push(value);
    }
    read(kernel.result, locals)
}

fn read(arg: Arg, locals: &[Interval]) -> Interval {
    match arg {
        Arg::Local(local) => locals[local.0 as usize],
        Arg::Const(constant) => Interval::point(i64::from(constant)),
    }
}

fn scalar(op: ScalarOp, word: Word, read: impl Fn(Arg) -> Interval) -> Interval {
    match op {
        ScalarOp::Add(a, b) => read(a).plus(read(b)).saturate(word),
        ScalarOp::Neg(a) => read(a).negated().saturate(word),
        ScalarOp::Min(a, b) => {
            let (a, b) = (read(a), read(b));
            Interval { least: a.least.min(b.least), most: a.most.min(b.most) }
        }
        ScalarOp::And(a, b) => and(read(a), read(b)),
        ScalarOp::Or(a, b) => of_bits(read(a).bits().max(read(b).bits())),
        ScalarOp::Shl(a, b) => {
            let (a, b) = (read(a), read(b));
            let ends = [b.least, b.most].map(|by| a.rising(|x| word.shift_left(x, by)));
            ends[0].or(ends[1])
        }
        ScalarOp::MulShr { a, b, shift, round } => {
            let product = if a == b { read(a).squared() } else { read(a).times(read(b)) };
            let shifted = if round { product.shift_rounding(shift) } else { product.rising(|x| x >> shift) };
            shifted.saturate(word)
        }
        ScalarOp::Select { compare, lhs, rhs, then, otherwise } => {
            let (lhs, rhs) = (read(lhs), read(rhs));
            let (may, may_not) = match compare {
                Compare::Lt => (lhs.least < rhs.most, lhs.most >= rhs.least),
                Compare::Ge => (lhs.most >= rhs.least, lhs.least < rhs.most),
                Compare::Eq => {
                    let meet = lhs.least <= rhs.most && rhs.least <= lhs.most;
                    (meet, lhs != rhs || lhs.least != lhs.most)
                }
            };
            match (may, may_not) {
                (true, false) => read(then),
                (false, _) => read(otherwise),
                (true, true) => read(then).or(read(otherwise)),
            }
        }
    }
}

/// Exact where one operand is a mask of low bits and the other does not leave one of its periods.
fn and(a: Interval, b: Interval) -> Interval {
    let (x, mask) = if b.least == b.most { (a, b.least) } else { (b, a.most) };
    let is_mask = mask >= 0 && mask & (mask + 1) == 0 && (a.least == a.most || b.least == b.most);
    if is_mask && x.least & !mask == x.most & !mask {
        return x.rising(|x| x & mask);
    }
    match (a.least >= 0, b.least >= 0) {
        (true, true) => Interval { least: 0, most: a.most.min(b.most) },
        (true, false) => Interval { least: 0, most: a.most },
        (false, true) => Interval { least: 0, most: b.most },
        (false, false) => of_bits(a.bits().max(b.bits())),
    }
}

/// All integers of some bits.
fn of_bits(bits: u32) -> Interval {
    Interval::of(Word { bits })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::{WORD, inv_sqrt, sigmoid, silu};
    use seamount_ir::kernel::evaluate as evaluate_one;

    /// Every 1009th input: values lie within, and the whole image is not far beyond what functions give.
    #[test]
    fn images_hold_what_functions_give() {
        let whole = Interval::of(WORD);
        let roots = Interval { least: 1, most: WORD.max() };
        for (kernel, input, expected) in [
            (sigmoid(16, 23), whole, Interval { least: 0, most: WORD.max() }),
            (silu(16), whole, Interval { least: -1 << 16, most: WORD.max() }),
            (inv_sqrt(22), roots, Interval { least: 1, most: WORD.max() }),
        ] {
            let kernel = kernel.expect("invariant: these formats exist");
            let image = Image::new(&kernel, WORD, input);
            for x in (input.least..=input.most).step_by(1009) {
                let y = Interval::point(evaluate_one(&kernel, WORD, &[x], &mut Vec::new()));
                assert!(image.of(Interval::point(x)).holds(y), "{} of {x} is {y:?}", kernel.name);
            }
            assert!(expected.holds(image.of(input)), "{}: {:?}", kernel.name, image.of(input));
        }
    }

    #[test]
    fn masks_are_exact_within_a_period() {
        let x = Interval { least: 0x125, most: 0x1f0 };
        assert_eq!(and(x, Interval::point(0xff)), Interval { least: 0x25, most: 0xf0 });
        assert_eq!(and(x, Interval::point(0x7f)), Interval { least: 0, most: 0x7f });
        let negative = Interval { least: -3, most: 2 };
        assert_eq!(and(negative, negative), Interval { least: -4, most: 3 });
    }
}
