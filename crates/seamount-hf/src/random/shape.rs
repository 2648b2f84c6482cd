//! The sizes of a model and the tensors that follow from them.

/// What decides the sizes of all tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Channels of the residual stream.
    pub hidden: usize,
    /// Blocks.
    pub layers: usize,
    /// Channels of a block's channel mixer.
    pub intermediate: usize,
    /// Tokens of the vocabulary.
    pub vocab: usize,
}

/// A tensor to be written.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Name in the checkpoint.
    pub name: String,
    /// Outermost first.
    pub shape: Vec<usize>,
    /// What its numbers are like.
    pub kind: Kind,
}

/// What the numbers of a tensor are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// About zero, as initialized.
    Weights,
    /// About one.
    Norm,
    /// Zero: bounds that rise evenly from block to block.
    Zeros,
}

impl Shape {
    /// The names that [`Shape::published`] knows.
    pub const PUBLISHED: [&str; 3] = ["370m", "1.3b", "2.7b"];

    /// A published model's shape, by its size.
    ///
    /// Source: Zhu et al. 2024, arXiv 2406.02528, and the configurations published with it.
    pub fn published(name: &str) -> Option<Self> {
        let (hidden, layers, intermediate) = match name {
            "370m" => (1024, 24, 2816),
            "1.3b" => (2048, 24, 5632),
            "2.7b" => (2560, 32, 6912),
            _ => return None,
        };
        Some(Self { hidden, layers, intermediate, vocab: 32_000 })
    }

    /// All tensors, in the order of the data through the model.
    #[must_use]
    pub fn tensors(&self) -> Vec<Spec> {
        let Self { hidden, layers, intermediate, vocab } = *self;
        let mut specs = vec![
            weights("model.embeddings.weight", vocab, hidden),
            Spec { name: "model.lower_bounds".into(), shape: vec![layers, hidden], kind: Kind::Zeros },
        ];
        for layer in 0..layers {
            let prefix = format!("model.layers.{layer}");
            specs.push(norm(&format!("{prefix}.attn_norm"), hidden));
            specs.push(norm(&format!("{prefix}.attn.g_norm"), hidden));
            for projection in ["i_proj", "f_proj", "g_proj", "o_proj"] {
                specs.extend(bit_linear(&format!("{prefix}.attn.{projection}"), hidden, hidden));
            }
            specs.push(norm(&format!("{prefix}.mlp_norm"), hidden));
            specs.extend(bit_linear(&format!("{prefix}.mlp.gate_proj"), 2 * intermediate, hidden));
            specs.extend(bit_linear(&format!("{prefix}.mlp.down_proj"), hidden, intermediate));
        }
        specs.push(norm("model.norm", hidden));
        specs.extend(bit_linear("lm_head", vocab, hidden));
        specs
    }
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Weights, Self::Norm, Self::Zeros];

    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Norm => "norm",
            Self::Zeros => "zeros",
        }
    }
}

impl Spec {
    /// Numbers of the tensor.
    #[must_use]
    pub fn n_elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Its bytes in half precision.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        2 * self.n_elements()
    }
}

/// A linear layer and the norm before it.
fn bit_linear(name: &str, n_outputs: usize, n_inputs: usize) -> [Spec; 2] {
    [norm(&format!("{name}.norm"), n_inputs), weights(&format!("{name}.weight"), n_outputs, n_inputs)]
}

fn norm(name: &str, width: usize) -> Spec {
    Spec { name: format!("{name}.weight"), shape: vec![width], kind: Kind::Norm }
}

fn weights(name: &str, n_outputs: usize, n_inputs: usize) -> Spec {
    Spec { name: name.to_owned(), shape: vec![n_outputs, n_inputs], kind: Kind::Weights }
}
