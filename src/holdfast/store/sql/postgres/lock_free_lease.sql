-- Unless a transaction of the caller's own holds it: nobody knows how long that goes on.
SELECT id::text, worker::text, released::text[] FROM holdfast.leases WHERE id = :lease::uuid FOR UPDATE SKIP LOCKED
