SELECT key, id, until FROM holdfast_unique_keys
