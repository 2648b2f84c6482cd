//! The neuron instruction set: assembler, disassembler, encoding, verifier.
