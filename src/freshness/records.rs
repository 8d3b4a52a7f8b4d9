//! The edge's records under a memory limit.
//!
//! Each followed subject has a slot: what is required of it, and the record if
//! one is held. A slot never holds a record below its requirement. Slots lie
//! dense in one vector; a hash index finds them, so a look-up is O(1) and
//! allocates nothing.
//!
//! Over the limit, the *second chance* hand goes round: a slot looked up since
//! the hand last passed is spared once, the next one goes, requirement and all.
//! So a view follows what it holds and no more.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHashMap;

use super::ask::Revision;
use super::subject::Subject;
use super::time::{EdgeClock, Reading};

/// What a view must know of a record; the rest is the caller's.
pub trait Record {
    /// The revision of the record's last change.
    fn revision(&self) -> Revision;
    /// All bytes it takes, on the heap and in place.
    fn weight_bytes(&self) -> usize;
}

/// What a slot takes beside its record, in bytes: the slot's fields, and the
/// index entry. Both grow by doubling, hence counted twice.
pub const SLOT_BYTES: usize = 2 * (88 + 40);

/// One followed subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Slot<R> {
    pub(super) subject: Subject,
    /// Which registration this is: a load only fills the slot it registered.
    pub(super) serial: u64,
    /// The least revision that may be held.
    pub(super) required: Revision,
    /// Whether an answer has said what is required; until then only what
    /// changed since the registration is known.
    pub(super) answered: bool,
    /// Until when somebody is loading the record.
    pub(super) loading_until: Option<Reading<EdgeClock>>,
    pub(super) record: Option<R>,
    /// Used since the hand last passed.
    used: bool,
}

/// The slots of a view.
#[derive(Clone, Debug)]
pub(super) struct Records<R> {
    slots: Vec<Slot<R>>,
    index: FxHashMap<Subject, u32>,
    hand: usize,
    weight: usize,
    limit: usize,
    next_serial: u64,
}

impl<R: Record> Records<R> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            slots: Vec::new(),
            index: FxHashMap::default(),
            hand: 0,
            weight: 0,
            limit,
            next_serial: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    pub(super) fn get(&self, subject: &Subject) -> Option<&Slot<R>> {
        self.slots.get(*self.index.get(subject)? as usize)
    }

    pub(super) fn get_mut(&mut self, subject: &Subject) -> Option<&mut Slot<R>> {
        self.slots.get_mut(*self.index.get(subject)? as usize)
    }

    /// The records of both subjects, spared once by the hand, if both are held.
    pub(super) fn both(&mut self, one: &Subject, other: &Subject) -> Option<(&R, &R)> {
        let one = *self.index.get(one)? as usize;
        let other = *self.index.get(other)? as usize;
        for place in [one, other] {
            self.slots.get_mut(place)?.used = true;
        }
        let held = |place: usize| self.slots.get(place)?.record.as_ref();
        Some((held(one)?, held(other)?))
    }

    /// The subject's slot; a new one, of which nothing is known, if there is
    /// none.
    pub(super) fn register(&mut self, subject: Subject) -> Option<&mut Slot<R>> {
        if !self.index.contains_key(&subject) {
            let place = u32::try_from(self.slots.len()).ok()?;
            self.slots.push(Slot {
                subject,
                serial: self.next_serial,
                required: Revision::default(),
                answered: false,
                loading_until: None,
                record: None,
                used: false,
            });
            self.next_serial += 1;
            self.index.insert(subject, place);
            self.weight += SLOT_BYTES;
        }
        self.get_mut(&subject)
    }

    /// Raises what is required, and drops a record that is now below it.
    pub(super) fn require(&mut self, subject: &Subject, revision: Revision, answered: bool) {
        let Some(slot) = self.get_mut(subject) else {
            return;
        };
        slot.answered |= answered;
        slot.required = slot.required.max(revision);
        let required = slot.required;
        if let Some(old) = slot.record.take_if(|held| held.revision() < required) {
            self.weight -= old.weight_bytes();
        }
    }

    /// Puts a record into its slot. Its revision becomes the least to be held
    /// there: what an edge has once shown it does not take back.
    pub(super) fn put(&mut self, subject: &Subject, record: R) {
        let Some(slot) = self.get_mut(subject) else {
            return;
        };
        slot.required = slot.required.max(record.revision());
        slot.loading_until = None;
        let added = record.weight_bytes();
        let removed = slot.record.replace(record).map(|old| old.weight_bytes());
        self.weight = self.weight + added - removed.unwrap_or_default();
        self.make_room(subject);
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.index.clear();
        self.weight = 0;
        self.hand = 0;
    }

    /// Removes slots until the limit holds, but not the one just filled.
    fn make_room(&mut self, filled: &Subject) {
        while self.weight > self.limit && self.slots.len() > 1 {
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            match self.slots.get_mut(self.hand) {
                Some(slot) if slot.used || slot.subject == *filled => slot.used = false,
                _ => self.remove_at(self.hand),
            }
            // Past the place even where a slot was removed: the last one, and
            // that is the newest, has moved into it.
            self.hand += 1;
        }
    }

    fn remove_at(&mut self, place: usize) {
        if place >= self.slots.len() {
            return;
        }
        let slot = self.slots.swap_remove(place);
        self.index.remove(&slot.subject);
        self.weight -= SLOT_BYTES + slot.record.map_or(0, |record| record.weight_bytes());
        if let Some(moved) = self.slots.get(place)
            && let Some(entry) = self.index.get_mut(&moved.subject)
        {
            *entry = place as u32;
        }
    }
}

// The index follows from the slots, and hash maps have no order to compare by.
impl<R: PartialEq> PartialEq for Records<R> {
    fn eq(&self, other: &Self) -> bool {
        self.slots == other.slots && self.hand == other.hand
    }
}

impl<R: Eq> Eq for Records<R> {}

impl<R: Hash> Hash for Records<R> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.slots.hash(state);
        self.hand.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug)]
    struct Fake(usize);

    impl Record for Fake {
        fn revision(&self) -> Revision {
            Revision(1)
        }
        fn weight_bytes(&self) -> usize {
            size_of::<Self>() + self.0
        }
    }

    fn subject(n: usize) -> Subject {
        Subject::parse(&format!("20abcdefghijk{n:017}")).unwrap()
    }

    #[test]
    fn the_limit_holds_and_what_is_used_stays() {
        let heap = 300;
        let limit = 100 * (SLOT_BYTES + size_of::<Fake>() + heap);
        let mut records = Records::new(limit);
        for n in 0..1_000 {
            records.register(subject(n));
            records.put(&subject(n), Fake(heap));
            let hot = subject(0);
            assert!(records.both(&hot, &hot).is_some(), "at {n}");
            assert!(records.weight() <= limit);
        }
        assert_eq!(records.len(), 100);
        let counted: usize = (records.slots.iter())
            .map(|slot| SLOT_BYTES + slot.record.as_ref().map_or(0, Record::weight_bytes))
            .sum();
        assert_eq!(records.weight(), counted);
        for (subject, place) in &records.index {
            assert_eq!(records.slots[*place as usize].subject, *subject);
        }
    }

    #[test]
    fn a_slot_takes_what_is_counted() {
        assert!(size_of::<Slot<()>>() <= 88);
        assert!(size_of::<(Subject, u32)>() < 40);
    }
}
