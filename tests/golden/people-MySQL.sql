-- erase:image.post_id
DELETE `image` FROM `campus`.`image` JOIN (SELECT DISTINCT * FROM (SELECT `post`.`id` AS `tenure_value1` FROM `campus`.`post` AS `post` WHERE (`post`.`account_id`) IN (SELECT `account`.`id` FROM `campus`.`account` WHERE (`account`.`closed_at` < ? AND `account`.`closed_at` >= '0001-01-01 00:00:00' AND MONTH(`account`.`closed_at`) > 0 AND DAYOFMONTH(`account`.`closed_at`) > 0) AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE)) AS `tenure_2`) AS `tenure_1` ON `image`.`post_id` = `tenure_1`.`tenure_value1` WHERE 1 = 1 AND ((((((`image`.`post_id`) IN (SELECT DISTINCT * FROM (SELECT `post`.`id` FROM `campus`.`post` AS `post` WHERE (`post`.`account_id`) IN (SELECT `account`.`id` FROM `campus`.`account` WHERE TRUE AND ((restricted = 1) IS TRUE))) AS `tenure_3`)))))) IS NOT TRUE
-- 1: '2026-06-23 12:00:00.000000'

-- erase:post.account_id
SELECT `post`.`id` FROM `campus`.`post` WHERE (`post`.`account_id`) IN (SELECT `account`.`id` FROM `campus`.`account` WHERE (`account`.`closed_at` < ? AND `account`.`closed_at` >= '0001-01-01 00:00:00' AND MONTH(`account`.`closed_at`) > 0 AND DAYOFMONTH(`account`.`closed_at`) > 0) AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE) AND ((((((`post`.`account_id`) IN (SELECT DISTINCT * FROM (SELECT `account`.`id` FROM `campus`.`account` WHERE TRUE AND ((restricted = 1) IS TRUE)) AS `tenure_1`))))) OR (`post`.`id`) IN (SELECT DISTINCT * FROM (SELECT `post`.`parent_id` FROM `campus`.`post` WHERE ((((`post`.`account_id`) IN (SELECT DISTINCT * FROM (SELECT `account`.`id` FROM `campus`.`account` WHERE TRUE AND ((restricted = 1) IS TRUE)) AS `tenure_3`))))) AS `tenure_2`)) IS NOT TRUE AND ((EXISTS (SELECT 1 FROM `campus`.`image` AS `image` WHERE `post`.`id` = `image`.`post_id`))) IS NOT TRUE FOR UPDATE
-- 1: '2026-06-23 12:00:00.000000'

-- erase:post.account_id
UPDATE JSON_TABLE(?, '$[*]' COLUMNS (k1 BIGINT PATH '$')) AS `tenure_1` STRAIGHT_JOIN `campus`.`post` AS `post` ON `tenure_1`.`k1` = `post`.`parent_id` SET `post`.`parent_id` = NULL
-- 1: (the keys that the first statement of the batch found)

-- erase:post.account_id
DELETE `post` FROM JSON_TABLE(?, '$[*]' COLUMNS (k1 BIGINT PATH '$')) AS `tenure_1` STRAIGHT_JOIN `campus`.`post` ON `post`.`id` = `tenure_1`.`k1`
-- 1: (the keys that the first statement of the batch found)

-- erase:letter.address
DELETE `letter` FROM `campus`.`letter` JOIN (SELECT DISTINCT * FROM (SELECT CAST(LOWER(CONVERT(`account`.`email` USING utf8mb4)) AS BINARY) AS `tenure_value1` FROM `campus`.`account` WHERE (`account`.`closed_at` < ? AND `account`.`closed_at` >= '0001-01-01 00:00:00' AND MONTH(`account`.`closed_at`) > 0 AND DAYOFMONTH(`account`.`closed_at`) > 0) AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE AND CAST(LOWER(CONVERT(`account`.`email` USING utf8mb4)) AS BINARY) <> '') AS `tenure_2`) AS `tenure_1` ON CAST(LOWER(CONVERT(`letter`.`address` USING utf8mb4)) AS BINARY) = `tenure_1`.`tenure_value1` WHERE 1 = 1 AND ((((((CAST(LOWER(CONVERT(`letter`.`address` USING utf8mb4)) AS BINARY)) IN (SELECT DISTINCT * FROM (SELECT CAST(LOWER(CONVERT(`account`.`email` USING utf8mb4)) AS BINARY) FROM `campus`.`account` WHERE TRUE AND ((restricted = 1) IS TRUE) AND CAST(LOWER(CONVERT(`account`.`email` USING utf8mb4)) AS BINARY) <> '') AS `tenure_3`)))))) IS NOT TRUE AND ((FALSE OR ((CAST(LOWER(CONVERT(`letter`.`address` USING utf8mb4)) AS BINARY)) IN (SELECT DISTINCT * FROM (SELECT CAST(LOWER(CONVERT(`account`.`email` USING utf8mb4)) AS BINARY) FROM `campus`.`account` WHERE ((`account`.`closed_at` < ? AND `account`.`closed_at` >= '0001-01-01 00:00:00' AND MONTH(`account`.`closed_at`) > 0 AND DAYOFMONTH(`account`.`closed_at`) > 0) AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE) IS NOT TRUE AND CAST(LOWER(CONVERT(`account`.`email` USING utf8mb4)) AS BINARY) <> '') AS `tenure_4`)))) IS NOT TRUE
-- 1: '2026-06-23 12:00:00.000000'
-- 2: '2026-06-23 12:00:00.000000'

