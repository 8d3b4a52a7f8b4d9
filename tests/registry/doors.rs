//! What a registry that holds nothing answers, what one of another version or
//! kind refuses, and lists whose pages end in the middle of a search.

use katalo_keys::key::OrganizationId;
use katalo_keys::registry::directory::{self, Listed, Order};
use katalo_keys::registry::message::{
    Actor, ApiAccess, Command, Limit, ListAudit, MESSAGE_VERSION, Outcome, Refusal,
};
use katalo_keys::registry::{self, Revision};
use katalo_keys::sql::Sql as _;
use katalo_keys::time::Timestamp;
use serde_json::json;

use crate::sqlite::Sqlite;
use crate::world::{World, body, disable, organization, read};

const DAY: u64 = 86_400_000;

#[test]
fn a_registry_takes_its_own_version_and_none_beyond() {
    let mut world = World::acme();
    let mut request = world.request(Command::GetOrganization {});
    request.v = MESSAGE_VERSION + 1;
    assert_eq!(
        world.send(&request).unwrap_err(),
        Refusal::UnsupportedVersion
    );
    request.v = MESSAGE_VERSION;
    assert!(world.send(&request).is_ok());
    request.v = MESSAGE_VERSION - 1;
    assert!(world.send(&request).is_ok());
}

#[test]
fn a_registry_that_holds_nothing_says_so() {
    let mut acme = World::acme();
    let key = acme.key("a").id.public;
    let mut world = World::empty("acme");
    // Said by the registry, and where there are no tables yet in its stead.
    let mut request = world.request(read(key));
    request.actor = Actor::System;
    for reply in [world.send(&request), registry::absent(&request)] {
        let Ok(Outcome::Records(records)) = reply else {
            panic!("{reply:?}")
        };
        assert!(records.key.is_none() && records.organization.is_none());
    }
    let subject = world.subject();
    let behind = world.ask_as(Actor::System, Command::ReportBehind { subject });
    assert!(matches!(behind, Ok(Outcome::Done {})));
    let session = body(json!({"read_session": {"token": "0".repeat(64)}}));
    let over = world.ask_as(Actor::System, session);
    assert_eq!(over.unwrap_err(), Refusal::NoSession);
    let got = world.ask(Command::GetOrganization {});
    assert_eq!(got.unwrap_err(), Refusal::NotFound);
    assert_eq!(registry::tag(&world.sql).unwrap(), None);
    assert_eq!(
        registry::tag(&acme.sql).unwrap(),
        Some(organization("acme").tag())
    );
}

#[test]
fn sessions_and_bootstrap_are_the_platforms_alone() {
    let mut world = World::acme();
    let (_, first) = World::platform();
    let opened = world.ask_as(crate::world::admin_of(&first), Command::OpenSession {});
    assert!(opened.is_err());
    let bootstrap = Command::Bootstrap {
        token_digest: "t1".to_owned(),
    };
    assert_eq!(
        world.ask_as(Actor::Bootstrap, bootstrap).unwrap_err(),
        Refusal::NotFound
    );
}

#[test]
fn tables_of_a_later_version_are_left_alone() {
    let world = World::acme();
    registry::migrate(&world.sql).unwrap();
    let later = "UPDATE meta SET value = value + 1 WHERE name = 'schema'";
    world.sql.query(later, &[]).unwrap();
    let refused = registry::migrate(&world.sql).unwrap_err();
    assert!(refused.to_string().contains("unknown version"));
}

