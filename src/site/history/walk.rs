//! Finds the commits that changed and added each file, in one walk over the history.
//!
//! Every file of the head is looked for at once: a set of files moves from a commit on to its parents, and whoever differs
//! from all parents has changed the file. At a merge a file follows the first parent that has it as the merge has, and
//! no other, which is git log's default simplification.

use std::collections::HashMap;

use git2::{Error, Oid, Repository, Sort};
use rayon::prelude::*;

use super::repositories::Repositories;
use super::trees::{Change, Trees, Wanted};
use super::{Commit, FileHistory};

/// How many commits are compared with their parents before their changes are followed: a bound for memory where each
/// commit changes all files.
const BATCH: usize = 2048;

/// How many successive commits one thread compares: each shares its tree with the next.
const PIECE: usize = 256;

/// What an earlier walk found, and from which head.
pub(super) struct Earlier<'a> {
    pub(super) head: Oid,
    pub(super) files: &'a HashMap<String, FileHistory>,
}

/// The histories of all files below `place` at `head`. `None` if `earlier` can't be continued: its head is no ancestor of
/// this one, or a branch that was merged since goes back behind it.
pub(super) fn walk(
    repository: &Repository,
    head: Oid,
    place: &str,
    earlier: Option<&Earlier>,
) -> Result<Option<HashMap<String, FileHistory>>, Error> {
    let mut commits = repository.revwalk()?;
    commits.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
    commits.push(head)?;
    if let Some(earlier) = earlier {
        if repository.find_commit(earlier.head).is_err() {
            return Ok(None);
        }
        commits.hide(earlier.head)?;
    }
    let commits: Vec<Oid> = commits.collect::<Result<_, _>>()?;
    let wanted = Wanted::at(&mut Trees::new(&repository.odb()?), repository.find_commit(head)?.tree_id(), place)?;
    let repositories = Repositories::at(repository.path());
    let found = vec![Found::default(); wanted.paths.len()];
    let mut walk = Walk { pending: HashMap::new(), found };
    walk.send(head, Set::full(wanted.paths.len()));
    for batch in commits.chunks(BATCH) {
        let pieces = batch.par_chunks(PIECE);
        let pieces = pieces.map(|piece| repositories.with(|repository| steps(repository, &wanted, piece)));
        let pieces: Vec<_> = pieces.collect::<Result<_, _>>()?;
        for step in pieces.into_iter().flatten() {
            if let Some(files) = walk.pending.remove(&step.commit.id.0) {
                walk.take(step, files);
            }
        }
        if walk.pending.is_empty() {
            break;
        }
    }
    Ok(walk.finish(wanted.paths, earlier))
}

/// A commit, and what of the wanted files it has otherwise than each of its parents.
struct Step {
    commit: Commit,
    parents: Vec<(Oid, Vec<Change>)>,
}

fn steps(repository: &Repository, wanted: &Wanted, commits: &[Oid]) -> Result<Vec<Step>, Error> {
    let odb = repository.odb()?;
    let mut trees = Trees::new(&odb);
    let mut step = |id: &Oid| {
        let commit = repository.find_commit(*id)?;
        let mut parents = Vec::new();
        for parent in commit.parent_ids() {
            let (here, there) = (commit.tree_id(), repository.find_commit(parent)?.tree_id());
            let mut changes = Vec::new();
            if here != there {
                trees.compare(&wanted.top, here, Some(there), &mut changes)?;
            }
            parents.push((parent, changes));
        }
        Ok(Step { commit: Commit::new(&commit), parents })
    };
    commits.iter().map(&mut step).collect()
}

/// What is known of a file so far.
#[derive(Clone, Copy, Default)]
struct Found {
    first: Option<Commit>,
    last: Option<Commit>,
}

