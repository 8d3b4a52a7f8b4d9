//! Fields that check themselves: a value exists only where it is right.

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Number, Value};
use zeroize::Zeroizing;

use crate::bounded::bounded;
use crate::key::{Scope, Scopes};
use crate::time::{Timestamp, rfc3339};

/// Greatest whole number that every JSON reader keeps (RFC 8259 section 6):
/// 2⁵³ − 1.
const GREATEST_SAFE: i64 = (1 << 53) - 1;

/// What people call a key or an organization: 1 to 100 characters without
/// control characters, spaces around them cut off.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Most characters.
    pub const MAX: usize = 100;

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let trimmed = text.trim();
        let fits = (1..=Self::MAX).contains(&trimmed.chars().count());
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(trimmed.to_owned()))
        } else {
            Err("a name is 1 to 100 characters, none of them a control character")
        }
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

/// Why something was revoked, in full: at most 500 characters; line breaks are
/// the only control characters.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Note(String);

impl Note {
    /// Most characters.
    pub const MAX: usize = 500;

    /// The note.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Note {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = text.chars().count() <= Self::MAX;
        if fits && !text.chars().any(|c| c.is_control() && c != '\n') {
            Ok(Self(text))
        } else {
            Err("a note is at most 500 characters, with no control character but line breaks")
        }
    }
}

impl From<Note> for String {
    fn from(note: Note) -> Self {
        note.0
    }
}

/// The scopes a key is given: 1 to 50.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Vec<Scope>", into = "Vec<Scope>")]
pub struct GrantedScopes(Scopes);

impl GrantedScopes {
    /// The scopes.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.0
    }
}

impl TryFrom<Vec<Scope>> for GrantedScopes {
    type Error = &'static str;
    fn try_from(scopes: Vec<Scope>) -> Result<Self, Self::Error> {
        match Scopes::new(scopes) {
            Some(scopes) if !scopes.is_empty() => Ok(Self(scopes)),
            _ => Err("a key has 1 to 50 scopes"),
        }
    }
}

impl From<GrantedScopes> for Vec<Scope> {
    fn from(granted: GrantedScopes) -> Self {
        granted.0.into()
    }
}

/// Networks a key may be used from: at most 50, sorted, none twice; everywhere
/// when empty. A bare address means that address alone, bits behind the prefix
/// are cleared, and an IPv4-mapped IPv6 network (`::ffff:0:0/96`) is the
/// IPv4 one.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct AllowedIps(Vec<IpNet>);

impl AllowedIps {
    /// Most networks.
    pub const MAX: usize = 50;

    /// The networks.
    #[must_use]
    pub fn networks(&self) -> &[IpNet] {
        &self.0
    }

    /// Whether whoever may be within `others` is within these.
    #[must_use]
    pub fn cover(&self, others: &Self) -> bool {
        let covers = |other: &IpNet| self.0.iter().any(|network| network.contains(other));
        self.is_empty() || !others.is_empty() && others.0.iter().all(covers)
    }

    /// Whether it may be used from everywhere.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn network(text: &str) -> Option<IpNet> {
    let network: IpNet = match text.parse() {
        Ok(network) => network,
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
    };
    let network = match network {
        IpNet::V6(v6) => unmapped(v6).map_or(IpNet::V6(v6), IpNet::V4),
        v4 @ IpNet::V4(_) => v4,
    };
    Some(network.trunc())
}

fn unmapped(network: Ipv6Net) -> Option<Ipv4Net> {
    let length = network.prefix_len().checked_sub(96)?;
    Ipv4Net::new(network.addr().to_ipv4_mapped()?, length).ok()
}

impl TryFrom<Vec<String>> for AllowedIps {
    type Error = &'static str;
    fn try_from(texts: Vec<String>) -> Result<Self, Self::Error> {
        if texts.len() > Self::MAX {
            return Err("at most 50 networks");
        }
        let mut networks = texts
            .iter()
            .map(|text| network(text))
            .collect::<Option<Vec<_>>>()
            .ok_or("a network is an address or a CIDR, as 192.0.2.0/24 or 2001:db8::/32")?;
        networks.sort();
        networks.dedup();
        Ok(Self(networks))
    }
}

