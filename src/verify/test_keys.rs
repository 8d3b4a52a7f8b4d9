//! Where `test` keys are good: one rule for every place that takes clients' keys.

/// What a granted request of a client leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeadsTo {
    /// An answer about the key itself.
    OurAnswer,
    /// The API that the gateway chooses by the key's environment, if it has one for
    /// `test` keys.
    Gateway {
        /// Whether the route's upstream does.
        has_test: bool,
    },
    /// The API that a proxy chooses, who hears of the environment in the answer.
    Proxy,
}

/// What the operator has set up for `test` keys; nothing unless said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TestKeys {
    /// Whether proxies keep them from the API that is meant for `live` keys.
    pub proxies_take_them: bool,
}

impl TestKeys {
    /// Whether they are taken: only where something keeps them from the `live` API.
    #[must_use]
    pub const fn are_taken(self, leads_to: LeadsTo) -> bool {
        match leads_to {
            LeadsTo::OurAnswer => true,
            LeadsTo::Gateway { has_test } => has_test,
            LeadsTo::Proxy => self.proxies_take_them,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_taken_where_something_keeps_them_from_the_live_api() {
        let gateway = |has_test| LeadsTo::Gateway { has_test };
        let taken = |test_keys: TestKeys| {
            [
                LeadsTo::OurAnswer,
                gateway(false),
                gateway(true),
                LeadsTo::Proxy,
            ]
            .map(|leads_to| test_keys.are_taken(leads_to))
        };
        let neither = TestKeys::default();
        assert_eq!(taken(neither), [true, false, true, false]);
        let proxies = TestKeys {
            proxies_take_them: true,
        };
        assert_eq!(taken(proxies), [true, false, true, true]);
    }
}
