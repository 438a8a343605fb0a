-- aggregate
INSERT INTO `campus`.`page_view_daily` (
  `bucket`, `folded`, `path`, `views`, `ms_sum`, `ms_count`
)
SELECT ?, 0, tenure_s.`k1`, tenure_s.`views`, tenure_s.`ms_sum`, tenure_s.`ms_count`
FROM (
  SELECT `k1`, `views`, `ms_sum`, `ms_count`
  FROM (
    SELECT tenure_c.*, ROW_NUMBER() OVER (ORDER BY tenure_n, `k1`) AS tenure_r
    FROM (
      SELECT
        `page_view`.`path` AS `k1`,
        COUNT(*) AS `views`,
        SUM(`page_view`.`ms`) AS `ms_sum`,
        COUNT(`page_view`.`ms`) AS `ms_count`,
        COUNT(DISTINCT `page_view`.`person_id`) AS tenure_n
      FROM `campus`.`page_view`
      WHERE `page_view`.`at` >= ?
        AND `page_view`.`at` < ?
        AND `page_view`.`at` < ?
        AND `page_view`.`at` >= '0002-01-01'
        AND MONTH(`page_view`.`at`) > 0
        AND DAYOFMONTH(`page_view`.`at`) > 0
      GROUP BY `page_view`.`path`
    ) AS tenure_c
  ) AS tenure_f
  WHERE tenure_r > 0
) AS tenure_s
WHERE NOT EXISTS (
    SELECT 1
    FROM `campus`.`page_view_daily` AS tenure_t
    WHERE tenure_t.`bucket` = ? AND tenure_t.`folded` = 0 AND tenure_s.`k1` <=> tenure_t.`path`
  )
-- 1: '2026-03-31 00:00:00'
-- 2: '2026-03-31 00:00:00.000000'
-- 3: '2026-04-01 00:00:00.000000'
-- 4: '2026-04-01 00:00:00.000000'
-- 5: '2026-03-31 00:00:00'

-- aggregate
DELETE FROM `campus`.`page_view`
WHERE `page_view`.`at` >= ?
  AND `page_view`.`at` < ?
  AND `page_view`.`at` < ?
  AND `page_view`.`at` >= '0002-01-01'
  AND MONTH(`page_view`.`at`) > 0
  AND DAYOFMONTH(`page_view`.`at`) > 0
-- 1: '2026-03-31 00:00:00.000000'
-- 2: '2026-04-01 00:00:00.000000'
-- 3: '2026-04-01 00:00:00.000000'

-- text
DELETE FROM `campus`.`stamp`
WHERE CASE
    WHEN `stamp`.`at` REGEXP ?
      THEN CAST(LEFT(REGEXP_REPLACE(`stamp`.`at`, ' ?([Zz]|[+-][0-9:]+)$', ''), 26) AS DATETIME(6)) - INTERVAL INSERT(
        RPAD(REPLACE(COALESCE(REGEXP_SUBSTR(`stamp`.`at`, '[+-][0-9:]+$'), ''), ':', ''), 5, '0'), 4,
        0, ':'
      ) HOUR_MINUTE < ?
    WHEN `stamp`.`at` REGEXP ? THEN CAST(LEFT(`stamp`.`at`, 26) AS DATETIME(6)) < ?
    WHEN `stamp`.`at` REGEXP ? THEN CAST(`stamp`.`at` AS date) < ?
  END
-- 1: '^((?!000[01]|9999)([0-9]{4}-(((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))|((0[469]|11)-(0[1-9]|[12][0-9]|30))|(02-(0[1-9]|1[0-9]|2[0-8])))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29))[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)? ?(Z|z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)$'
-- 2: '2026-05-31 12:00:00.000000'
-- 3: '^((?!000[01]|9999)([0-9]{4}-(((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))|((0[469]|11)-(0[1-9]|[12][0-9]|30))|(02-(0[1-9]|1[0-9]|2[0-8])))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29))[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?$'
-- 4: '2026-05-31 12:00:00.000000'
-- 5: '^((?!000[01]|9999)([0-9]{4}-(((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))|((0[469]|11)-(0[1-9]|[12][0-9]|30))|(02-(0[1-9]|1[0-9]|2[0-8])))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29))$'
-- 6: '2026-05-31'

-- fields
DELETE FROM `campus`.`stamp`
WHERE `stamp`.`made` < ? AND CASE WHEN `stamp`.`made` REGEXP ? THEN `stamp`.`made` < ? END
-- 1: '20260501120000'
-- 2: '^((?=.{4}(0[1-9]|1[0-2]))(?=.{6}(0[1-9]|1[0-9]|2[0-8]))|(?=.{4}(0[13-9]|1[0-2]))(?=.{6}(29|30))|(?=.{4}(0[13578]|1[02]))(?=.{6}31)|(?=.{4}02)(?=.{6}29)(?=([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)))(?!000[01]|9999)[0-9]{4}[0-9]{2}[0-9]{2}([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]$'
-- 3: '20260501120000'

