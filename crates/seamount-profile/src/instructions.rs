//! How many instructions a neuron executes, by its body alone.

use seamount_microcode::{Body, Condition, Instr};

/// Instructions that a neuron executes in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathLengths {
    /// The shortest way through the body: of a neuron that finds no tick and leaves.
    pub quiet: u64,
    /// The longest way through the body, every loop as often as it may run: of a neuron that works.
    pub active: u64,
}

impl PathLengths {
    /// Of a verified body.
    #[must_use]
    pub fn of(body: &Body) -> Self {
        let weights = weights(body);
        let n = body.instructions.len();
        // The shortest and the longest way from each address to the end; backward jumps are in the weights.
        let (mut least, mut most) = (vec![0_u64; n + 1], vec![0_u64; n + 1]);
        for (pc, instr) in body.instructions.iter().enumerate().rev() {
            let mut next = vec![pc + 1];
            match *instr {
                Instr::SkpC { .. } => next.push((pc + 2).min(n)),
                Instr::JmpC { when, target, .. } if usize::from(target) > pc => {
                    if when == Condition::Always {
                        next.clear();
                    }
                    next.push(usize::from(target).min(n));
                }
                _ => {}
            }
            least[pc] = 1 + next.iter().map(|&to| least[to]).min().unwrap_or(0);
            most[pc] = weights[pc] + next.iter().map(|&to| most[to]).max().unwrap_or(0);
        }
        Self { quiet: least[0], active: most[0] }
    }
}

/// How often each instruction is executed at most, on a way that passes it.
fn weights(body: &Body) -> Vec<u64> {
    let mut weights = vec![1_u64; body.instructions.len()];
    for (pc, instr) in body.instructions.iter().enumerate() {
        if let Instr::JmpC { target, max, .. } = *instr
            && usize::from(target) <= pc
        {
            for weight in &mut weights[usize::from(target)..=pc] {
                *weight = weight.saturating_mul(u64::from(max.unwrap_or(0)) + 1);
            }
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(text: &str) -> PathLengths {
        PathLengths::of(&seamount_microcode::assemble(text).expect("the test's microcode is legal"))
    }

    #[test]
    fn a_neuron_without_a_tick_leaves_and_one_with_a_tick_goes_through() {
        let text =
            ".body b\n.acc a0 tick\n.port p0 y\n\nRDC r0, a0\nEQ r0, 0\nJMP_C.t L0\nSPIKE p0, r0\nSPIKE p0, r0\nL0:\n";
        assert_eq!(lengths(text), PathLengths { quiet: 3, active: 5 });
    }

    #[test]
    fn a_loop_runs_as_often_as_it_may() {
        let text = ".body b\n.acc a0 x\n\nRDC r0, a0\nL0:\nADD r0, r0, 1\nLT r0, 8\nJMP_C.t L0 max 7\n";
        assert_eq!(lengths(text), PathLengths { quiet: 4, active: 1 + 3 * 8 });
    }
}
