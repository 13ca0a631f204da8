-- {{ name }}: columns tagged {{ prefix }}/*, gathered from {{ contributions | length }} {{ "table" if contributions | length == 1 else "tables" }}.
{% macro gathered(indent) %}
{% for contribution in contributions %}
{{ indent }}SELECT
{% for column, sql in contribution.columns %}
{{ indent }}    {{ sql }}{% if sql != column %} AS {{ column | ident }}{% endif %},
{% endfor %}
{{ indent }}    {{ contribution.datasource | literal }} AS datasource,
{{ indent }}    _pk AS pk
{{ indent }}FROM {{ contribution.table | quoted }}
{% if not loop.last %}
{{ indent }}UNION ALL
{% endif %}
{% else %}
{{ indent }}SELECT
{% for column, type in columns.items() %}
{{ indent }}    CAST(NULL AS {{ type }}) AS {{ column | ident }},
{% endfor %}
{% if consent %}
{{ indent }}    CAST(NULL AS TIMESTAMPTZ) AS _stated,
{{ indent }}    CAST(NULL AS BIGINT) AS _version,
{{ indent }}    CAST(NULL AS BIGINT) AS _updated
{% else %}
{{ indent }}    CAST(NULL AS BIGINT) AS _none
{% endif %}
{{ indent }}WHERE FALSE
{% endfor %}
{% endmacro %}
WITH gathered AS (
{{ gathered("    ") -}}
){% if consent %},
-- Persons by contact: every person whose records carry it.
contacts AS (
    SELECT DISTINCT amperity_id, {{ consent.match.format("value") }} AS contact
    FROM (
        SELECT amperity_id, UNNEST({{ consent.contact }}_values({{ consent.contact }})) AS value
        FROM unified_coalesced
        WHERE amperity_id IS NOT NULL AND {{ consent.contact }} IS NOT NULL
    ) AS values_of_records
    WHERE {{ consent.match.format("value") }} IS NOT NULL
),
-- One statement per key and person; of conflicting ones the newest counts, by the time that its feed says (last_updated) or
-- the day of its delivery; of those that are equally new a no: rows of a custom domain table are all of one age.
ranked AS (
    SELECT
        gathered.* EXCLUDE ({% if "amperity_id" in contributed_columns %}amperity_id, {% endif %}_stated, _version, _updated),
        contacts.amperity_id,
        ROW_NUMBER() OVER (
            PARTITION BY
                contacts.amperity_id, {{ consent.match.format("gathered." + consent.contact) }},
                gathered.{{ consent.key | join(", gathered.") }}
            ORDER BY
                gathered._stated DESC NULLS LAST, gathered._version DESC NULLS LAST,
                gathered._updated DESC NULLS LAST, COALESCE(gathered.{{ consent.status }}, FALSE) ASC, gathered.datasource ASC,
                gathered.pk ASC
        ) AS position
    FROM gathered
    LEFT JOIN contacts ON contacts.contact = {{ consent.match.format("gathered." + consent.contact) }}
    WHERE {{ consent.match.format("gathered." + consent.contact) }} IS NOT NULL
),
newest AS (
    SELECT * FROM ranked WHERE position = 1
){% endif %}{% if by_email and contributions %},
-- Persons by e-mail: of several, the one whose record was changed last.
carriers AS (
    SELECT amperity_id, update_dt, email_key(value) AS contact
    FROM (
        SELECT amperity_id, update_dt, UNNEST(email_values(email)) AS value
        FROM unified_coalesced
        WHERE amperity_id IS NOT NULL AND email IS NOT NULL
    ) AS values_of_records
),
owners AS (
    SELECT contact, amperity_id
    FROM (
        SELECT
            contact,
            amperity_id,
            ROW_NUMBER() OVER (
                PARTITION BY contact ORDER BY MAX(update_dt) DESC NULLS LAST, amperity_id ASC
            ) AS position
        FROM carriers
        WHERE contact IS NOT NULL
        GROUP BY contact, amperity_id
    ) AS ranked_owners
    WHERE position = 1
){% endif %}

SELECT
{% for column, type in columns.items() %}
{% if by_email and contributions and column == "amperity_id" %}
    COALESCE(gathered.amperity_id, owners.amperity_id) AS amperity_id{{ "," if not loop.last }}
{% else %}
{% if consent and column == consent.status %}
    COALESCE({{ column }}, FALSE) AS {{ column }}{{ "," if not loop.last }}
{% elif consent and column == consent.contact %}
    clean({{ column }}) AS {{ column }}{{ "," if not loop.last }}
{% elif column in derived %}
    {{ derived[column] }} AS {{ column }}{{ "," if not loop.last }}
{% else %}
    {{ column | ident }}{{ "," if not loop.last }}
{% endif %}
{% endif %}
{% endfor %}
FROM {{ "newest" if consent else "gathered" }}{% if by_email and contributions %}

LEFT JOIN owners ON owners.contact = email_key(gathered.email)
{% endif %}
