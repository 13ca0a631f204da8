-- pii_table: every value of each person as exports for matching want it, not only the best; off unless the tenant asks for it.
SELECT
    uc.amperity_id,
    uc.datasource,
    uc.pk,
{% for column in columns %}
    clean(uc.{{ column }}) AS {{ column }},
{% endfor %}
    uc.birthdate,
{% if has_country %}
    COALESCE(uc.state_code, CASE WHEN LENGTH(clean(uc.state)) = 2 THEN clean(uc.state) END) AS state,
{% else %}
    CASE WHEN LENGTH(clean(uc.state)) = 2 THEN clean(uc.state) END AS state,
{% endif %}
{% if has_country %}
    uc.phone_e164 AS phone,
{% else %}
    '+1' || phone_digits(phone_values(uc.phone)[1]) AS phone,
{% endif %}
    CASE WHEN LOWER(clean(uc.gender)) IN ('m', 'f') THEN LOWER(clean(uc.gender)) END AS gender
FROM unified_coalesced AS uc
WHERE {{ "uc.amperity_id IS NOT NULL" if wanted else "FALSE" }}
