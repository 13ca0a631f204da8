-- Functions that the templates share, one expression each.
-- A template itself: what white space is (as a class of characters) is filled in.
-- Created in every session that builds tables, and in the published database, so that `c360 sql --show` can be pasted.

-- Text without white space around it (any Unicode space); NULL when nothing is left. What begins with a visible ASCII
-- character, as most texts do, needs only its end looked at, which takes a third of the time.
CREATE MACRO clean(v) AS
    CASE WHEN v >= '!' AND v < '~' AND NOT regexp_matches(v, '[{{ white_space }}]$') THEN v
        ELSE nullif(regexp_replace(v, '^[{{ white_space }}]+|[{{ white_space }}]+$', '', 'g'), '') END;

-- Whether a text is NULL or nothing but white space: as clean(v) IS NULL.
CREATE MACRO is_blank(v) AS
    CASE WHEN v >= '!' AND v < '~' THEN FALSE ELSE NOT coalesce(regexp_matches(v, '[^{{ white_space }}]'), FALSE) END;

-- An amount of money as a number of cents. By way of DECIMAL(15, 2) where it fits: the engine divides numbers of 38 digits
-- twenty times as slowly as those of 18.
CREATE MACRO cents(amount) AS
    coalesce(CAST(TRY_CAST(amount AS DECIMAL(15, 2)) * 100 AS BIGINT), CAST(amount * 100 AS BIGINT));

-- amount / n in money: whole cents, halves away from zero; NULL when n is 0. DECIMAL / DECIMAL would be DOUBLE.
CREATE MACRO divide_money(amount, n) AS
    CAST(CASE WHEN (amount < 0) <> (n < 0) THEN -1 ELSE 1 END
        * ((2 * abs(cents(amount)) + abs(n)) // nullif(2 * abs(n), 0)) * 0.01 AS DECIMAL(38, 2));

-- a / b of two whole numbers above zero, four decimals, halves up. Two digits at a time: 10000 * a would not fit for long.
CREATE MACRO four_decimals(a, b) AS
    a // b * 1.0000 + (a % b * 100 // b * 100 + (a % b * 100 % b * 200 + b) // (2 * b)) * 0.0001;

-- amount / total of two amounts of money, four decimals, halves away from zero; NULL when total is 0.
CREATE MACRO money_ratio(amount, total) AS
    CAST(CASE WHEN (amount < 0) <> (total < 0) THEN -1 ELSE 1 END
        * four_decimals(abs(cents(amount)), nullif(abs(cents(total)), 0)) AS DECIMAL(38, 4));

-- The digits of a phone number by which numbers of different spelling are compared: the last ten, or where the tenant
-- names its country those of the international form.
CREATE MACRO phone_key(v) AS
    phone_compared(v);

-- The text of an e-mail address by which addresses of different spelling are compared.
CREATE MACRO email_key(v) AS
    lower(email_text(v));

-- Of several values of a field the first that is valid, else the first there is.
CREATE MACRO first_email(v) AS
    coalesce(list_filter(email_values(v), lambda part: email_valid(part))[1], email_values(v)[1]);

CREATE MACRO first_phone(v, region) AS
    coalesce(list_filter(phone_values(v), lambda part: phone_valid(part, region))[1], phone_values(v)[1]);
