//! Turns a placed network into a program: microcode, synapse images, axon tables.
