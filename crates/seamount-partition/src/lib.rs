//! Maps neuron groups onto neurocores under memory and axon limits.
