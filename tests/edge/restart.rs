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
