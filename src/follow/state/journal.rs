//! `journal.jsonl`: one line a step, for whoever asks later why something happened, or did not.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

/// A journal beyond this becomes `journal.1.jsonl`, in the place of the one before: some thousand deploys stay known.
const MAX_LENGTH: u64 = 1 << 20;

/// The journal of one instance. A line that can't be written costs nothing but itself.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

/// A step, as it is written.
#[derive(Serialize)]
struct Line<'a, T> {
    time: Timestamp,
    step: &'a str,
    #[serde(flatten)]
    facts: T,
}

impl Journal {
    pub(super) fn open(state: &Path) -> io::Result<Self> {
        let path = state.join("journal.jsonl");
        Ok(Self { file: Mutex::new(append(&path)?), path })
    }

    /// Writes down a step with its `facts`, an object. No secret may be among them.
    pub fn note(&self, step: &str, facts: &impl Serialize) {
        if let Err(error) = self.write(step, facts) {
            tracing::warn!("{}: {error}; the step '{step}' is not written down", self.path.display());
        }
    }

    fn write(&self, step: &str, facts: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(&Line { time: Timestamp::now(), step, facts })?;
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.metadata()?.len() > MAX_LENGTH {
            fs::rename(&self.path, self.path.with_file_name("journal.1.jsonl"))?;
            *file = append(&self.path)?;
        }
        // One call a line: a crash leaves whole lines, or the part of one, which readers pass over.
        file.write_all(&line)
    }

    /// The last `count` lines that are `wanted` by their step, the latest first.
    pub fn last(&self, count: usize, wanted: impl Fn(&str) -> bool) -> Vec<Map<String, Value>> {
        let text = fs::read(&self.path).unwrap_or_default();
        let lines = text.rsplit(|byte| *byte == b'\n');
        let lines = lines.filter_map(|line| serde_json::from_slice::<Map<String, Value>>(line).ok());
        let wanted = |line: &Map<String, Value>| line.get("step").and_then(Value::as_str).is_some_and(&wanted);
        lines.filter(wanted).take(count).collect()
    }
}

fn append(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_are_read_from_the_last_one_and_a_torn_one_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path()).unwrap();
        for number in 0..5 {
            journal.note("swap", &json!({"number": number}));
        }
        fs::File::options().append(true).open(&journal.path).unwrap().write_all(b"{\"time\":").unwrap();
        let last = journal.last(2, |_| true);
        assert_eq!(last.iter().map(|line| &line["number"]).collect::<Vec<_>>(), [4, 3]);
        assert_eq!(last[0]["step"], "swap");
    }

    #[test]
    fn a_long_journal_is_put_away() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path()).unwrap();
        let fact = "x".repeat(1 << 16);
        for _ in 0..40 {
            journal.note("swap", &json!({"fact": fact}));
        }
        assert!(fs::metadata(&journal.path).unwrap().len() < 2 * MAX_LENGTH);
        assert!(folder.path().join("journal.1.jsonl").is_file());
        assert!(!journal.last(1, |step| step == "swap").is_empty());
    }
}
