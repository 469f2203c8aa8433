//! The static entries of the configuration: they stand above everything that name servers say.

use std::collections::HashMap;
use std::sync::Arc;

use super::config::{Config, DomainName, StaticNaptr, StaticSrv};
use super::records::{Answer, Kind, Lookup, Naptr, Records, Srv, bare};

/// What the configuration says of names.
#[derive(Debug, Default)]
pub(crate) struct Zone(HashMap<(Kind, Arc<str>), Answer>);

impl Zone {
    /// The zone of a configuration. A domain that it says anything of is whole: no name server is asked for its NAPTR
    /// and SRV records, nor for the addresses of a name that has some here.
    pub(crate) fn of(config: &Config) -> Self {
        let mut records: HashMap<(Kind, Arc<str>), Records> = HashMap::new();
        for (name, addresses) in &config.hosts {
            own_domain(&mut records, &name.0);
            for (kind, is_four) in [(Kind::A, true), (Kind::Aaaa, false)] {
                let of_family = addresses.iter().filter(|address| address.is_ipv4() == is_four);
                records.insert((kind, (&*name.0).into()), Records::Addresses(of_family.copied().collect()));
            }
        }
        for entry in &config.srv {
            let mut labels = entry.name.0.splitn(3, '.');
            if let (Some(service), Some(protocol), Some(domain)) =
                (labels.next(), labels.next(), labels.next())
                && service.starts_with('_')
                && protocol.starts_with('_')
            {
                own_domain(&mut records, domain);
            }
            own(&mut records, Kind::Srv, &entry.name.0);
            if let Some(Records::Srv(list)) = records.get_mut(&(Kind::Srv, (&*entry.name.0).into())) {
                list.push(entry.record());
            }
        }
        for entry in &config.naptr {
            own_domain(&mut records, &entry.name.0);
            if let Some(Records::Naptr(list)) = records.get_mut(&(Kind::Naptr, (&*entry.name.0).into())) {
                list.push(entry.record());
            }
        }
        Self(records.into_iter().map(|(lookup, records)| (lookup, Answer::of(records))).collect())
    }

    /// What it says; `None` when a name server is to be asked.
    pub(crate) fn find(&self, lookup: &Lookup) -> Option<Answer> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&(lookup.kind, bare(&lookup.name).into())).cloned()
    }
}

fn own_domain(records: &mut HashMap<(Kind, Arc<str>), Records>, domain: &str) {
    own(records, Kind::Naptr, domain);
    for service in ["_sip._udp", "_sip._tcp", "_sips._tcp"] {
        own(records, Kind::Srv, &format!("{service}.{domain}"));
    }
}

fn own(records: &mut HashMap<(Kind, Arc<str>), Records>, kind: Kind, name: &str) {
    records.entry((kind, name.into())).or_insert_with(|| match kind {
        Kind::Naptr => Records::Naptr(Vec::new()),
        Kind::Srv => Records::Srv(Vec::new()),
        Kind::A | Kind::Aaaa => Records::Addresses(Vec::new()),
    });
}

impl StaticSrv {
    fn record(&self) -> Srv {
        let Self { priority, weight, port, target: DomainName(target), .. } = self;
        Srv { priority: *priority, weight: *weight, port: *port, target: target.clone() }
    }
}

impl StaticNaptr {
    fn record(&self) -> Naptr {
        Naptr {
            order: self.order,
            preference: self.preference,
            flags: "s".into(),
            service: self.service.name().into(),
            replacement: self.replacement.0.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_that_is_named_is_whole_and_others_are_asked_for() {
        let config: Config = toml::from_str(
            r#"
            hosts."A.example.org." = ["192.0.2.1", "2001:db8::1", "192.0.2.2"]
            srv = [{ name = "_sip._udp.example.org", port = 5060, target = "a.example.org" }]
            "#,
        )
        .expect("a configuration");
        let zone = Zone::of(&config);
        let found = |kind, name: &str| zone.find(&Lookup::new(kind, name));
        assert_eq!(found(Kind::A, "a.example.org").map(|answer| answer.addresses().len()), Some(2));
        assert_eq!(found(Kind::Aaaa, "a.Example.org.").map(|answer| answer.addresses().len()), Some(1));
        assert_eq!(found(Kind::Srv, "_sip._udp.example.org").map(|answer| answer.srv()[0].port), Some(5060));
        for (kind, name) in [
            (Kind::Naptr, "example.org"),
            (Kind::Srv, "_sip._tcp.example.org"),
            (Kind::Naptr, "a.example.org"),
            (Kind::Srv, "_sips._tcp.a.example.org"),
        ] {
            assert_eq!(found(kind, name), Some(Answer::Nothing), "{name}");
        }
        assert_eq!(found(Kind::A, "example.org"), None, "nothing was said of its address");
        assert_eq!(found(Kind::Naptr, "example.net"), None);
    }
}
