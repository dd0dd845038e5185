SELECT kind, name, who, reason, since FROM holdfast_pauses
