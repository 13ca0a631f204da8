{% if source == "stitch" %}
-- merged_households: people that Stitch finds to live together.
{% else %}
-- merged_households: people of one surname at one standardised address.
{% endif %}
WITH written AS (
    SELECT
        *,
        REGEXP_REPLACE(UPPER(address), '[{{ white_space }}]+', ' ', 'g') AS spaced,
        REGEXP_REPLACE(UPPER(address2), '{{ punctuation }}', '', 'g') AS second_line
    FROM merged_customers
    WHERE NOT is_blank(surname)
{% for part in address_needs %}
        AND NOT is_blank({{ part }})
{% endfor %}
),
members AS (
    SELECT
        amperity_id,
        UPPER(clean(given_name)) AS given_name,
        UPPER(clean(surname)) AS surname,
        clean(spaced) AS line,
        COALESCE(clean(second_line), '') AS address2,
        UPPER(clean(city)) AS city,
{% if has_local_forms %}
        address_standard,
        COALESCE(state_code, REGEXP_REPLACE(UPPER(clean(state)), '[{{ white_space }}]+', ' ', 'g')) AS state,
{% else %}
        REGEXP_REPLACE(UPPER(clean(state)), '[{{ white_space }}]+', ' ', 'g') AS state,
{% endif %}
        UPPER(LEFT(clean(postal), 5)) AS postal
    FROM written
),
street_words AS (
    SELECT before, convert FROM address_standardization WHERE type = 'STREET'
),
state_names AS (
    SELECT before, convert FROM address_standardization WHERE type = 'STATE'
),
positions AS (
    SELECT
        amperity_id,
        line,
        UNNEST(RANGE(1, LENGTH(line) - LENGTH(REPLACE(line, ' ', '')) + 2)) AS position
    FROM members
),
words AS (
    SELECT
        amperity_id,
        position,
        NULLIF(REGEXP_REPLACE(SPLIT_PART(line, ' ', CAST(position AS INTEGER)), '{{ punctuation }}', '', 'g'), '') AS word
    FROM positions
),
-- The first word of an address is a number or a name: only the later ones are looked up.
streets AS (
    SELECT
        words.amperity_id,
        STRING_AGG(
            CASE WHEN words.position > 1 THEN COALESCE(street_words.convert, words.word) ELSE words.word END,
            ' ' ORDER BY words.position
        ) AS address
    FROM words
    LEFT JOIN street_words ON street_words.before = words.word
    WHERE words.word IS NOT NULL
    GROUP BY words.amperity_id
),
standardised AS (
    SELECT
{% if has_local_forms %}
        members.* EXCLUDE (line, state, address_standard),
        -- Outside the United States as Stitch wrote it, by the words of the record's country.
        COALESCE(members.address_standard, streets.address, '') AS address,
        CASE WHEN members.address_standard IS NULL THEN COALESCE(state_names.convert, members.state) ELSE members.state END AS state
{% else %}
        members.* EXCLUDE (line, state),
        COALESCE(streets.address, '') AS address,
        COALESCE(state_names.convert, members.state) AS state
{% endif %}
    FROM members
    LEFT JOIN streets ON streets.amperity_id = members.amperity_id
    LEFT JOIN state_names ON state_names.before = members.state
),
-- White space is made two spaces so that two unit words in a row each have a space of their own on both sides.
whole AS (
    SELECT
        *,
        REPLACE(REGEXP_REPLACE(
            REGEXP_REPLACE(' ' || CONCAT_WS(' ', address, address2, city, state, postal) || ' ', '[{{ white_space }}]+', '  ', 'g'),
            ' ({{ unit_words | join("|") }}) ', ' ', 'g'
        ), ' ', '') AS full_address
    FROM standardised
),
{% if source == "stitch" %}
-- Everybody is in a household; the address is there for those who have a whole one.
households AS (
    SELECT
        mc.amperity_id,
        living_together.stitch_household_id AS household_id,
        whole.* EXCLUDE (amperity_id)
    FROM merged_customers AS mc
    INNER JOIN stitch_households AS living_together ON living_together.amperity_id = mc.amperity_id
    LEFT JOIN whole ON whole.amperity_id = mc.amperity_id
)
{% else %}
hashed AS (
    SELECT *, SHA1(full_address || surname) AS digest
    FROM whole
),
households AS (
    SELECT
        *,
        CONCAT_WS('-', SUBSTR(digest, 1, 8), SUBSTR(digest, 9, 4), SUBSTR(digest, 13, 4), SUBSTR(digest, 17, 4),
            SUBSTR(digest, 21, 12)) AS household_id
    FROM hashed
)
{% endif %}
SELECT
    amperity_id,
    household_id,
    COUNT(*) OVER (PARTITION BY household_id) AS household_size,
    full_address,
    given_name,
    surname,
    address,
    NULLIF(address2, '') AS address2,
    city,
    state,
    postal
FROM households
