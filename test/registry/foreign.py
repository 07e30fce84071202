"""Confluent's Python client, as the other side of a topic: writes, then reads what is there. JSON in, JSON out."""
import json
import sys
from datetime import datetime, timezone
from decimal import Decimal

from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import (
    SchemaRegistryClient,
    topic_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

order = json.load(sys.stdin)
registry = SchemaRegistryClient({"url": order["registry"]})
topic = order["topic"]
context = SerializationContext(topic, MessageField.VALUE)


def plain(value):
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return round(value.replace(tzinfo=value.tzinfo or timezone.utc).timestamp() * 1000)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    # JavaScript's numbers end at 53 bits.
    return str(value) if isinstance(value, int) and abs(value) > 2**53 else value


def special(value):
    """Undoes what JSON cannot say: {"$int": "1"}, {"$decimal": "1.50"}, {"$date": 0}, {"$bytes": "00"}."""
    if isinstance(value, list):
        return [special(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "$int" in value:
        return int(value["$int"])
    if "$decimal" in value:
        return Decimal(value["$decimal"])
    if "$date" in value:
        return datetime.fromtimestamp(value["$date"] / 1000, timezone.utc)
    if "$bytes" in value:
        return bytes.fromhex(value["$bytes"])
    return {name: special(each) for name, each in value.items()}


if "write" in order:
    header = order["write"].get("ids") == "header"
    serialize = AvroSerializer(registry, order["write"]["schema"], None, {
        "auto.register.schemas": True,
        "subject.name.strategy": topic_subject_name_strategy,
    })
    producer = Producer({"bootstrap.servers": order["bootstrap"]})
    for value in order["write"]["values"]:
        payload = serialize(special(value), context)
        # The client writes ids into headers only as GUIDs, which not every registry has; readers take both.
        headers = [("__value_schema_id", payload[:5])] if header else []
        producer.produce(topic, key="k", value=payload[5:] if header else payload, headers=headers)
    producer.flush(30)

values = []
if "read" in order:
    deserialize = AvroDeserializer(registry)
    consumer = Consumer({
        "bootstrap.servers": order["bootstrap"],
        "group.id": f"python-{topic}",
        "auto.offset.reset": "earliest",
    })
    consumer.subscribe([topic])
    while len(values) < order["read"]:
        message = consumer.poll(30)
        if message is None:
            raise SystemExit("no record within 30 seconds")
        if message.error():
            raise SystemExit(str(message.error()))
        here = SerializationContext(topic, MessageField.VALUE, message.headers())
        values.append(plain(deserialize(message.value(), here)))
    consumer.close()

json.dump(values, sys.stdout)
