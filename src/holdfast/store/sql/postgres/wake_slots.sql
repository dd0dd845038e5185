-- A rule has changed. Its slots, and those of its keys, are woken if lines wait for them; a rate's are ahead by no more
-- than if the whole of its new burst had just been used. They are locked already.
UPDATE holdfast.slots SET wake_at = CASE WHEN waiting THEN :now ELSE wake_at END,
    next_free = CASE WHEN next_free IS NOT NULL THEN LEAST(next_free, (SELECT :now + u.most * interval '1 microsecond'
        FROM unnest(:rule::text[], :most::bigint[]) AS u (rule, most) WHERE u.rule = split_part(name, '|', 1))) END
WHERE split_part(name, '|', 1) = ANY(:rule::text[]) AND (waiting OR next_free IS NOT NULL)
