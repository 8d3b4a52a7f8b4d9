//! What an edge tells the control plane of itself, for the status.

/// An edge's view, and what weakens a guarantee there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EdgeReport {
    /// Records held.
    pub records: usize,
    /// Bytes that they take.
    pub bytes: usize,
    /// The greatest age, in milliseconds, at which it serves what it cannot prove.
    pub unproven: Option<u64>,
}

impl EdgeReport {
    /// The request header that carries it.
    pub const HEADER: &'static str = "katalo-edge";

    /// As a dictionary of RFC 9651.
    #[must_use]
    pub fn to_header(self) -> String {
        let mut header = format!("records={}, bytes={}", self.records, self.bytes);
        if let Some(unproven) = self.unproven {
            header.push_str(&format!(", unproven={unproven}"));
        }
        header
    }

    /// Reads what [`to_header`](Self::to_header) wrote. Nothing is decided by it.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let mut members = header.split(", ");
        let mut member = |name: &str| {
            let (found, value) = members.next()?.split_once('=')?;
            (found == name).then(|| value.parse::<u64>().ok())?
        };
        Some(Self {
            records: usize::try_from(member("records")?).ok()?,
            bytes: usize::try_from(member("bytes")?).ok()?,
            unproven: member("unproven"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_it_was_written() {
        for (unproven, header) in [
            (None, "records=12, bytes=3456"),
            (Some(60_000), "records=12, bytes=3456, unproven=60000"),
        ] {
            let report = EdgeReport {
                records: 12,
                bytes: 3_456,
                unproven,
            };
            assert_eq!(report.to_header(), header);
            assert_eq!(EdgeReport::parse(header), Some(report));
        }
        for bad in ["", "records=1", "records=-1, bytes=2", "bytes=2, records=1"] {
            assert_eq!(EdgeReport::parse(bad), None, "{bad}");
        }
    }
}