impl From<AllowedIps> for Vec<String> {
    fn from(ips: AllowedIps) -> Self {
        ips.0.iter().map(ToString::to_string).collect()
    }
}

/// The caller's own JSON object: at most 4 KiB written without spaces, at most
/// 32 levels deep, no name twice in an object at any depth, and numbers that
/// every JSON reader keeps: whole ones within ±(2⁵³ − 1) (RFC 7493 section 2.2).
/// A fraction is not one of them: readers and writers round it, and the audit's
/// hash chain must not depend on how.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Metadata(Map<String, Value>);

impl Metadata {
    /// Most bytes.
    pub const MAX_BYTES: usize = 4096;
    /// Most levels: messages nest it deeper than the body did, and JSON readers
    /// give up at 128.
    pub const MAX_DEPTH: usize = 32;

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The object.
    #[must_use]
    pub const fn object(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let object = from.deserialize_map(ObjectVisitor {
            depth: Self::MAX_DEPTH,
        })?;
        let length = serde_json::to_string(&object).map_or(usize::MAX, |text| text.len());
        if length > Self::MAX_BYTES {
            return Err(D::Error::custom("metadata is at most 4096 bytes"));
        }
        Ok(Self(object))
    }
}

struct ObjectVisitor {
    depth: usize,
}

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let depth = deeper::<A::Error>(self.depth)?;
        let mut object = Map::new();
        while let Some(name) = from.next_key::<String>()? {
            let value = from.next_value_seed(ValueSeed { depth })?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("metadata has a name twice"));
            }
        }
        Ok(object)
    }
}

fn deeper<E: serde::de::Error>(depth: usize) -> Result<usize, E> {
    depth
        .checked_sub(1)
        .ok_or_else(|| E::custom("metadata is at most 32 levels deep"))
}

struct ValueSeed {
    depth: usize,
}

impl<'de> serde::de::DeserializeSeed<'de> for ValueSeed {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

fn whole<E: serde::de::Error>(number: i64) -> Result<Value, E> {
    if (-GREATEST_SAFE..=GREATEST_SAFE).contains(&number) {
        Ok(Value::Number(Number::from(number)))
    } else {
        Err(E::custom(
            "numbers in metadata are whole and within ±9007199254740991; write others as text",
        ))
    }
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }
    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Value, E> {
        whole(number)
    }
    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        whole(i64::try_from(number).unwrap_or(i64::MAX))
    }
    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        // `1.0` and `1e3` are whole numbers to JSON. The cast saturates.
        #[allow(clippy::cast_possible_truncation)]
        let kept = number as i64;
        whole(if number.fract() == 0.0 {
            kept
        } else {
            i64::MAX
        })
    }
    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }
    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let depth = deeper::<A::Error>(self.depth)?;
        let mut items = Vec::new();
        while let Some(item) = from.next_element_seed(Self { depth })? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, from: A) -> Result<Value, A::Error> {
        ObjectVisitor { depth: self.depth }
            .visit_map(from)
            .map(Value::Object)
    }
}

/// An instant as RFC 3339 text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Instant(#[serde(with = "rfc3339")] pub Timestamp);

/// A field of a merge patch (RFC 7396): not there, `null`, or a value.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Patch<T> {
    /// Not there: stays as it is.
    #[default]
    Keep,
    /// `null`: taken away.
    Clear,
    /// A value: put in its place.
    Set(T),
}

impl<T> Patch<T> {
    /// Whether the field is not there.
    #[must_use]
    pub const fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(from)?.map_or(Self::Clear, Self::Set))
    }
}

impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            // `Keep` is skipped by its struct.
            Self::Keep | Self::Clear => to.serialize_none(),
            Self::Set(value) => value.serialize(to),
        }
    }
}

/// `#[serde(deserialize_with = "present")]`: a field that may be missing, but is
/// not `null` where it is there.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// A field that only `null` may stand in: it can be taken away, not set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nothing {}

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("can be taken away by null, not set"))
    }
}

impl Serialize for Nothing {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        match *self {}
    }
}

