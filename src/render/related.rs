//! Posts that treat of the same: older ones only, so that a new post changes none that is there.

use rayon::prelude::*;

use crate::site::{Date, Site};

/// How many are shown.
const SHOWN: usize = 3;
/// Of each term only so many pages that are older: a term with thousands says little, and would cost much.
const LOOKED_AT: usize = 20;

/// For each page the positions of those that share most terms with it, the newest first among equals.
pub(super) fn related(site: &Site) -> Vec<Vec<usize>> {
    // For each page the terms that it has: the pages of each that are older, as far as they are looked at.
    let mut older: Vec<Vec<&[usize]>> = vec![Vec::new(); site.pages.len()];
    // A series has its own links, and what one author wrote is not about one thing.
    for taxonomy in site.taxonomies.iter().filter(|taxonomy| !taxonomy.is_series() && taxonomy.name != "authors") {
        for term in &taxonomy.terms {
            for (index, position) in term.pages.iter().enumerate() {
                let end = (index + 1 + LOOKED_AT).min(term.pages.len());
                older[*position].push(&term.pages[index + 1..end]);
            }
        }
    }
    older.into_par_iter().enumerate().map(|(position, lists)| pick(site, position, &lists)).collect()
}

fn pick(site: &Site, position: usize, lists: &[&[usize]]) -> Vec<usize> {
    let seconds = |position: usize| site.pages[position].date.as_ref().map(Date::seconds);
    let Some(own) = seconds(position) else { return Vec::new() };
    let mut found: Vec<usize> = lists.iter().flat_map(|list| list.iter().copied()).collect();
    found.sort_unstable();
    let runs = found.chunk_by(|a, b| a == b);
    let mut counts: Vec<(usize, i64, usize)> = runs
        .filter_map(|run| {
            let older = seconds(run[0]).filter(|seconds| *seconds < own)?;
            Some((run.len(), older, run[0]))
        })
        .collect();
    counts.sort_unstable_by(|(shared_a, time_a, a), (shared_b, time_b, b)| {
        (shared_b, time_b).cmp(&(shared_a, time_a)).then_with(|| a.cmp(b))
    });
    counts.into_iter().take(SHOWN).map(|(_, _, position)| position).collect()
}
