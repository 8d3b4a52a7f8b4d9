//! What a key may do.

use super::super::*;

#[test]
fn scopes() {
    let scope = |text: &str| Scope::parse(text).unwrap();
    for good in ["a", "katalo:read", "!~#", &"x".repeat(64)] {
        assert_eq!(scope(good).to_string(), good);
    }
    for bad in ["", "a b", "a\"", "a\\", "å", "a\n", &"x".repeat(65)] {
        assert_eq!(Scope::parse(bad), None, "{bad:?}");
    }
    let scopes = Scopes::new(vec![scope("write"), scope("read"), scope("read")]).unwrap();
    assert_eq!(scopes.to_string(), "read write");
    assert!(!scopes.is_empty());
    assert!(scopes.contains("read") && !scopes.contains("rea"));
    let less = Scopes::new(vec![scope("read"), scope("billing")]).unwrap();
    assert_eq!(scopes.within(&less).to_string(), "read");
    assert_eq!(scopes.without(&less).to_string(), "write");
    assert!(scopes.cover(&scopes.within(&less)));
    assert!(!scopes.cover(&less));
    let none = Scopes::default();
    assert!(none.is_empty() && scopes.cover(&none) && !none.cover(&scopes));
    assert_eq!(none.to_string(), "");
    assert_eq!(
        serde_json::to_string(&scopes).unwrap(),
        r#"["read","write"]"#
    );
    let read: Scopes = serde_json::from_str(r#"["write","read"]"#).unwrap();
    assert_eq!(read, scopes);
}

#[test]
fn a_key_has_so_many_scopes_and_no_more() {
    let many = |count: usize| {
        let scopes = (0..count).map(|n| Scope::parse(&format!("s{n}")).unwrap());
        scopes.collect::<Vec<_>>()
    };
    assert!(Scopes::new(many(50)).is_some());
    assert!(Scopes::new(many(51)).is_none());
    let texts: Vec<String> = many(51).into_iter().map(String::from).collect();
    let json = serde_json::to_string(&texts).unwrap();
    assert!(serde_json::from_str::<Scopes>(&json).is_err());
}
