//! The field of the table of requests: who runs, with which keys, on which requests.

mod presented;
mod rows;
mod servers;

pub(crate) use rows::Row;

use crate::{
    keys::Secrets,
    workerd::{Server, Worker},
};
use anyhow::Result;
use presented::Presented;
use servers::Servers;
use std::path::PathBuf;

/// Everything that runs, until this is dropped.
pub(crate) struct Field {
    pub(crate) rows: Vec<Row>,
    _servers: Servers,
    _probes: Vec<Server>,
}

impl Field {
    /// Starts everything and brings it to the state that is measured. A probe is a
    /// handler in JavaScript of one's own.
    pub(crate) fn start(probes: &[PathBuf]) -> Result<Self> {
        let secrets = Secrets::draw()?;
        let servers = Servers::start(&secrets)?;
        let presented = Presented::make(&secrets, &servers)?;
        let mut rows = rows::all(&servers, &presented);
        let mut running = Vec::with_capacity(probes.len());
        for path in probes {
            let server = Worker::file(path).start()?;
            rows.push(rows::probe(
                &path.display().to_string(),
                &server,
                &presented,
            ));
            running.push(server);
        }
        Ok(Self {
            rows,
            _servers: servers,
            _probes: running,
        })
    }
}
