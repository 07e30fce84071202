"""Writes records as given, bytes and null as they are, or reads topics from their beginning to their end."""
import json
import sys

from confluent_kafka import Consumer, Producer, TopicPartition

given = json.load(sys.stdin)
server = {"bootstrap.servers": given["bootstrap"]}


def unhex(text):
    return None if text is None else bytes.fromhex(text)


def hexed(value):
    return None if value is None else value.hex()


if "write" in given:
    producer = Producer(server)
    for record in given["write"]:
        headers = [(name, unhex(value)) for name, value in record["headers"]]
        producer.produce(record["topic"], key=unhex(record["key"]), value=unhex(record["value"]), headers=headers)
    producer.flush(20)

records = []
reader = Consumer({**server, "group.id": "records", "enable.auto.commit": False})
for topic in given.get("read", []):
    for partition in sorted(reader.list_topics(topic, 10).topics[topic].partitions):
        _, end = reader.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
        reader.assign([TopicPartition(topic, partition, 0)])
        offset = 0
        while offset < end:
            message = reader.poll(10)
            if message is None or message.error():
                sys.exit(f"{topic}/{partition} ends at {offset}, not {end}: {message and message.error()}")
            offset = message.offset() + 1
            records.append({
                "topic": topic,
                "partition": partition,
                "offset": message.offset(),
                "timestamp": message.timestamp()[1],
                "key": hexed(message.key()),
                "value": hexed(message.value()),
                "headers": [[name, hexed(value)] for name, value in message.headers() or []],
            })
reader.close()
json.dump(records, sys.stdout)
