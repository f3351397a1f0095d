//! Readers of outside formats.
