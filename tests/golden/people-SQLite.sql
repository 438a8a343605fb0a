-- erase:image.post_id
DELETE FROM "image" WHERE ("image"."post_id") IN (SELECT "post"."id" FROM "post" AS "post" WHERE ("post"."account_id") IN (SELECT "account"."id" FROM "account" WHERE ("account"."closed_at" < ? AND tenure_micros("account"."closed_at") < ?) AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE)) AND (((((("image"."post_id") IN (SELECT "post"."id" FROM "post" AS "post" WHERE ("post"."account_id") IN (SELECT "account"."id" FROM "account" WHERE TRUE AND ((restricted = 1) IS TRUE)))))))) IS NOT TRUE
-- 1: '2026-06-25'
-- 2: 1782216000000000

-- erase:post.account_id
SELECT "post"."rowid" FROM "post" WHERE ("post"."account_id") IN (SELECT "account"."id" FROM "account" WHERE ("account"."closed_at" < ? AND tenure_micros("account"."closed_at") < ?) AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE) AND (((((("post"."account_id") IN (SELECT "account"."id" FROM "account" WHERE TRUE AND ((restricted = 1) IS TRUE)))))) OR ("post"."id") IN (SELECT "post"."parent_id" FROM "post" WHERE (((("post"."account_id") IN (SELECT "account"."id" FROM "account" WHERE TRUE AND ((restricted = 1) IS TRUE))))))) IS NOT TRUE AND ((EXISTS (SELECT 1 FROM "image" AS "image" WHERE "post"."id" = "image"."post_id"))) IS NOT TRUE
-- 1: '2026-06-25'
-- 2: 1782216000000000

-- erase:post.account_id
UPDATE OR ABORT "post" SET "parent_id" = NULL WHERE ("post"."parent_id") IN (SELECT "post"."id" AS "k1" FROM "post" WHERE "post"."rowid" IN (SELECT value FROM json_each(?)))
-- 1: (the keys that the first statement of the batch found)

-- erase:post.account_id
DELETE FROM "post" WHERE "post"."rowid" IN (SELECT value FROM json_each(?))
-- 1: (the keys that the first statement of the batch found)

-- erase:letter.address
DELETE FROM "letter" WHERE (tenure_lower("letter"."address")) IN (SELECT tenure_lower("account"."email") FROM "account" WHERE ("account"."closed_at" < ? AND tenure_micros("account"."closed_at") < ?) AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE AND tenure_lower("account"."email") <> '') AND ((((((tenure_lower("letter"."address")) IN (SELECT tenure_lower("account"."email") FROM "account" WHERE TRUE AND ((restricted = 1) IS TRUE) AND tenure_lower("account"."email") <> '')))))) IS NOT TRUE AND ((FALSE OR ((tenure_lower("letter"."address")) IN (SELECT tenure_lower("account"."email") FROM "account" WHERE (("account"."closed_at" < ? AND tenure_micros("account"."closed_at") < ?) AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE) IS NOT TRUE AND tenure_lower("account"."email") <> '')))) IS NOT TRUE
-- 1: '2026-06-25'
-- 2: 1782216000000000
-- 3: '2026-06-25'
-- 4: 1782216000000000

-- erase:remark.owner_key
UPDATE OR ABORT "remark" SET "owner_key" = NULL, "words" = ? WHERE ("remark"."owner_key") IN (SELECT "account"."id" FROM "account" WHERE ("account"."closed_at" < ? AND tenure_micros("account"."closed_at") < ?) AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE) AND ((owner_type = 'account') IS TRUE) AND ("remark"."owner_key" IS NOT NULL OR "remark"."words" IS NOT ?) AND (((((("remark"."owner_key") IN (SELECT "account"."id" FROM "account" WHERE TRUE AND ((restricted = 1) IS TRUE)) AND ((owner_type = 'account') IS TRUE)))))) IS NOT TRUE
-- 1: '(removed)'
-- 2: '2026-06-25'
-- 3: 1782216000000000
-- 4: '(removed)'

-- erase:payment.account_id
UPDATE OR ABORT "payment" SET "payer" = NULL WHERE ("payment"."account_id") IN (SELECT "account"."id" FROM "account" WHERE ("account"."closed_at" < ? AND tenure_micros("account"."closed_at") < ?) AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE) AND ("payment"."payer" IS NOT NULL) AND (((((("payment"."account_id") IN (SELECT "account"."id" FROM "account" WHERE TRUE AND ((restricted = 1) IS TRUE))))))) IS NOT TRUE
-- 1: '2026-06-25'
-- 2: 1782216000000000

-- erase:account.id
UPDATE OR ABORT "account" SET "email" = (? || CASE WHEN typeof("account"."id") = 'blob' THEN lower(hex("account"."id")) ELSE CAST("account"."id" AS text) END), "name" = NULL WHERE ("account"."closed_at" < ? AND tenure_micros("account"."closed_at") < ?) AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE AND ("account"."email" IS NOT (? || CASE WHEN typeof("account"."id") = 'blob' THEN lower(hex("account"."id")) ELSE CAST("account"."id" AS text) END) OR "account"."name" IS NOT NULL) AND (((TRUE AND ((restricted = 1) IS TRUE)))) IS NOT TRUE
-- 1: 'gone-'
-- 2: '2026-06-25'
-- 3: 1782216000000000
-- 4: 'gone-'

