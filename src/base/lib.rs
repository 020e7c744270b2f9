//! Gives every process time, chance, config, sockets and traces.
