//! `metadata`: the caller's own JSON.

use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Number, Value};

/// Greatest whole number that every JSON reader keeps (RFC 8259 section 6):
/// 2⁵³ − 1.
const GREATEST_SAFE: i64 = (1 << 53) - 1;

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
            return Err(D::Error::custom("metadata must not exceed 4096 bytes"));
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
                return Err(A::Error::custom("metadata must not have a name twice"));
            }
        }
        Ok(object)
    }
}

fn deeper<E: serde::de::Error>(depth: usize) -> Result<usize, E> {
    depth
        .checked_sub(1)
        .ok_or_else(|| E::custom("metadata must not be nested deeper than 32 levels"))
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
            "numbers in metadata must be whole and within ±9007199254740991; write others as text",
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
