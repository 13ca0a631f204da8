-- email_ampid_assignment: at most one e-mail per person and one person per e-mail, by mutual first choice.
WITH {{ '' if rounds else 'RECURSIVE ' }}values_of_records AS (
    SELECT amperity_id, update_dt, UNNEST(email_values(email)) AS value
    FROM unified_coalesced
    WHERE amperity_id IS NOT NULL AND email IS NOT NULL
{% if use_blocklist %}
        AND NOT COALESCE(blv_email, FALSE)
{% endif %}
),
-- Each spelling once: looking at a value takes longer than grouping it. An engine moves a condition on what is grouped by back
-- to the records, but not one on MIN, which of equal values is that value.
spellings AS (
    SELECT amperity_id, clean(MIN(value)) AS value, MAX(update_dt) AS update_dt
    FROM values_of_records
    GROUP BY amperity_id, value
),
email_universe AS (
    SELECT amperity_id, LOWER(value) AS email, MAX(update_dt) AS update_dt
    FROM spellings
    WHERE email_valid(value)
    GROUP BY amperity_id, LOWER(value)
),
{% if uses.email_opt_status %}
opt_status AS (
    SELECT amperity_id, email_key(email) AS email, BOOL_OR(is_email_opted_in) AS is_email_opted_in
    FROM email_opt_status
    GROUP BY amperity_id, email_key(email)
),
{% endif %}
{% if uses.email_engagement_summary %}
engagement AS (
    SELECT
        email_key(email) AS email,
{% for column, aggregate, type in engagement_columns %}
        CAST({{ aggregate }}({{ column }}) AS {{ type }}) AS {{ column }}{{ "," if not loop.last }}
{% endfor %}
    FROM email_engagement_summary
    GROUP BY email_key(email)
),
{% endif %}
{% if uses[predictions] %}
predictions AS (
    SELECT
{% for column in predicted_columns %}
        MAX({{ column }}) AS {{ column }},
{% endfor %}
        amperity_id
    FROM {{ predictions }}
    GROUP BY amperity_id
),
{% endif %}
attributes AS (
    SELECT
{% for column, source in attributes %}
        {{ source }}.{{ column }},
{% endfor %}
        email_universe.*
    FROM email_universe
{% if uses.email_opt_status %}
    LEFT JOIN opt_status
        ON opt_status.email = email_universe.email AND opt_status.amperity_id = email_universe.amperity_id
{% endif %}
{% if uses.email_engagement_summary %}
    LEFT JOIN engagement ON engagement.email = email_universe.email
{% endif %}
{% if uses.transaction_attributes_extended %}
    LEFT JOIN transaction_attributes_extended AS bought ON bought.amperity_id = email_universe.amperity_id
{% endif %}
{% if uses[predictions] %}
    LEFT JOIN predictions ON predictions.amperity_id = email_universe.amperity_id
{% endif %}
),
-- Each person's e-mails in order of preference; those beyond the threshold are out.
ranked_emails AS (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY amperity_id ORDER BY {{ email_order }}) AS email_rank
    FROM attributes
),
-- Each e-mail's persons in order of preference, among what is left.
ranked_persons AS (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY email ORDER BY {{ amperity_id_order }}) AS amp_rank
    FROM ranked_emails
    WHERE email_rank <= {{ email_threshold }}
),
pairs AS (
    SELECT * FROM ranked_persons WHERE amp_rank <= {{ amperity_id_threshold }}
),
{% if rounds %}
choices_1 AS (
    SELECT *, email_rank AS email_choice, amp_rank AS amp_choice
    FROM pairs
),
{% for round in range(1, rounds + 1) %}
matched_{{ round }} AS (
    SELECT amperity_id, email, email_rank, amp_rank, {{ round }} AS assignment_round, update_dt
    FROM choices_{{ round }}
    WHERE email_choice = 1 AND amp_choice = 1
),
{% if not loop.last %}
-- Whoever and whatever was matched is out; the rest choose again.
choices_{{ round + 1 }} AS (
    SELECT
        * EXCLUDE (email_choice, amp_choice),
        ROW_NUMBER() OVER (PARTITION BY amperity_id ORDER BY {{ email_order }}) AS email_choice,
        ROW_NUMBER() OVER (PARTITION BY email ORDER BY {{ amperity_id_order }}) AS amp_choice
    FROM choices_{{ round }} AS c
    WHERE NOT EXISTS (SELECT 1 FROM matched_{{ round }} AS m WHERE m.amperity_id = c.amperity_id)
        AND NOT EXISTS (SELECT 1 FROM matched_{{ round }} AS m WHERE m.email = c.email)
),
{% endif %}
{% endfor %}
matched AS (
{% for round in range(1, rounds + 1) %}
    SELECT * FROM matched_{{ round }}
{{ "    UNION ALL\n" if not loop.last }}
{%- endfor %}
)
{% else %}
-- Round after round: whoever and whatever was matched is out, the rest choose again, until no two choose each other.
choices AS (
    SELECT *, 1 AS assignment_round, email_rank AS email_choice, amp_rank AS amp_choice
    FROM pairs
    UNION ALL
    SELECT
        * EXCLUDE (assignment_round, email_choice, amp_choice, person_is_matched, email_is_matched, is_any_matched),
        assignment_round + 1 AS assignment_round,
        ROW_NUMBER() OVER (PARTITION BY amperity_id ORDER BY {{ email_order }}) AS email_choice,
        ROW_NUMBER() OVER (PARTITION BY email ORDER BY {{ amperity_id_order }}) AS amp_choice
    FROM (
        SELECT
            *,
            BOOL_OR(email_choice = 1 AND amp_choice = 1) OVER (PARTITION BY amperity_id) AS person_is_matched,
            BOOL_OR(email_choice = 1 AND amp_choice = 1) OVER (PARTITION BY email) AS email_is_matched,
            BOOL_OR(email_choice = 1 AND amp_choice = 1) OVER () AS is_any_matched
        FROM choices
    ) AS judged
    WHERE is_any_matched AND NOT person_is_matched AND NOT email_is_matched
),
matched AS (
    SELECT amperity_id, email, email_rank, amp_rank, assignment_round, update_dt
    FROM choices
    WHERE email_choice = 1 AND amp_choice = 1
)
{% endif %}
SELECT
    amperity_id,
    email,
    email_rank,
    amp_rank,
    CAST(assignment_round AS BIGINT) AS assignment_round,
    update_dt
FROM matched
