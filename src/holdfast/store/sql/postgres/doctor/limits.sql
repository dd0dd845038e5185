-- For this transaction alone: looking must neither take long, nor wait for a lock, nor change anything.
SELECT set_config('statement_timeout', '5s', true), set_config('lock_timeout', '1s', true), set_config('transaction_read_only', 'on', true)
