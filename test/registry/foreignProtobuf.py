"""Confluent's Python client, as the other side of a Protobuf topic. Messages are made from descriptors: no protoc."""
import json
import sys

from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf import duration_pb2, timestamp_pb2, wrappers_pb2

order = json.load(sys.stdin)
registry = SchemaRegistryClient({"url": order["registry"]})
topic = order["topic"]
context = SerializationContext(topic, MessageField.VALUE)

pool = descriptor_pool.DescriptorPool()
for known in (duration_pb2, timestamp_pb2, wrappers_pb2):
    pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
for file in order["files"]:
    pool.Add(json_format.ParseDict(file, descriptor_pb2.FileDescriptorProto()))
message_type = message_factory.GetMessageClass(pool.FindMessageTypeByName(order["message"]))

if "write" in order:
    header = order["write"].get("ids") == "header"
    serialize = ProtobufSerializer(message_type, registry, {"auto.register.schemas": True})
    indexes = serialize._index_array
    size = 5 + (1 if indexes == [0] else 1 + len(indexes))
    producer = Producer({"bootstrap.servers": order["bootstrap"]})
    for value in order["write"]["values"]:
        payload = serialize(json_format.ParseDict(value, message_type()), context)
        # The client writes ids into headers only as GUIDs, which not every registry has; readers take both.
        headers = [("__value_schema_id", payload[:size])] if header else []
        producer.produce(topic, key="k", value=payload[size:] if header else payload, headers=headers)
    producer.flush(30)

values = []
if "read" in order:
    # Without a registry: the client asks it for descriptors alone, which not every registry makes of a text.
    deserialize = ProtobufDeserializer(message_type)
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
        read = deserialize(message.value(), here)
        values.append(json_format.MessageToDict(read, preserving_proto_field_name=True))
    consumer.close()

json.dump(values, sys.stdout)
