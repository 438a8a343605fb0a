-- erase:image.post_id
DELETE `image`
FROM `campus`.`image`
JOIN (
  SELECT DISTINCT *
  FROM (
    SELECT `post`.`id` AS `tenure_value1`
    FROM `campus`.`post` AS `post`
    WHERE (`post`.`account_id`) IN (
        SELECT `account`.`id`
        FROM `campus`.`account`
        WHERE `account`.`closed_at` < ?
          AND `account`.`closed_at` >= '0002-01-01'
          AND MONTH(`account`.`closed_at`) > 0
          AND DAYOFMONTH(`account`.`closed_at`) > 0
          AND (restricted = 1) IS NOT TRUE
      )
  ) AS `tenure_2`
) AS `tenure_1`
  ON `image`.`post_id` = `tenure_1`.`tenure_value1`
WHERE (
    (`image`.`post_id`) IN (
      SELECT DISTINCT *
      FROM (
        SELECT `post`.`id`
        FROM `campus`.`post` AS `post`
        WHERE (`post`.`account_id`) IN (
            SELECT `account`.`id`
            FROM `campus`.`account`
            WHERE (restricted = 1)
          )
      ) AS `tenure_3`
    )
  ) IS NOT TRUE
-- 1: '2026-06-23 12:00:00.000000'

-- erase:post.account_id
UPDATE `campus`.`post` AS `post`
JOIN (
  SELECT DISTINCT *
  FROM (
    SELECT `post`.`id` AS `k1`
    FROM `campus`.`post`
    WHERE (`post`.`account_id`) IN (
        SELECT `account`.`id`
        FROM `campus`.`account`
        WHERE `account`.`closed_at` < ?
          AND `account`.`closed_at` >= '0002-01-01'
          AND MONTH(`account`.`closed_at`) > 0
          AND DAYOFMONTH(`account`.`closed_at`) > 0
          AND (restricted = 1) IS NOT TRUE
      )
      AND (
        (`post`.`account_id`) IN (
          SELECT DISTINCT *
          FROM (
            SELECT `account`.`id`
            FROM `campus`.`account`
            WHERE (restricted = 1)
          ) AS `tenure_3`
        )
      ) IS NOT TRUE
      AND (
        `post`.`id` IN (
          SELECT DISTINCT *
          FROM (
            SELECT `post`.`parent_id`
            FROM `campus`.`post`
            WHERE (`post`.`account_id`) IN (
                SELECT DISTINCT *
                FROM (
                  SELECT `account`.`id`
                  FROM `campus`.`account`
                  WHERE (restricted = 1)
                ) AS `tenure_5`
              )
          ) AS `tenure_4`
        )
      ) IS NOT TRUE
      AND NOT EXISTS (
        SELECT 1
        FROM `campus`.`image` AS `image`
        WHERE `post`.`id` = `image`.`post_id`
      )
  ) AS `tenure_2`
) AS `tenure_1`
  ON `tenure_1`.`k1` = `post`.`parent_id`
SET `post`.`parent_id` = NULL
-- 1: '2026-06-23 12:00:00.000000'

-- erase:post.account_id
DELETE `post`
FROM `campus`.`post`
JOIN (
  SELECT DISTINCT *
  FROM (
    SELECT `account`.`id` AS `tenure_value1`
    FROM `campus`.`account`
    WHERE `account`.`closed_at` < ?
      AND `account`.`closed_at` >= '0002-01-01'
      AND MONTH(`account`.`closed_at`) > 0
      AND DAYOFMONTH(`account`.`closed_at`) > 0
      AND (restricted = 1) IS NOT TRUE
  ) AS `tenure_2`
) AS `tenure_1`
  ON `post`.`account_id` = `tenure_1`.`tenure_value1`
WHERE (
    (`post`.`account_id`) IN (
      SELECT DISTINCT *
      FROM (
        SELECT `account`.`id`
        FROM `campus`.`account`
        WHERE (restricted = 1)
      ) AS `tenure_3`
    )
  ) IS NOT TRUE
  AND (
    `post`.`id` IN (
      SELECT DISTINCT *
      FROM (
        SELECT `post`.`parent_id`
        FROM `campus`.`post`
        WHERE (`post`.`account_id`) IN (
            SELECT DISTINCT *
            FROM (
              SELECT `account`.`id`
              FROM `campus`.`account`
              WHERE (restricted = 1)
            ) AS `tenure_5`
          )
      ) AS `tenure_4`
    )
  ) IS NOT TRUE
  AND NOT EXISTS (
    SELECT 1
    FROM `campus`.`image` AS `image`
    WHERE `post`.`id` = `image`.`post_id`
  )
-- 1: '2026-06-23 12:00:00.000000'

