SELECT kind, name, who, reason, since FROM holdfast_pauses ORDER BY kind, name
