"""Debezium's events into a Django model by django-kafka: what its settings, JSON as the only argument, say. It runs until
its standard input ends."""
import json
import os
import sys
import threading

import django
from django.conf import settings

given = json.loads(sys.argv[1])
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django_kafka"],
    USE_TZ=True,
    LOGGING_CONFIG=None,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "postgres",
            "USER": "postgres",
            "HOST": given["postgres"]["host"],
            "PORT": given["postgres"]["port"],
            "CONN_MAX_AGE": None,
        }
    },
    DJANGO_KAFKA={
        "GLOBAL_CONFIG": {"bootstrap.servers": given["bootstrap"]},
        "POLLING_FREQUENCY": 0.1,
    },
)
django.setup()

from django.db import models  # noqa: E402
from django_kafka import kafka  # noqa: E402
from django_kafka.consumer import Consumer, Topics  # noqa: E402
from django_kafka.serialization import NoOpSerializer  # noqa: E402
from django_kafka.topic.model import ModelTopicConsumer  # noqa: E402


class Item(models.Model):
    id = models.IntegerField(primary_key=True)
    name = models.TextField()
    quantity = models.IntegerField()
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    updated_at = models.DateTimeField()

    class Meta:
        app_label = "bench"
        db_table = given["table"]
        managed = False


class Json(NoOpSerializer):
    def __call__(self, value, ctx, *args):
        return value and json.loads(value)


class Row(NoOpSerializer):
    """The new row of an event: its models take flattened ones."""

    def __call__(self, value, ctx, *args):
        return value and json.loads(value)["after"]


class Items(ModelTopicConsumer):
    name = given["topic"]
    model = Item
    key_deserializer = Json
    value_deserializer = Row


@kafka.consumers()
class Sync(Consumer):
    topics = Topics(Items())
    config = {"group.id": given["group"], "auto.offset.reset": "earliest", "enable.auto.offset.store": False}


def run():
    for consumer in kafka.consumers._classes.values():
        instance = consumer()
        instance.run() if hasattr(consumer, "run") else instance.start(threading.Event())


threading.Thread(target=run, daemon=True).start()
sys.stdin.read()
os._exit(0)