impl Found {
    /// Where two branches added the same file, the earlier one counts, in whatever order they are walked.
    fn add_first(&mut self, commit: Commit) {
        let age = |commit: &Commit| (commit.seconds, commit.id);
        if self.first.is_none_or(|first| age(&commit) < age(&first)) {
            self.first = Some(commit);
        }
    }
}

struct Walk {
    found: Vec<Found>,
    /// Files that are looked for in commits that are still to come, each of which has all of its files.
    pending: HashMap<Oid, Set>,
}

impl Walk {
    fn take(&mut self, step: Step, files: Set) {
        let mut differing = files;
        for (parent, changes) in &step.parents {
            let mut changed = Set::none(self.found.len());
            for change in changes {
                if differing.remove(change.file) {
                    changed.insert(change.file);
                }
            }
            self.send(*parent, differing);
            differing = changed;
        }
        differing.iter().for_each(|file| _ = self.found[file].last.get_or_insert(step.commit));
        let mut added = differing.clone();
        for (parent, changes) in step.parents {
            let mut older = Set::none(self.found.len());
            for change in changes.iter().filter(|change| change.is_older && differing.contains(change.file)) {
                older.insert(change.file);
                added.remove(change.file);
            }
            self.send(parent, older);
        }
        added.iter().for_each(|file| self.found[file].add_first(step.commit));
    }

    fn send(&mut self, parent: Oid, files: Set) {
        if !files.is_empty() {
            self.pending.entry(parent).and_modify(|pending| pending.join(&files)).or_insert(files);
        }
    }

    /// Takes from `earlier` what has arrived at its head. Files that have arrived anywhere else are in a history that it
    /// knows only in part.
    fn finish(mut self, paths: Vec<Option<String>>, earlier: Option<&Earlier>) -> Option<HashMap<String, FileHistory>> {
        if let Some(earlier) = earlier
            && let Some(files) = self.pending.remove(&earlier.head)
        {
            for file in files.iter() {
                let known = earlier.files.get(paths[file].as_ref()?)?;
                self.found[file].last.get_or_insert(known.last);
                self.found[file].add_first(known.first);
            }
        }
        if !self.pending.is_empty() {
            return None;
        }
        let files = paths.into_iter().zip(self.found);
        let complete = |(path, found): (Option<String>, Found)| {
            Some((path?, FileHistory { first: found.first?, last: found.last? }))
        };
        Some(files.filter_map(complete).collect())
    }
}

/// A set of files by their number.
#[derive(Clone)]
struct Set(Vec<u64>);

impl Set {
    fn none(length: usize) -> Self {
        Self(vec![0; length.div_ceil(64)])
    }

    fn full(length: usize) -> Self {
        let mut set = Self::none(length);
        (0..length).for_each(|file| set.insert(file));
        set
    }

    fn insert(&mut self, file: usize) {
        self.0[file / 64] |= 1 << (file % 64);
    }

    /// Whether it was in.
    fn remove(&mut self, file: usize) -> bool {
        let was_in = self.contains(file);
        self.0[file / 64] &= !(1 << (file % 64));
        was_in
    }

    fn contains(&self, file: usize) -> bool {
        self.0[file / 64] & 1 << (file % 64) != 0
    }

