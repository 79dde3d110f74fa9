"""Orders on their three axes: placed by a checkout, read, cancelled."""
