-- merged_customers: one row per person; each group of fields comes whole from the person's best record for that group.
-- How much each source is trusted, 1 first: in general, and per group where that differs.
WITH priorities (
    datasource, source_priority{% for group in named_groups %}, {{ group.name }}_priority{% endfor %}

) AS (
{% if priorities %}
    VALUES
{% for row in priorities %}
        ({{ row.datasource | literal }}{% for value in row.ranks %}, {{ "NULL" if value is none else value }}{% endfor %}){{ "," if not loop.last }}
{% endfor %}
{% else %}
    SELECT CAST(NULL AS VARCHAR), CAST(NULL AS BIGINT){% for group in named_groups %}, CAST(NULL AS BIGINT){% endfor %}

    WHERE FALSE
{% endif %}
),
records AS (
    SELECT
        uc.amperity_id,
        uc.datasource,
        uc.pk,
        uc.create_dt,
        uc.update_dt,
{% if best_email != "priority" %}
        uc.email AS emails,
        CAST(COALESCE(priorities.email_priority, priorities.source_priority, 999) AS BIGINT) AS email_priority,
{% endif %}
{% for group in groups %}
{% for column in group.columns %}
        {{ column.sql }} AS {{ column.alias }},
{% endfor %}
{% if group.blocked %}
        {{ group.blocked }} AS {{ group.name }}_blv,
{% endif %}
{% if group.named %}
        CAST(COALESCE(priorities.{{ group.name }}_priority, priorities.source_priority, 999) AS BIGINT)
            AS {{ group.name }}_priority,
{% endif %}
{% endfor %}
        CAST(COALESCE(priorities.source_priority, 999) AS BIGINT) AS source_priority
    FROM unified_coalesced AS uc
    LEFT JOIN priorities ON priorities.datasource = uc.datasource
    WHERE uc.amperity_id IS NOT NULL
),
completed AS (
    SELECT
{% for group in groups %}
        CAST({{ group.completion }} AS BIGINT) AS {{ group.name }}_completion,
{% endfor %}
        records.*
    FROM records
),
-- Where completeness and trust do not decide, the newest record does.
sequenced AS (
    SELECT
        completed.*,
        ROW_NUMBER() OVER (
            PARTITION BY amperity_id
            ORDER BY update_dt DESC NULLS LAST, pk ASC NULLS LAST, datasource ASC
        ) AS newness
    FROM completed
),
-- Completeness comes before trust: a whole address of a minor source beats half of one from the best.
-- The lowest number is a group's best record: completeness, blocklist, priority, newness, one after the other.
placed AS (
    SELECT
{% for group in groups %}
        ({% if group.blocked %}CASE WHEN {{ group.name }}_blv THEN 1 ELSE 0 END {% endif %}- 2 * {{ group.order_completion }}) * 1000000000000000
            + {{ group.priority }} * 1000000000 + newness AS {{ group.name }}_place,
{% endfor %}
        sequenced.*
    FROM sequenced
),
picked AS (
    SELECT
{% for group in groups %}
        MIN_BY(STRUCT_PACK(
{% for column in group.output %}
            {{ column.name | ident }} := {{ column.source }}{{ "," if not loop.last }}
{% endfor %}
        ), {{ group.name }}_place) AS {{ group.name }}_pick,
{% endfor %}
        amperity_id,
        MIN(create_dt) AS create_dt,
        MAX(update_dt) AS update_dt
    FROM placed
    GROUP BY amperity_id
){% if complete_names %},
-- The name of the person's best record that has one; a full name is split as Stitch splits it.
best_named AS (
    SELECT
        amperity_id,
        COALESCE(best.given_name, full_name_given(best.full_name)) AS given_name,
        COALESCE(best.surname, full_name_surname(best.full_name)) AS surname
    FROM (
        SELECT
            amperity_id,
            MIN_BY(
                STRUCT_PACK(given_name := given_name, surname := surname, full_name := full_name), name_place
            ) AS best
        FROM placed
        WHERE COALESCE(given_name, surname, full_name) IS NOT NULL
        GROUP BY amperity_id
    ) AS best_records
),
-- Of persons whose best name lacks a part, the names of all records.
named AS (
    SELECT
        placed.amperity_id,
        placed.datasource,
        placed.pk,
        placed.name_place,
        COALESCE(placed.given_name, full_name_given(placed.full_name)) AS given_name,
        COALESCE(placed.surname, full_name_surname(placed.full_name)) AS surname,
        best_named.given_name AS best_given_name,
        best_named.surname AS best_surname
    FROM placed
    INNER JOIN best_named ON best_named.amperity_id = placed.amperity_id
    WHERE best_named.given_name IS NULL OR best_named.surname IS NULL
),
-- The best other record that has what is missing and, of what both have, says the same.
completing AS (
    SELECT
        amperity_id,
        MIN_BY(STRUCT_PACK(
            given_name := given_name,
            surname := surname,
            datasource := datasource,
            pk := pk
        ), name_place) AS other
    FROM named
    WHERE (best_given_name IS NULL AND UPPER(surname) = UPPER(best_surname) AND given_name IS NOT NULL)
        OR (best_surname IS NULL AND UPPER(given_name) = UPPER(best_given_name) AND surname IS NOT NULL)
    GROUP BY amperity_id
){% endif %}{% if best_email != "priority" %},
-- The record behind an assigned e-mail: of those that carry it, the most trusted, then the newest.
email_values AS (
    SELECT amperity_id, datasource, pk, update_dt, email_priority, UNNEST(email_values(emails)) AS value
    FROM records
    WHERE emails IS NOT NULL
),
best_emails AS (
    SELECT
        assigned.amperity_id,
        assigned.email,
        email_values.pk AS email_pk,
        email_values.datasource AS email_datasource,
        email_values.update_dt AS email_update_dt,
        email_values.email_priority
    FROM email_ampid_assignment AS assigned
    LEFT JOIN email_values
        ON email_values.amperity_id = assigned.amperity_id AND LOWER(email_values.value) = assigned.email
    QUALIFY ROW_NUMBER() OVER (
        PARTITION BY assigned.amperity_id
        ORDER BY
            email_values.email_priority ASC NULLS LAST, email_values.update_dt DESC NULLS LAST,
            email_values.pk ASC NULLS LAST, email_values.datasource ASC NULLS LAST
    ) = 1
){% endif %}