-- erase:remark.owner_key
UPDATE `campus`.`remark` JOIN (SELECT DISTINCT * FROM (SELECT `account`.`id` AS `tenure_value1`, CAST(CONVERT(`account`.`id` USING utf8mb4) AS BINARY) AS `tenure_value2` FROM `campus`.`account` WHERE (`account`.`closed_at` < ? AND `account`.`closed_at` >= '0001-01-01 00:00:00' AND MONTH(`account`.`closed_at`) > 0 AND DAYOFMONTH(`account`.`closed_at`) > 0) AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE) AS `tenure_2`) AS `tenure_1` ON `remark`.`owner_key` = `tenure_1`.`tenure_value1` AND CAST(CONVERT(`remark`.`owner_key` USING utf8mb4) AS BINARY) = `tenure_1`.`tenure_value2` SET `owner_key` = NULL, `words` = ? WHERE 1 = 1 AND ((owner_type = 'account') IS TRUE) AND (`remark`.`owner_key` IS NOT NULL OR NOT (CAST(CONVERT(`remark`.`words` USING utf8mb4) AS BINARY) <=> CAST(CONVERT(? USING utf8mb4) AS BINARY))) AND ((((((`remark`.`owner_key`, CAST(CONVERT(`remark`.`owner_key` USING utf8mb4) AS BINARY)) IN (SELECT DISTINCT * FROM (SELECT `account`.`id`, CAST(CONVERT(`account`.`id` USING utf8mb4) AS BINARY) FROM `campus`.`account` WHERE TRUE AND ((restricted = 1) IS TRUE)) AS `tenure_3`) AND ((owner_type = 'account') IS TRUE)))))) IS NOT TRUE
-- 1: '2026-06-23 12:00:00.000000'
-- 2: '(removed)'
-- 3: '(removed)'

-- erase:payment.account_id
UPDATE `campus`.`payment` JOIN (SELECT DISTINCT * FROM (SELECT `account`.`id` AS `tenure_value1`, CAST(CONVERT(`account`.`id` USING utf8mb4) AS BINARY) AS `tenure_value2` FROM `campus`.`account` WHERE (`account`.`closed_at` < ? AND `account`.`closed_at` >= '0001-01-01 00:00:00' AND MONTH(`account`.`closed_at`) > 0 AND DAYOFMONTH(`account`.`closed_at`) > 0) AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE) AS `tenure_2`) AS `tenure_1` ON `payment`.`account_id` = `tenure_1`.`tenure_value1` AND CAST(CONVERT(`payment`.`account_id` USING utf8mb4) AS BINARY) = `tenure_1`.`tenure_value2` SET `payer` = NULL WHERE 1 = 1 AND (`payment`.`payer` IS NOT NULL) AND ((((((`payment`.`account_id`, CAST(CONVERT(`payment`.`account_id` USING utf8mb4) AS BINARY)) IN (SELECT DISTINCT * FROM (SELECT `account`.`id`, CAST(CONVERT(`account`.`id` USING utf8mb4) AS BINARY) FROM `campus`.`account` WHERE TRUE AND ((restricted = 1) IS TRUE)) AS `tenure_3`)))))) IS NOT TRUE
-- 1: '2026-06-23 12:00:00.000000'

-- erase:account.id
UPDATE `campus`.`account` SET `email` = CONCAT(?, CAST(`account`.`id` AS CHAR)), `name` = NULL WHERE (`account`.`closed_at` < ? AND `account`.`closed_at` >= '0001-01-01 00:00:00' AND MONTH(`account`.`closed_at`) > 0 AND DAYOFMONTH(`account`.`closed_at`) > 0) AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE AND (NOT (CAST(CONVERT(`account`.`email` USING utf8mb4) AS BINARY) <=> CAST(CONVERT(CONCAT(?, CAST(`account`.`id` AS CHAR)) USING utf8mb4) AS BINARY)) OR `account`.`name` IS NOT NULL) AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE
-- 1: 'gone-'
-- 2: '2026-06-23 12:00:00.000000'
-- 3: 'gone-'

