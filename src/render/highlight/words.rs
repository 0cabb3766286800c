//! Tables of words.

use super::class::Class;

/// What is known of a word.
#[derive(Clone, Copy)]
pub(super) struct Meaning {
    pub(super) class: Class,
    /// The class of the name that comes next, as after `fn`; [`Class::Plain`] if nothing is known of it.
    pub(super) next: Class,
}

/// A hash table made once for each language, of words that live as long as the program.
pub(super) struct Words {
    slots: Vec<Option<(&'static str, Meaning)>>,
    /// Longer words aren't looked up.
    longest: usize,
    fold_case: bool,
}

impl Words {
    /// From lists of words separated by blanks: their classes, and the classes of what follows them.
    pub(super) fn new(classes: &[(Class, &'static str)], nexts: &[(Class, &'static str)], fold_case: bool) -> Self {
        let count: usize = classes.iter().chain(nexts).map(|(_, list)| list.split_ascii_whitespace().count()).sum();
        let mut words = Self { slots: vec![None; (count * 2 + 1).next_power_of_two()], longest: 0, fold_case };
        for &(class, list) in classes {
            list.split_ascii_whitespace().for_each(|word| words.entry(word).class = class);
        }
        for &(next, list) in nexts {
            list.split_ascii_whitespace().for_each(|word| words.entry(word).next = next);
        }
        words
    }

    /// What a word means, if it means anything.
    pub(super) fn get(&self, word: &[u8]) -> Option<Meaning> {
        if word.len() > self.longest {
            return None;
        }
        if !self.fold_case {
            return self.slots[self.slot(word)].map(|(_, meaning)| meaning);
        }
        let mut lower = [0; 64];
        let lower = lower.get_mut(..word.len())?;
        lower.copy_from_slice(word);
        lower.make_ascii_lowercase();
        self.slots[self.slot(lower)].map(|(_, meaning)| meaning)
    }

    fn entry(&mut self, word: &'static str) -> &mut Meaning {
        self.longest = self.longest.max(word.len());
        let slot = self.slot(word.as_bytes());
        let fresh = (word, Meaning { class: Class::Plain, next: Class::Plain });
        &mut self.slots[slot].get_or_insert(fresh).1
    }

    /// The word's slot, or the empty one where it would be. At most half of the slots are taken, so there is one.
    fn slot(&self, word: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash(word) & mask;
        while let Some((known, _)) = self.slots[at] {
            if known.as_bytes() == word {
                break;
            }
            at = (at + 1) & mask;
        }
        at
    }
}

fn hash(word: &[u8]) -> usize {
    let folded = word.iter().fold(word.len() as u32, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (folded ^ folded >> 15) as usize
}
