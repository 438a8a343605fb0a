-- aggregate
INSERT INTO `campus`.`page_view_daily` (`bucket`, `folded`, `path`, `views`, `ms_sum`, `ms_count`) SELECT ?, 0, tenure_s.`k1`, tenure_s.`views`, tenure_s.`ms_sum`, tenure_s.`ms_count` FROM (SELECT `k1`, `views`, `ms_sum`, `ms_count` FROM (SELECT tenure_c.*, ROW_NUMBER() OVER (ORDER BY tenure_n, `k1`) AS tenure_r FROM (SELECT `page_view`.`path` AS `k1`, COUNT(*) AS `views`, SUM(`page_view`.`ms`) AS `ms_sum`, COUNT(`page_view`.`ms`) AS `ms_count`, COUNT(DISTINCT `page_view`.`person_id`) + MAX(CASE WHEN `page_view`.`person_id` IS NULL THEN 1 ELSE 0 END) AS tenure_n FROM `campus`.`page_view` WHERE `page_view`.`at` >= ? AND (`page_view`.`at` < ? AND `page_view`.`at` >= '0001-01-01 00:00:00' AND MONTH(`page_view`.`at`) > 0 AND DAYOFMONTH(`page_view`.`at`) > 0) GROUP BY `page_view`.`path`) AS tenure_c) AS tenure_f WHERE tenure_r > 0) AS tenure_s WHERE NOT EXISTS (SELECT 1 FROM `campus`.`page_view_daily` AS tenure_t WHERE tenure_t.`bucket` = ? AND tenure_t.`folded` = 0 AND tenure_s.`k1` <=> tenure_t.`path`)
-- 1: '2026-04-01 00:00:00'
-- 2: '2026-04-01 00:00:00.000000'
-- 3: '2026-04-01 00:00:00.000000'
-- 4: '2026-04-01 00:00:00'

-- aggregate
DELETE FROM `campus`.`page_view` WHERE (`page_view`.`at` < ? AND `page_view`.`at` >= '0001-01-01 00:00:00' AND MONTH(`page_view`.`at`) > 0 AND DAYOFMONTH(`page_view`.`at`) > 0)
-- 1: '2026-04-01 00:00:00.000000'

-- text
DELETE FROM `campus`.`stamp` WHERE (CASE WHEN `stamp`.`at` REGEXP ? THEN (CAST(CONCAT(SUBSTR(`stamp`.`at`, 1, 10), ' ', REGEXP_SUBSTR(SUBSTR(`stamp`.`at`, 12), '^[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?')) AS DATETIME(6)) - INTERVAL (IF(REPLACE(REGEXP_SUBSTR(SUBSTR(`stamp`.`at`, 17), '[+-][0-9:]+$'), ':', '') = '', 0, IF(LEFT(REPLACE(REGEXP_SUBSTR(SUBSTR(`stamp`.`at`, 17), '[+-][0-9:]+$'), ':', ''), 1) = '-', -1, 1) * (SUBSTR(REPLACE(REGEXP_SUBSTR(SUBSTR(`stamp`.`at`, 17), '[+-][0-9:]+$'), ':', ''), 2, 2) * 60 + IF(CHAR_LENGTH(REPLACE(REGEXP_SUBSTR(SUBSTR(`stamp`.`at`, 17), '[+-][0-9:]+$'), ':', '')) > 3, SUBSTR(REPLACE(REGEXP_SUBSTR(SUBSTR(`stamp`.`at`, 17), '[+-][0-9:]+$'), ':', ''), 4, 2), 0)))) MINUTE) < ? WHEN `stamp`.`at` REGEXP ? THEN CAST(CONCAT(SUBSTR(`stamp`.`at`, 1, 10), ' ', REGEXP_SUBSTR(SUBSTR(`stamp`.`at`, 12), '^[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?')) AS DATETIME(6)) < ? WHEN `stamp`.`at` REGEXP ? THEN CAST(`stamp`.`at` AS date) < ? ELSE FALSE END)
-- 1: '^((?!0000)([0-9]{4}-(((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))|((0[469]|11)-(0[1-9]|[12][0-9]|30))|(02-(0[1-9]|1[0-9]|2[0-8])))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29))[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)? ?(Z|z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)$'
-- 2: '2026-05-31 12:00:00.000000'
-- 3: '^((?!0000)([0-9]{4}-(((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))|((0[469]|11)-(0[1-9]|[12][0-9]|30))|(02-(0[1-9]|1[0-9]|2[0-8])))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29))[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?$'
-- 4: '2026-05-31 12:00:00.000000'
-- 5: '^((?!0000)([0-9]{4}-(((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))|((0[469]|11)-(0[1-9]|[12][0-9]|30))|(02-(0[1-9]|1[0-9]|2[0-8])))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29))$'
-- 6: '2026-05-31'

