//! Bringing an earlier version back.

use domain::run::Outcome;
use domain::{ChangeType, PromotionId, Risk, Status};
use engine::rollback::{self, Data, Ordered, Plan};
use engine::start::{start_next, withdraw};
use scratch::{Database, with_database};
use store::rollbacks::Deployment;

use crate::world::{INSTALLATION, Workers, World, actor};

/// Two features were deployed, one after the other.
async fn deployed_twice(database: &Database) -> (World, PromotionId, PromotionId) {
    let world = World::running(database, Workers::default()).await;
    let mut ids = Vec::new();
    for number in [1, 2] {
        let (id, run) = world.started(number).await;
        assert_eq!(world.outcome(run).await, Outcome::Deployed { warning: None });
        ids.push(id);
    }
    (world, ids[0].clone(), ids[1].clone())
}

async fn deployments(world: &World) -> Vec<Deployment> {
    world.engine.store.deployments(Some(INSTALLATION)).await.unwrap()
}

async fn plan(world: &World, target: &PromotionId) -> Plan {
    Plan::new(&deployments(world).await, target, Data::Keep).unwrap()
}

async fn ordered(world: &World, target: &PromotionId) -> PromotionId {
    let plan = plan(world, target).await;
    match rollback::order(&world.engine, &plan, &actor("Noor"), "Prices are wrong.").await.unwrap() {
        Ordered::As(id) => id,
        Ordered::Open(open) => panic!("{open} is open"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_is_a_promotion_that_its_person_answers_for() {
    with_database(async |database| {
        let (world, first, second) = deployed_twice(database).await;
        let id = ordered(&world, &first).await;
        let asked = world.engine.store.promotion(&id).await.unwrap().unwrap();
        assert_eq!((asked.change_type, asked.risk), (ChangeType::Emergency, Risk::High));
        assert_eq!((asked.requested_by.as_str(), asked.approved_by.as_deref()), ("Noor", Some("Noor")));
        assert_eq!(asked.change_reason.as_deref(), Some("Prices are wrong."));
        assert_eq!(asked.build.as_str(), "FB-00000001", "it is the first feature's build that serves then");
        assert_eq!(asked.rolls_back_to, Some(first.clone()));

        assert_eq!(start_next(&world.engine).await.unwrap().as_ref(), Some(&id));
        let run = world.engine.store.latest_run(&id, domain::Plan::Promotion).await.unwrap().unwrap().id;
        assert_eq!(world.outcome(run).await, Outcome::Deployed { warning: None });
        let installation = world.engine.store.installation(INSTALLATION).await.unwrap().unwrap();
        assert_eq!(installation.current_promotion.as_deref(), Some(id.as_str()));
        let products = database.texts("select name || ' ' || state from products order by name").await;
        assert_eq!(products, ["Feature 1 active", "Feature 2 registered"]);
        let order: Vec<_> = deployments(&world).await.into_iter().map(|it| it.promotion).collect();
        assert_eq!(order, [id.clone(), second, first]);
        let told = world.told(&id).await;
        assert!(told.contains("Noor asked to bring “Feature 1” back"), "{told}");
        assert!(told.contains("nothing has to be built") && !told.contains("is built"), "{told}");
        world.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_rollback_to_a_version_is_open_at_a_time() {
    with_database(async |database| {
        let (world, first, _) = deployed_twice(database).await;
        let plan = plan(&world, &first).await;
        let open = ordered(&world, &first).await;
        let again = rollback::order(&world.engine, &plan, &actor("Noor"), "Now!").await.unwrap();
        assert_eq!(again, Ordered::Open(open.clone()));
        assert_eq!(world.engine.store.wanted_back(INSTALLATION).await.unwrap(), std::slice::from_ref(&first));
        withdraw(&world.engine, &open, &actor("Noor"), "Not needed.", None).await.unwrap();
        assert_eq!(world.status(&open).await, Status::Cancelled);
        assert_ne!(ordered(&world, &first).await, open);
        world.end().await;
    })
    .await;
}
