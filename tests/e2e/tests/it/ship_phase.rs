//! What becomes of a finished feature before anybody is asked whether it may be deployed: gates, pull request,
//! inventory and backlog.

use std::path::Path;

use protocol::http::Promotion;
use serde_json::{Value, json};

use crate::feature::Feature;
use crate::ships::files_in;
use crate::shop::{Place, Shop};
use crate::system::{Said, System};
use crate::upstream::{CONTRIBUTION_TOKEN, Upstream, report, verified};
use crate::windows::{TUESDAY_NIGHT, nights, set_clock};

/// A page that no other version has.
const PAGE: &str = "pages/about.html";

/// What a visitor wrote goes into a statement as it is.
const OPEN_QUERY: &str =
    "export async function find(req: { query: { name: string } }, db: { query(sql: string): unknown }) {
  const name = req.query.name;
  return db.query(`select * from customers where name = '${name}'`);
}
";

/// A shop, Slipway beside it, and the repository that its features are proposed to.
pub(crate) struct World {
    pub(crate) system: System,
    pub(crate) shop: Shop,
    pub(crate) upstream: Upstream,
}

impl World {
    /// One that shares what looks harmless.
    async fn sharing() -> Self {
        Self::contributing("contribute_all", &[]).await
    }

    /// One that contributes in this way, and a Slipway with these settings.
    pub(crate) async fn contributing(mode: &str, settings: &[(&str, &str)]) -> Self {
        let mut world = Self::open(&[&[CONTRIBUTION_TOKEN], settings].concat()).await;
        world.describe(world.upstream.shared(mode)).await;
        world
    }

    /// One that knows no repository yet.
    pub(crate) async fn open(settings: &[(&str, &str)]) -> Self {
        let upstream = Upstream::new().await;
        let shop = Shop::open(Place::Processes, json!({})).await;
        let system = System::distributed(settings).await;
        system.apply(&shop).await;
        Self { system, shop, upstream }
    }

    /// From now on the shop's description differs by `changes`.
    pub(crate) async fn describe(&mut self, changes: Value) {
        self.shop.redescribe(changes);
        self.system.apply(&self.shop).await;
    }

    /// A feature that no gate minds.
    pub(crate) async fn page(&self) -> Feature {
        let text = "{{title: About}}\n<p>Who we are.</p>\n";
        Feature::write(&self.shop, "about", &[], &[(PAGE, Some(text))]).await
    }

    /// Hands the feature in, and waits until somebody can decide about it.
    pub(crate) async fn ship(&self, feature: &Feature) -> Promotion {
        let id = self.system.ship(feature).await;
        self.system.promotion(&id).await
    }

    /// Hands the feature in, and waits until somebody is asked about this.
    pub(crate) async fn ask(&self, feature: &Feature, topic: &str) -> Promotion {
        let said = self.system.say(&["ship", "-f", feature.save()]).await;
        assert_eq!((said.code, &said.results[0]["status"]), (0, &json!("shipping")), "{said:?}");
        let promotion = self.system.promotion(said.results[0]["promotion"].as_str().unwrap()).await;
        assert_eq!(promotion.question.as_ref().map(|it| it.topic.as_str()), Some(topic), "{promotion:?}");
        promotion
    }

    /// Answers what is asked, and waits until somebody can decide about the promotion.
    pub(crate) async fn answer(&self, id: &str, words: &[&str]) -> Promotion {
        self.say(id, words).await;
        self.system.until_pending(id).await
    }

    /// Says what must be granted.
    pub(crate) async fn say(&self, id: &str, words: &[&str]) {
        let said = self.try_to_say(id, words).await;
        assert_eq!(said.code, 0, "{said:?}");
    }

