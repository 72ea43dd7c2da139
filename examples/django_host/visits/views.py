"""Booking over HTTP."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_POST

from medsched import BookingRefused, InvalidValue, NotFound, StorageBusy
from visits.clinic import clinic
from visits.models import Visit


@require_POST
def book(request: HttpRequest) -> JsonResponse:
    """Book a slot for whoever is logged in, and keep the reason: both, or neither."""
    if not request.user.is_authenticated:
        return JsonResponse({"error": "log in first"}, status=401)
    user = str(request.user.pk)
    try:
        with transaction.atomic():
            visit = Visit.objects.create(
                patient=request.user, reason=request.POST.get("reason", "")
            )
            slot = request.POST.get("slot", "")
            appointment = clinic(user).appointments.book(slot, patient=user)
            visit.appointment = appointment.id
            visit.save()
    except BookingRefused as refused:
        alternatives = [{"slot": one.id, "start": one.start} for one in refused.alternatives]
        return JsonResponse({"error": str(refused), "alternatives": alternatives}, status=409)
    except StorageBusy:  # somebody was first, or is at it: nothing is tried again in a joined store
        return JsonResponse({"error": "try again"}, status=503, headers={"Retry-After": "1"})
    except (InvalidValue, NotFound):
        return JsonResponse({"error": "there is no such slot"}, status=404)
    return JsonResponse({"appointment": appointment.id, "start": appointment.start}, status=201)
