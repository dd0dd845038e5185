UPDATE holdfast_jobs SET args = :args WHERE id = :id
