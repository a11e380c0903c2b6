use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::UdpSocket;

use super::{Reader, Resolver, query, read_answer};

/// What the fake name server does with a query for a name.
#[derive(Clone, Copy)]
enum Reply {
    Address([u8; 4]),
    AliasOf([u8; 4]),
    NoAddress,
    NoSuchName,
    Failure,
    Silence,
    /// A packet with another id first, then the right one.
    ForgedFirst([u8; 4]),
    Cut,
}

/// Starts a name server on a free port that knows the names of `zone`, and nothing else.
async fn name_server(zone: &'static [(&'static str, Reply)]) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
    let address = socket.local_addr().expect("address");
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        loop {
            let (length, client) = socket.recv_from(&mut buffer).await.expect("receive");
            let question = &buffer[..length];
            let name = question_name(question);
            let reply =
                zone.iter().find(|(known, _)| *known == name).map_or(Reply::NoSuchName, |(_, reply)| *reply);
            for packet in packets(question, reply) {
                socket.send_to(&packet, client).await.expect("send");
            }
        }
    });
    address
}

fn question_name(question: &[u8]) -> String {
    let mut reader = Reader(&question[12..]);
    let mut labels = Vec::new();
    loop {
        match reader.bytes(1).expect("length")[0] {
            0 => return labels.join("."),
            length => {
                let label = reader.bytes(length.into()).expect("label");
                labels.push(String::from_utf8(label.to_vec()).expect("text"));
            }
        }
    }
}

fn packets(question: &[u8], reply: Reply) -> Vec<Vec<u8>> {
    // Every record's name is a pointer to the question's name, as real servers write it.
    let record = |kind: u8, data: &[u8]| {
        let mut bytes = vec![0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0];
        bytes.push(u8::try_from(data.len()).expect("short"));
        bytes.extend(data);
        bytes
    };
    let answer = |code: u8, records: &[Vec<u8>]| {
        let mut packet = question.to_vec();
        packet[2] = 0x81;
        packet[3] = 0x80 | code;
        packet[7] = u8::try_from(records.len()).expect("few");
        packet.extend(records.concat());
        packet
    };
    match reply {
        Reply::Address(ip) => vec![answer(0, &[record(1, &ip)])],
        Reply::AliasOf(ip) => vec![answer(0, &[record(5, b"\x02db\xc0\x0c"), record(1, &ip)])],
        Reply::NoAddress => vec![answer(0, &[])],
        Reply::NoSuchName => vec![answer(3, &[])],
        Reply::Failure => vec![answer(2, &[])],
        Reply::Silence => vec![],
        Reply::ForgedFirst(ip) => {
            let right = answer(0, &[record(1, &ip)]);
            let mut forged = answer(0, &[record(1, &[6, 6, 6, 6])]);
            forged[0] ^= 0xff;
            vec![forged, right]
        }
        Reply::Cut => {
            vec![answer(0, &[record(1, &[1, 2, 3, 4])]).split_off(0)[..question.len() + 9].to_vec()]
        }
    }
}

const ZONE: &[(&str, Reply)] = &[
    ("database", Reply::Address([10, 0, 0, 5])),
    ("alias", Reply::AliasOf([10, 0, 0, 6])),
    ("database.prod.example", Reply::Address([10, 0, 0, 7])),
    ("only-there.prod.example", Reply::Address([10, 0, 0, 8])),
    ("empty", Reply::NoAddress),
    ("failing", Reply::Failure),
    ("silent", Reply::Silence),
    ("forged", Reply::ForgedFirst([10, 0, 0, 9])),
    ("cut", Reply::Cut),
];

const HOSTS: &str = "# comment\n10.1.1.1 gateway Pier # database\n::1 six\n";

async fn resolver() -> Resolver {
    let mut resolver = Resolver::new(HOSTS.to_owned(), "search prod.example.\noptions ndots:0\n");
    resolver.servers = vec![name_server(ZONE).await];
    resolver
}

#[tokio::test]
async fn names_become_addresses() {
    let resolver = resolver().await;
    let table = [
        ("192.0.2.1", Some("192.0.2.1")),
        ("::1", Some("::1")),
        ("gateway", Some("10.1.1.1")),
        ("PIER", Some("10.1.1.1")),
        ("six", Some("::1")),
        ("localhost", Some("127.0.0.1")),
        ("database", Some("10.0.0.5")),
        ("alias", Some("10.0.0.6")),
        ("only-there", Some("10.0.0.8")),
        ("only-there.", None),
        ("forged", Some("10.0.0.9")),
        ("empty", None),
        ("unknown", None),
        ("failing", None),
        ("two..dots", None),
        ("", None),
    ];
    for (host, expected) in table {
        let expected = expected.map(|address| address.parse::<IpAddr>().expect("address"));
        assert_eq!(resolver.lookup(host).await.ok(), expected, "{host}");
    }
}

#[tokio::test]
async fn a_silent_or_broken_server_is_passed_over_for_the_next() {
    let good =
        name_server(&[("silent", Reply::Address([10, 0, 0, 1])), ("cut", Reply::Address([10, 0, 0, 2]))])
            .await;
    let mut resolver = resolver().await;
    resolver.servers.push(good);
    for (host, last) in [("silent", 1), ("cut", 2)] {
        let address = resolver.lookup(host).await.expect(host);
        assert_eq!(address, Ipv4Addr::new(10, 0, 0, last), "{host}");
    }
}

#[test]
fn the_system_files_are_read_as_docker_writes_them() {
    let resolver = Resolver::new(
        String::new(),
        "# Generated\nnameserver 127.0.0.11\nsearch a.example b.example\noptions ndots:0",
    );
    assert_eq!(resolver.servers, ["127.0.0.11:53".parse().expect("address")]);
    assert_eq!(resolver.candidates("db"), ["db", "db.a.example", "db.b.example"]);
}

#[test]
fn no_cut_packet_is_an_answer_or_a_panic() {
    let question = query(7, "database").expect("query");
    let whole = packets(&question, Reply::AliasOf([1, 2, 3, 4])).remove(0);
    assert!(matches!(read_answer(&whole, 7), Some(Ok(Some(_)))));
    for length in 0..whole.len() {
        assert!(read_answer(&whole[..length], 7).is_none(), "{length}");
    }
}
