//! The suite that every writable backend must pass.
