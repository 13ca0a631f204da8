-- address_standardization: how words of an address and names of states are written when addresses are compared.
SELECT *
FROM (
    VALUES
{% for before, convert, type in words %}
        ({{ before | literal }}, {{ convert | literal }}, {{ type | literal }}){{ "," if not loop.last }}
{% endfor %}
) AS words (before, convert, type)
