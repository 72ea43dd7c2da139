"""Instants, zones, intervals and recurrence: time itself, knowing nothing of clinics."""