-- erase:letter.address
DELETE `letter`
FROM `campus`.`letter`
JOIN (
  SELECT DISTINCT *
  FROM (
    SELECT CAST(LOWER(CONVERT(`account`.`email` USING utf8mb4)) AS BINARY) AS `tenure_value1`
    FROM `campus`.`account`
    WHERE `account`.`closed_at` < ?
      AND `account`.`closed_at` >= '0002-01-01'
      AND MONTH(`account`.`closed_at`) > 0
      AND DAYOFMONTH(`account`.`closed_at`) > 0
      AND (restricted = 1) IS NOT TRUE
      AND CAST(LOWER(CONVERT(`account`.`email` USING utf8mb4)) AS BINARY) <> ''
  ) AS `tenure_2`
) AS `tenure_1`
  ON CAST(LOWER(CONVERT(`letter`.`address` USING utf8mb4)) AS BINARY) = `tenure_1`.`tenure_value1`
WHERE (
    (CAST(LOWER(CONVERT(`letter`.`address` USING utf8mb4)) AS BINARY)) IN (
      SELECT DISTINCT *
      FROM (
        SELECT CAST(LOWER(CONVERT(`account`.`email` USING utf8mb4)) AS BINARY)
        FROM `campus`.`account`
        WHERE (restricted = 1)
          AND CAST(LOWER(CONVERT(`account`.`email` USING utf8mb4)) AS BINARY) <> ''
      ) AS `tenure_3`
    )
  ) IS NOT TRUE
  AND (
    (CAST(LOWER(CONVERT(`letter`.`address` USING utf8mb4)) AS BINARY)) IN (
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
      ) AS `tenure_4`
    )
  ) IS NOT TRUE
-- 1: '2026-06-23 12:00:00.000000'
-- 2: '2026-06-23 12:00:00.000000'

-- erase:remark.owner_key
UPDATE `campus`.`remark`
JOIN (
  SELECT DISTINCT *
  FROM (
    SELECT
      `account`.`id` AS `tenure_value1`,
      CAST(CONVERT(`account`.`id` USING utf8mb4) AS BINARY) AS `tenure_value2`
    FROM `campus`.`account`
    WHERE `account`.`closed_at` < ?
      AND `account`.`closed_at` >= '0002-01-01'
      AND MONTH(`account`.`closed_at`) > 0
      AND DAYOFMONTH(`account`.`closed_at`) > 0
      AND (restricted = 1) IS NOT TRUE
  ) AS `tenure_2`
) AS `tenure_1`
  ON `remark`.`owner_key` = `tenure_1`.`tenure_value1`
    AND CAST(CONVERT(`remark`.`owner_key` USING utf8mb4) AS BINARY) = `tenure_1`.`tenure_value2`
SET `owner_key` = NULL, `words` = ?
WHERE (owner_type = 'account')
  AND (
    `remark`.`owner_key` IS NOT NULL
    OR NOT (
      CAST(CONVERT(`remark`.`words` USING utf8mb4) AS BINARY) <=> CAST(
        CONVERT(? USING utf8mb4) AS BINARY
      )
    )
  )
  AND (
    (
      (`remark`.`owner_key`, CAST(CONVERT(`remark`.`owner_key` USING utf8mb4) AS BINARY)) IN (
        SELECT DISTINCT *
        FROM (
          SELECT `account`.`id`, CAST(CONVERT(`account`.`id` USING utf8mb4) AS BINARY)
          FROM `campus`.`account`
          WHERE (restricted = 1)
        ) AS `tenure_3`
      )
    ) IS NOT TRUE
    OR (owner_type = 'account') IS NOT TRUE
  )
-- 1: '2026-06-23 12:00:00.000000'
-- 2: '(removed)'
-- 3: '(removed)'

-- erase:payment.account_id
UPDATE `campus`.`payment`
JOIN (
  SELECT DISTINCT *
  FROM (
    SELECT
      `account`.`id` AS `tenure_value1`,
      CAST(CONVERT(`account`.`id` USING utf8mb4) AS BINARY) AS `tenure_value2`
    FROM `campus`.`account`
    WHERE `account`.`closed_at` < ?
      AND `account`.`closed_at` >= '0002-01-01'
      AND MONTH(`account`.`closed_at`) > 0
      AND DAYOFMONTH(`account`.`closed_at`) > 0
      AND (restricted = 1) IS NOT TRUE
  ) AS `tenure_2`
) AS `tenure_1`
  ON `payment`.`account_id` = `tenure_1`.`tenure_value1`
    AND CAST(CONVERT(`payment`.`account_id` USING utf8mb4) AS BINARY) = `tenure_1`.`tenure_value2`
SET `payer` = NULL
WHERE `payment`.`payer` IS NOT NULL
  AND (
    (`payment`.`account_id`, CAST(CONVERT(`payment`.`account_id` USING utf8mb4) AS BINARY)) IN (
      SELECT DISTINCT *
      FROM (
        SELECT `account`.`id`, CAST(CONVERT(`account`.`id` USING utf8mb4) AS BINARY)
        FROM `campus`.`account`
        WHERE (restricted = 1)
      ) AS `tenure_3`
    )
  ) IS NOT TRUE
-- 1: '2026-06-23 12:00:00.000000'

-- erase:account.id
UPDATE `campus`.`account`
SET `email` = CONCAT(?, CAST(`account`.`id` AS CHAR)), `name` = NULL
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
  AND (restricted = 1) IS NOT TRUE
-- 1: 'gone-'
-- 2: '2026-06-23 12:00:00.000000'
-- 3: 'gone-'

