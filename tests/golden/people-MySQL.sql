-- erase:post.account_id
SELECT
  `post`.`id`,
  `tenure_1`.`tenure_person`,
  CASE
    WHEN (`post`.`account_id`) IN (
      SELECT DISTINCT *
      FROM (
        SELECT `account`.`id`
        FROM `campus`.`account`
        WHERE (restricted = 1)
      ) AS `tenure_2`
    )
      THEN 1
    ELSE 0
  END
FROM `campus`.`post`
JOIN (
  SELECT `account`.`id` AS `tenure_value1`, `account`.`id` AS `tenure_person`
  FROM `campus`.`account`
  WHERE `account`.`closed_at` < ?
    AND `account`.`closed_at` >= '0002-01-01'
    AND MONTH(`account`.`closed_at`) > 0
    AND DAYOFMONTH(`account`.`closed_at`) > 0
    AND (restricted = 1) IS NOT TRUE
) AS `tenure_1`
  ON `post`.`account_id` = `tenure_1`.`tenure_value1`
-- 1: '2026-06-23 12:00:00.000000'

-- erase:post.account_id
DELETE FROM `campus`.`post`
WHERE `post`.`id` IN (?)
-- 1: 0

-- erase:image.post_id
SELECT
  `image`.`id`,
  `tenure_1`.`tenure_person`,
  CASE
    WHEN (`image`.`post_id`) IN (
      SELECT DISTINCT *
      FROM (
        SELECT `post`.`id`
        FROM `campus`.`post` AS `post`
        WHERE (`post`.`account_id`) IN (
            SELECT `account`.`id`
            FROM `campus`.`account`
            WHERE (restricted = 1)
          )
      ) AS `tenure_2`
    )
      THEN 1
    ELSE 0
  END
FROM `campus`.`image`
JOIN (
  SELECT `post`.`id` AS `tenure_value1`, `tenure_3`.`tenure_person` AS `tenure_person`
  FROM `campus`.`post` AS `post`
  JOIN (
    SELECT `account`.`id` AS `tenure_value1`, `account`.`id` AS `tenure_person`
    FROM `campus`.`account`
    WHERE `account`.`closed_at` < ?
      AND `account`.`closed_at` >= '0002-01-01'
      AND MONTH(`account`.`closed_at`) > 0
      AND DAYOFMONTH(`account`.`closed_at`) > 0
      AND (restricted = 1) IS NOT TRUE
  ) AS `tenure_3`
    ON `post`.`account_id` = `tenure_3`.`tenure_value1`
) AS `tenure_1`
  ON `image`.`post_id` = `tenure_1`.`tenure_value1`
-- 1: '2026-06-23 12:00:00.000000'

-- erase:image.post_id
DELETE FROM `campus`.`image`
WHERE `image`.`id` IN (?)
-- 1: 0

-- erase:letter.address
SELECT
  `letter`.`id`,
  `tenure_1`.`tenure_person`,
  CASE
    WHEN (CAST(LOWER(CONVERT(`letter`.`address` USING utf8mb4)) AS BINARY)) IN (
      SELECT DISTINCT *
      FROM (
        SELECT CAST(LOWER(CONVERT(`account`.`email` USING utf8mb4)) AS BINARY)
        FROM `campus`.`account`
        WHERE (
            (`account`.`closed_at` < ?) IS NOT TRUE
            OR (`account`.`closed_at` >= '0002-01-01') IS NOT TRUE
            OR (MONTH(`account`.`closed_at`) > 0) IS NOT TRUE
            OR (DAYOFMONTH(`account`.`closed_at`) > 0) IS NOT TRUE
            OR (restricted = 1)
          )
          AND CAST(LOWER(CONVERT(`account`.`email` USING utf8mb4)) AS BINARY) <> ''
      ) AS `tenure_2`
    )
      THEN 1
    ELSE 0
  END,
  CASE
    WHEN (CAST(LOWER(CONVERT(`letter`.`address` USING utf8mb4)) AS BINARY)) IN (
      SELECT DISTINCT *
      FROM (
        SELECT CAST(LOWER(CONVERT(`account`.`email` USING utf8mb4)) AS BINARY)
        FROM `campus`.`account`
        WHERE (restricted = 1)
          AND CAST(LOWER(CONVERT(`account`.`email` USING utf8mb4)) AS BINARY) <> ''
      ) AS `tenure_3`
    )
      THEN 1
    ELSE 0
  END
FROM `campus`.`letter`
JOIN (
  SELECT
    CAST(LOWER(CONVERT(`account`.`email` USING utf8mb4)) AS BINARY) AS `tenure_value1`,
    `account`.`id` AS `tenure_person`
  FROM `campus`.`account`
  WHERE `account`.`closed_at` < ?
    AND `account`.`closed_at` >= '0002-01-01'
    AND MONTH(`account`.`closed_at`) > 0
    AND DAYOFMONTH(`account`.`closed_at`) > 0
    AND (restricted = 1) IS NOT TRUE
    AND CAST(LOWER(CONVERT(`account`.`email` USING utf8mb4)) AS BINARY) <> ''
) AS `tenure_1`
  ON CAST(LOWER(CONVERT(`letter`.`address` USING utf8mb4)) AS BINARY) = `tenure_1`.`tenure_value1`
