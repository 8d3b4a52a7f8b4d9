//! One test per rule of the machines, each with the deployed records and decision.

mod scene;

use scene::{Scene, granted, refused, registry};

use std::rc::Rc;

use super::sync::{FailoverSync, SyncStep};
use super::{Event, Refusal, RegistryRecords, Source, Step};
use crate::freshness::failover::{Failover, Hop, Region};
use crate::freshness::view::View;
use crate::freshness::{Bound, Millis, Revision, SyncReply};
use crate::key::{Brand, Environment, Keyring};
use crate::random::Seeded;
use crate::time::Timestamp;
use crate::verify::{AuthorizationRequest, Denial, Freshness};

const RING: &str = r#"{"current":"1","keys":{"1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}"#;

#[test]
fn what_kv_has_is_kept_and_then_decided_from_memory() {
    let mut scene = Scene::new();
    assert_eq!(scene.decide_from_cache(), None);
    let mut scene = scene.warm();
    assert_eq!(scene.decide_from_cache(), Some(Ok(Source::Memory)));
    let (_, step) = scene.begin(Freshness::Bounded, None);
    assert_eq!(granted(step), Source::Memory);
}

#[test]
fn a_record_that_lags_is_reported_and_read_from_the_registry() {
    let mut scene = Scene::new();
    let (mut authorization, sync) = scene.begin_load();
    let reply = scene.reply(3, 1, 1);
    scene.answer(sync, &reply);
    let loaded = scene.loaded(true);
    let step = scene.next(&mut authorization, loaded);
    assert!(
        matches!(step, Step::ReadRegistry([Revision(3), Revision(1)])),
        "{step:?}"
    );
    let [key, _] = scene.subjects();
    assert_eq!(authorization.take_stale(), [key]);
    assert!(authorization.take_stale().is_empty());
    Rc::make_mut(&mut scene.key).revision = 3;
    let read = registry(scene.key(), scene.organization());
    assert_eq!(
        granted(scene.next(&mut authorization, read)),
        Source::Registry
    );
    // It may be kept, and is.
    assert_eq!(scene.decide_from_cache(), Some(Ok(Source::Memory)));
}

#[test]
fn what_the_log_does_not_know_is_good_for_one_request_and_not_kept() {
    let mut scene = Scene::new();
    let (mut authorization, sync) = scene.begin_load();
    let reply = scene.reply(2, 1, 0);
    scene.answer(sync, &reply);
    let miss = Event::Loaded {
        key: None,
        organization: scene.organization(),
        synced: true,
    };
    let step = scene.next(&mut authorization, miss);
    assert!(matches!(step, Step::ReadRegistry(_)), "{step:?}");
    let read = Event::RegistryAnswered(Some(RegistryRecords {
        key: scene.key(),
        organization: scene.organization(),
        may_keep: false,
    }));
    assert_eq!(
        granted(scene.next(&mut authorization, read)),
        Source::Registry
    );
    assert_eq!(scene.decide_from_cache(), None);
    // Nobody has to wait for the load to expire.
    let (_, step) = scene.begin(Freshness::Bounded, None);
    assert!(matches!(step, Step::Load { key: true, .. }), "{step:?}");
}

#[test]
fn a_wrong_secret_is_refused_by_what_kv_has_and_remembered() {
    let mut scene = Scene::new().with_wrong_secret();
    let (mut authorization, sync) = scene.begin_load();
    let reply = scene.reply(2, 1, 0);
    scene.answer(sync, &reply);
    let denied = Refusal::Denied(Denial::InvalidKey);
    // The organization's record is missing: no reason to ask the registry.
    let loaded = Event::Loaded {
        key: scene.key(),
        organization: None,
        synced: true,
    };
    assert_eq!(refused(scene.next(&mut authorization, loaded)), denied);
    scene.view = View::new(1 << 20, Bound::MAX);
    assert_eq!(scene.decide_from_cache(), Some(Err(Denial::InvalidKey)));
}

#[test]
fn a_key_that_its_registry_does_not_know_is_refused_and_remembered() {
    let mut scene = Scene::new();
    let (mut authorization, step) = scene.begin(Freshness::Strict, None);
    assert!(
        matches!(
            step,
            Step::Load {
                key: true,
                organization: false,
                sync: None
            }
        ),
        "{step:?}"
    );
    let miss = Event::Loaded {
        key: None,
        organization: None,
        synced: true,
    };
    let step = scene.next(&mut authorization, miss);
    assert!(matches!(step, Step::ReadRegistry(_)), "{step:?}");
    let step = scene.next(&mut authorization, registry(None, None));
    assert_eq!(refused(step), Refusal::Denied(Denial::InvalidKey));
    assert_eq!(scene.decide_from_cache(), Some(Err(Denial::InvalidKey)));
}

