-- A trigger needs a lock that waits for writers, and makes those that come later wait: for a moment only.
SELECT set_config('lock_timeout', '5s', true)
