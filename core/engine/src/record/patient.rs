//! The patient layer.