#[test]
fn a_strict_route_reads_from_the_registry_however_warm_the_view() {
    let mut scene = Scene::new().warm();
    let (mut authorization, step) = scene.begin(Freshness::Strict, Some(Millis(u64::MAX)));
    assert!(matches!(step, Step::ReadRegistry(_)), "{step:?}");
    // Nor is anything served there that nobody has proven.
    let step = scene.next(&mut authorization, Event::RegistryAnswered(None));
    assert_eq!(refused(step), Refusal::FreshnessUnavailable);
}

/// A strict request decides nothing by the view, but the clock that it reads is the
/// view's: a step back from there voids the proof.
#[test]
fn a_clock_that_goes_back_is_noticed_by_a_request_that_asks_nothing_of_the_view() {
    let mut scene = Scene::new().warm();
    assert!(scene.decide_from_cache().is_some());
    let before = scene.now;
    scene.now = before + 1;
    let (mut authorization, _) = scene.begin(Freshness::Strict, None);
    // The step is at the registry's answer: the last that this request reads.
    scene.now = before + 2;
    let _ = scene.next(&mut authorization, Event::RegistryAnswered(None));
    scene.now = before + 1;
    let _ = scene.begin(Freshness::Strict, None);
    scene.now = before + 2;
    scene.request = request_at(&scene, scene.now);
    assert!(scene.decide_from_cache().is_none(), "the proof is void");
}

#[test]
fn a_strict_route_does_not_ask_the_registry_for_a_wrong_secret() {
    let mut scene = Scene::new().with_wrong_secret();
    let (mut authorization, _) = scene.begin(Freshness::Strict, None);
    let loaded = Event::Loaded {
        key: scene.key(),
        organization: None,
        synced: true,
    };
    let step = scene.next(&mut authorization, loaded);
    assert_eq!(refused(step), Refusal::Denied(Denial::InvalidKey));
}

#[test]
fn a_load_that_other_replies_overtook_syncs_once_more() {
    let mut scene = Scene::new();
    let (mut authorization, sync) = scene.begin_load();
    // Somebody else's reply has given the cursor meanwhile.
    let now = scene.reading();
    let hops = Failover::new(Region::Weur, 0, 1, Failover::TOTAL);
    let other = FailoverSync::in_background(&mut scene.view, hops, now).unwrap();
    let reply = SyncReply {
        required: Vec::new(),
        ..scene.reply(0, 0, 7)
    };
    scene.answer(other, &reply);
    let reply = scene.reply(2, 1, 6);
    assert!(scene.answer(sync, &reply), "answered, and discarded");
    let loaded = scene.loaded(true);
    let Step::Sync(sync) = scene.next(&mut authorization, loaded) else {
        panic!("no sync");
    };
    assert_eq!(sync.request().subjects, scene.subjects());
    let reply = scene.reply(2, 1, 7);
    scene.answer(sync, &reply);
    let step = scene.next(&mut authorization, Event::Synced(true));
    assert_eq!(granted(step), Source::Kv);
}

#[test]
fn where_nobody_answers_the_registry_decides_or_nobody_does() {
    for answers in [true, false] {
        let mut scene = Scene::new();
        let (mut authorization, mut sync) = scene.begin_load();
        let mut hops = Vec::new();
        loop {
            let now = scene.reading();
            match sync.next(&mut scene.view, None, now) {
                SyncStep::Send(hop, deadline) => {
                    assert_eq!(deadline, Failover::HOP);
                    hops.push(hop);
                    scene.now += deadline.0;
                }
                SyncStep::Done(accepted) => break assert_eq!(accepted, None),
            }
        }
        assert_eq!(hops.len(), 3);
        assert_eq!(hops.last(), Some(&Hop::ChangeLog));
        let loaded = scene.loaded(false);
        let step = scene.next(&mut authorization, loaded);
        assert!(matches!(step, Step::ReadRegistry(_)), "{step:?}");
        if answers {
            let read = registry(scene.key(), scene.organization());
            let step = scene.next(&mut authorization, read);
            assert_eq!(granted(step), Source::Registry);
        } else {
            let step = scene.next(&mut authorization, Event::RegistryAnswered(None));
            assert_eq!(refused(step), Refusal::FreshnessUnavailable);
        }
        // The permit is free again.
        assert!(scene.registry_reads.acquire(scene.now).is_some());
    }
}

