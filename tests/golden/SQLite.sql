-- aggregate
INSERT OR ABORT INTO "page_view_daily" ("bucket", "folded", "path", "views", "ms_sum", "ms_count")
SELECT ?, 0, tenure_s."k1", tenure_s."views", tenure_s."ms_sum", tenure_s."ms_count"
FROM (
  SELECT "k1", "views", "ms_sum", "ms_count"
  FROM (
    SELECT tenure_c.*, ROW_NUMBER() OVER (ORDER BY tenure_n, "k1") AS tenure_r
    FROM (
      SELECT
        "page_view"."path" AS "k1",
        COUNT(*) AS "views",
        SUM("page_view"."ms") AS "ms_sum",
        COUNT("page_view"."ms") AS "ms_count",
        COUNT(DISTINCT "page_view"."person_id") AS tenure_n
      FROM "page_view"
      WHERE "page_view"."at" >= ?
        AND tenure_micros("page_view"."at") >= ?
        AND "page_view"."at" < ?
        AND tenure_micros("page_view"."at") < ?
        AND "page_view"."at" < ?
        AND tenure_micros("page_view"."at") < ?
      GROUP BY "page_view"."path"
    ) AS tenure_c
  ) AS tenure_f
  WHERE tenure_r > 0
) AS tenure_s
WHERE NOT EXISTS (
    SELECT 1
    FROM "page_view_daily" AS tenure_t
    WHERE tenure_t."bucket" = ? AND tenure_t."folded" = 0 AND tenure_s."k1" IS tenure_t."path"
  )
-- 1: '2026-03-31 00:00:00'
-- 2: '2026-03-29'
-- 3: 1774915200000000
-- 4: '2026-04-03'
-- 5: 1775001600000000
-- 6: '2026-04-03'
-- 7: 1775001600000000
-- 8: '2026-03-31 00:00:00'

-- aggregate
DELETE FROM "page_view"
WHERE "page_view"."at" >= ?
  AND tenure_micros("page_view"."at") >= ?
  AND "page_view"."at" < ?
  AND tenure_micros("page_view"."at") < ?
  AND "page_view"."at" < ?
  AND tenure_micros("page_view"."at") < ?
-- 1: '2026-03-29'
-- 2: 1774915200000000
-- 3: '2026-04-03'
-- 4: 1775001600000000
-- 5: '2026-04-03'
-- 6: 1775001600000000

-- text
DELETE FROM "stamp"
WHERE "stamp"."at" < ? AND tenure_micros("stamp"."at") < ?
-- 1: '2026-06-02'
-- 2: 1780228800000000

-- fields
DELETE FROM "stamp"
WHERE tenure_micros("stamp"."made", ?, ?) < ?
-- 1: '%Y%m%d%H%M%S'
-- 2: 'UTC'
-- 3: 1777636800000000

-- path
DELETE FROM "answer"
WHERE EXISTS (
    SELECT 1
    FROM "thread" AS "tenure_1"
    WHERE "tenure_1"."id" = "answer"."thread_id"
      AND "tenure_1"."at" < ?
      AND tenure_micros("tenure_1"."at") < ?
  )
-- 1: '2024-07-02'
-- 2: 1719748800000000

-- cascade
UPDATE OR ABORT "bookmark"
SET "thread_id" = NULL
WHERE "bookmark"."thread_id" IN (
    SELECT "thread"."id" AS "k1"
    FROM "thread"
    WHERE MAX(
        CASE tenure_micros("thread"."at") < ?
          WHEN TRUE THEN 1
          WHEN FALSE THEN 3
          ELSE CASE
            WHEN "thread"."at" IS NULL OR tenure_says_none("thread"."at", ?) = 1 THEN 0
            ELSE 2
          END
        END,
        CASE tenure_micros("thread"."touched") < ?
          WHEN TRUE THEN 1
          WHEN FALSE THEN 3
          ELSE CASE
            WHEN "thread"."touched" IS NULL OR tenure_says_none("thread"."touched", ?) = 1 THEN 0
            ELSE 2
          END
        END
      ) = 1
      AND (person_id IN (SELECT id FROM person WHERE minor))
      AND NOT EXISTS (
        SELECT 1
        FROM "message" AS "message"
        WHERE "thread"."id" = "message"."thread_id" AND (kind = 'dispute')
      )
      AND NOT EXISTS (
        SELECT 1
        FROM "message" AS "message"
        WHERE "thread"."id" = "message"."thread_id"
          AND EXISTS (
            SELECT 1
            FROM "message" AS "tenure_1"
            WHERE "message"."id" = "tenure_1"."reply_to"
              AND ("tenure_1"."id" = "tenure_1"."reply_to") IS NOT TRUE
              AND ("thread"."id" = "tenure_1"."thread_id") IS NOT TRUE
          )
      )
  )
