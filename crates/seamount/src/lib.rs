//! The Seamount compiler for MatMul-free language models on Intel Loihi 2.