-- path
DELETE FROM `campus`.`answer`
WHERE EXISTS (
    SELECT 1
    FROM `campus`.`thread` AS `tenure_1`
    WHERE `tenure_1`.`id` = `answer`.`thread_id`
      AND `tenure_1`.`at` < ?
      AND `tenure_1`.`at` >= '0002-01-01'
      AND MONTH(`tenure_1`.`at`) > 0
      AND DAYOFMONTH(`tenure_1`.`at`) > 0
  )
-- 1: '2024-06-30 12:00:00.000000'

-- cascade
UPDATE `campus`.`bookmark` AS `bookmark`
JOIN (
  SELECT DISTINCT *
  FROM (
    SELECT `thread`.`id` AS `k1`
    FROM `campus`.`thread`
    WHERE (`thread`.`at` < ? OR `thread`.`touched` < ?)
      AND GREATEST(
        CASE
          WHEN `thread`.`at` IS NULL OR `thread`.`at` < '0002-01-01' THEN 0
          WHEN MONTH(`thread`.`at`) = 0 OR DAYOFMONTH(`thread`.`at`) = 0 THEN 2
          WHEN `thread`.`at` < ? THEN 1
          WHEN `thread`.`at` < '9999-01-01' THEN 3
          ELSE 2
        END,
        CASE
          WHEN `thread`.`touched` IS NULL OR `thread`.`touched` < '0002-01-01' THEN 0
          WHEN MONTH(`thread`.`touched`) = 0 OR DAYOFMONTH(`thread`.`touched`) = 0 THEN 2
          WHEN `thread`.`touched` < ? THEN 1
          WHEN `thread`.`touched` < '9999-01-01' THEN 3
          ELSE 2
        END
      ) = 1
      AND (person_id IN (SELECT id FROM person WHERE minor))
      AND NOT EXISTS (
        SELECT 1
        FROM `campus`.`message` AS `message`
        WHERE `thread`.`id` = `message`.`thread_id` AND (kind = 'dispute')
      )
      AND NOT EXISTS (
        SELECT 1
        FROM `campus`.`message` AS `message`
        WHERE `thread`.`id` = `message`.`thread_id`
          AND (
            `message`.`id` = `message`.`reply_to`
            OR EXISTS (
              SELECT 1
              FROM `campus`.`message` AS `tenure_3`
              WHERE `message`.`id` = `tenure_3`.`reply_to`
                AND (`tenure_3`.`id` = `tenure_3`.`reply_to`) IS NOT TRUE
                AND (`thread`.`id` = `tenure_3`.`thread_id`) IS NOT TRUE
            )
          )
      )
  ) AS `tenure_2`
) AS `tenure_1`
  ON `tenure_1`.`k1` = `bookmark`.`thread_id`
SET `bookmark`.`thread_id` = NULL
-- 1: '2025-06-30 12:00:00.000000'
-- 2: '2025-06-30 12:00:00.000000'
-- 3: '2025-06-30 12:00:00.000000'
-- 4: '2025-06-30 12:00:00.000000'

-- cascade
DELETE FROM `campus`.`message`
WHERE `message`.`thread_id` IN (
    SELECT `thread`.`id` AS `k1`
    FROM `campus`.`thread`
    WHERE (`thread`.`at` < ? OR `thread`.`touched` < ?)
      AND GREATEST(
        CASE
          WHEN `thread`.`at` IS NULL OR `thread`.`at` < '0002-01-01' THEN 0
          WHEN MONTH(`thread`.`at`) = 0 OR DAYOFMONTH(`thread`.`at`) = 0 THEN 2
          WHEN `thread`.`at` < ? THEN 1
          WHEN `thread`.`at` < '9999-01-01' THEN 3
          ELSE 2
        END,
        CASE
          WHEN `thread`.`touched` IS NULL OR `thread`.`touched` < '0002-01-01' THEN 0
          WHEN MONTH(`thread`.`touched`) = 0 OR DAYOFMONTH(`thread`.`touched`) = 0 THEN 2
          WHEN `thread`.`touched` < ? THEN 1
          WHEN `thread`.`touched` < '9999-01-01' THEN 3
          ELSE 2
        END
      ) = 1
      AND (person_id IN (SELECT id FROM person WHERE minor))
      AND NOT EXISTS (
        SELECT 1
        FROM `campus`.`message` AS `message`
        WHERE `thread`.`id` = `message`.`thread_id` AND (kind = 'dispute')
      )
      AND NOT EXISTS (
        SELECT 1
        FROM `campus`.`message` AS `message`
        WHERE `thread`.`id` = `message`.`thread_id`
          AND (
            `message`.`id` = `message`.`reply_to`
            OR EXISTS (
              SELECT 1
              FROM `campus`.`message` AS `tenure_1`
              WHERE `message`.`id` = `tenure_1`.`reply_to`
                AND (`tenure_1`.`id` = `tenure_1`.`reply_to`) IS NOT TRUE
                AND (`thread`.`id` = `tenure_1`.`thread_id`) IS NOT TRUE
            )
          )
      )
  )
  AND NOT EXISTS (
    SELECT 1
    FROM `campus`.`message` AS `tenure_2`
    WHERE `message`.`id` = `tenure_2`.`reply_to`
  )
