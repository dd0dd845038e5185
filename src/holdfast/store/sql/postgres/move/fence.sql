-- FOR SHARE: whoever ends the move waits for this transaction, and no page is written after that.
SELECT state FROM holdfast.moves WHERE id = :id::uuid AND role = 'to' FOR SHARE