#[test]
fn an_audit_page_that_holds_all_has_no_next() {
    let mut world = World::acme();
    world.key("a");
    let page = |world: &mut World, limit: u64| {
        let list = ListAudit {
            after: 0,
            key: None,
            limit: Limit::try_from(limit).unwrap(),
        };
        match world.ask(Command::ListAudit(list)) {
            Ok(Outcome::Audit(page)) => (page.lines.len(), page.next_after),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(page(&mut world, 2), (2, None));
    assert_eq!(page(&mut world, 1), (1, Some(1)));
}

/// Each filter alone looks beyond the page.
#[test]
fn a_filter_finds_what_lies_behind_a_page() {
    let mut world = World::acme();
    let oldest = world.key("Odd one");
    world.changed_key(disable(oldest.id));
    world.later(3 * DAY);
    for number in 0..4 {
        world.key(&format!("key {number}"));
    }
    for filter in [
        json!({"state": "disabled"}),
        json!({"name": "odd"}),
        json!({"unused_for_days": 2}),
    ] {
        let mut list = filter.clone();
        list["limit"] = json!(1);
        let reply = world.ask(body(json!({ "list_keys": list })));
        let Ok(Outcome::Keys(page)) = reply else {
            panic!("{reply:?}")
        };
        let found: Vec<_> = page.items.iter().map(|key| key.id).collect();
        if filter.get("unused_for_days").is_none() {
            assert_eq!(found, [oldest.id], "{filter}");
        }
    }
}

#[test]
fn the_status_counts_keys_without_use_for_so_many_days() {
    let mut world = World::acme();
    world.key("a");
    let unused = |world: &mut World, days: u32| {
        let status = Command::Status {
            unused_for_days: days,
        };
        match world.ask(status) {
            Ok(Outcome::Status(status)) => status.unused_keys,
            other => panic!("{other:?}"),
        }
    };
    world.later(2 * DAY);
    assert_eq!((unused(&mut world, 1), unused(&mut world, 3)), (1, 0));
    world.later(2 * DAY);
    assert_eq!(unused(&mut world, 3), 1);
}

fn listed(id: &str, api_access: ApiAccess, revision: Revision) -> Listed {
    Listed {
        id: OrganizationId::parse(id).unwrap(),
        name: format!("Name of {id}"),
        api_access,
        created_at: Timestamp(5),
        deleted_at: None,
        revision,
    }
}

fn list(
    sql: &Sqlite,
    search: Option<&str>,
    cursor: Option<&str>,
    limit: u64,
) -> (Vec<Listed>, Option<String>) {
    let order = Order::List {
        search: search.map(str::to_owned),
        deleted: None,
        cursor: cursor.map(str::to_owned),
        limit: Limit::try_from(limit).unwrap(),
    };
    let page = directory::handle(sql, &order).unwrap();
    (page.items, page.next_cursor)
}

#[test]
fn the_directory_gives_back_what_it_was_told_last() {
    let sql = Sqlite::in_memory();
    directory::migrate(&sql).unwrap();
    let tell = |listed: &Listed| {
        let page = directory::handle(&sql, &Order::Put(listed.clone())).unwrap();
        assert!(page.items.is_empty() && page.next_cursor.is_none());
    };
    let a = listed("a", ApiAccess::Enabled, 2);
    let mut b = listed("b", ApiAccess::Disabled, 2);
    b.deleted_at = Some(Timestamp(9));
    tell(&b);
    tell(&a);
    assert_eq!(
        list(&sql, None, None, 9),
        (vec![a.clone(), b.clone()], None)
    );
    // What comes late changes nothing.
    tell(&listed("a", ApiAccess::Disabled, 1));
    assert_eq!(
        list(&sql, Some("NAME OF A"), None, 9).0,
        std::slice::from_ref(&a)
    );
    let (first, next) = list(&sql, None, None, 1);
    assert_eq!((first, next.as_deref()), (vec![a], Some("a")));
    assert_eq!(list(&sql, None, Some("a"), 1), (vec![b.clone()], None));
    let id = b.id;
    let remove = Order::Remove { id, revision: 3 };
    directory::handle(&sql, &remove).unwrap();
    assert_eq!(list(&sql, None, Some("a"), 1).0, []);
}

/// A search looks at 2,000 organizations at once and says where it stopped.
#[test]
fn a_search_goes_on_where_it_stopped() {
    let sql = Sqlite::in_memory();
    directory::migrate(&sql).unwrap();
    for number in 0..2_002 {
        let id = format!("o{number:04}");
        let put = Order::Put(listed(&id, ApiAccess::Enabled, 1));
        directory::handle(&sql, &put).unwrap();
    }
    let (found, next) = list(&sql, Some("o2001"), None, 9);
    assert_eq!((found.len(), next.as_deref()), (0, Some("o1999")));
    let (found, next) = list(&sql, Some("o2001"), Some("o1999"), 9);
    assert_eq!((found.len(), next), (1, None));
}
