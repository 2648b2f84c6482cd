//! `approximate`: integer functions in place of the ideal ones.

use std::collections::BTreeMap;

use seamount_ir::fixed::{Fixed, Op};
use seamount_ir::kernel::Kernel;
use seamount_ir::pass::{Pass, PassError, PassInfo};
use seamount_ir::syntax::{Attributes, ParseError, Value};
use seamount_ir::{Module, ValueId};

use crate::config::FunctionConfig;
use crate::functions::{
    ErrorBound, Function, GATE_FRACTION_BITS, INPUT_FRACTION_BITS, NoBound, ROOT_FRACTION_BITS, WORD, generate,
};

/// What is known of `approximate`.
pub static INFO: PassInfo = PassInfo {
    name: "approximate",
    description: "Replaces sigmoid, silu and inv_sqrt by functions made of a neuron's instructions, errors stated.",
    from: seamount_ir::Level::Fixed,
    to: seamount_ir::Level::Fixed,
    options: &[
        ("sigmoid_error", "0", "the largest error of a sigmoid: 0.01 or \"2^-7\"; 0 is the finest function"),
        ("silu_error", "0", "the largest error of a silu"),
        ("inv_sqrt_error", "0", "the largest relative error of an inverse root, beyond its rounding"),
    ],
};

/// `sigmoid`, `silu` and `inv_sqrt` → `call` of a function of [`crate::functions`], one for each format.
///
/// Sigmoids and silus must have units that are powers of two in the range of the functions, and a silu the same unit
/// before and after; words must have 24 bits.
///
/// Each function is the shortest whose error, measured over every input, is within its bound.
#[derive(Debug, Clone, Copy, Default)]
pub struct Approximate {
    /// How far each may err.
    pub functions: FunctionConfig,
}

impl Approximate {
    /// Makes the pass from its options.
    ///
    /// # Errors
    /// Unknown options, and what is no bound.
    pub fn from_options(mut options: Attributes) -> Result<Box<dyn Pass>, ParseError> {
        let mut pass = Self::default();
        let FunctionConfig { sigmoid_error, silu_error, inv_sqrt_error } = &mut pass.functions;
        for (key, bound) in
            [("sigmoid_error", sigmoid_error), ("silu_error", silu_error), ("inv_sqrt_error", inv_sqrt_error)]
        {
            let Some(given) = options.take(key) else { continue };
            let text = if let Value::Text(text) = &given { text.clone() } else { given.to_string() };
            *bound = text.parse().map_err(|error: NoBound| options.error(format!("`{key}`: {error}")))?;
        }
        options.finish()?;
        Ok(Box::new(pass))
    }
}

impl Pass for Approximate {
    fn info(&self) -> &'static PassInfo {
        &INFO
    }

    fn run(&self, module: Module) -> Result<Module, PassError> {
        let Module::Fixed(fixed) = module else { return Err(PassError::level(&INFO, &module)) };
        let mut fixed = fixed.verify()?.into_inner();
        let mut known: BTreeMap<Function, Kernel> = BTreeMap::new();
        for value in fixed.graph.in_order() {
            let Some(function) = function(&fixed, value)? else { continue };
            let kernel = match known.get(&function) {
                Some(kernel) => kernel.clone(),
                None => self.program(value, function)?,
            };
            known.insert(function, kernel.clone());
            let name = kernel.name.clone();
            tracing::debug!(pass = INFO.name, %value, name, n_ops = kernel.ops.len(), "approximated");
            match fixed.kernels.get(&name) {
                Some(present) if *present != kernel => {
                    let message = format!("there is another fn {name:?} of this name already; rename it");
                    return Err(PassError::cannot(value, message));
                }
                Some(_) => {}
                None => _ = fixed.kernels.insert(name.clone(), kernel),
            }
            fixed.graph.node_mut(value).op = Op::Call { kernel: name };
        }
        Ok(Module::Fixed(fixed))
    }
}

