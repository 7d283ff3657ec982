-- In the style of a forum: mediumint, full-text keys, unsigned defaults in quotes, columns moved around.
CREATE TABLE phpbb_topics (topic_id mediumint(8) UNSIGNED NOT NULL auto_increment, forum_id mediumint(8) UNSIGNED DEFAULT '0' NOT NULL, topic_approved tinyint(1) UNSIGNED DEFAULT '1' NOT NULL, topic_title varchar(255) DEFAULT '' NOT NULL COLLATE utf8mb4_unicode_ci, topic_poster mediumint(8) UNSIGNED DEFAULT '0' NOT NULL, topic_time int(11) UNSIGNED DEFAULT '0' NOT NULL, PRIMARY KEY (topic_id), KEY forum_id (forum_id), KEY topic_approved (topic_approved)) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE phpbb_posts (post_id mediumint(8) UNSIGNED NOT NULL auto_increment, topic_id mediumint(8) UNSIGNED DEFAULT '0' NOT NULL, poster_ip varchar(40) DEFAULT '' NOT NULL, post_time int(11) UNSIGNED DEFAULT '0' NOT NULL, post_text mediumtext NOT NULL, post_subject varchar(255) DEFAULT '' NOT NULL, bbcode_bitfield varchar(255) DEFAULT '' NOT NULL, PRIMARY KEY (post_id), KEY topic_id (topic_id), KEY tid_post_time (topic_id, post_time), FULLTEXT KEY post_content (post_text, post_subject)) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
CREATE TABLE phpbb_config (config_name varchar(255) DEFAULT '' NOT NULL, config_value varchar(255) DEFAULT '' NOT NULL, is_dynamic tinyint(1) UNSIGNED DEFAULT '0' NOT NULL, PRIMARY KEY (config_name), KEY is_dynamic (is_dynamic)) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
ALTER TABLE phpbb_topics ADD topic_visibility tinyint(3) DEFAULT '0' NOT NULL AFTER topic_approved, ADD INDEX topic_visibility (topic_visibility);
ALTER TABLE phpbb_topics DROP INDEX topic_approved, DROP topic_approved;
ALTER TABLE phpbb_topics MODIFY topic_id int(10) UNSIGNED NOT NULL auto_increment, MODIFY topic_poster int(10) UNSIGNED DEFAULT '0' NOT NULL;
ALTER TABLE phpbb_posts DROP INDEX post_content;
ALTER TABLE phpbb_posts ADD FULLTEXT post_content (post_subject, post_text);
ALTER TABLE phpbb_posts ADD FULLTEXT INDEX post_subject (post_subject), ADD poster_id int(10) UNSIGNED DEFAULT '0' NOT NULL AFTER topic_id;
ALTER TABLE phpbb_posts CHANGE post_subject post_subject varchar(200) DEFAULT '' NOT NULL, MODIFY poster_ip varchar(45) DEFAULT '' NOT NULL AFTER post_time;
ALTER TABLE phpbb_posts ADD INDEX poster (poster_id, post_time), DROP INDEX topic_id, ALTER bbcode_bitfield DROP DEFAULT;
ALTER TABLE phpbb_config CHANGE config_name config_name varchar(191) DEFAULT '' NOT NULL COLLATE utf8mb4_bin;
ALTER TABLE phpbb_topics ADD COLUMN poll_title varchar(255), ADD COLUMN poll_start int(11) UNSIGNED DEFAULT 0 NOT NULL FIRST;
CREATE TABLE phpbb_acl_options LIKE phpbb_config;
ALTER TABLE phpbb_acl_options ADD founder_only tinyint(1) UNSIGNED DEFAULT '0' NOT NULL, DROP KEY is_dynamic;
ALTER TABLE phpbb_acl_options RENAME phpbb_acl;
