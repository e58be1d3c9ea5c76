//! Apps linked.