/// `leak_policy`: what a report of a leak does to a key.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "WrittenPolicy", into = "WrittenPolicy")]
pub enum LeakPolicy {
    /// It is on record, and shown.
    #[default]
    Report,
    /// The key is held to these scopes until an administrator lifts it.
    Quarantine {
        /// Only what the key has of these.
        scopes: Scopes,
    },
    /// The key is revoked.
    Revoke,
}

/// The same as JSON: `{"action": "quarantine", "scopes": ["read"]}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPolicy {
    action: LeakAction,
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    scopes: Option<Scopes>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LeakAction {
    Report,
    Quarantine,
    Revoke,
}

impl TryFrom<WrittenPolicy> for LeakPolicy {
    type Error = &'static str;
    fn try_from(written: WrittenPolicy) -> Result<Self, Self::Error> {
        match (written.action, written.scopes) {
            (LeakAction::Report, None) => Ok(Self::Report),
            (LeakAction::Revoke, None) => Ok(Self::Revoke),
            (LeakAction::Quarantine, Some(scopes)) => Ok(Self::Quarantine { scopes }),
            _ => Err("`scopes` belongs to the action quarantine, and to no other"),
        }
    }
}

impl From<LeakPolicy> for WrittenPolicy {
    fn from(policy: LeakPolicy) -> Self {
        let (action, scopes) = match policy {
            LeakPolicy::Report => (LeakAction::Report, None),
            LeakPolicy::Quarantine { scopes } => (LeakAction::Quarantine, Some(scopes)),
            LeakPolicy::Revoke => (LeakAction::Revoke, None),
        };
        Self { action, scopes }
    }
}

impl LeakPolicy {
    /// As it stands in JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Quarantine { .. } => "quarantine",
            Self::Revoke => "revoke",
        }
    }
}

/// Who found a key where it does not belong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeakSource {
    /// GitHub's secret scanning.
    Github,
}

impl LeakSource {
    /// As it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
        }
    }
}

/// `api_access`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApiAccess {
    /// Its keys open what their scopes say.
    Enabled,
    /// Its keys open nothing, and none is issued.
    Disabled,
}

impl From<bool> for ApiAccess {
    fn from(enabled: bool) -> Self {
        if enabled {
            Self::Enabled
        } else {
            Self::Disabled
        }
    }
}

/// The reasons of a revocation, after RFC 5280 section 5.3.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    /// Somebody else has it, or may have.
    KeyCompromise,
    /// Another took its place.
    Superseded,
    /// What it was for has ended.
    CessationOfOperation,
    /// Its holder may no longer.
    PrivilegeWithdrawn,
    /// Not said.
    Unspecified,
}

impl RevocationReason {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::KeyCompromise,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::PrivilegeWithdrawn,
        Self::Unspecified,
    ];

    /// As it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyCompromise => "key_compromise",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessation_of_operation",
            Self::PrivilegeWithdrawn => "privilege_withdrawn",
            Self::Unspecified => "unspecified",
        }
    }
}

/// Whether to answer only once the change is enforced; yes unless said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wait(pub bool);

impl Default for Wait {
    fn default() -> Self {
        Self(true)
    }
}

bounded! {
    /// For how long a rotated key still works, in seconds: 0 to 30 days; a day
    /// unless said.
    OverlapSeconds, (0..=2_592_000), "an overlap is 0 to 2592000 seconds"
}

impl Default for OverlapSeconds {
    fn default() -> Self {
        Self(86_400)
    }
}

bounded! {
    /// Longest life of a key, in days: 1 to 3650.
    KeyLifetimeDays, (1..=3650), "a key lifetime is 1 to 3650 days"
}

/// What the dashboard's cookie carries: 64 hexadecimal digits, of which the last
/// 16 are a tag ([`Keyring::made_session`](crate::key::Keyring::made_session)).
/// The registry keeps a MAC of it. No `Debug` of its digits, wiped on drop.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionToken(Zeroizing<String>);

impl SessionToken {
    /// The digits, for the one cookie that carries them and for their MAC.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

impl TryFrom<String> for SessionToken {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = Zeroizing::new(text);
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 64 && text.bytes().all(is_digit) {
            Ok(Self(text))
        } else {
            Err("not a session token")
        }
    }
}

impl From<SessionToken> for String {
    fn from(token: SessionToken) -> Self {
        token.0.as_str().to_owned()
    }
}