    fn join(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        let words = self.0.iter().enumerate().filter(|(_, word)| **word != 0);
        words.flat_map(|(at, word)| (0..64).filter(move |bit| word & 1 << bit != 0).map(move |bit| at * 64 + bit))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::site::history::tests::commit;
    use crate::site::history::{CommitId, History};

    /// Small numbers that look random and are the same on every run.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % bound
        }
    }

    /// Commits with branches, merges, reverts, deletions and clocks that go wrong.
    fn tangle(repository: &Repository, dice: &mut Dice) -> Vec<Oid> {
        let paths = ["site/a.md", "site/b.md", "site/posts/a.md", "site/posts/b", "site/posts/deep/a", "a.md"];
        let mut commits: Vec<(Oid, BTreeMap<String, String>)> = Vec::new();
        for number in 0..60 {
            let near = commits.len().saturating_sub(4);
            let mut parents: Vec<usize> = (0..1 + dice.below(4) / 2).map(|_| near + dice.below(4)).collect();
            parents.retain(|parent| *parent < commits.len());
            parents.dedup();
            let mut state = BTreeMap::new();
            for path in paths {
                let source = parents.get(dice.below(2)).or(parents.first());
                let inherited = source.and_then(|parent| commits[*parent].1.get(path).cloned());
                let content = match dice.below(9) {
                    0 => None,
                    1 => Some(dice.below(3).to_string()),
                    _ => inherited,
                };
                state.extend(content.map(|content| (path.to_owned(), content)));
            }
            let parents: Vec<Oid> = parents.iter().map(|parent| commits[*parent].0).collect();
            let seconds = 1_000_000_000 + number * 100 + dice.below(300) as i64;
            commits.push((commit(repository, seconds, &parents, &state), state));
        }
        commits.into_iter().map(|(id, _)| id).collect()
    }

    /// The same by the definition, a file at a time.
    fn by_definition(repository: &Repository, head: Oid, path: &str) -> Option<FileHistory> {
        let entry = |commit: &git2::Commit| {
            commit.tree().unwrap().get_path(Path::new(path)).ok().map(|entry| (entry.id(), entry.filemode()))
        };
        let (mut open, mut first, mut last) = (vec![head], None::<Commit>, None);
        while let Some(id) = open.pop() {
            let commit = repository.find_commit(id).unwrap();
            let here = entry(&commit)?;
            if let Some(same) = commit.parents().find(|parent| entry(parent) == Some(here)) {
                open.push(same.id());
                continue;
            }
            let commit_itself = Commit::new(&commit);
            last.get_or_insert(commit_itself);
            let older: Vec<Oid> = commit.parents().filter(|parent| entry(parent).is_some()).map(|p| p.id()).collect();
            let is_earlier = |first: Commit| (commit_itself.seconds, commit_itself.id) < (first.seconds, first.id);
            if older.is_empty() && first.is_none_or(is_earlier) {
                first = Some(commit_itself);
            }
            open.extend(older);
        }
        Some(FileHistory { first: first?, last: last? })
    }

    /// What the git program says; `None` on a machine without it.
    fn by_git(repository: &Repository, head: Oid, path: &str) -> Option<String> {
        let mut git = std::process::Command::new("git");
        git.arg("--git-dir").arg(repository.path()).args([
            "log",
            "-1",
            "--format=%H %ct",
            &head.to_string(),
            "--",
            path,
        ]);
        git.output().ok().map(|output| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }

    #[test]
    fn a_tangled_history_is_read_as_git_log_reads_it() {
        for seed in 0..6 {
            let folder = tempfile::tempdir().unwrap();
            let repository = Repository::init_bare(folder.path()).unwrap();
            let commits = tangle(&repository, &mut Dice(seed));
            let head = *commits.last().unwrap();
            let history = History::read(folder.path(), Some(CommitId(head)), None).unwrap().unwrap();
            for path in ["site/a.md", "site/b.md", "site/posts/a.md", "site/posts/b", "site/posts/deep/a", "a.md"] {
                assert_eq!(history.of(path).copied(), by_definition(&repository, head, path), "{path} of {seed}");
                match (history.of(path), by_git(&repository, head, path)) {
                    (Some(file), Some(git)) => assert_eq!(format!("{} {}", file.last.id, file.last.seconds), git),
                    (_, None) => println!("skipped: needs the git program"),
                    (None, _) => {}
                }
            }
            for earlier in commits {
                let earlier = History::read(folder.path(), Some(CommitId(earlier)), None).unwrap().unwrap().to_stored();
                let again = History::read(folder.path(), Some(CommitId(head)), Some(&earlier)).unwrap().unwrap();
                assert_eq!(again.to_stored(), history.to_stored(), "from {}", earlier.head);
            }
        }
    }
}