-- 1: 1751284800000000
-- 2: ''
-- 3: 1751284800000000
-- 4: ''

-- cascade
DELETE FROM "message"
WHERE "message"."thread_id" IN (
    SELECT "thread"."id" AS "k1"
    FROM "thread"
    WHERE MAX(
        CASE tenure_micros("thread"."at") < ?
          WHEN TRUE THEN 1
          WHEN FALSE THEN 3
          ELSE CASE
            WHEN "thread"."at" IS NULL OR tenure_says_none("thread"."at", ?) = 1 THEN 0
            ELSE 2
          END
        END,
        CASE tenure_micros("thread"."touched") < ?
          WHEN TRUE THEN 1
          WHEN FALSE THEN 3
          ELSE CASE
            WHEN "thread"."touched" IS NULL OR tenure_says_none("thread"."touched", ?) = 1 THEN 0
            ELSE 2
          END
        END
      ) = 1
      AND (person_id IN (SELECT id FROM person WHERE minor))
      AND NOT EXISTS (
        SELECT 1
        FROM "message" AS "message"
        WHERE "thread"."id" = "message"."thread_id" AND (kind = 'dispute')
      )
      AND NOT EXISTS (
        SELECT 1
        FROM "message" AS "message"
        WHERE "thread"."id" = "message"."thread_id"
          AND EXISTS (
            SELECT 1
            FROM "message" AS "tenure_1"
            WHERE "message"."id" = "tenure_1"."reply_to"
              AND ("tenure_1"."id" = "tenure_1"."reply_to") IS NOT TRUE
              AND ("thread"."id" = "tenure_1"."thread_id") IS NOT TRUE
          )
      )
  )
  AND NOT EXISTS (
    SELECT 1
    FROM "message" AS "tenure_2"
    WHERE "message"."id" = "tenure_2"."reply_to"
  )
-- 1: 1751284800000000
-- 2: ''
-- 3: 1751284800000000
-- 4: ''

-- cascade
DELETE FROM "thread"
WHERE MAX(
    CASE tenure_micros("thread"."at") < ?
      WHEN TRUE THEN 1
      WHEN FALSE THEN 3
      ELSE CASE
        WHEN "thread"."at" IS NULL OR tenure_says_none("thread"."at", ?) = 1 THEN 0
        ELSE 2
      END
    END,
    CASE tenure_micros("thread"."touched") < ?
      WHEN TRUE THEN 1
      WHEN FALSE THEN 3
      ELSE CASE
        WHEN "thread"."touched" IS NULL OR tenure_says_none("thread"."touched", ?) = 1 THEN 0
        ELSE 2
      END
    END
  ) = 1
  AND (person_id IN (SELECT id FROM person WHERE minor))
  AND NOT EXISTS (
    SELECT 1
    FROM "message" AS "message"
    WHERE "thread"."id" = "message"."thread_id" AND (kind = 'dispute')
  )
  AND NOT EXISTS (
    SELECT 1
    FROM "message" AS "message"
    WHERE "thread"."id" = "message"."thread_id"
      AND EXISTS (
        SELECT 1
        FROM "message" AS "tenure_1"
        WHERE "message"."id" = "tenure_1"."reply_to"
          AND ("tenure_1"."id" = "tenure_1"."reply_to") IS NOT TRUE
          AND ("thread"."id" = "tenure_1"."thread_id") IS NOT TRUE
      )
  )
-- 1: 1751284800000000
-- 2: ''
-- 3: 1751284800000000
-- 4: ''

-- redact
UPDATE OR ABORT "login"
SET
  "ip" = tenure_truncate_ip("login"."ip"),
  "agent" = (
    ? || CASE
      WHEN typeof("login"."id") = 'blob' THEN lower(hex("login"."id"))
      ELSE CAST("login"."id" AS text)
    END
  )
WHERE "login"."at" < ?
  AND "login"."at" > 0
  AND (
    "login"."ip" IS NOT tenure_truncate_ip("login"."ip")
    OR "login"."agent" IS NOT (
      ? || CASE
        WHEN typeof("login"."id") = 'blob' THEN lower(hex("login"."id"))
        ELSE CAST("login"."id" AS text)
      END
    )
  )
-- 1: 'agent-'
-- 2: 1767096000
-- 3: 'agent-'

