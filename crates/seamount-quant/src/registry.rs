//! Every pass of this crate by name, in the order in which a compilation runs them.

use seamount_ir::pass::Registered;

use crate::rewrite::without_options;
use crate::{
    approximate, calibrate, drop_token_rounding, expand_norm, fold_double_norm, fold_gate_norm, fold_lower_bound,
    late_norm, quantize, set_epsilon, set_ranges, split_projections, ternarize,
};

/// The passes, in the order in which a compilation runs them.
pub fn passes() -> Vec<Registered> {
    vec![
        Registered { info: &set_epsilon::INFO, make: set_epsilon::SetEpsilon::from_options },
        Registered { info: &fold_double_norm::INFO, make: without_options::<fold_double_norm::FoldDoubleNorm> },
        Registered { info: &fold_gate_norm::INFO, make: without_options::<fold_gate_norm::FoldGateNorm> },
        Registered { info: &fold_lower_bound::INFO, make: without_options::<fold_lower_bound::FoldLowerBound> },
        Registered {
            info: &drop_token_rounding::INFO,
            make: without_options::<drop_token_rounding::DropTokenRounding>,
        },
        Registered { info: &ternarize::INFO, make: without_options::<ternarize::Ternarize> },
        Registered { info: &split_projections::INFO, make: without_options::<split_projections::SplitProjections> },
        Registered { info: &expand_norm::INFO, make: without_options::<expand_norm::ExpandNorm> },
        Registered { info: &late_norm::INFO, make: without_options::<late_norm::LateNorm> },
        Registered { info: &calibrate::INFO, make: calibrate::Calibrate::from_options },
        Registered { info: &set_ranges::INFO, make: set_ranges::SetRanges::from_options },
        Registered { info: &quantize::INFO, make: quantize::Quantize::from_options },
        Registered { info: &approximate::INFO, make: approximate::Approximate::from_options },
    ]
}