-- 1: '2026-06-23 12:00:00.000000'
-- 2: '2026-06-23 12:00:00.000000'

-- erase:letter.address
DELETE FROM `campus`.`letter`
WHERE `letter`.`id` IN (?)
-- 1: 0

-- erase:remark.owner_key
SELECT
  `remark`.`id`,
  `tenure_1`.`tenure_person`,
  CASE
    WHEN (`remark`.`owner_key`, CAST(CONVERT(`remark`.`owner_key` USING utf8mb4) AS BINARY)) IN (
      SELECT DISTINCT *
      FROM (
        SELECT `account`.`id`, CAST(CONVERT(`account`.`id` USING utf8mb4) AS BINARY)
        FROM `campus`.`account`
        WHERE (restricted = 1)
      ) AS `tenure_2`
    ) AND (owner_type = 'account')
      THEN 1
    ELSE 0
  END
FROM `campus`.`remark`
JOIN (
  SELECT
    `account`.`id` AS `tenure_value1`,
    CAST(CONVERT(`account`.`id` USING utf8mb4) AS BINARY) AS `tenure_value2`,
    `account`.`id` AS `tenure_person`
  FROM `campus`.`account`
  WHERE `account`.`closed_at` < ?
    AND `account`.`closed_at` >= '0002-01-01'
    AND MONTH(`account`.`closed_at`) > 0
    AND DAYOFMONTH(`account`.`closed_at`) > 0
    AND (restricted = 1) IS NOT TRUE
) AS `tenure_1`
  ON `remark`.`owner_key` = `tenure_1`.`tenure_value1`
    AND CAST(CONVERT(`remark`.`owner_key` USING utf8mb4) AS BINARY) = `tenure_1`.`tenure_value2`
WHERE (owner_type = 'account')
  AND (
    `remark`.`owner_key` IS NOT NULL
    OR NOT (
      CAST(CONVERT(`remark`.`words` USING utf8mb4) AS BINARY) <=> CAST(
        CONVERT(? USING utf8mb4) AS BINARY
      )
    )
  )
-- 1: '2026-06-23 12:00:00.000000'
-- 2: '(removed)'

-- erase:remark.owner_key
UPDATE `campus`.`remark`
SET `owner_key` = NULL, `words` = ?
WHERE `remark`.`id` IN (?)
-- 1: '(removed)'
-- 2: 0

-- erase:payment.account_id
SELECT
  `payment`.`id`,
  `tenure_1`.`tenure_person`,
  CASE
    WHEN (`payment`.`account_id`, CAST(CONVERT(`payment`.`account_id` USING utf8mb4) AS BINARY)) IN (
      SELECT DISTINCT *
      FROM (
        SELECT `account`.`id`, CAST(CONVERT(`account`.`id` USING utf8mb4) AS BINARY)
        FROM `campus`.`account`
        WHERE (restricted = 1)
      ) AS `tenure_2`
    )
      THEN 1
    ELSE 0
  END
FROM `campus`.`payment`
JOIN (
  SELECT
    `account`.`id` AS `tenure_value1`,
    CAST(CONVERT(`account`.`id` USING utf8mb4) AS BINARY) AS `tenure_value2`,
    `account`.`id` AS `tenure_person`
  FROM `campus`.`account`
  WHERE `account`.`closed_at` < ?
    AND `account`.`closed_at` >= '0002-01-01'
    AND MONTH(`account`.`closed_at`) > 0
    AND DAYOFMONTH(`account`.`closed_at`) > 0
    AND (restricted = 1) IS NOT TRUE
) AS `tenure_1`
  ON `payment`.`account_id` = `tenure_1`.`tenure_value1`
    AND CAST(CONVERT(`payment`.`account_id` USING utf8mb4) AS BINARY) = `tenure_1`.`tenure_value2`
WHERE `payment`.`payer` IS NOT NULL
-- 1: '2026-06-23 12:00:00.000000'

-- erase:payment.account_id
UPDATE `campus`.`payment`
SET `payer` = NULL
WHERE `payment`.`id` IN (?)
-- 1: 0

-- erase:account.id
SELECT `account`.`id`, `account`.`id`, CASE WHEN (restricted = 1) THEN 1 ELSE 0 END
FROM `campus`.`account`
WHERE `account`.`closed_at` < ?
  AND `account`.`closed_at` >= '0002-01-01'
  AND MONTH(`account`.`closed_at`) > 0
  AND DAYOFMONTH(`account`.`closed_at`) > 0
  AND (restricted = 1) IS NOT TRUE
  AND (
    NOT (
      CAST(CONVERT(`account`.`email` USING utf8mb4) AS BINARY) <=> CAST(
        CONVERT(CONCAT(?, CAST(`account`.`id` AS CHAR)) USING utf8mb4) AS BINARY
      )
    )
    OR `account`.`name` IS NOT NULL
  )
-- 1: '2026-06-23 12:00:00.000000'
-- 2: 'gone-'

-- erase:account.id
UPDATE `campus`.`account`
SET `email` = CONCAT(?, CAST(`account`.`id` AS CHAR)), `name` = NULL
WHERE `account`.`id` IN (?)
-- 1: 'gone-'
-- 2: 0

