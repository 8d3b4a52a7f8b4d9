//! Which region an edge is near, from what the platform tells of a request.

use super::failover::Region;

/// The region for `request.cf`: a continent's two letters, a country's two
/// letters and a longitude in degrees. Western Europe where nothing is told.
///
/// The lines within a continent are coarse on purpose: they choose the nearer
/// of two relays, and a wrong choice costs some milliseconds, no correctness.
#[must_use]
pub fn region_near(
    continent: Option<&str>,
    country: Option<&str>,
    longitude: Option<f64>,
) -> Region {
    let longitude = longitude.unwrap_or(0.0);
    let is_middle_east = country.is_some_and(|country| {
        [
            "AE", "BH", "IL", "IQ", "IR", "JO", "KW", "LB", "OM", "PS", "QA", "SA", "SY", "TR",
            "YE",
        ]
        .contains(&country)
    });
    match continent {
        _ if is_middle_east => Region::Me,
        Some("NA") if longitude < -100.0 => Region::Wnam,
        Some("NA") => Region::Enam,
        Some("SA") => Region::Sam,
        Some("AS") => Region::Apac,
        Some("OC") => Region::Oc,
        Some("AF") => Region::Afr,
        Some("EU") if longitude > 20.0 => Region::Eeur,
        _ => Region::Weur,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cities() {
        for (continent, country, longitude, region) in [
            ("NA", "US", -122.4, Region::Wnam),
            ("NA", "US", -74.0, Region::Enam),
            ("NA", "CA", -100.0, Region::Enam),
            ("NA", "CA", -100.1, Region::Wnam),
            ("EU", "DK", 12.6, Region::Weur),
            ("EU", "PL", 20.0, Region::Weur),
            ("EU", "PL", 20.1, Region::Eeur),
            ("EU", "UA", 30.5, Region::Eeur),
            ("AS", "AE", 55.3, Region::Me),
            ("AS", "JP", 139.7, Region::Apac),
            ("OC", "AU", 151.2, Region::Oc),
            ("SA", "BR", -46.6, Region::Sam),
            ("AF", "ZA", 18.4, Region::Afr),
        ] {
            assert_eq!(
                region_near(Some(continent), Some(country), Some(longitude)),
                region,
                "{country}"
            );
        }
        assert_eq!(region_near(None, None, None), Region::Weur);
    }
}
