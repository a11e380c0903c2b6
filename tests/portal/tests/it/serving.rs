//! `portal serve` and `portal seed` against a database.

use crate::data::Data;
use crate::http::{Server, serve};
use crate::run;
use crate::tree::Tree;

const HEALTHY_BASE: &str = r#"{"status":"ok","build":"base"}"#;

#[test]
fn pages_show_the_data_and_escape_it() {
    let (tree, data) = (Tree::base(), Data::empty());
    let server = Server::start(&tree, &data);

    let customers = server.get("/customers");
    assert_eq!(customers.code, 200);
    assert!(customers.body.contains("<td>Mei &amp; Lin Chen</td>"), "{}", customers.body);
    data.execute(
        "update customers set name = '<script>alert(1)</script>', phone = null where name like 'Mei%'",
    );
    let customers = server.get("/customers");
    assert!(customers.body.contains("<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>"), "{}", customers.body);
    assert!(!customers.body.contains("<script>"), "{}", customers.body);

    let home = server.get("/");
    assert_eq!(home.code, 200);
    assert!(home.body.contains("<strong>€ 1,266.85</strong>"), "{}", home.body);
    for page in ["customers", "news", "offers", "orders"] {
        assert!(home.body.contains(&format!("<a href=\"/{page}\">")), "{page}: {}", home.body);
        assert_eq!(server.get(&format!("/{page}")).code, 200, "{page}");
    }
    assert_eq!(server.get("/unheard-of").code, 404);
    assert_eq!(server.get("/api/unheard-of").code, 404);
}

#[test]
fn migrations_run_once() {
    let (tree, data) = (Tree::base(), Data::empty());
    Server::start(&tree, &data).stop("-TERM");
    let after_first_start = data.fingerprint();
    Server::start(&tree, &data).stop("-TERM");
    assert_eq!(data.fingerprint(), after_first_start);

    tree.apply("good");
    let server = Server::start(&tree, &data);
    assert_eq!(data.value("select sum(points) from loyalty_points"), "124");
    assert!(server.get("/loyalty").body.contains("<td>Amara Okafor</td><td class=\"number\">64</td>"));
    assert_eq!(server.get("/offers").code, 404);
    assert_eq!(server.get("/api/health").body, HEALTHY_BASE);
    server.stop("-TERM");

    // The old version still works on the newer database, as after a rollback that need not restore it.
    let server = Server::start(&Tree::base(), &data);
    assert_eq!(server.get("/api/health").body, HEALTHY_BASE);
}

#[test]
fn starting_twice_at_the_same_time_migrates_once() {
    let (tree, data) = (Tree::base(), Data::empty());
    let starts: Vec<_> = (0..4)
        .map(|_| serve(&tree, &data).stdout(std::process::Stdio::piped()).spawn().expect("start the portal"))
        .collect();
    for mut start in starts {
        let output = std::io::BufReader::new(start.stdout.take().expect("its output"));
        let serves =
            std::io::BufRead::lines(output).any(|line| line.expect("a line").contains("serving build"));
        start.kill().expect("end it");
        start.wait().expect("wait for its end");
        assert!(serves);
    }
    assert_eq!(data.value("select count(*) from portal_migrations"), "3");
    assert_eq!(data.value("select count(*) from customers"), "3");
}

#[test]
fn a_failing_or_edited_migration_ends_the_start_and_leaves_no_trace() {
    let (tree, data) = (Tree::base(), Data::empty());
    Server::start(&tree, &data).stop("-TERM");
    let before = data.fingerprint();

    tree.write("migrations/0004_half.sql", "create table half (id int); select nothing from nowhere;");
    let (code, output) = run(&mut serve(&tree, &data));
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("run the migration 0004_half: "), "{output}");
    assert!(output.contains("\"nowhere\" does not exist"), "{output}");

    tree.write("migrations/0003_create_news.sql", "select 1");
    let (code, output) = run(&mut serve(&tree, &data));
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("0003_create_news was edited after it had run"), "{output}");
    assert_eq!(data.fingerprint(), before);
}

