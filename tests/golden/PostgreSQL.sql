-- aggregate
INSERT INTO "public"."page_view_daily" ("bucket", "folded", "path", "views", "ms_sum", "ms_count")
SELECT
  CAST($1 AS timestamp), 0,
  tenure_s."k1",
  tenure_s."views",
  tenure_s."ms_sum",
  tenure_s."ms_count"
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
      FROM "public"."page_view"
      WHERE "page_view"."at" >= CAST($2 AS timestamp)
        AND "page_view"."at" < CAST($3 AS timestamp)
        AND "page_view"."at" < CAST($4 AS timestamp)
        AND "page_view"."at" >= '0002-01-01'
      GROUP BY "page_view"."path"
    ) AS tenure_c
  ) AS tenure_f
  WHERE tenure_r > 0
) AS tenure_s
WHERE NOT EXISTS (
    SELECT 1
    FROM "public"."page_view_daily" AS tenure_t
    WHERE tenure_t."bucket" = CAST($5 AS timestamp)
      AND tenure_t."folded" = 0
      AND tenure_s."k1" IS NOT DISTINCT FROM tenure_t."path"
  )
-- 1: '2026-03-31 00:00:00'
-- 2: '2026-03-31 00:00:00.000000'
-- 3: '2026-04-01 00:00:00.000000'
-- 4: '2026-04-01 00:00:00.000000'
-- 5: '2026-03-31 00:00:00'

-- aggregate
DELETE FROM "public"."page_view"
WHERE "page_view"."at" >= CAST($1 AS timestamp)
  AND "page_view"."at" < CAST($2 AS timestamp)
  AND "page_view"."at" < CAST($3 AS timestamp)
  AND "page_view"."at" >= '0002-01-01'
-- 1: '2026-03-31 00:00:00.000000'
-- 2: '2026-04-01 00:00:00.000000'
-- 3: '2026-04-01 00:00:00.000000'

-- text
DELETE FROM "public"."stamp"
WHERE CASE
    WHEN CAST("stamp"."at" AS text) COLLATE "C" ~ CAST($1 AS text)
      THEN CAST("stamp"."at" AS timestamptz) < CAST($2 AS timestamptz)
    WHEN CAST("stamp"."at" AS text) COLLATE "C" ~ CAST($3 AS text)
      THEN CAST("stamp"."at" AS timestamp) < CAST($4 AS timestamp)
    WHEN CAST("stamp"."at" AS text) COLLATE "C" ~ CAST($5 AS text)
      THEN CAST("stamp"."at" AS date) < CAST($6 AS date)
  END
-- 1: '^((?!000[01]|9999)([0-9]{4}-(((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))|((0[469]|11)-(0[1-9]|[12][0-9]|30))|(02-(0[1-9]|1[0-9]|2[0-8])))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29))[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)? ?(Z|z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)$'
-- 2: '2026-05-31 12:00:00.000000+00'
-- 3: '^((?!000[01]|9999)([0-9]{4}-(((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))|((0[469]|11)-(0[1-9]|[12][0-9]|30))|(02-(0[1-9]|1[0-9]|2[0-8])))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29))[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?$'
-- 4: '2026-05-31 12:00:00.000000'
-- 5: '^((?!000[01]|9999)([0-9]{4}-(((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))|((0[469]|11)-(0[1-9]|[12][0-9]|30))|(02-(0[1-9]|1[0-9]|2[0-8])))|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29))$'
-- 6: '2026-05-31'

-- fields
DELETE FROM "public"."stamp"
WHERE "stamp"."made" < $1
  AND CASE
    WHEN CAST("stamp"."made" AS text) COLLATE "C" ~ CAST($2 AS text)
      THEN CAST("stamp"."made" AS text) COLLATE "C" < CAST($3 AS text)
  END
-- 1: '20260501120000'
-- 2: '^((?=.{4}(0[1-9]|1[0-2]))(?=.{6}(0[1-9]|1[0-9]|2[0-8]))|(?=.{4}(0[13-9]|1[0-2]))(?=.{6}(29|30))|(?=.{4}(0[13578]|1[02]))(?=.{6}31)|(?=.{4}02)(?=.{6}29)(?=([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)))(?!000[01]|9999)[0-9]{4}[0-9]{2}[0-9]{2}([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]$'
-- 3: '20260501120000'