-- fields
DELETE FROM `campus`.`stamp` WHERE (`stamp`.`made` < ? AND CASE WHEN CASE WHEN char_length(`stamp`.`made`) = 14 THEN concat(substr(`stamp`.`made`, 1, 4), '-', substr(`stamp`.`made`, 5, 2), '-', substr(`stamp`.`made`, 7, 2), ' ', substr(`stamp`.`made`, 9, 2), ':', substr(`stamp`.`made`, 11, 2), ':', substr(`stamp`.`made`, 13, 2)) END REGEXP ? THEN (CAST(CONCAT(SUBSTR(CASE WHEN char_length(`stamp`.`made`) = 14 THEN concat(substr(`stamp`.`made`, 1, 4), '-', substr(`stamp`.`made`, 5, 2), '-', substr(`stamp`.`made`, 7, 2), ' ', substr(`stamp`.`made`, 9, 2), ':', substr(`stamp`.`made`, 11, 2), ':', substr(`stamp`.`made`, 13, 2)) END, 1, 10), ' ', REGEXP_SUBSTR(SUBSTR(CASE WHEN char_length(`stamp`.`made`) = 14 THEN concat(substr(`stamp`.`made`, 1, 4), '-', substr(`stamp`.`made`, 5, 2), '-', substr(`stamp`.`made`, 7, 2), ' ', substr(`stamp`.`made`, 9, 2), ':', substr(`stamp`.`made`, 11, 2), ':', substr(`stamp`.`made`, 13, 2)) END, 12), '^[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?')) AS DATETIME(6)) - INTERVAL (IF(REPLACE(REGEXP_SUBSTR(SUBSTR(CASE WHEN char_length(`stamp`.`made`) = 14 THEN concat(substr(`stamp`.`made`, 1, 4), '-', substr(`stamp`.`made`, 5, 2), '-', substr(`stamp`.`made`, 7, 2), ' ', substr(`stamp`.`made`, 9, 2), ':', substr(`stamp`.`made`, 11, 2), ':', substr(`stamp`.`made`, 13, 2)) END, 17), '[+-][0-9:]+$'), ':', '') = '', 0, IF(LEFT(REPLACE(REGEXP_SUBSTR(SUBSTR(CASE WHEN char_length(`stamp`.`made`) = 14 THEN concat(substr(`stamp`.`made`, 1, 4), '-', substr(`stamp`.`made`, 5, 2), '-', substr(`stamp`.`made`, 7, 2), ' ', substr(`stamp`.`made`, 9, 2), ':', substr(`stamp`.`made`, 11, 2), ':', substr(`stamp`.`made`, 13, 2)) END, 17), '[+-][0-9:]+$'), ':', ''), 1) = '-', -1, 1) * (SUBSTR(REPLACE(REGEXP_SUBSTR(SUBSTR(CASE WHEN char_length(`stamp`.`made`) = 14 THEN concat(substr(`stamp`.`made`, 1, 4), '-', substr(`stamp`.`made`, 5, 2), '-', substr(`stamp`.`made`, 7, 2), ' ', substr(`stamp`.`made`, 9, 2), ':', substr(`stamp`.`made`, 11, 2), ':', substr(`stamp`.`made`, 13, 2)) END, 17), '[+-][0-9:]+$'), ':', ''), 2, 2) * 60 + IF(CHAR_LENGTH(REPLACE(REGEXP_SUBSTR(SUBSTR(CASE WHEN char_length(`stamp`.`made`) = 14 THEN concat(substr(`stamp`.`made`, 1, 4), '-', substr(`stamp`.`made`, 5, 2), '-', substr(`stamp`.`made`, 7, 2), ' ', substr(`stamp`.`made`, 9, 2), ':', substr(`stamp`.`made`, 11, 2), ':', substr(`stamp`.`made`, 13, 2)) END, 17), '[+-][0-9:]+$'), ':', '')) > 3, SUBSTR(REPLACE(REGEXP_SUBSTR(SUBSTR(CASE WHEN char_length(`stamp`.`made`) = 14 THEN concat(substr(`stamp`.`made`, 1, 4), '-', substr(`stamp`.`made`, 5, 2), '-', substr(`stamp`.`made`, 7, 2), ' ', substr(`stamp`.`made`, 9, 2), ':', substr(`stamp`.`made`, 11, 2), ':', substr(`stamp`.`made`, 13, 2)) END, 17), '[+-][0-9:]+$'), ':', ''), 4, 2), 0)))) MINUTE) < ? WHEN CASE WHEN char_length(`stamp`.`made`) = 14 THEN concat(substr(`stamp`.`made`, 1, 4), '-', substr(`stamp`.`made`, 5, 2), '-', substr(`stamp`.`made`, 7, 2), ' ', substr(`stamp`.`made`, 9, 2), ':', substr(`stamp`.`made`, 11, 2), ':', substr(`stamp`.`made`, 13, 2)) END REGEXP ? THEN CAST(CONCAT(SUBSTR(CASE WHEN char_length(`stamp`.`made`) = 14 THEN concat(substr(`stamp`.`made`, 1, 4), '-', substr(`stamp`.`made`, 5, 2), '-', substr(`stamp`.`made`, 7, 2), ' ', substr(`stamp`.`made`, 9, 2), ':', substr(`stamp`.`made`, 11, 2), ':', substr(`stamp`.`made`, 13, 2)) END, 1, 10), ' ', REGEXP_SUBSTR(SUBSTR(CASE WHEN char_length(`stamp`.`made`) = 14 THEN concat(substr(`stamp`.`made`, 1, 4), '-', substr(`stamp`.`made`, 5, 2), '-', substr(`stamp`.`made`, 7, 2), ' ', substr(`stamp`.`made`, 9, 2), ':', substr(`stamp`.`made`, 11, 2), ':', substr(`stamp`.`made`, 13, 2)) END, 12), '^[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?')) AS DATETIME(6)) < ? WHEN CASE WHEN char_length(`stamp`.`made`) = 14 THEN concat(substr(`stamp`.`made`, 1, 4), '-', substr(`stamp`.`made`, 5, 2), '-', substr(`stamp`.`made`, 7, 2), ' ', substr(`stamp`.`made`, 9, 2), ':', substr(`stamp`.`made`, 11, 2), ':', substr(`stamp`.`made`, 13, 2)) END REGEXP ? THEN CAST(CASE WHEN char_length(`stamp`.`made`) = 14 THEN concat(substr(`stamp`.`made`, 1, 4), '-', substr(`stamp`.`made`, 5, 2), '-', substr(`stamp`.`made`, 7, 2), ' ', substr(`stamp`.`made`, 9, 2), ':', substr(`stamp`.`made`, 11, 2), ':', substr(`stamp`.`made`, 13, 2)) END AS date) < ? ELSE FALSE END)
-- 1: '20260501120000'
-- 2: '^((?!0000)([0-9]{4}-(((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))|((0[469]|11)-(0[1-9]|[12][0-9]|30))|(02-(0[1-9]|1[0-9]|2[0-8])))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29))[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)? ?(Z|z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)$'
-- 3: '2026-05-01 12:00:00.000000'
-- 4: '^((?!0000)([0-9]{4}-(((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))|((0[469]|11)-(0[1-9]|[12][0-9]|30))|(02-(0[1-9]|1[0-9]|2[0-8])))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29))[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?$'
-- 5: '2026-05-01 12:00:00.000000'
-- 6: '^((?!0000)([0-9]{4}-(((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))|((0[469]|11)-(0[1-9]|[12][0-9]|30))|(02-(0[1-9]|1[0-9]|2[0-8])))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29))$'
-- 7: '2026-05-01'