#[test]
fn a_broken_database_is_not_healthy() {
    let table = [
        ("update orders set total_cents = 0", "4 orders have a total that is not quantity times unit price"),
        ("alter table customers drop column phone", "fill the page customers: "),
        ("drop table news", "fill the page news: "),
        (
            "alter table orders drop constraint orders_customer_id_fkey; delete from customers where name like 'Jonas%'",
            "1 orders belong to no customer",
        ),
        (
            "delete from portal_migrations where name like '0003%'",
            "the migration 0003_create_news has not run",
        ),
    ];
    let tree = Tree::base();
    tree.write("slipway.json", r#"{"build":"FB-0000ABCD","promotion":"CP-0000ABCD","source":"abc"}"#);
    for (damage, problem) in table {
        let data = Data::empty();
        let server = Server::start(&tree, &data);
        assert_eq!(server.get("/api/health").body, r#"{"status":"ok","build":"FB-0000ABCD"}"#);
        data.execute(damage);
        let health = server.get("/api/health");
        assert_eq!(health.code, 503, "{damage}");
        let start = format!(r#"{{"status":"broken","build":"FB-0000ABCD","problem":"{problem}"#);
        assert!(health.body.starts_with(&start), "{damage}: {}", health.body);
    }
}

#[test]
fn the_feature_that_breaks_data_runs_but_is_not_healthy() {
    let (tree, data) = (Tree::base(), Data::empty());
    Server::start(&tree, &data).stop("-TERM");
    tree.apply("breaks-data");
    let server = Server::start(&tree, &data);
    assert_eq!(data.value("select total_cents from orders where number = 'R-1001'"), "58191");
    assert_eq!(data.value("select count(phone) from customers"), "0");
    let health = server.get("/api/health");
    assert_eq!(health.code, 503, "{}", health.body);
    assert!(health.body.contains("4 orders have a total"), "{}", health.body);
    assert_eq!(server.get("/orders").code, 200);
    drop(server);

    // Going back to the old version alone heals nothing: the data has to be restored.
    let server = Server::start(&Tree::base(), &data);
    assert_eq!(server.get("/api/health").code, 503);
}

#[test]
fn the_feature_that_exits_at_start_changes_no_data() {
    let (tree, data) = (Tree::base(), Data::empty());
    Server::start(&tree, &data).stop("-TERM");
    let before = data.fingerprint();
    tree.apply("exits-at-start");
    assert_eq!(run(tree.program().arg("build")).0, Some(0));
    let (code, output) = run(&mut serve(&tree, &data));
    assert_eq!(code, Some(1));
    let last = output.lines().last();
    let expected =
        "portal: cannot start: settings.json switches card payments on but names no card_payments.merchant";
    assert_eq!(last, Some(expected));
    assert_eq!(data.fingerprint(), before);
}

#[test]
fn the_feature_that_never_gets_healthy_says_that_it_warms_up() {
    let (tree, data) = (Tree::with("never-healthy"), Data::empty());
    assert_eq!(run(tree.program().arg("build")).0, Some(0));
    let server = Server::start(&tree, &data);
    let health = server.get("/api/health");
    assert_eq!(health.code, 503);
    assert_eq!(health.body, r#"{"status":"warming_up","build":"base","problem":"still warming up"}"#);
    assert_eq!(server.get("/").code, 503);
}

#[test]
fn both_signals_stop_it_in_spite_of_open_connections() {
    let tree = Tree::base();
    for signal in ["-TERM", "-INT"] {
        let data = Data::empty();
        let server = Server::start(&tree, &data);
        let _idle = server.connect();
        let (status, output) = server.stop(signal);
        assert_eq!(status.code(), Some(0), "{signal}");
        assert_eq!(output, "portal: stopped\n", "{signal}");
    }
}

#[test]
fn a_lost_database_connection_is_made_again() {
    let (tree, data) = (Tree::base(), Data::empty());
    let server = Server::start(&tree, &data);
    data.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = 'portal' and datname = current_database()",
    );
    let mut answers = (0..3).map(|_| server.get("/api/health"));
    assert!(answers.any(|answer| answer.code == 200));
}

#[test]
fn a_start_without_a_database_waits_until_told_to_stop() {
    let tree = Tree::base();
    let mut child = tree
        .program()
        .arg("serve")
        .env("DATABASE_URL", "postgres://portal:secret@127.0.0.1:1/portal")
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("start the portal");
    let mut line = String::new();
    let errors = child.stderr.take().expect("its messages");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(errors), &mut line).expect("read its messages");
    assert!(line.starts_with("portal: trying again: connect to the database"), "{line}");
    assert!(!line.contains("secret"), "{line}");
    crate::http::send("-TERM", &child);
    assert_eq!(child.wait().expect("wait for its end").code(), Some(0));
}

#[test]
fn seeding_adds_the_same_rows_once() {
    let (tree, data) = (Tree::base(), Data::empty());
    let mut seed = tree.program();
    seed.args(["seed", "--rows", "120"]).env("DATABASE_URL", data.url());
    let (code, output) = run(&mut seed);
    assert_eq!(code, Some(0), "{output}");
    assert!(
        output.ends_with("added 120 customers\nportal: added 360 orders\nportal: added 3 news\n"),
        "{output}"
    );
    let first =
        data.value("select md5(string_agg(name || email || joined_on, ',' order by email)) from customers");
    let (_, output) = run(&mut seed);
    assert!(
        output.ends_with("added 0 customers\nportal: added 0 orders\nportal: added 0 news\n"),
        "{output}"
    );

    let other = Data::empty();
    run(seed.env("DATABASE_URL", other.url()));
    let second =
        other.value("select md5(string_agg(name || email || joined_on, ',' order by email)) from customers");
    assert_eq!(first, second);
    assert_eq!(Server::start(&tree, &data).get("/api/health").body, HEALTHY_BASE);
}