-- path
DELETE FROM "public"."answer"
WHERE EXISTS (
    SELECT 1
    FROM "public"."thread" AS "tenure_1"
    WHERE "tenure_1"."id" = "answer"."thread_id"
      AND "tenure_1"."at" < CAST($1 AS timestamp)
      AND "tenure_1"."at" >= '0002-01-01'
  )
-- 1: '2024-06-30 12:00:00.000000'

-- cascade
UPDATE "public"."bookmark"
SET "thread_id" = NULL
WHERE "bookmark"."thread_id" IN (
    SELECT "thread"."id" AS "k1"
    FROM "public"."thread"
    WHERE ("thread"."at" < CAST($1 AS timestamp) OR "thread"."touched" < CAST($2 AS timestamp))
      AND GREATEST(
        CASE
          WHEN "thread"."at" IS NULL OR "thread"."at" < '0002-01-01' THEN 0
          WHEN "thread"."at" < CAST($3 AS timestamp) THEN 1
          WHEN "thread"."at" < '9999-01-01' THEN 3
          ELSE 2
        END,
        CASE
          WHEN "thread"."touched" IS NULL OR "thread"."touched" < '0002-01-01' THEN 0
          WHEN "thread"."touched" < CAST($4 AS timestamp) THEN 1
          WHEN "thread"."touched" < '9999-01-01' THEN 3
          ELSE 2
        END
      ) = 1
      AND (person_id IN (SELECT id FROM person WHERE minor))
      AND NOT EXISTS (
        SELECT 1
        FROM "public"."message" AS "message"
        WHERE "thread"."id" = "message"."thread_id" AND (kind = 'dispute')
      )
      AND NOT EXISTS (
        SELECT 1
        FROM "public"."message" AS "message"
        WHERE "thread"."id" = "message"."thread_id"
          AND EXISTS (
            SELECT 1
            FROM "public"."message" AS "tenure_1"
            WHERE "message"."id" = "tenure_1"."reply_to"
              AND ("tenure_1"."id" = "tenure_1"."reply_to") IS NOT TRUE
              AND ("thread"."id" = "tenure_1"."thread_id") IS NOT TRUE
          )
      )
  )
-- 1: '2025-06-30 12:00:00.000000'
-- 2: '2025-06-30 12:00:00.000000'
-- 3: '2025-06-30 12:00:00.000000'
-- 4: '2025-06-30 12:00:00.000000'

-- cascade
DELETE FROM "public"."message"
WHERE "message"."thread_id" IN (
    SELECT "thread"."id" AS "k1"
    FROM "public"."thread"
    WHERE ("thread"."at" < CAST($1 AS timestamp) OR "thread"."touched" < CAST($2 AS timestamp))
      AND GREATEST(
        CASE
          WHEN "thread"."at" IS NULL OR "thread"."at" < '0002-01-01' THEN 0
          WHEN "thread"."at" < CAST($3 AS timestamp) THEN 1
          WHEN "thread"."at" < '9999-01-01' THEN 3
          ELSE 2
        END,
        CASE
          WHEN "thread"."touched" IS NULL OR "thread"."touched" < '0002-01-01' THEN 0
          WHEN "thread"."touched" < CAST($4 AS timestamp) THEN 1
          WHEN "thread"."touched" < '9999-01-01' THEN 3
          ELSE 2
        END
      ) = 1
      AND (person_id IN (SELECT id FROM person WHERE minor))
      AND NOT EXISTS (
        SELECT 1
        FROM "public"."message" AS "message"
        WHERE "thread"."id" = "message"."thread_id" AND (kind = 'dispute')
      )
      AND NOT EXISTS (
        SELECT 1
        FROM "public"."message" AS "message"
        WHERE "thread"."id" = "message"."thread_id"
          AND EXISTS (
            SELECT 1
            FROM "public"."message" AS "tenure_1"
            WHERE "message"."id" = "tenure_1"."reply_to"
              AND ("tenure_1"."id" = "tenure_1"."reply_to") IS NOT TRUE
              AND ("thread"."id" = "tenure_1"."thread_id") IS NOT TRUE
          )
      )
  )
  AND NOT EXISTS (
    SELECT 1
    FROM "public"."message" AS "tenure_2"
    WHERE "message"."id" = "tenure_2"."reply_to"
  )
