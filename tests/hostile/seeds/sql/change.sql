=== was migrations/0001_a.sql
CREATE TABLE a (b int);
=== migrations/0001_a.sql
CREATE TABLE a (b int);
DROP TABLE a;
=== migrations/0002_b.down.sql
DROP TABLE b;
=== migrations/0003_c.sql
-- migrate:up
ALTER TABLE a RENAME TO b;
-- migrate:down
ALTER TABLE b RENAME TO a;
-- +goose Down
DROP TABLE c;
=== was prisma/schema.prisma
model A { id Int @id
 name String? }
=== prisma/schema.prisma
model A { id Int @id }