#[test]
fn an_old_proof_is_renewed_and_a_failure_turns_to_the_registry() {
    let mut scene = Scene::new().warm();
    scene.now += 10_000;
    scene.request = request_at(&scene, scene.now);
    let (mut authorization, step) = scene.begin(Freshness::Bounded, None);
    let Step::Sync(sync) = step else {
        panic!("{step:?}")
    };
    // Another request waits for that, and not for ever.
    let (mut other, step) = scene.begin(Freshness::Bounded, None);
    assert!(matches!(step, Step::Wait(Millis(5))), "{step:?}");
    scene.now += Failover::TOTAL.0 + 1;
    let step = scene.next(&mut other, Event::Look);
    assert!(matches!(step, Step::ReadRegistry(_)), "{step:?}");
    let step = scene.next(&mut other, Event::RegistryAnswered(None));
    assert_eq!(refused(step), Refusal::FreshnessUnavailable);
    drop(sync);
    let step = scene.next(&mut authorization, Event::Synced(false));
    assert!(matches!(step, Step::ReadRegistry(_)), "{step:?}");
}

fn request_at(scene: &Scene, now: u64) -> AuthorizationRequest {
    let keyring = Keyring::parse(Brand::KATALO, RING).unwrap();
    let tag = scene.organization.id.tag();
    let environment = scene.key.environment;
    let presented = keyring.mint(environment, tag, &mut Seeded(1)).unwrap();
    AuthorizationRequest::new(&keyring, &presented, Timestamp(now)).unwrap()
}

#[test]
fn too_many_reads_at_registries_are_refused() {
    let mut scene = Scene::new().warm();
    let (_first, step) = scene.begin(Freshness::Strict, None);
    assert!(matches!(step, Step::ReadRegistry(_)), "{step:?}");
    let (_, step) = scene.begin(Freshness::Strict, None);
    assert_eq!(refused(step), Refusal::FreshnessUnavailable);
}

/// `ON_UNPROVEN = "serve"`, where the registry does not answer either.
fn unproven(mut scene: Scene, late: u64, at_most: u64) -> Result<Source, Refusal> {
    scene.now += late;
    scene.request = request_at(&scene, scene.now);
    let serve = Some(Millis(at_most));
    let (mut authorization, step) = scene.begin(Freshness::Bounded, serve);
    assert!(matches!(step, Step::Sync(_)), "{step:?}");
    scene.next(&mut authorization, Event::Synced(false));
    match scene.next(&mut authorization, Event::RegistryAnswered(None)) {
        Step::Decided(decided) => decided.map(|granted| granted.source()),
        step => panic!("{step:?}"),
    }
}

#[test]
fn what_nobody_proves_is_served_to_clients_where_the_operator_says_so() {
    let unavailable = Err(Refusal::FreshnessUnavailable);
    let warm = || Scene::new().warm();
    assert_eq!(unproven(warm(), 9_900, 10_000), Ok(Source::Unproven));
    assert_eq!(unproven(warm(), 9_901, 10_000), unavailable);
    let admin = Scene::of(Environment::Admin, "").warm();
    assert_eq!(unproven(admin, 9_900, 10_000), unavailable);
    // What the last known state refuses may have been given since.
    let mut disabled = Scene::new();
    Rc::make_mut(&mut disabled.key).disabled = true;
    let (mut authorization, sync) = disabled.begin_load();
    let reply = disabled.reply(2, 1, 0);
    disabled.answer(sync, &reply);
    let loaded = disabled.loaded(true);
    let step = disabled.next(&mut authorization, loaded);
    assert_eq!(refused(step), Refusal::Denied(Denial::DisabledKey));
    assert_eq!(unproven(disabled, 9_900, 10_000), unavailable);
}

#[test]
fn an_event_that_nobody_asked_for_grants_nothing() {
    let mut scene = Scene::new().warm();
    let read = registry(scene.key(), scene.organization());
    let hops = Failover::new(Region::Weur, 0, 1, Failover::TOTAL);
    let mut authorization = scene
        .verify(|_, verification| verification.load_and_authorize(Freshness::Strict, hops, None));
    let step = scene.next(&mut authorization, read);
    assert_eq!(refused(step), Refusal::FreshnessUnavailable);
}
