//! What tells a neuron that a token is there: an accumulator that is never zero then, and zero otherwise.

use seamount_ir::ValueId;
use seamount_ir::fixed::{Fixed, Op};
use seamount_ir::kernel::{Word, evaluate};

use crate::body::Input;

/// Whether what arrives is never zero: a tick of the host or of another group, a sum of squares with a bias, or the inverse root of one.
pub(crate) fn is_tick(fixed: &Fixed, input: Input) -> bool {
    match input {
        Input::Tick | Input::Forwarded(_) => true,
        Input::Gathered(value) => is_positive_sum(fixed, value),
        Input::Carried(value) => is_inverse_root(fixed, value),
    }
}

/// A function of a sum that is at least 1. An inverse root falls: where it is not zero for the largest sum, it is zero
/// for none.
pub(crate) fn is_inverse_root(fixed: &Fixed, value: ValueId) -> bool {
    let (Op::Call { kernel }, &[sum]) = (&fixed.graph.node(value).op, fixed.graph.operands(value)) else {
        return false;
    };
    let largest = Word { bits: fixed.graph.node(sum).ty.bits }.max();
    let gives = |x: i64| evaluate(&fixed.kernels[kernel], fixed.word, &[x], &mut Vec::new());
    is_positive_sum(fixed, sum) && gives(1) > 0 && gives(largest) > 0
}

/// No square is negative, and a bias of at least 1 is added.
fn is_positive_sum(fixed: &Fixed, value: ValueId) -> bool {
    let (&Op::ReduceSum { bias }, &[squares]) = (&fixed.graph.node(value).op, fixed.graph.operands(value)) else {
        return false;
    };
    let is_square = matches!(fixed.graph.node(squares).op, Op::Multiply { .. })
        && fixed.graph.operands(squares).iter().all(|&factor| factor == fixed.graph.operands(squares)[0]);
    bias > 0 && is_square
}
