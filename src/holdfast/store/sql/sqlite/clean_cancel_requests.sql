DELETE FROM holdfast_cancel_requests WHERE at < :before
