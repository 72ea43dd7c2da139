"""The addresses of this host."""

from __future__ import annotations

from django.urls import path
from visits.views import book

urlpatterns = [path("visits/", book)]
