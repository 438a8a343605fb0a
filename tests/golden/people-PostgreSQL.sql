-- erase:post.account_id
SELECT
  "post"."id",
  "tenure_1"."tenure_person",
  CASE
    WHEN ("post"."account_id") IN (
      SELECT "account"."id"
      FROM "public"."account"
      WHERE (restricted = 1)
    )
      THEN 1
    ELSE 0
  END
FROM "public"."post"
JOIN (
  SELECT "account"."id" AS "tenure_value1", "account"."id" AS "tenure_person"
  FROM "public"."account"
  WHERE "account"."closed_at" < CAST($1 AS timestamp)
    AND "account"."closed_at" >= '0002-01-01'
    AND (restricted = 1) IS NOT TRUE
) AS "tenure_1"
  ON "post"."account_id" = "tenure_1"."tenure_value1"
-- 1: '2026-06-23 12:00:00.000000'

-- erase:post.account_id
DELETE FROM "public"."post"
WHERE "post"."id" = ANY($1)
-- 1: (1 numbers, not shown)

-- erase:image.post_id
SELECT
  "image"."id",
  "tenure_1"."tenure_person",
  CASE
    WHEN ("image"."post_id") IN (
      SELECT "post"."id"
      FROM "public"."post" AS "post"
      WHERE ("post"."account_id") IN (
          SELECT "account"."id"
          FROM "public"."account"
          WHERE (restricted = 1)
        )
    )
      THEN 1
    ELSE 0
  END
FROM "public"."image"
JOIN (
  SELECT "post"."id" AS "tenure_value1", "tenure_2"."tenure_person" AS "tenure_person"
  FROM "public"."post" AS "post"
  JOIN (
    SELECT "account"."id" AS "tenure_value1", "account"."id" AS "tenure_person"
    FROM "public"."account"
    WHERE "account"."closed_at" < CAST($1 AS timestamp)
      AND "account"."closed_at" >= '0002-01-01'
      AND (restricted = 1) IS NOT TRUE
  ) AS "tenure_2"
    ON "post"."account_id" = "tenure_2"."tenure_value1"
) AS "tenure_1"
  ON "image"."post_id" = "tenure_1"."tenure_value1"
-- 1: '2026-06-23 12:00:00.000000'

-- erase:image.post_id
DELETE FROM "public"."image"
WHERE "image"."id" = ANY($1)
-- 1: (1 numbers, not shown)

-- erase:letter.address
SELECT
  "letter"."id",
  "tenure_1"."tenure_person",
  CASE
    WHEN (lower(CAST("letter"."address" AS text)) COLLATE "C") IN (
      SELECT lower(CAST("account"."email" AS text)) COLLATE "C"
      FROM "public"."account"
      WHERE (
          ("account"."closed_at" < CAST($1 AS timestamp)) IS NOT TRUE
          OR ("account"."closed_at" >= '0002-01-01') IS NOT TRUE
          OR (restricted = 1)
        )
        AND lower(CAST("account"."email" AS text)) COLLATE "C" <> ''
    )
      THEN 1
    ELSE 0
  END,
  CASE
    WHEN (lower(CAST("letter"."address" AS text)) COLLATE "C") IN (
      SELECT lower(CAST("account"."email" AS text)) COLLATE "C"
      FROM "public"."account"
      WHERE (restricted = 1) AND lower(CAST("account"."email" AS text)) COLLATE "C" <> ''
    )
      THEN 1
    ELSE 0
  END
FROM "public"."letter"
JOIN (
  SELECT
    lower(CAST("account"."email" AS text)) COLLATE "C" AS "tenure_value1",
    "account"."id" AS "tenure_person"
  FROM "public"."account"
  WHERE "account"."closed_at" < CAST($2 AS timestamp)
    AND "account"."closed_at" >= '0002-01-01'
    AND (restricted = 1) IS NOT TRUE
    AND lower(CAST("account"."email" AS text)) COLLATE "C" <> ''
) AS "tenure_1"
  ON lower(CAST("letter"."address" AS text)) COLLATE "C" = "tenure_1"."tenure_value1"
-- 1: '2026-06-23 12:00:00.000000'
-- 2: '2026-06-23 12:00:00.000000'

-- erase:letter.address
DELETE FROM "public"."letter"
WHERE "letter"."id" = ANY($1)
-- 1: (1 numbers, not shown)

-- erase:remark.owner_key
SELECT
  "remark"."id",
  "tenure_1"."tenure_person",
  CASE
    WHEN ("remark"."owner_key") IN (
      SELECT "account"."id"
      FROM "public"."account"
      WHERE (restricted = 1)
    ) AND (owner_type = 'account')
      THEN 1
    ELSE 0
  END
FROM "public"."remark"
JOIN (
  SELECT "account"."id" AS "tenure_value1", "account"."id" AS "tenure_person"
  FROM "public"."account"
  WHERE "account"."closed_at" < CAST($1 AS timestamp)
    AND "account"."closed_at" >= '0002-01-01'
    AND (restricted = 1) IS NOT TRUE
) AS "tenure_1"
  ON "remark"."owner_key" = "tenure_1"."tenure_value1"
WHERE (owner_type = 'account')
  AND ("remark"."owner_key" IS NOT NULL OR "remark"."words" IS DISTINCT FROM CAST($2 AS text))
-- 1: '2026-06-23 12:00:00.000000'
-- 2: '(removed)'

-- erase:remark.owner_key
UPDATE "public"."remark"
SET "owner_key" = NULL, "words" = CAST($1 AS text)
WHERE "remark"."id" = ANY($2)
-- 1: '(removed)'
-- 2: (1 numbers, not shown)

-- erase:payment.account_id
SELECT
  "payment"."id",
  "tenure_1"."tenure_person",
  CASE
    WHEN ("payment"."account_id") IN (
      SELECT "account"."id"
      FROM "public"."account"
      WHERE (restricted = 1)
    )
      THEN 1
    ELSE 0
  END
FROM "public"."payment"
JOIN (
  SELECT "account"."id" AS "tenure_value1", "account"."id" AS "tenure_person"
  FROM "public"."account"
  WHERE "account"."closed_at" < CAST($1 AS timestamp)
    AND "account"."closed_at" >= '0002-01-01'
    AND (restricted = 1) IS NOT TRUE
) AS "tenure_1"
  ON "payment"."account_id" = "tenure_1"."tenure_value1"
WHERE "payment"."payer" IS NOT NULL
-- 1: '2026-06-23 12:00:00.000000'

-- erase:payment.account_id
UPDATE "public"."payment"
SET "payer" = NULL
WHERE "payment"."id" = ANY($1)
-- 1: (1 numbers, not shown)

-- erase:account.id
SELECT "account"."id", "account"."id", CASE WHEN (restricted = 1) THEN 1 ELSE 0 END
FROM "public"."account"
WHERE "account"."closed_at" < CAST($1 AS timestamp)
  AND "account"."closed_at" >= '0002-01-01'
  AND (restricted = 1) IS NOT TRUE
  AND (
    "account"."email" IS DISTINCT FROM CAST(
      (CAST($2 AS text) || CAST("account"."id" AS text)) AS text
    )
    OR "account"."name" IS NOT NULL
  )
-- 1: '2026-06-23 12:00:00.000000'
-- 2: 'gone-'

-- erase:account.id
UPDATE "public"."account"
SET "email" = CAST((CAST($1 AS text) || CAST("account"."id" AS text)) AS text), "name" = NULL
WHERE "account"."id" = ANY($2)
-- 1: 'gone-'
-- 2: (1 numbers, not shown)