-- 1: '2025-06-30 12:00:00.000000'
-- 2: '2025-06-30 12:00:00.000000'
-- 3: '2025-06-30 12:00:00.000000'
-- 4: '2025-06-30 12:00:00.000000'

-- cascade
DELETE FROM `campus`.`thread`
WHERE (`thread`.`at` < ? OR `thread`.`touched` < ?)
  AND GREATEST(
    CASE
      WHEN `thread`.`at` IS NULL OR `thread`.`at` < '0002-01-01' THEN 0
      WHEN MONTH(`thread`.`at`) = 0 OR DAYOFMONTH(`thread`.`at`) = 0 THEN 2
      WHEN `thread`.`at` < ? THEN 1
      WHEN `thread`.`at` < '9999-01-01' THEN 3
      ELSE 2
    END,
    CASE
      WHEN `thread`.`touched` IS NULL OR `thread`.`touched` < '0002-01-01' THEN 0
      WHEN MONTH(`thread`.`touched`) = 0 OR DAYOFMONTH(`thread`.`touched`) = 0 THEN 2
      WHEN `thread`.`touched` < ? THEN 1
      WHEN `thread`.`touched` < '9999-01-01' THEN 3
      ELSE 2
    END
  ) = 1
  AND (person_id IN (SELECT id FROM person WHERE minor))
  AND NOT EXISTS (
    SELECT 1
    FROM `campus`.`message` AS `message`
    WHERE `thread`.`id` = `message`.`thread_id` AND (kind = 'dispute')
  )
  AND NOT EXISTS (
    SELECT 1
    FROM `campus`.`message` AS `message`
    WHERE `thread`.`id` = `message`.`thread_id`
      AND (
        `message`.`id` = `message`.`reply_to`
        OR EXISTS (
          SELECT 1
          FROM `campus`.`message` AS `tenure_1`
          WHERE `message`.`id` = `tenure_1`.`reply_to`
            AND (`tenure_1`.`id` = `tenure_1`.`reply_to`) IS NOT TRUE
            AND (`thread`.`id` = `tenure_1`.`thread_id`) IS NOT TRUE
        )
      )
  )
-- 1: '2025-06-30 12:00:00.000000'
-- 2: '2025-06-30 12:00:00.000000'
-- 3: '2025-06-30 12:00:00.000000'
-- 4: '2025-06-30 12:00:00.000000'

-- redact
UPDATE `campus`.`login`
SET
  `ip` = CASE
    WHEN IS_IPV4(`login`.`ip`) THEN CONCAT(SUBSTRING_INDEX(`login`.`ip`, '.', 3), '.0')
    WHEN IS_IPV6(`login`.`ip`)
      THEN CONCAT(
        COALESCE(REGEXP_SUBSTR(`login`.`ip`, '^[0-9A-Fa-f]{1,4}(:[0-9A-Fa-f]{1,4}){0,2}'), ''), '::'
      )
  END,
  `agent` = CONCAT(?, CAST(`login`.`id` AS CHAR))
WHERE `login`.`at` < ?
  AND `login`.`at` > 0
  AND (
    NOT (
      CAST(CONVERT(`login`.`ip` USING utf8mb4) AS BINARY) <=> CAST(
        CONVERT(
          CASE
            WHEN IS_IPV4(`login`.`ip`) THEN CONCAT(SUBSTRING_INDEX(`login`.`ip`, '.', 3), '.0')
            WHEN IS_IPV6(`login`.`ip`)
              THEN CONCAT(
                COALESCE(
                  REGEXP_SUBSTR(`login`.`ip`, '^[0-9A-Fa-f]{1,4}(:[0-9A-Fa-f]{1,4}){0,2}'), ''
                ), '::'
              )
          END USING utf8mb4
        ) AS BINARY
      )
    )
    OR NOT (
      CAST(CONVERT(`login`.`agent` USING utf8mb4) AS BINARY) <=> CAST(
        CONVERT(CONCAT(?, CAST(`login`.`id` AS CHAR)) USING utf8mb4) AS BINARY
      )
    )
  )
-- 1: 'agent-'
-- 2: 1767096000
-- 3: 'agent-'

