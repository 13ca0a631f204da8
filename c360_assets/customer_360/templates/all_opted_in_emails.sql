-- all_opted_in_emails: every consent that is given; not one row per person.
SELECT *
FROM email_opt_status
WHERE is_email_opted_in
