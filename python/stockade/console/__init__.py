"""The console: pages that the control process makes, over what the admin API gives."""
