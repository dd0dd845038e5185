UPDATE holdfast_leases SET released = json_insert(released, '$[#]', :id) WHERE id = :lease
