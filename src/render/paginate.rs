//! Lists over several pages, numbered from the oldest: a new post changes the newest one alone.
//!
//! With `size` entries to a page the oldest `size` are page 1 for ever, the next ones page 2. What is left over stands on
//! the list's own address, together with the last full page's worth: between `size` and twice that less one.

use std::ops::Range;

/// One page of a list whose entries come newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// From the oldest, from 1; `None` is the newest, on the list's own address.
    pub(super) number: Option<usize>,
    /// Its entries.
    pub(super) entries: Range<usize>,
}

/// How many numbered pages a list of `count` entries has.
fn numbered(count: usize, size: usize) -> usize {
    (count / size.max(1)).saturating_sub(1)
}

/// The pages of a list, the newest first.
pub(super) fn leaves(count: usize, size: usize) -> Vec<Leaf> {
    let full = numbered(count, size);
    let newest = Leaf { number: None, entries: 0..count - full * size };
    let others = (1..=full).rev().map(|number| {
        let end = count - (number - 1) * size;
        Leaf { number: Some(number), entries: end - size..end }
    });
    std::iter::once(newest).chain(others).collect()
}

/// The addresses of a leaf and its neighbours, below the list's own `url`.
pub(super) fn address(url: &str, number: Option<usize>) -> String {
    number.map_or_else(|| url.to_owned(), |number| format!("{url}page/{number}/"))
}

/// The leaf before (older) and after (newer), if there is one.
pub(super) fn beside(
    number: Option<usize>,
    count: usize,
    size: usize,
) -> (Option<Option<usize>>, Option<Option<usize>>) {
    let full = numbered(count, size);
    match number {
        None => ((full > 0).then_some(Some(full)), None),
        Some(number) => {
            let newer = if number == full { None } else { Some(number + 1) };
            ((number > 1).then(|| Some(number - 1)), Some(newer))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_pages_keep_their_entries_when_one_is_added() {
        for count in 0..100 {
            let (before, after) = (leaves(count, 7), leaves(count + 1, 7));
            // The same entry is one place further down in the list, which begins with the newest.
            for leaf in before.iter().filter(|leaf| leaf.number.is_some()) {
                let moved = leaf.entries.start + 1..leaf.entries.end + 1;
                assert!(after.contains(&Leaf { number: leaf.number, entries: moved }), "{count}");
            }
            let all: Vec<usize> = after.iter().flat_map(|leaf| leaf.entries.clone()).collect();
            assert_eq!(all, (0..=count).collect::<Vec<_>>());
            assert!(after[0].entries.len() < 14);
        }
    }

    #[test]
    fn neighbours_lead_from_the_newest_to_the_oldest_and_back() {
        // 30 by 7: pages 1 to 3 and nine on the newest.
        assert_eq!(leaves(30, 7)[0].entries, 0..9);
        assert_eq!(beside(None, 30, 7), (Some(Some(3)), None));
        assert_eq!(beside(Some(3), 30, 7), (Some(Some(2)), Some(None)));
        assert_eq!(beside(Some(1), 30, 7), (None, Some(Some(2))));
        assert_eq!(address("/posts/", Some(3)), "/posts/page/3/");
    }
}
