//! `portal serve`: migrates the database, then answers HTTP until it is told to stop.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use axum::extract::{self, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_postgres::Config;

use crate::database::{self, Database};
use crate::health::Report;
use crate::stop::Stop;
use crate::tree::Tree;
use crate::{layout, migration};

struct App {
    tree: Tree,
    database: Database,
    started_at: Instant,
}

/// How long requests under way may take to end after a stop was requested.
const GRACE_PERIOD: Duration = Duration::from_millis(700);

/// Serves the tree in `root` until `stop` is requested.
///
/// # Errors
/// The tree, its settings, the database or a migration prevents a start. What the tree and the settings prevent is
/// found before the database is touched.
pub(crate) async fn run(
    root: &Path,
    database: Config,
    address: SocketAddr,
    mut stop: Stop,
) -> anyhow::Result<()> {
    let tree = Tree::load(root).context("cannot start")?;
    tree.settings.check_for_serving().context("cannot start")?;
    let database = Database::new(database);
    tokio::select! {
        ready = prepare(&database, &tree) => ready.context("cannot start")?,
        () = stop.requested() => return Ok(()),
    }
    let listener = TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))?;
    println!("portal: serving build {} on {}", tree.build, listener.local_addr().context("read the port")?);

    let app = Arc::new(App { tree, database, started_at: Instant::now() });
    let mut stop_accepting = stop.clone();
    let answering = axum::serve(listener, router(app))
        .with_graceful_shutdown(async move { stop_accepting.requested().await })
        .into_future();
    let grace_is_over = async {
        stop.requested().await;
        sleep(GRACE_PERIOD).await;
    };
    tokio::select! {
        ended = answering => ended.context("serve")?,
        () = grace_is_over => {}
    }
    println!("portal: stopped");
    Ok(())
}

async fn prepare(database: &Database, tree: &Tree) -> anyhow::Result<()> {
    database.wait().await?;
    migration::run(&mut *database.client().await?, &tree.migrations).await
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/{page}", get(page))
        .route("/api/health", get(health))
        .with_state(app)
}

async fn health(State(app): State<Arc<App>>) -> Response {
    let report = if app.is_warming_up() {
        Report::warming_up(&app.tree)
    } else {
        Report::of(&app.tree, &app.database).await
    };
    (report.code(), [(header::CACHE_CONTROL, "no-store")], Json(report)).into_response()
}

async fn home(State(app): State<Arc<App>>) -> Response {
    app.page("home").await
}

async fn page(State(app): State<Arc<App>>, extract::Path(name): extract::Path<String>) -> Response {
    app.page(&name).await
}

impl App {
    fn is_warming_up(&self) -> bool {
        self.started_at.elapsed() < Duration::from_secs(self.tree.settings.warmup_seconds)
    }

    async fn page(&self, name: &str) -> Response {
        if self.is_warming_up() {
            return self.notice(
                StatusCode::SERVICE_UNAVAILABLE,
                "One moment",
                "The shop is still warming up.",
            );
        }
        let Some(page) = self.tree.pages.iter().find(|page| page.name == name) else {
            return self.notice(
                StatusCode::NOT_FOUND,
                "Not found",
                "There is no such page. The menu shows all pages.",
            );
        };
        match database::bounded(self.content(page)).await {
            Ok(content) => self.html(StatusCode::OK, name, page.title(), &content),
            Err(error) => {
                eprintln!("portal: {error:#}");
                let text = "This page cannot be shown just now. Please try again in a minute.";
                self.notice(StatusCode::SERVICE_UNAVAILABLE, page.title(), text)
            }
        }
    }

    async fn content(&self, page: &crate::page::Page) -> anyhow::Result<String> {
        let mut client = self.database.client().await?;
        let transaction = database::read(&mut client).await.context("start to read")?;
        page.render(&transaction).await
    }

    fn notice(&self, code: StatusCode, title: &str, text: &str) -> Response {
        self.html(code, "", title, &format!("<p>{text}</p>"))
    }

    fn html(&self, code: StatusCode, name: &str, title: &str, content: &str) -> Response {
        let body = Html(layout::wrap(&self.tree, name, title, content));
        (code, [(header::CACHE_CONTROL, "no-store")], body).into_response()
    }
}
