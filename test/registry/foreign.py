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
from confluent_kafka.schema_registry import Schema, SchemaReference
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

order = json.load(sys.stdin)
registry = SchemaRegistryClient({"url": order["registry"]})
topic = order["topic"]
format = order.get("format", "avro")


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


def serializer(schema, references):
    settings = {"auto.register.schemas": True, "subject.name.strategy": topic_subject_name_strategy}
    if format == "avro":
        return AvroSerializer(registry, schema, None, settings)
    named = [SchemaReference(each["name"], each["subject"], each["version"]) for each in references]
    return JSONSerializer(Schema(schema, "JSON", named), registry, None, settings)


def deserializer():
    if format == "avro":
        return AvroDeserializer(registry)
    return JSONDeserializer(None, schema_registry_client=registry)


def framed(payload, name, header):
    # The client writes ids into headers only as GUIDs, which not every registry has; readers take both.
    return (payload[5:], [(name, payload[:5])]) if header else (payload, [])


if "write" in order:
    write = order["write"]
    header = write.get("ids") == "header"
    for reference in write.get("references", []):
        registry.register_schema(reference["subject"], Schema(reference["schema"], "JSON", []))
    serialize = serializer(write["schema"], write.get("references", []))
    keys = serializer(write["keySchema"], []) if "keySchema" in write else None
    producer = Producer({"bootstrap.servers": order["bootstrap"]})
    for value in write["values"]:
        key, key_headers = b"k", []
        if keys is not None:
            key = keys(special(write["key"]), SerializationContext(topic, MessageField.KEY))
            key, key_headers = framed(key, "__key_schema_id", header)
        payload = serialize(special(value), SerializationContext(topic, MessageField.VALUE))
        payload, headers = framed(payload, "__value_schema_id", header)
        producer.produce(topic, key=key, value=payload, headers=key_headers + headers)
    producer.flush(30)

values = []
if "read" in order:
    deserialize = deserializer()
    key_deserialize = deserializer()
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
        value = plain(deserialize(message.value(), here))
        if order.get("keys"):
            there = SerializationContext(topic, MessageField.KEY, message.headers())
            value = [plain(key_deserialize(message.key(), there)), value]
        values.append(value)
    consumer.close()

json.dump(values, sys.stdout)
