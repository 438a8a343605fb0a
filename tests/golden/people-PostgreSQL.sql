-- erase:image.post_id
DELETE FROM "public"."image" WHERE ("image"."post_id") IN (SELECT "post"."id" FROM "public"."post" AS "post" WHERE ("post"."account_id") IN (SELECT "account"."id" FROM "public"."account" WHERE ("account"."closed_at" < CAST($1 AS timestamp) AND "account"."closed_at" > '-infinity') AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE)) AND (((((("image"."post_id") IN (SELECT "post"."id" FROM "public"."post" AS "post" WHERE ("post"."account_id") IN (SELECT "account"."id" FROM "public"."account" WHERE TRUE AND ((restricted = 1) IS TRUE)))))))) IS NOT TRUE
-- 1: '2026-06-23 12:00:00.000000'

-- erase:post.account_id
SELECT "post"."id" FROM "public"."post" WHERE ("post"."account_id") IN (SELECT "account"."id" FROM "public"."account" WHERE ("account"."closed_at" < CAST($1 AS timestamp) AND "account"."closed_at" > '-infinity') AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE) AND (((((("post"."account_id") IN (SELECT "account"."id" FROM "public"."account" WHERE TRUE AND ((restricted = 1) IS TRUE)))))) OR ("post"."id") IN (SELECT "post"."parent_id" FROM "public"."post" WHERE (((("post"."account_id") IN (SELECT "account"."id" FROM "public"."account" WHERE TRUE AND ((restricted = 1) IS TRUE))))))) IS NOT TRUE AND ((EXISTS (SELECT 1 FROM "public"."image" AS "image" WHERE "post"."id" = "image"."post_id"))) IS NOT TRUE
-- 1: '2026-06-23 12:00:00.000000'

-- erase:post.account_id
UPDATE "public"."post" SET "parent_id" = NULL WHERE "post"."parent_id" = ANY($1)
-- 1: (the keys that the first statement of the batch found)

-- erase:post.account_id
DELETE FROM "public"."post" WHERE "post"."id" = ANY($1)
-- 1: (the keys that the first statement of the batch found)

-- erase:letter.address
DELETE FROM "public"."letter" WHERE (lower(CAST("letter"."address" AS text)) COLLATE "C") IN (SELECT lower(CAST("account"."email" AS text)) COLLATE "C" FROM "public"."account" WHERE ("account"."closed_at" < CAST($1 AS timestamp) AND "account"."closed_at" > '-infinity') AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE AND lower(CAST("account"."email" AS text)) COLLATE "C" <> '') AND ((((((lower(CAST("letter"."address" AS text)) COLLATE "C") IN (SELECT lower(CAST("account"."email" AS text)) COLLATE "C" FROM "public"."account" WHERE TRUE AND ((restricted = 1) IS TRUE) AND lower(CAST("account"."email" AS text)) COLLATE "C" <> '')))))) IS NOT TRUE AND ((FALSE OR ((lower(CAST("letter"."address" AS text)) COLLATE "C") IN (SELECT lower(CAST("account"."email" AS text)) COLLATE "C" FROM "public"."account" WHERE (("account"."closed_at" < CAST($2 AS timestamp) AND "account"."closed_at" > '-infinity') AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE) IS NOT TRUE AND lower(CAST("account"."email" AS text)) COLLATE "C" <> '')))) IS NOT TRUE
-- 1: '2026-06-23 12:00:00.000000'
-- 2: '2026-06-23 12:00:00.000000'

-- erase:remark.owner_key
UPDATE "public"."remark" SET "owner_key" = NULL, "words" = CAST($1 AS text) WHERE ("remark"."owner_key") IN (SELECT "account"."id" FROM "public"."account" WHERE ("account"."closed_at" < CAST($2 AS timestamp) AND "account"."closed_at" > '-infinity') AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE) AND ((owner_type = 'account') IS TRUE) AND ("remark"."owner_key" IS NOT NULL OR "remark"."words" IS DISTINCT FROM CAST($3 AS text)) AND (((((("remark"."owner_key") IN (SELECT "account"."id" FROM "public"."account" WHERE TRUE AND ((restricted = 1) IS TRUE)) AND ((owner_type = 'account') IS TRUE)))))) IS NOT TRUE
-- 1: '(removed)'
-- 2: '2026-06-23 12:00:00.000000'
-- 3: '(removed)'

-- erase:payment.account_id
UPDATE "public"."payment" SET "payer" = NULL WHERE ("payment"."account_id") IN (SELECT "account"."id" FROM "public"."account" WHERE ("account"."closed_at" < CAST($1 AS timestamp) AND "account"."closed_at" > '-infinity') AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE) AND ("payment"."payer" IS NOT NULL) AND (((((("payment"."account_id") IN (SELECT "account"."id" FROM "public"."account" WHERE TRUE AND ((restricted = 1) IS TRUE))))))) IS NOT TRUE
-- 1: '2026-06-23 12:00:00.000000'

-- erase:account.id
UPDATE "public"."account" SET "email" = CAST((CAST($1 AS text) || CAST("account"."id" AS text)) AS text), "name" = NULL WHERE ("account"."closed_at" < CAST($2 AS timestamp) AND "account"."closed_at" > '-infinity') AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE AND ("account"."email" IS DISTINCT FROM CAST((CAST($3 AS text) || CAST("account"."id" AS text)) AS text) OR "account"."name" IS NOT NULL) AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE
-- 1: 'gone-'
-- 2: '2026-06-23 12:00:00.000000'
-- 3: 'gone-'

