=== mysql/migrations/1.sql
CREATE TABLE `a` (`b` int(11) AUTO_INCREMENT) ENGINE=InnoDB;
DELIMITER //
ALTER TABLE `a` DROP `b`, MODIFY c int, CHANGE d e text //
RENAME TABLE a TO b;
REPLACE INTO a VALUES (1);
GO
IF OBJECT_ID(N'[dbo].[a]') IS NOT NULL DROP TABLE [dbo].[a];
