//! What an edge tells the control plane of itself, for the status.

/// The size of an edge's view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EdgeReport {
    /// Records held.
    pub records: usize,
    /// Bytes that they take.
    pub bytes: usize,
}

impl EdgeReport {
    /// The request header that carries it.
    pub const HEADER: &'static str = "katalo-edge";

    /// As a dictionary of RFC 9651.
    #[must_use]
    pub fn to_header(self) -> String {
        format!("records={}, bytes={}", self.records, self.bytes)
    }

    /// Reads what [`to_header`](Self::to_header) wrote. Nothing is decided by it.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let (records, bytes) = header.split_once(", ")?;
        Some(Self {
            records: records.strip_prefix("records=")?.parse().ok()?,
            bytes: bytes.strip_prefix("bytes=")?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_it_was_written() {
        let report = EdgeReport {
            records: 12,
            bytes: 3_456,
        };
        assert_eq!(report.to_header(), "records=12, bytes=3456");
        assert_eq!(EdgeReport::parse(&report.to_header()), Some(report));
        for bad in ["", "records=1", "records=-1, bytes=2", "bytes=2, records=1"] {
            assert_eq!(EdgeReport::parse(bad), None, "{bad}");
        }
    }
}