-- path
DELETE FROM `campus`.`answer` WHERE EXISTS (SELECT 1 FROM `campus`.`thread` AS `tenure_1` WHERE `tenure_1`.`id` = `answer`.`thread_id` AND (`tenure_1`.`at` < ? AND `tenure_1`.`at` >= '0001-01-01 00:00:00' AND MONTH(`tenure_1`.`at`) > 0 AND DAYOFMONTH(`tenure_1`.`at`) > 0))
-- 1: '2024-06-30 12:00:00.000000'

-- cascade
SELECT `thread`.`id` FROM `campus`.`thread` WHERE (((`thread`.`at` IS NULL OR `thread`.`at` = '0000-00-00 00:00:00') OR (`thread`.`at` < ? AND `thread`.`at` >= '0001-01-01 00:00:00' AND MONTH(`thread`.`at`) > 0 AND DAYOFMONTH(`thread`.`at`) > 0)) AND ((`thread`.`touched` IS NULL OR `thread`.`touched` = '0000-00-00 00:00:00') OR (`thread`.`touched` < ? AND `thread`.`touched` >= '0001-01-01 00:00:00' AND MONTH(`thread`.`touched`) > 0 AND DAYOFMONTH(`thread`.`touched`) > 0)) AND ((`thread`.`at` < ? AND `thread`.`at` >= '0001-01-01 00:00:00' AND MONTH(`thread`.`at`) > 0 AND DAYOFMONTH(`thread`.`at`) > 0) OR (`thread`.`touched` < ? AND `thread`.`touched` >= '0001-01-01 00:00:00' AND MONTH(`thread`.`touched`) > 0 AND DAYOFMONTH(`thread`.`touched`) > 0))) AND ((person_id IN (SELECT id FROM person WHERE minor)) IS TRUE) AND ((FALSE OR EXISTS (SELECT 1 FROM `campus`.`message` AS `message` WHERE `thread`.`id` = `message`.`thread_id` AND ((TRUE AND ((kind = 'dispute') IS TRUE)))))) IS NOT TRUE AND ((FALSE OR EXISTS (SELECT 1 FROM `campus`.`message` AS `message` WHERE `thread`.`id` = `message`.`thread_id` AND (FALSE OR (`message`.`id` = `message`.`reply_to`))))) IS NOT TRUE FOR UPDATE
-- 1: '2025-06-30 12:00:00.000000'
-- 2: '2025-06-30 12:00:00.000000'
-- 3: '2025-06-30 12:00:00.000000'
-- 4: '2025-06-30 12:00:00.000000'

