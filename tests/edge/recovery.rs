//! A trap in the crate costs the requests under way, and nothing else.

use anyhow::Result;
use katalo_rig::{Class, Rig};
use std::time::Duration;

#[test]
fn the_request_after_a_trap_works() -> Result<()> {
    let rig = Rig::builder().start()?;
    for path in ["/healthz", "/kv/name", "/ping"] {
        let mut trapped = 0;
        for calls in 1..60 {
            let answer = rig
                .edge(0)
                .call("GET", path)
                .header("rig-trap", &calls.to_string())
                .send()?;
            match answer.status {
                200 => break,
                status => {
                    trapped += 1;
                    assert_eq!(status, 500, "{answer:?}");
                    assert_eq!(
                        answer.problem().as_deref(),
                        Some("internal_error"),
                        "{answer:?}"
                    );
                }
            }
            // Counts that were not used up must not reach the next request.
            let reset = rig
                .edge(0)
                .call("GET", "/healthz")
                .header("rig-trap", "0")
                .send()?;
            assert_eq!(reset.status, 200);
        }
        assert!(trapped > 2, "{path}: {trapped}");
    }
    Ok(())
}

#[test]
fn requests_under_way_when_another_traps_are_answered() -> Result<()> {
    let rig = Rig::builder().start()?;
    rig.kv().edge(0).delay(Duration::from_millis(1500));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| rig.edge(0).get("/kv/name"));
        std::thread::sleep(Duration::from_millis(300));
        let trapping = rig
            .edge(0)
            .call("GET", "/healthz")
            .header("rig-trap", "3")
            .send()?;
        assert_eq!(trapping.status, 500);
        let began = std::time::Instant::now();
        let waited = waiting.join().expect("the thread ends")?;
        assert_eq!(
            waited.problem().as_deref(),
            Some("internal_error"),
            "{waited:?}"
        );
        assert!(
            began.elapsed() < Duration::from_millis(800),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(rig.edge(0).get("/healthz")?.status, 200);
        Ok(())
    })
}

// The object writes two rows with no await in between. Whatever it traps at,
// both are there, or neither.
#[test]
fn an_object_that_traps_commits_nothing_by_half() -> Result<()> {
    let rig = Rig::builder().start()?;
    let mut written = 0;
    for calls in 1..40 {
        rig.objects(Class::Registry).trap_after(calls)?;
        let trapped = rig.edge(0).get("/ping")?;
        assert_eq!(trapped.status, 500, "at call {calls}: {trapped:?}");
        let rows = rig.edge(0).get("/ping")?.json()?;
        assert_eq!(rows[0]["first"], rows[0]["second"], "at call {calls}");
        let rows = rows[0]["first"].as_u64().unwrap_or_default();
        assert!(rows > written, "at call {calls}");
        written = rows;
    }
    Ok(())
}