impl Approximate {
    /// The program for a function of a supported format.
    fn program(&self, value: ValueId, function: Function) -> Result<Kernel, PassError> {
        let bound = match function {
            Function::Sigmoid { .. } => self.functions.sigmoid_error,
            Function::Silu { .. } => self.functions.silu_error,
            Function::InvSqrt { .. } => self.functions.inv_sqrt_error,
        };
        if bound == ErrorBound::FINEST {
            return Ok(function.finest().expect("invariant: the format is supported"));
        }
        let generated = generate(function, bound).expect("invariant: the format is supported");
        generated.map(|generated| generated.kernel).map_err(|error| PassError::cannot(value, error.to_string()))
    }
}

/// The function that a value's operation means, where it is one of the ideal ones.
fn function(fixed: &Fixed, value: ValueId) -> Result<Option<Function>, PassError> {
    let node = fixed.graph.node(value);
    let name = node.op.name();
    let unsupported = |what: &str, expected: String, found: String| {
        PassError::cannot(value, format!("`{name}` has {what} {found}, supported are {expected}"))
    };
    let fraction_bits = |what: &str, scale: f64, range: std::ops::RangeInclusive<u32>| {
        let found = power_of_two(scale).filter(|bits| range.contains(bits));
        let (lo, hi) = (range.start(), range.end());
        found.ok_or_else(|| unsupported(what, format!("2^-{lo} to 2^-{hi}"), unit(scale)))
    };
    let input_scale = fixed.graph.operands(value).first().map_or(1.0, |&x| fixed.graph.node(x).ty.scale);
    let function = match &node.op {
        Op::Sigmoid => {
            let input = fraction_bits("an operand of unit", input_scale, INPUT_FRACTION_BITS)?;
            let output = fraction_bits("a result of unit", node.ty.scale, GATE_FRACTION_BITS)?;
            Some(Function::Sigmoid { input, output })
        }
        Op::Silu => {
            let bits = fraction_bits("an operand of unit", input_scale, INPUT_FRACTION_BITS)?;
            let output = fraction_bits("a result of unit", node.ty.scale, INPUT_FRACTION_BITS)?;
            if output != bits {
                return Err(unsupported("a result of unit", format!("its operand's, 2^-{bits}"), unit(node.ty.scale)));
            }
            Some(Function::Silu { bits })
        }
        Op::InvSqrt { fraction } => {
            let (lo, hi) = ROOT_FRACTION_BITS.into_inner();
            if !ROOT_FRACTION_BITS.contains(fraction) {
                return Err(unsupported("fraction bits", format!("{lo} to {hi}"), fraction.to_string()));
            }
            Some(Function::InvSqrt { fraction: *fraction })
        }
        Op::Embed { .. }
        | Op::Affine { .. }
        | Op::Multiply { .. }
        | Op::Add
        | Op::Threshold { .. }
        | Op::Linear { .. }
        | Op::ReduceSum { .. }
        | Op::Call { .. }
        | Op::GatedRecurrence { .. } => None,
    };
    if function.is_some() && fixed.word != WORD {
        return Err(unsupported(
            "words of",
            format!("words of {} bits", WORD.bits),
            format!("{} bits", fixed.word.bits),
        ));
    }
    Ok(function)
}

/// The number of fraction bits of a unit that is `2^-bits`.
fn power_of_two(scale: f64) -> Option<u32> {
    #[expect(clippy::cast_possible_truncation, reason = "exponents of doubles are small")]
    let exponent = (-scale.log2()).round() as i32;
    let bits = u32::try_from(exponent).ok()?;
    (2f64.powi(-exponent) == scale).then_some(bits)
}

/// A unit as it stands in text.
fn unit(scale: f64) -> String {
    let exponent = scale.log2().round();
    if 2f64.powf(exponent) == scale { format!("2^{exponent}") } else { format!("{scale:?}") }
}
