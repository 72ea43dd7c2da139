"""Booked together, rolled back together: by Django's test client, with transactions that commit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models.signals import post_save
from django.test import TransactionTestCase

from medsched import AvailabilityRule, Recurrence, StorageBusy
from visits.clinic import clinic
from visits.models import Visit


class BookingTest(TransactionTestCase):
    """A clinic with one doctor, and two patients. Each test has a practice of its own.

    Django empties its own tables after each test, and knows nothing of medsched's.
    """

    def setUp(self) -> None:
        self.enterContext(self.settings(PRACTICE=self.id()))
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        with transaction.atomic():
            practice = clinic()
            practice.providers.create(id="smith", name="Dr. Smith", timezone="America/New_York")
            practice.appointment_types.create(code="visit", duration=timedelta(minutes=30))
            daily = Recurrence.daily(tomorrow.date())
            practice.availability.add(AvailabilityRule("smith", daily, hours="09:00-17:00"))
            end = tomorrow + timedelta(days=2)
            self.slot = practice.availability.slots("smith", "visit", tomorrow, end)[0].id
        self.ada, self.bob = map(get_user_model().objects.create_user, ("ada", "bob"))

    def book(self, user: Any, slot: str) -> Any:
        self.client.force_login(user)
        return self.client.post("/visits/", {"slot": slot, "reason": "a cough"})

    def there_are(self, count: int) -> None:
        """As many visits as appointments, the same ones, and time is taken for no other."""
        visits = {one.appointment: str(one.patient_id) for one in Visit.objects.all()}
        with transaction.atomic():
            booked = {one.id: one.patient for one in clinic().appointments.list()}
        self.assertEqual(visits, booked)
        self.assertEqual(len(booked), count)
        with connection.cursor() as cursor:
            query = "SELECT COUNT(DISTINCT token) FROM medsched_claim WHERE practice = %s"
            cursor.execute(query, [self.id()])
            self.assertEqual(cursor.fetchone(), (count,))

    def test_both_are_there(self) -> None:
        answer = self.book(self.ada, self.slot)
        self.assertEqual(answer.status_code, 201)
        self.there_are(1)
        self.assertEqual(answer.json()["appointment"], Visit.objects.get().appointment)

    def test_a_conflict_leaves_nothing_and_says_what_is_free(self) -> None:
        self.book(self.ada, self.slot)
        answer = self.book(self.bob, self.slot)
        self.assertEqual(answer.status_code, 409)
        self.there_are(1)
        answer = self.book(self.bob, answer.json()["alternatives"][0]["slot"])
        self.assertEqual(answer.status_code, 201)
        self.there_are(2)

    def test_what_fails_after_booking_takes_the_booking(self) -> None:
        def fail(instance: Visit, created: bool, **_: object) -> None:
            if not created:  # the second time it is saved, the slot is booked
                raise RuntimeError(instance.appointment)

        post_save.connect(fail, sender=Visit)
        self.addCleanup(post_save.disconnect, fail, sender=Visit)
        with self.assertRaisesRegex(RuntimeError, "."):
            self.book(self.ada, self.slot)
        self.there_are(0)
        post_save.disconnect(fail, sender=Visit)
        self.assertEqual(self.book(self.ada, self.slot).status_code, 201)
        self.there_are(1)

    def test_a_rival_who_is_first_leaves_nothing(self) -> None:
        with patch("visits.views.clinic", side_effect=StorageBusy("book", 1)):
            self.assertEqual(self.book(self.ada, self.slot).status_code, 503)
        self.there_are(0)

    def test_what_is_no_slot_is_refused(self) -> None:
        with self.settings(PRACTICE="elsewhere"):
            self.assertEqual(self.book(self.ada, self.slot).status_code, 404)
        for slot in ("", "nonsense", self.slot[:-1]):
            self.assertEqual(self.book(self.ada, slot).status_code, 404)
        self.client.logout()
        self.assertEqual(self.client.post("/visits/", {"slot": self.slot}).status_code, 401)
        self.there_are(0)
