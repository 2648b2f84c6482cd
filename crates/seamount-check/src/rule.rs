//! What must hold.

use serde::Serialize;

/// What must hold of a program on its system.
///
/// | rule | what must hold |
/// |---|---|
/// | `place` | a neurocore exists on the system, is not bad, and is used once |
/// | `total-bytes` | all that a neurocore holds fits its memory |
/// | `synapse-bytes` | its synapse image fits |
/// | `microcode-bytes` | its bodies fit, each counted once |
/// | `fan-in` | it has no more input axons than there are |
/// | `fan-out` | it has no more output axons than there are |
/// | `neurons` | it has no more neurons than there are |
/// | `weight-bits` | its weights have a width that the system packs |
/// | `delay` | its synapses delay no longer than the system can |
/// | `rows` | the rows of its blocks lie in its image |
/// | `neuron-once` | every neuron of every group lives on exactly one core |
/// | `axon-fed` | every input axon is fed by exactly one source, and every source feeds axons that exist |
/// | `output-once` | every logit comes from exactly one source |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the table says what each one demands")]
pub enum Rule {
    Place,
    TotalBytes,
    SynapseBytes,
    MicrocodeBytes,
    FanIn,
    FanOut,
    Neurons,
    WeightBits,
    Delay,
    Rows,
    NeuronOnce,
    AxonFed,
    OutputOnce,
}

/// A rule that is broken, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// Where, and both numbers.
    pub message: String,
    /// The core, by its index in the program, if it is one core's.
    pub core_idx: Option<u32>,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 13] = [
        Self::Place,
        Self::TotalBytes,
        Self::SynapseBytes,
        Self::MicrocodeBytes,
        Self::FanIn,
        Self::FanOut,
        Self::Neurons,
        Self::WeightBits,
        Self::Delay,
        Self::Rows,
        Self::NeuronOnce,
        Self::AxonFed,
        Self::OutputOnce,
    ];

    /// The stable name of the rule.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Place => "place",
            Self::TotalBytes => "total-bytes",
            Self::SynapseBytes => "synapse-bytes",
            Self::MicrocodeBytes => "microcode-bytes",
            Self::FanIn => "fan-in",
            Self::FanOut => "fan-out",
            Self::Neurons => "neurons",
            Self::WeightBits => "weight-bits",
            Self::Delay => "delay",
            Self::Rows => "rows",
            Self::NeuronOnce => "neuron-once",
            Self::AxonFed => "axon-fed",
            Self::OutputOnce => "output-once",
        }
    }
}
