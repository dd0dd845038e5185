-- Only of the job that is named: the key may be another's by now. One that a window holds is nobody's to release.
DELETE FROM holdfast_unique_keys WHERE key = :key AND id = :id AND until IS NULL