    /// `slipway promotions WORD CP-… WORDS… --by Ines`
    pub(crate) async fn try_to_say(&self, id: &str, words: &[&str]) -> Said {
        let (first, rest) = words.split_first().unwrap();
        self.system.say(&[&["promotions", first, id], rest, &["--by", "Ines"]].concat()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_and_verified_feature_is_merged_and_what_is_deployed_is_what_was_sealed() {
    let world = World::sharing().await;
    let World { system, shop, upstream } = &world;
    let base = upstream.git(&["rev-parse", "main"]);
    let mut feature = Feature::develop(shop, "good").await;
    verified(&mut feature);
    let finished = files_in(&feature.sandbox);
    let promotion = world.ship(&feature).await;
    let id = &promotion.summary.id;

    let proposed = promotion.pull_request.expect("it is proposed");
    let commit = proposed.merged.expect("it is merged");
    assert_eq!(promotion.summary.status, "pending", "a merged pull request deploys nothing");
    assert_eq!(shop.serving().await.as_deref(), Some("base"));
    assert_eq!(upstream.git(&["rev-parse", "main"]), commit);
    assert_eq!(upstream.git(&["rev-parse", "main^"]), base, "it is one commit");
    upstream.check_tree(&commit, &feature.sandbox).await;
    let (number, pull) = upstream.pull(&feature.build);
    let head = upstream.git(&["rev-parse", &pull.head]);
    assert_eq!(pull.merged, Some((head.clone(), commit)));
    assert_eq!(Some(u64::try_from(number).unwrap()), proposed.number);
    let bodies = upstream.server.state().bodies.clone();
    let merges: Vec<_> = bodies.iter().filter(|it| it["merge_method"] == "squash").collect();
    assert_eq!(merges.len(), 1);
    assert_eq!(merges[0]["sha"], json!(head), "pinned to what the gates read");
    let author = upstream.git(&["show", "--no-patch", "--format=%an %ae %cn %ce", &head]);
    assert!(!author.contains("Dev") && !author.contains("dev@"), "{author}");
    let mut said: Vec<_> =
        upstream.statuses(&pull.head).into_iter().map(|it| (it.context, it.state)).collect();
    said.sort();
    let gates = ["architecture", "dependencies", "destructive", "security"];
    assert_eq!(said, gates.map(|gate| (format!("slipway/{gate}"), "success".to_owned())));
    assert_eq!(system.database.number(&completed(&feature)).await, 1);

    assert_eq!(system.promote(id).await, 0);
    assert_eq!(system.promotion(id).await.summary.status, "deployed");
    assert_eq!(shop.serving().await.as_ref(), Some(&feature.build));
    let mut deployed = files_in(&system.data_folder().join("contexts").join(id));
    // What tells a release what it is.
    deployed.retain(|(path, _)| path != Path::new("slipway.json"));
    assert!(deployed == finished, "what is in production is not what was sealed");

    again(&mut feature);
    let proposed = world.ship(&feature).await.pull_request.unwrap();
    assert_eq!((proposed.number, proposed.merged), (Some(1), Some(upstream.git(&["rev-parse", "main"]))));
    assert_eq!(upstream.git(&["rev-list", "--count", "main"]), "2", "it is merged once");
    upstream.check_words();
}

/// Each is proposed, and stays open for the reason.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_clean_or_not_verified_stays_open_and_says_why() {
    let world = World::sharing().await;
    let World { system, upstream, .. } = &world;
    let base = upstream.git(&["rev-parse", "main"]);
    let table: [(Option<Value>, &str); 7] = [
        (Some(json!({ "typecheck_passed": false })), "The type check failed."),
        (Some(json!({ "typecheck_passed": null })), "Whether the type check passed was not reported."),
        (Some(json!({ "tests": { "passed": 0 } })), "No test was run."),
        (Some(json!({ "tests": { "failed": 2 } })), "2 tests failed."),
        (Some(json!({ "acceptance": { "met": 2 } })), "Only 2 of 3 acceptance criteria are met."),
        (Some(json!({ "acceptance": { "met": 0, "total": 0 } })), "There are no acceptance criteria."),
        (None, "How the tests went was not reported."),
    ];
    for (changes, why) in table {
        let mut feature = world.page().await;
        if let Some(changes) = changes {
            report(&mut feature, changes);
        }
        let promotion = world.ship(&feature).await;
        assert_stays_open(&world, &feature, &promotion, why);
        let comment = upstream.comment(upstream.pull(&feature.build).0).body;
        assert!(!comment.contains("What the gates found"), "{comment}");
        assert_eq!(system.database.number(&completed(&feature)).await, 0, "{why}");
    }

    let files = [("search.ts", Some(OPEN_QUERY))];
    let mut feature = Feature::write(&world.shop, "search", &[], &files).await;
    verified(&mut feature);
    let promotion = world.ship(&feature).await;
    let why = "The security gate found 1 thing that somebody has to look at.";
    assert_stays_open(&world, &feature, &promotion, why);
    let said = system.say(&["promotions", "findings", &promotion.summary.id]).await;
    let found = said.results[0]["report"]["findings"].as_array().unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["category"], &found[0]["file"]), (&json!("sqli"), &json!("search.ts")));
    let comment = upstream.comment(upstream.pull(&feature.build).0).body;
    for words in ["search.ts", found[0]["message"].as_str().unwrap()] {
        assert!(comment.contains(words), "{words}: {comment}");
    }
    let pull = upstream.pull(&feature.build).1;
    let open: Vec<_> = upstream.statuses(&pull.head).into_iter().filter(|it| it.state != "success").collect();
    assert_eq!(open.iter().map(|it| it.context.as_str()).collect::<Vec<_>>(), ["slipway/security"]);
    assert_eq!(upstream.git(&["rev-parse", "main"]), base, "nothing was merged");
    upstream.check_words();
}

