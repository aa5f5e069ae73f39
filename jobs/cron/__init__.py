"""Schedules: jobs that are submitted again and again, at times that a cron expression names."""
