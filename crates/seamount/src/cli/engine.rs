//! Which engine the emulator runs a program with.

use seamount_emulator::{Engine, Kernel, Options};

use super::Failure;

/// Chooses the fast engine's instructions, for tests and measurements.
const KERNEL_VARIABLE: &str = "SEAMOUNT_KERNEL";

#[derive(Debug, clap::Args)]
pub(super) struct EngineArgs {
    /// Many neurons and steps at once, or one neuron and one instruction at a time: both give the same integers.
    #[arg(long, value_enum, default_value_t = EngineName::Fast)]
    engine: EngineName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum EngineName {
    Fast,
    Reference,
}

impl EngineArgs {
    /// With the kernel of the environment, if it names one.
    pub(super) fn options(&self) -> Result<Options, Failure> {
        let engine = match self.engine {
            EngineName::Fast => Engine::Fast,
            EngineName::Reference => Engine::Reference,
        };
        let kernel = match std::env::var(KERNEL_VARIABLE).as_deref() {
            Err(_) | Ok("") => None,
            Ok("portable") => Some(Kernel::Portable),
            Ok("avx2") => Some(Kernel::Avx2),
            Ok("avx512") => Some(Kernel::Avx512),
            Ok("neon") => Some(Kernel::Neon),
            Ok(other) => {
                let message = format!("{KERNEL_VARIABLE} is `{other}`, expected portable, avx2, avx512 or neon");
                return Err(Failure::new("usage", message));
            }
        };
        Ok(Options { engine, kernel })
    }
}
