//! Members and devices.
