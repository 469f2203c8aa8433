//! The target for session descriptions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::sdp::edit::Place;
use crate::sdp::offer_answer::{Answering, Author, Negotiation, Profile, Want};
use crate::sdp::{Edit, Limits, Sdp};

/// A description that is read is the same when nothing is changed, can be read again after each change, and is answered
/// by one that can be read, with as many streams.
pub fn sdp(octets: &[u8]) {
    let Ok(read) = Sdp::parse(octets, &Limits::default()) else { return };
    let mut copy = Vec::new();
    Edit::new(&read).write(&mut copy);
    assert_eq!(copy, octets, "a copy without changes");
    for media in read.media() {
        let _ =
            (media.destination(), media.rtcp_destination(), media.flow(), media.ptime(), media.maxptime());
        let _ = (media.codecs().count(), media.cryptos().count(), media.mid(), media.telephone_event(8_000));
        assert!(media.codecs().all(|map| media.rtpmap(map.payload_type).is_some()));
    }
    let streams = read.media().len();
    for ip in [IpAddr::V4(Ipv4Addr::new(203, 0, 113, 5)), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let place = Place::pair((ip, 30_000).into());
        relayed(&read, &vec![Some(place); streams]);
        answered(&read, &vec![Want::both(place); streams]);
    }
}

fn relayed(read: &Sdp<'_>, places: &[Option<Place>]) {
    let mut once = Vec::new();
    Edit::new(read).through(places).write(&mut once);
    // A description that was near a limit may pass it by what is added.
    let limits = Limits { sdp_bytes_max: 1 << 20, sdp_lines_max: 1 << 16, ..Limits::default() };
    let again = Sdp::parse(&once, &limits).expect("what was changed can be read");
    assert_eq!(again.media().len(), read.media().len());
    for (media, before) in again.media().zip(read.media()) {
        assert_eq!(media.flow(), before.flow(), "hold and direction pass");
        assert_eq!(media.port() == 0, before.port() == 0);
        assert!(!media.has_ice());
        if let (Some((address, port)), Some(place)) = (media.destination(), places[media.index()]) {
            assert_eq!(port, place.rtp.port());
            assert!(address.is_unspecified() || address.ip() == Some(place.rtp.ip()), "{address}");
        }
    }
    let mut twice = Vec::new();
    Edit::new(&again).through(places).write(&mut twice);
    assert_eq!(once, twice, "a second relay with the same places changes nothing");
}

fn answered(read: &Sdp<'_>, wants: &[Want]) {
    let author = Author::new(1, IpAddr::V4(Ipv4Addr::LOCALHOST));
    let mut end = Negotiation::new(author, Profile { answering: Answering::All, ..Profile::default() });
    let answer = end.answer(read, wants).expect("no offer of ours waits");
    let own = Sdp::parse(&answer.text, &Limits::default()).expect("an answer can be read");
    assert_eq!((own.media().len(), answer.streams.len()), (wants.len(), wants.len()));
    for (media, agreed) in own.media().zip(&answer.streams) {
        assert_eq!(media.port() == 0, agreed.is_none());
    }
    // The same octets as an answer to an offer of ours: taken or refused.
    if end.offer(&wants[..wants.len().min(2)]).is_ok() {
        let _ = end.answered(read);
    }
}
