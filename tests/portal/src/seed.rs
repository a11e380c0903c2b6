//! `portal seed`: fills the database with made-up customers, orders and news.

use std::path::Path;

use anyhow::Context;

use crate::database::Database;
use crate::migration;
use crate::tree::Tree;

const CUSTOMERS: &str = "
    insert into customers (name, email, phone, joined_on)
    select
        (array['Ada', 'Bela', 'Chidi', 'Dora', 'Emil', 'Farah', 'Goran', 'Hana', 'Ivo', 'Jun', 'Kaja'])[1 + i % 11]
            || ' ' ||
        (array['Adler', 'Brandt', 'Costa', 'Diallo', 'Eriksen', 'Fischer', 'Gupta', 'Haas', 'Ito', 'Jansen'])[1 + i * 7 % 10],
        'customer-' || i || '@example.com',
        '+49 30 ' || lpad(i::text, 7, '0'),
        date '2024-01-01' + i % 700
    from generate_series(1, $1::int) as i
    on conflict (email) do nothing";

/// Three orders for every seeded customer.
const ORDERS: &str = "
    insert into orders (number, customer_id, item, quantity, unit_price_cents, total_cents, ordered_on)
    select 'S-' || i || '-' || k, customers.id, item, quantity, price, quantity * price, joined_on + 9 * k
    from generate_series(1, $1::int) as i
    cross join generate_series(1, 3) as k
    join customers on email = 'customer-' || i || '@example.com'
    cross join lateral (
        select
            (array['Oak desk', 'Desk lamp', 'Bookshelf', 'Wool rug', 'Coat rack', 'Stool', 'Mirror'])[1 + (i + k) % 7] as item,
            1 + (i * k) % 4 as quantity,
            995 + (i * 37 + k * 1201) % 60000 as price
    ) as choice
    on conflict (number) do nothing";

/// A piece of news for every fifty customers.
const NEWS: &str = "
    insert into news (title, body, is_offer, published_on)
    select
        'Workshop notes, number ' || i,
        'What we built, mended and shipped: report ' || i || ' from the workshop.',
        i % 3 = 0,
        date '2024-02-01' + i % 650
    from generate_series(1, ($1::int + 49) / 50) as i
    on conflict (title) do nothing";

/// Makes sure that the database has the first `rows` made-up customers, with three orders each and some news.
///
/// The rows are always the same ones. Runs the migrations of the tree in `root` first.
///
/// # Idempotency
/// A second call adds nothing.
pub(crate) async fn run(root: &Path, database: &Database, rows: i32) -> anyhow::Result<()> {
    let tree = Tree::load(root)?;
    database.wait().await?;
    let mut client = database.client().await?;
    migration::run(&mut client, &tree.migrations).await?;
    let transaction = client.transaction().await.context("start to write")?;
    for (what, statement) in [("customers", CUSTOMERS), ("orders", ORDERS), ("news", NEWS)] {
        let n_added =
            transaction.execute(statement, &[&rows]).await.with_context(|| format!("add {what}"))?;
        println!("portal: added {n_added} {what}");
    }
    transaction.commit().await.context("keep what was added")
}
