"""What the host keeps of its own about a visit."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Visit(models.Model):
    """A visit that somebody asked for; medsched knows when it is, by the appointment's id."""

    patient = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    appointment = models.CharField(max_length=255, unique=True, null=True)
    reason = models.TextField()
