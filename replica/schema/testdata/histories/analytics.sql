-- In the style of a web analytics product: wide rows, binary ids, several actions in one ALTER, types widened for years.
CREATE TABLE `matomo_log_visit` (`idvisit` INTEGER(10) UNSIGNED NOT NULL AUTO_INCREMENT, `idsite` INTEGER(10) UNSIGNED NOT NULL, `idvisitor` BINARY(8) NOT NULL, `visit_last_action_time` DATETIME NOT NULL, `config_id` BINARY(8) NOT NULL, `location_ip` VARBINARY(16) NOT NULL, PRIMARY KEY(`idvisit`), INDEX index_idsite_config_datetime (idsite, config_id, visit_last_action_time), INDEX index_idsite_datetime (idsite, visit_last_action_time), INDEX index_idsite_idvisitor (idsite, idvisitor)) ENGINE=InnoDB DEFAULT CHARSET=utf8;
CREATE TABLE `matomo_log_action` (`idaction` INTEGER(10) UNSIGNED NOT NULL AUTO_INCREMENT, `name` TEXT, `hash` INTEGER(10) UNSIGNED NOT NULL, `type` TINYINT UNSIGNED NULL, `url_prefix` TINYINT(2) NULL, PRIMARY KEY(`idaction`), INDEX index_type_hash (`type`, `hash`)) ENGINE=InnoDB DEFAULT CHARSET=utf8;
CREATE TABLE `matomo_option` (`option_name` VARCHAR(255) NOT NULL, `option_value` LONGTEXT NOT NULL, `autoload` TINYINT NOT NULL DEFAULT '1', PRIMARY KEY(`option_name`), INDEX autoload(`autoload`)) ENGINE=InnoDB DEFAULT CHARSET=utf8;
ALTER TABLE `matomo_log_visit` ADD COLUMN `visit_total_time` SMALLINT(5) UNSIGNED NOT NULL DEFAULT 0, ADD COLUMN `custom_var_k1` VARCHAR(200) DEFAULT NULL, ADD COLUMN `user_id` VARCHAR(200) NULL;
ALTER TABLE `matomo_log_visit` MODIFY `idvisit` BIGINT(10) UNSIGNED NOT NULL AUTO_INCREMENT, MODIFY `visit_total_time` INT(11) UNSIGNED NOT NULL DEFAULT 0;
ALTER TABLE `matomo_log_visit` ADD COLUMN `location_latitude` DECIMAL(9, 6) DEFAULT NULL, ADD COLUMN `location_longitude` DECIMAL(9, 6) DEFAULT NULL, ADD `location_country` CHAR(3) NULL DEFAULT NULL;
ALTER TABLE `matomo_log_visit` DROP COLUMN `custom_var_k1`, ADD COLUMN `last_idlink_va` BIGINT UNSIGNED DEFAULT NULL, ADD INDEX index_user (`user_id`(20));
ALTER TABLE `matomo_log_visit` CHANGE `location_latitude` `location_latitude` DECIMAL(11, 6) NULL DEFAULT NULL;
ALTER TABLE `matomo_log_action` CHANGE `name` `name` VARCHAR(4096) /* tidb may refuse: text to varchar */;
CREATE TABLE `matomo_archive_numeric_2026_01` (`idarchive` INTEGER UNSIGNED NOT NULL, `name` VARCHAR(190) NOT NULL, `idsite` INTEGER UNSIGNED NULL, `date1` DATE NULL, `period` TINYINT UNSIGNED NULL, `ts_archived` DATETIME NULL, `value` DOUBLE NULL, PRIMARY KEY(`idarchive`, `name`), INDEX index_idsite_dates_period(`idsite`, `date1`, `period`, `name`(6)), INDEX index_period_archived(`period`, `ts_archived`)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE `matomo_archive_numeric_2026_02` LIKE `matomo_archive_numeric_2026_01`;
ALTER TABLE `matomo_archive_numeric_2026_02` DROP INDEX index_idsite_dates_period, ADD INDEX index_idsite_dates_period(`idsite`, `date1`, `period`, `name`(7));
ALTER TABLE `matomo_option` MODIFY COLUMN `option_name` VARCHAR(191) NOT NULL;
CREATE TABLE `matomo_locks` (`key` VARCHAR(70) NOT NULL, `value` VARCHAR(255) NULL DEFAULT NULL, `expiry_time` BIGINT UNSIGNED DEFAULT 9999999999, PRIMARY KEY (`key`)) ENGINE=InnoDB;
ALTER TABLE `matomo_locks` ADD COLUMN `created` TIMESTAMP NULL, ADD COLUMN `flags` SET('a','b','c') NOT NULL DEFAULT 'a,b';
ALTER TABLE `matomo_locks` MODIFY `flags` SET('a','b','c','d') NOT NULL DEFAULT 'a';
RENAME TABLE `matomo_locks` TO `matomo_lock`;
DROP TABLE `matomo_lock`;