-- 1: '2025-06-30 12:00:00.000000'
-- 2: '2025-06-30 12:00:00.000000'
-- 3: '2025-06-30 12:00:00.000000'
-- 4: '2025-06-30 12:00:00.000000'

-- cascade
DELETE FROM "public"."thread"
WHERE ("thread"."at" < CAST($1 AS timestamp) OR "thread"."touched" < CAST($2 AS timestamp))
  AND GREATEST(
    CASE
      WHEN "thread"."at" IS NULL OR "thread"."at" < '0002-01-01' THEN 0
      WHEN "thread"."at" < CAST($3 AS timestamp) THEN 1
      WHEN "thread"."at" < '9999-01-01' THEN 3
      ELSE 2
    END,
    CASE
      WHEN "thread"."touched" IS NULL OR "thread"."touched" < '0002-01-01' THEN 0
      WHEN "thread"."touched" < CAST($4 AS timestamp) THEN 1
      WHEN "thread"."touched" < '9999-01-01' THEN 3
      ELSE 2
    END
  ) = 1
  AND (person_id IN (SELECT id FROM person WHERE minor))
  AND NOT EXISTS (
    SELECT 1
    FROM "public"."message" AS "message"
    WHERE "thread"."id" = "message"."thread_id" AND (kind = 'dispute')
  )
  AND NOT EXISTS (
    SELECT 1
    FROM "public"."message" AS "message"
    WHERE "thread"."id" = "message"."thread_id"
      AND EXISTS (
        SELECT 1
        FROM "public"."message" AS "tenure_1"
        WHERE "message"."id" = "tenure_1"."reply_to"
          AND ("tenure_1"."id" = "tenure_1"."reply_to") IS NOT TRUE
          AND ("thread"."id" = "tenure_1"."thread_id") IS NOT TRUE
      )
  )
-- 1: '2025-06-30 12:00:00.000000'
-- 2: '2025-06-30 12:00:00.000000'
-- 3: '2025-06-30 12:00:00.000000'
-- 4: '2025-06-30 12:00:00.000000'

-- redact
UPDATE "public"."login"
SET
  "ip" = CASE
    WHEN "login"."ip" ~ CAST($1 AS text) THEN regexp_replace("login"."ip", '[0-9]+$', '0')
    WHEN "login"."ip" ~ CAST($2 AS text)
      THEN COALESCE(substring("login"."ip" from '^[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,2}'), '') || '::'
  END,
  "agent" = CAST((CAST($3 AS text) || CAST("login"."id" AS text)) AS text)
WHERE "login"."at" < $4
  AND "login"."at" > 0
  AND (
    "login"."ip" IS DISTINCT FROM CASE
      WHEN "login"."ip" ~ CAST($5 AS text) THEN regexp_replace("login"."ip", '[0-9]+$', '0')
      WHEN "login"."ip" ~ CAST($6 AS text)
        THEN COALESCE(
          substring("login"."ip" from '^[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,2}'), ''
        ) || '::'
    END
    OR "login"."agent" IS DISTINCT FROM CAST(
      (CAST($7 AS text) || CAST("login"."id" AS text)) AS text
    )
  )
-- 1: '^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$'
-- 2: '^(([0-9A-Fa-f]{1,4}:){6}([0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}|((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9]))|(?!([^:]*:){9})([0-9A-Fa-f]{1,4}(:[0-9A-Fa-f]{1,4}){0,6})?::(([0-9A-Fa-f]{1,4}:){0,6}([0-9A-Fa-f]{1,4}|[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}|((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])))?)$'
-- 3: 'agent-'
-- 4: 1767096000
-- 5: '^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$'
-- 6: '^(([0-9A-Fa-f]{1,4}:){6}([0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}|((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9]))|(?!([^:]*:){9})([0-9A-Fa-f]{1,4}(:[0-9A-Fa-f]{1,4}){0,6})?::(([0-9A-Fa-f]{1,4}:){0,6}([0-9A-Fa-f]{1,4}|[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}|((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])))?)$'
-- 7: 'agent-'

