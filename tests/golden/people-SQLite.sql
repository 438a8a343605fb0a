-- erase:post.account_id
SELECT
  "post"."rowid",
  "tenure_1"."tenure_person",
  CASE
    WHEN ("post"."account_id") IN (
      SELECT "account"."id"
      FROM "account"
      WHERE (restricted = 1)
    )
      THEN 1
    ELSE 0
  END
FROM "post"
JOIN (
  SELECT "account"."id" AS "tenure_value1", "account"."id" AS "tenure_person"
  FROM "account"
  WHERE "account"."closed_at" < ?
    AND tenure_micros("account"."closed_at") < ?
    AND (restricted = 1) IS NOT TRUE
) AS "tenure_1"
  ON "post"."account_id" = "tenure_1"."tenure_value1"
-- 1: '2026-06-25'
-- 2: 1782216000000000

-- erase:post.account_id
DELETE FROM "post"
WHERE "post"."rowid" IN (?)
-- 1: 0

-- erase:image.post_id
SELECT
  "image"."rowid",
  "tenure_1"."tenure_person",
  CASE
    WHEN ("image"."post_id") IN (
      SELECT "post"."id"
      FROM "post" AS "post"
      WHERE ("post"."account_id") IN (
          SELECT "account"."id"
          FROM "account"
          WHERE (restricted = 1)
        )
    )
      THEN 1
    ELSE 0
  END
FROM "image"
JOIN (
  SELECT "post"."id" AS "tenure_value1", "tenure_2"."tenure_person" AS "tenure_person"
  FROM "post" AS "post"
  JOIN (
    SELECT "account"."id" AS "tenure_value1", "account"."id" AS "tenure_person"
    FROM "account"
    WHERE "account"."closed_at" < ?
      AND tenure_micros("account"."closed_at") < ?
      AND (restricted = 1) IS NOT TRUE
  ) AS "tenure_2"
    ON "post"."account_id" = "tenure_2"."tenure_value1"
) AS "tenure_1"
  ON "image"."post_id" = "tenure_1"."tenure_value1"
-- 1: '2026-06-25'
-- 2: 1782216000000000

-- erase:image.post_id
DELETE FROM "image"
WHERE "image"."rowid" IN (?)
-- 1: 0

-- erase:letter.address
SELECT
  "letter"."rowid",
  "tenure_1"."tenure_person",
  CASE
    WHEN (tenure_lower("letter"."address")) IN (
      SELECT tenure_lower("account"."email")
      FROM "account"
      WHERE (
          ("account"."closed_at" < ?) IS NOT TRUE
          OR (tenure_micros("account"."closed_at") < ?) IS NOT TRUE
          OR (restricted = 1)
        )
        AND tenure_lower("account"."email") <> ''
    )
      THEN 1
    ELSE 0
  END,
  CASE
    WHEN (tenure_lower("letter"."address")) IN (
      SELECT tenure_lower("account"."email")
      FROM "account"
      WHERE (restricted = 1) AND tenure_lower("account"."email") <> ''
    )
      THEN 1
    ELSE 0
  END
FROM "letter"
JOIN (
  SELECT tenure_lower("account"."email") AS "tenure_value1", "account"."id" AS "tenure_person"
  FROM "account"
  WHERE "account"."closed_at" < ?
    AND tenure_micros("account"."closed_at") < ?
    AND (restricted = 1) IS NOT TRUE
    AND tenure_lower("account"."email") <> ''
) AS "tenure_1"
  ON tenure_lower("letter"."address") = "tenure_1"."tenure_value1"
-- 1: '2026-06-25'
-- 2: 1782216000000000
-- 3: '2026-06-25'
-- 4: 1782216000000000

-- erase:letter.address
DELETE FROM "letter"
WHERE "letter"."rowid" IN (?)
-- 1: 0

-- erase:remark.owner_key
SELECT
  "remark"."rowid",
  "tenure_1"."tenure_person",
  CASE
    WHEN ("remark"."owner_key") IN (
      SELECT "account"."id"
      FROM "account"
      WHERE (restricted = 1)
    ) AND (owner_type = 'account')
      THEN 1
    ELSE 0
  END
FROM "remark"
JOIN (
  SELECT "account"."id" AS "tenure_value1", "account"."id" AS "tenure_person"
  FROM "account"
  WHERE "account"."closed_at" < ?
    AND tenure_micros("account"."closed_at") < ?
    AND (restricted = 1) IS NOT TRUE
) AS "tenure_1"
  ON "remark"."owner_key" = "tenure_1"."tenure_value1"
WHERE (owner_type = 'account') AND ("remark"."owner_key" IS NOT NULL OR "remark"."words" IS NOT ?)
-- 1: '2026-06-25'
-- 2: 1782216000000000
-- 3: '(removed)'

-- erase:remark.owner_key
UPDATE OR ABORT "remark"
SET "owner_key" = NULL, "words" = ?
WHERE "remark"."rowid" IN (?)
-- 1: '(removed)'
-- 2: 0

-- erase:payment.account_id
SELECT
  "payment"."rowid",
  "tenure_1"."tenure_person",
  CASE
    WHEN ("payment"."account_id") IN (
      SELECT "account"."id"
      FROM "account"
      WHERE (restricted = 1)
    )
      THEN 1
    ELSE 0
  END
FROM "payment"
JOIN (
  SELECT "account"."id" AS "tenure_value1", "account"."id" AS "tenure_person"
  FROM "account"
  WHERE "account"."closed_at" < ?
    AND tenure_micros("account"."closed_at") < ?
    AND (restricted = 1) IS NOT TRUE
) AS "tenure_1"
  ON "payment"."account_id" = "tenure_1"."tenure_value1"
WHERE "payment"."payer" IS NOT NULL
-- 1: '2026-06-25'
-- 2: 1782216000000000

-- erase:payment.account_id
UPDATE OR ABORT "payment"
SET "payer" = NULL
WHERE "payment"."rowid" IN (?)
-- 1: 0

-- erase:account.id
SELECT "account"."rowid", "account"."id", CASE WHEN (restricted = 1) THEN 1 ELSE 0 END
FROM "account"
WHERE "account"."closed_at" < ?
  AND tenure_micros("account"."closed_at") < ?
  AND (restricted = 1) IS NOT TRUE
  AND (
    "account"."email" IS NOT (
      ? || CASE
        WHEN typeof("account"."id") = 'blob' THEN lower(hex("account"."id"))
        ELSE CAST("account"."id" AS text)
      END
    )
    OR "account"."name" IS NOT NULL
  )
-- 1: '2026-06-25'
-- 2: 1782216000000000
-- 3: 'gone-'

-- erase:account.id
UPDATE OR ABORT "account"
SET
  "email" = (
    ? || CASE
      WHEN typeof("account"."id") = 'blob' THEN lower(hex("account"."id"))
      ELSE CAST("account"."id" AS text)
    END
  ),
  "name" = NULL
WHERE "account"."rowid" IN (?)
-- 1: 'gone-'
-- 2: 0

