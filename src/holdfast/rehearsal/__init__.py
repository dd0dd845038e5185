"""`app.testing()`: an app on a temporary file, whose jobs are collected, looked at and run when a test says so."""
