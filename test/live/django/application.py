"""The django-kafka application on the other side of the topics. Its settings are JSON, its only argument; what it does it
prints, a line of JSON each. It stops when its standard input ends."""
import json
import os
import re
import sys
import tempfile
import threading
import time

import django
from django.conf import settings

given = json.loads(sys.argv[1])
# librdkafka's own defaults would let a test wait for seconds.
soon = {"session.timeout.ms": 6000, "auto.commit.interval.ms": 200, "topic.metadata.refresh.interval.ms": 500}
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django_kafka"],
    USE_TZ=True,
    LOGGING_CONFIG=None,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.path.join(tempfile.mkdtemp(), "db.sqlite3"),
        }
    },
    DJANGO_KAFKA={
        "GLOBAL_CONFIG": {"bootstrap.servers": given["bootstrap"]},
        "CONSUMER_CONFIG": soon,
        "RETRY_CONSUMER_CONFIG": {
            **soon,
            "auto.offset.reset": "earliest",
            "enable.auto.offset.store": False,
        },
        "POLLING_FREQUENCY": 0.1,
    },
)
django.setup()

from django.core.management import call_command  # noqa: E402

call_command("migrate", verbosity=0)

from django_kafka import kafka  # noqa: E402
from django_kafka.consumer import Consumer, Topics  # noqa: E402
from django_kafka.retry.settings import RetrySettings  # noqa: E402
from django_kafka.serialization import NoOpSerializer  # noqa: E402
from django_kafka.topic import TopicConsumer  # noqa: E402

stopping = threading.Event()
printing = threading.Lock()


class Stopped(BaseException):
    pass


def say(event, **fields):
    with printing:
        print(json.dumps({"event": event, "at": round(time.time() * 1000), **fields}), flush=True)


class Declined(Exception):
    pass


class Orders(TopicConsumer):
    name = given["topic"]
    key_deserializer = NoOpSerializer
    value_deserializer = NoOpSerializer

    def consume(self, msg):
        """A value `order:3` fails at its first three deliveries, whoever made them."""
        text = (msg.value() or b"").decode()
        order, _, failures = text.partition(":")
        retry = re.search(r"\.retry\.([0-9]+)$", msg.topic())
        attempt = 1 if retry is None else int(retry.group(1)) + 1
        headers = {name: value.decode("utf8", "replace") for name, value in msg.headers() or [] if value is not None}
        failed = attempt <= int(failures or 0)
        say(
            "failed" if failed else "handled",
            topic=msg.topic(),
            partition=msg.partition(),
            offset=msg.offset(),
            key=msg.key() and msg.key().decode(),
            value=text,
            attempt=attempt,
            headers=headers,
        )
        if failed:
            raise Declined(f"é {order}")


RetrySettings(
    max_retries=given.get("retries", 2),
    delay=given.get("delay", 1),
    backoff=given.get("backoff", False),
    blocking=False,
)(Orders)


@kafka.consumers()
class Billing(Consumer):
    topics = Topics(Orders())
    config = {"group.id": given["group"], "auto.offset.reset": "earliest", "enable.auto.offset.store": False}

    def poll(self):
        if stopping.is_set():
            raise Stopped
        # Asked by another thread, it would wait for the polls.
        if self not in assigned and self.assignment():
            assigned.append(self)
        return super().poll()


running = []
assigned = []


def run(consumer):
    try:
        consumer.run() if hasattr(type(consumer), "run") else consumer.start(stopping)
    except Stopped:
        pass


for each in list(kafka.consumers._classes.values()):
    instance = each()
    thread = threading.Thread(target=run, args=[instance])
    thread.start()
    running.append(thread)

while len(assigned) < len(running):
    time.sleep(0.02)
say("ready")
sys.stdin.read()
stopping.set()
for thread in running:
    thread.join(20)
kafka.producer.flush(10)
os._exit(0)
