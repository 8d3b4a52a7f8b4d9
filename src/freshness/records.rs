//! The edge's records under a memory limit.
//!
//! Each followed subject has a slot: what is required of it, and the record if
//! one is held. A slot never holds a record below its requirement. Slots lie
//! dense in one vector; a hash index finds them, so a look-up is O(1) and
//! allocates nothing.
//!
//! Over the limit, the *second chance* hand goes round: a slot looked up since
//! the hand last passed is spared once, one that is being loaded for as long as
//! that may take, the next one goes, requirement and all. So a view follows what
//! it holds and no more.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHashMap;

use super::follower::Follower;
use super::sync::Revision;
use super::time::{EdgeClock, Millis, Reading};
use crate::key::Subject;

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
    /// Whether a reply has said what is required; until then only what changed
    /// since the registration is known.
    pub(super) requirement_known: bool,
    /// Until when somebody is loading the record.
    loading_until: Option<Reading<EdgeClock>>,
    pub(super) record: Option<R>,
    /// Looked up since the hand last passed.
    used: bool,
}

impl<R> Slot<R> {
    /// How long a load keeps others from loading the same record, and the hand
    /// from its slot; a cancelled one does neither for longer.
    pub(super) const LOADING: Millis = Follower::<EdgeClock>::TURN;

    pub(super) fn begin_loading(&mut self, now: Reading<EdgeClock>) {
        self.loading_until = Some(now.ahead_by(Self::LOADING));
    }

    pub(super) fn end_loading(&mut self) {
        self.loading_until = None;
    }

    /// Whether somebody is loading the record, by a clock that may have been
    /// set back since.
    pub(super) fn is_loading(&self, now: Reading<EdgeClock>) -> bool {
        self.loading_until
            .is_some_and(|until| now < until && until.since(&now) <= Self::LOADING)
    }
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
                requirement_known: false,
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
    pub(super) fn require(
        &mut self,
        subject: &Subject,
        revision: Revision,
        requirement_known: bool,
    ) {
        let Some(slot) = self.get_mut(subject) else {
            return;
        };
        slot.requirement_known |= requirement_known;
        slot.required = slot.required.max(revision);
        let required = slot.required;
        if let Some(old) = slot.record.take_if(|held| held.revision() < required) {
            self.weight -= old.weight_bytes();
        }
    }

    /// Puts a record into its slot. Its revision becomes the least to be held
    /// there: what an edge has once shown it does not take back.
    pub(super) fn put(&mut self, subject: &Subject, record: R, now: Reading<EdgeClock>) {
        let Some(slot) = self.get_mut(subject) else {
            return;
        };
        slot.required = slot.required.max(record.revision());
        slot.end_loading();
        let added = record.weight_bytes();
        let removed = slot.record.replace(record).map(|old| old.weight_bytes());
        self.weight = self.weight + added - removed.unwrap_or_default();
        self.make_room(subject, now);
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.index.clear();
        self.weight = 0;
        self.hand = 0;
    }

    /// Removes slots until the limit holds, but neither the one just filled nor
    /// one that is being loaded. Where only those are left, the weight stays
    /// above the limit until one of them is filled.
    fn make_room(&mut self, filled: &Subject, now: Reading<EdgeClock>) {
        let mut spared = 0;
        // The first time round may have to take every slot's second chance.
        while self.weight > self.limit && spared < 2 * self.slots.len() {
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            match self.slots.get_mut(self.hand) {
                Some(slot) if slot.used || slot.subject == *filled || slot.is_loading(now) => {
                    slot.used = false;
                    spared += 1;
                }
                _ => {
                    self.remove_at(self.hand);
                    spared = 0;
                }
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

    #[derive(Clone, Debug, PartialEq)]
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

    const NOW: Reading<EdgeClock> = Reading::at(1_000_000);

    fn loading(records: &mut Records<Fake>, n: usize, now: Reading<EdgeClock>) -> u64 {
        let slot = records.register(subject(n)).unwrap();
        slot.begin_loading(now);
        slot.serial
    }

    #[test]
    fn what_is_being_loaded_stays_however_full_the_view() {
        let limit = 10 * (SLOT_BYTES + size_of::<Fake>());
        let mut records = Records::new(limit);
        // Three loads at any time, the oldest of which ends.
        let mut under_way: std::collections::VecDeque<_> =
            (0..3).map(|n| (n, loading(&mut records, n, NOW))).collect();
        for n in 3..1_000 {
            under_way.push_back((n, loading(&mut records, n, NOW)));
            let (filled, _) = under_way.pop_front().unwrap();
            records.put(&subject(filled), Fake(0), NOW);
            for (n, serial) in &under_way {
                let kept = records.get(&subject(*n)).map(|slot| slot.serial);
                assert_eq!(kept, Some(*serial), "{n} after {filled}");
            }
            assert!(records.weight() <= limit);
        }
    }

    #[test]
    fn loads_alone_may_pass_the_limit_until_they_are_over() {
        let limit = 10 * (SLOT_BYTES + size_of::<Fake>());
        let mut records = Records::new(limit);
        for n in 0..100 {
            loading(&mut records, n, NOW);
        }
        records.put(&subject(0), Fake(0), NOW);
        assert_eq!(records.len(), 100);
        // They were cancelled, or the clock was set back: nobody waits for them.
        for over in [
            NOW.ahead_by(Slot::<Fake>::LOADING),
            NOW.back_by(Slot::<Fake>::LOADING).unwrap(),
        ] {
            let mut records = records.clone();
            records.put(&subject(50), Fake(0), over);
            assert!(records.weight() <= limit);
            assert!(records.get(&subject(50)).is_some());
        }
    }

    #[test]
    fn the_limit_holds_and_what_is_used_stays() {
        let heap = 300;
        let limit = 100 * (SLOT_BYTES + size_of::<Fake>() + heap);
        let mut records = Records::new(limit);
        for n in 0..1_000 {
            records.register(subject(n));
            records.put(&subject(n), Fake(heap), NOW);
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

    /// The first time round takes the second chances; the second finds the one
    /// that may go, wherever it lies.
    #[test]
    fn the_one_that_may_go_is_found_behind_all_that_may_not() {
        let limit = 5 * SLOT_BYTES + 2 * size_of::<Fake>();
        let mut records = Records::new(limit);
        for n in 0..4 {
            loading(&mut records, n, NOW);
        }
        records.register(subject(4));
        records.put(&subject(4), Fake(0), NOW);
        records.both(&subject(4), &subject(4)).unwrap();
        records.register(subject(5));
        records.put(&subject(5), Fake(0), NOW);
        assert!(records.get(&subject(4)).is_none());
        assert!((0..4).all(|n| records.get(&subject(n)).is_some()));
        assert!(records.weight() <= limit);
    }

    /// A model checker tells states apart by these.
    #[test]
    fn slots_and_hand_are_what_is_compared() {
        let mut one: Records<Fake> = Records::new(1_000);
        one.register(subject(1));
        let mut other = one.clone();
        assert_eq!(one, other);
        other.hand = 1;
        assert_ne!(one, other);
        let mut other = Records::new(1_000);
        other.register(subject(2));
        assert_ne!(one, other);
    }

    #[test]
    fn a_slot_takes_what_is_counted() {
        assert!(size_of::<Slot<()>>() <= 88);
        assert!(size_of::<(Subject, u32)>() < 40);
    }
}
