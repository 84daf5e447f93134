"""Changes of the policy made through the admin API: the same config file, checked, written down, reversible."""