/// What people see of products and backlog while two versions of a product come and go.
#[tokio::test(flavor = "multi_thread")]
async fn products_and_backlog_show_how_far_a_feature_is() {
    let world = World::open(&[]).await;
    let World { system, .. } = &world;
    let first = world.page().await;
    let promotion = world.ship(&first).await;
    assert_eq!(products(system).await, [json!([1, "registered", first.build])]);
    assert_eq!(backlog(system).await, [json!([first.build, "open"])]);
    let opened = format!(
        "select count(*) from change_requests where id = '{}' and opened_at is not null",
        promotion.change_request
    );
    assert_eq!(system.database.number(&opened).await, 1);
    assert_eq!(system.promote(&promotion.summary.id).await, 0);
    assert_eq!(products(system).await, [json!([1, "active", first.build])]);
    assert_eq!(backlog(system).await, [json!([first.build, "done"])]);

    let text = "{{title: Terms}}\n<p>What we ask for.</p>\n";
    let second = Feature::write(&world.shop, "about", &[], &[("pages/terms.html", Some(text))]).await;
    let promotion = world.ship(&second).await;
    assert_eq!(
        products(system).await,
        [json!([2, "registered", second.build]), json!([1, "active", first.build])]
    );
    assert_eq!(system.promote(&promotion.summary.id).await, 0);
    assert_eq!(
        products(system).await,
        [json!([2, "active", second.build]), json!([1, "replaced", first.build])]
    );
    assert_eq!(backlog(system).await, [json!([second.build, "done"]), json!([first.build, "done"])]);
}

async fn products(system: &System) -> Vec<Value> {
    let said = system.say(&["inventory", "products"]).await;
    let all = said.results[0].as_array().unwrap();
    all.iter().map(|it| json!([it["version"], it["state"], it["build"]])).collect()
}

async fn backlog(system: &System) -> Vec<Value> {
    let said = system.say(&["inventory", "backlog"]).await;
    said.results[0].as_array().unwrap().iter().map(|it| json!([it["build"], it["state"]])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_approved_while_the_window_is_closed_is_deployed_when_it_opens() {
    let world = World::sharing().await;
    let World { system, shop, .. } = &world;
    nights(system, &[]).await;
    let mut feature = world.page().await;
    verified(&mut feature);
    let promotion = world.ship(&feature).await;
    let id = &promotion.summary.id;
    assert!(promotion.pull_request.unwrap().merged.is_some(), "no window closes the repository");
    system.approve(id).await;
    let scheduled = system.promotion(id).await.summary;
    let why = scheduled.reason.unwrap();
    assert_eq!(scheduled.status, "scheduled", "{why}");
    assert!(
        why.contains("by itself") && why.contains("Tuesday 24 November") && why.contains("22:00"),
        "{why}"
    );
    assert_eq!(scheduled.opens_at.unwrap().to_string(), "2026-11-24T21:00:00Z");
    set_clock(system, TUESDAY_NIGHT).await;
    system.until(id, "is deployed", |it| it.summary.status == "deployed").await;
    assert_eq!(shop.serving().await, Some(feature.build));
    world.upstream.check_words();
}

fn assert_stays_open(world: &World, feature: &Feature, promotion: &Promotion, why: &str) {
    let (number, pull) = world.upstream.pull(&feature.build);
    assert!(pull.is_open && pull.merged.is_none(), "{why}: {pull:?}");
    assert_eq!(promotion.summary.status, "pending", "{why}");
    let proposed = promotion.pull_request.as_ref().expect("it is proposed");
    assert_eq!(proposed.merged, None, "{why}");
    assert!(proposed.notes.concat().contains(why), "{why}: {proposed:?}");
    let comment = world.upstream.comment(number).body;
    assert!(comment.contains(why), "{why}: {comment}");
}

/// The next message is another request for the same build.
pub(crate) fn again(feature: &mut Feature) {
    feature.message["id"] = json!(uuid::Uuid::new_v4());
}

fn completed(feature: &Feature) -> String {
    format!("select count(*) from builds where id = '{}' and completed_at is not null", feature.build)
}