-- cascade
SELECT `tenure_1`.`r1` FROM (SELECT `tenure_2`.`r1`, `message`.`id` AS `k1` FROM `campus`.`message` JOIN (SELECT `thread`.`id` AS `r1`, `thread`.`id` AS `k1` FROM JSON_TABLE(?, '$[*]' COLUMNS (k1 BIGINT PATH '$')) AS `tenure_3` STRAIGHT_JOIN `campus`.`thread` ON `thread`.`id` = `tenure_3`.`k1`) AS `tenure_2` ON `tenure_2`.`k1` = `message`.`thread_id`) AS `tenure_1` JOIN `campus`.`message` AS `message` ON `tenure_1`.`k1` = `message`.`reply_to` WHERE ((`message`.`thread_id` IN (SELECT k1 FROM JSON_TABLE(?, '$[*]' COLUMNS (k1 BIGINT PATH '$')) AS `tenure_4`))) IS NOT TRUE
-- 1: (the keys that the first statement of the batch found)
-- 2: (the keys that the first statement of the batch found)

-- cascade
DELETE FROM `campus`.`message` WHERE (`message`.`thread_id` IN (SELECT k1 FROM JSON_TABLE(?, '$[*]' COLUMNS (k1 BIGINT PATH '$')) AS `tenure_1`)) AND NOT EXISTS (SELECT 1 FROM `campus`.`message` AS `tenure_2` WHERE `message`.`id` = `tenure_2`.`reply_to`)
-- 1: (the keys that the first statement of the batch found)

-- cascade
UPDATE JSON_TABLE(?, '$[*]' COLUMNS (k1 BIGINT PATH '$')) AS `tenure_1` STRAIGHT_JOIN `campus`.`bookmark` AS `bookmark` ON `tenure_1`.`k1` = `bookmark`.`thread_id` SET `bookmark`.`thread_id` = NULL
-- 1: (the keys that the first statement of the batch found)

-- cascade
DELETE `thread` FROM JSON_TABLE(?, '$[*]' COLUMNS (k1 BIGINT PATH '$')) AS `tenure_1` STRAIGHT_JOIN `campus`.`thread` ON `thread`.`id` = `tenure_1`.`k1`
-- 1: (the keys that the first statement of the batch found)

-- redact
UPDATE `campus`.`login` SET `ip` = CASE WHEN IS_IPV4(`login`.`ip`) THEN CONCAT(SUBSTRING_INDEX(`login`.`ip`, '.', 3), '.0') WHEN IS_IPV6(`login`.`ip`) THEN CONCAT(COALESCE(REGEXP_SUBSTR(`login`.`ip`, '^[0-9A-Fa-f]{1,4}(:[0-9A-Fa-f]{1,4}){0,2}'), ''), '::') END, `agent` = CONCAT(?, CAST(`login`.`id` AS CHAR)) WHERE (`login`.`at` < ? AND `login`.`at` > 0) AND (NOT (CAST(CONVERT(`login`.`ip` USING utf8mb4) AS BINARY) <=> CAST(CONVERT(CASE WHEN IS_IPV4(`login`.`ip`) THEN CONCAT(SUBSTRING_INDEX(`login`.`ip`, '.', 3), '.0') WHEN IS_IPV6(`login`.`ip`) THEN CONCAT(COALESCE(REGEXP_SUBSTR(`login`.`ip`, '^[0-9A-Fa-f]{1,4}(:[0-9A-Fa-f]{1,4}){0,2}'), ''), '::') END USING utf8mb4) AS BINARY)) OR NOT (CAST(CONVERT(`login`.`agent` USING utf8mb4) AS BINARY) <=> CAST(CONVERT(CONCAT(?, CAST(`login`.`id` AS CHAR)) USING utf8mb4) AS BINARY)))
-- 1: 'agent-'
-- 2: 1767096000
-- 3: 'agent-'

