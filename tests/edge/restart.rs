//! What a restart of the runtime must not change.

use anyhow::Result;
use katalo_rig::Rig;

#[test]
fn state_survives_sigkill() -> Result<()> {
    let mut rig = Rig::builder().start()?;
    assert_eq!(rig.edge(0).get("/ping")?.json()?[0]["first"], 1);
    rig.kill();
    rig.start()?;
    assert_eq!(rig.edge(0).get("/ping")?.json()?[0]["first"], 2);
    Ok(())
}

#[test]
fn an_edge_outlives_the_objects() -> Result<()> {
    let mut rig = Rig::builder().objects_apart().start()?;
    assert_eq!(rig.edge(0).get("/ping")?.json()?[0]["first"], 1);
    rig.kill_objects();
    assert_eq!(rig.edge(0).get("/ping")?.status, 500);
    assert_eq!(rig.edge(0).get("/healthz")?.status, 200);
    rig.start_objects()?;
    assert_eq!(rig.edge(0).get("/ping")?.json()?[0]["first"], 2);
    Ok(())
}
