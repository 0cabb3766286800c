//! The languages that are rows.

mod assembly;
mod c_family;
mod classic;
mod contracts;
mod functional;
mod hardware;
mod infrastructure;
mod java_family;
mod lisps;
mod queries;
mod schemas;
mod science;
mod scripting;
mod shells;
mod systems;
mod web;

use super::row::Row;

/// All rows, by file.
pub(super) static ROWS: &[&[Row]] = &[
    systems::ROWS,
    c_family::ROWS,
    java_family::ROWS,
    web::ROWS,
    scripting::ROWS,
    shells::ROWS,
    functional::ROWS,
    lisps::ROWS,
    science::ROWS,
    queries::ROWS,
    schemas::ROWS,
    infrastructure::ROWS,
    hardware::ROWS,
    assembly::ROWS,
    classic::ROWS,
    contracts::ROWS,
];
