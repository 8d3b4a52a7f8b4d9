//! serde's `Deserializer` over a [`Node`].
//!
//! What is generic is compiled for each of our types; so whatever need not be is a
//! function of its own that is not inlined.

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use std::borrow::Cow;
use std::iter::Enumerate;
use std::vec::IntoIter;

use super::node::Node;
use super::{Error, words};

pub(super) struct Reader<'a> {
    node: Node<'a>,
}

impl<'a> Reader<'a> {
    pub(super) const fn of(node: Node<'a>) -> Self {
        Self { node }
    }

    #[inline(never)]
    fn refused(&self, expected: &dyn Expected) -> Error {
        let found = match &self.node {
            Node::Null => Unexpected::Unit,
            Node::Bool(flag) => Unexpected::Bool(*flag),
            Node::Negative(number) => Unexpected::Signed(*number),
            Node::Whole(number) => Unexpected::Unsigned(*number),
            Node::Float(number) => Unexpected::Float(*number),
            Node::Text(text) => Unexpected::Str(text),
            Node::List(_) => Unexpected::Seq,
            Node::Object(_) => Unexpected::Map,
            #[cfg(feature = "control")]
            Node::TakenAway => Unexpected::Other(""),
        };
        Error::invalid_type(found, expected)
    }

    #[inline(never)]
    fn members(self, expected: &dyn Expected) -> Result<Members<'a>, Error> {
        match self.node {
            Node::Object(members) => Ok(Members::of(members)),
            _ => Err(self.refused(expected)),
        }
    }

    #[inline(never)]
    fn items(self, expected: &dyn Expected) -> Result<Items<'a>, Error> {
        match self.node {
            Node::List(items) => Ok(Items::of(items)),
            _ => Err(self.refused(expected)),
        }
    }

    #[inline(never)]
    fn variant(self, expected: &dyn Expected) -> Result<Variant<'a>, Error> {
        match self.node {
            Node::Text(name) => Ok(Variant {
                name,
                content: None,
            }),
            Node::Object(mut members) => match (members.pop(), members.is_empty()) {
                (Some((name, content)), true) => Ok(Variant {
                    name,
                    content: Some(Reader::of(content)),
                }),
                _ => Err(Self::of(Node::Object(members)).refused(expected)),
            },
            _ => Err(self.refused(expected)),
        }
    }
}

/// Hands a text over: what is owned stays the only copy.
fn text<'a, V: Visitor<'a>>(text: Cow<'a, str>, visitor: V) -> Result<V::Value, Error> {
    match text {
        Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
        Cow::Owned(text) => visitor.visit_string(text),
    }
}

macro_rules! scalars {
    ($($name:ident)*) => {
        $(fn $name<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.node {
                Node::Bool(flag) => visitor.visit_bool(flag),
                Node::Negative(number) => visitor.visit_i64(number),
                Node::Whole(number) => visitor.visit_u64(number),
                Node::Float(number) => visitor.visit_f64(number),
                _ => Err(self.refused(&visitor)),
            }
        })*
    };
}

macro_rules! texts {
    ($($name:ident)*) => {
        $(fn $name<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.node {
                Node::Text(found) => text(found, visitor),
                _ => Err(self.refused(&visitor)),
            }
        })*
    };
}

impl<'a> Deserializer<'a> for Reader<'a> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node {
            Node::Null => visitor.visit_unit(),
            Node::Text(found) => text(found, visitor),
            Node::List(items) => visitor.visit_seq(Items::of(items)),
            Node::Object(members) => visitor.visit_map(Members::of(members)),
            _ => self.deserialize_u64(visitor),
        }
    }

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64
    }

    texts! {
        deserialize_char deserialize_str deserialize_string deserialize_bytes
        deserialize_byte_buf
    }

    fn deserialize_identifier<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node {
            Node::Text(name) => visitor.visit_str(name),
            _ => Err(self.refused(&visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node {
            Node::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node {
            Node::Null => visitor.visit_unit(),
            _ => Err(self.refused(&visitor)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        let items = self.items(&visitor)?;
        visitor.visit_seq(items)
    }

    fn deserialize_tuple<V: Visitor<'a>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        let members = self.members(&visitor)?;
        visitor.visit_map(members)
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let members = self.members(&visitor)?;
        visitor.visit_map(members)
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let variant = self.variant(&words::OneOf(known))?;
        visitor.visit_enum(variant)
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}

struct Members<'a> {
    rest: IntoIter<(Cow<'a, str>, Node<'a>)>,
    /// Of the name that was read last.
    value: Option<(Cow<'a, str>, Node<'a>)>,
}

impl<'a> Members<'a> {
    fn of(members: Vec<(Cow<'a, str>, Node<'a>)>) -> Self {
        Self {
            rest: members.into_iter(),
            value: None,
        }
    }

    /// Goes on to the next member, and gives its name.
    #[inline(never)]
    fn next_name(&mut self) -> Option<Reader<'a>> {
        let member = self.rest.find(|(_, value)| value.is_there())?;
        let name = member.0.clone();
        self.value = Some(member);
        Some(Reader::of(Node::Text(name)))
    }

    #[inline(never)]
    fn take_value(&mut self) -> Result<(Cow<'a, str>, Reader<'a>), Error> {
        match self.value.take() {
            Some((name, value)) => Ok((name, Reader::of(value))),
            None => Err(Error::custom("a value without its name")),
        }
    }
}

impl<'a> MapAccess<'a> for Members<'a> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'a>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        self.next_name()
            .map(|name| seed.deserialize(name))
            .transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let (name, value) = self.take_value()?;
        seed.deserialize(value).map_err(|error| error.within(&name))
    }
}

struct Items<'a>(Enumerate<IntoIter<Node<'a>>>);

impl<'a> Items<'a> {
    fn of(items: Vec<Node<'a>>) -> Self {
        Self(items.into_iter().enumerate())
    }

    #[inline(never)]
    fn next_item(&mut self) -> Option<(usize, Reader<'a>)> {
        let (place, item) = self.0.find(|(_, item)| item.is_there())?;
        Some((place, Reader::of(item)))
    }
}

impl<'a> SeqAccess<'a> for Items<'a> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some((place, item)) = self.next_item() else {
            return Ok(None);
        };
        seed.deserialize(item)
            .map(Some)
            .map_err(|error| error.within_item(place))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Variant<'a> {
    name: Cow<'a, str>,
    content: Option<Reader<'a>>,
}

impl<'a> EnumAccess<'a> for Variant<'a> {
    type Error = Error;
    type Variant = Content<'a>;

    fn variant_seed<V: DeserializeSeed<'a>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Content<'a>), Error> {
        let variant = seed.deserialize(Reader::of(Node::Text(self.name)))?;
        Ok((variant, Content(self.content)))
    }
}

struct Content<'a>(Option<Reader<'a>>);

impl<'a> Content<'a> {
    fn there(self) -> Result<Reader<'a>, Error> {
        self.0
            .ok_or_else(|| Error::invalid_type(Unexpected::UnitVariant, &"a variant with content"))
    }
}

impl<'a> VariantAccess<'a> for Content<'a> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.0 {
            None => Ok(()),
            Some(content) => Err(content.refused(&"a variant without content")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.there()?)
    }

    fn tuple_variant<V: Visitor<'a>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.there()?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'a>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.there()?.deserialize_map(visitor)
    }
}