SELECT
    picked.amperity_id,
{% for group in groups %}
{% for column in group.output %}
{% if complete_names and group.name == "name" and column.name in ("given_name", "surname") %}
    COALESCE(
        picked.name_pick.{{ column.name }}, best_named.{{ column.name }}, completing.other.{{ column.name }}
    ) AS {{ column.name }},
{% else %}
    picked.{{ group.name }}_pick.{{ column.name | ident }},
{% endif %}
{% endfor %}
{% if group.name == "name" %}
{% if complete_names %}
    completing.other.pk AS name_completed_pk,
    completing.other.datasource AS name_completed_datasource,
{% else %}
    CAST(NULL AS VARCHAR) AS name_completed_pk,
    CAST(NULL AS VARCHAR) AS name_completed_datasource,
{% endif %}
{% endif %}
{% endfor %}
{% if best_email != "priority" %}
    best_emails.email,
    CAST(CASE WHEN best_emails.email IS NULL THEN 0 ELSE 1 END AS BIGINT) AS email_completion,
    best_emails.email_pk,
    best_emails.email_datasource,
    best_emails.email_update_dt,
    best_emails.email_priority,
{% endif %}
    picked.create_dt,
    picked.update_dt
FROM picked
{% if complete_names %}
LEFT JOIN best_named ON best_named.amperity_id = picked.amperity_id
LEFT JOIN completing ON completing.amperity_id = picked.amperity_id
{% endif %}
{% if best_email != "priority" %}
LEFT JOIN best_emails ON best_emails.amperity_id = picked.amperity_id
{% endif %}
