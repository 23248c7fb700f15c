"""django-q2's own pages, in the look of the others."""

from __future__ import annotations

from django.contrib import admin
from django_q.admin import FailAdmin, QueueAdmin, ScheduleAdmin, TaskAdmin
from django_q.models import Failure, OrmQ, Schedule, Success

from mapping.admin.common import Page


class SuccessPage(TaskAdmin, Page):  # type: ignore[misc]  # django-q2 publishes no types
    pass


class FailurePage(FailAdmin, Page):  # type: ignore[misc]  # django-q2 publishes no types
    pass


class SchedulePage(ScheduleAdmin, Page):  # type: ignore[misc]  # django-q2 publishes no types
    pass


class QueuedPage(QueueAdmin, Page):  # type: ignore[misc]  # django-q2 publishes no types
    pass


for model, page in ((Success, SuccessPage), (Failure, FailurePage), (Schedule, SchedulePage), (OrmQ, QueuedPage)):
    if admin.site.is_registered(model):  # the queue has no table when Redis is the broker
        admin.site.unregister(model)
        admin.site.register(model, page)
