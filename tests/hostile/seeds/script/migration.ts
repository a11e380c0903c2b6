=== migrations/20260101_a.ts
export async function up(knex) {
  await knex.schema.dropTable('users');
  await knex.raw("DELETE FROM " + table);
  await knex.schema.alterTable('a', t => { t.dropColumn('b'); t.string('c').notNullable().alter(); });
  await queryRunner.query(`TRUNCATE TABLE ${name}`);
  await queryInterface.removeColumn('a', 'b');
}
exports.down = async (knex) => knex('users').del();
