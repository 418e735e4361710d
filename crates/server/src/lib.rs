//! Routes, extractors, widget pages and answers.

pub mod widget;
