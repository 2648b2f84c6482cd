//! Imports Hugging Face checkpoints of MatMul-free language models.
