DELETE FROM holdfast_unique_keys WHERE key = :key AND until <= :now
