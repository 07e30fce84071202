import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.springframework.kafka.retrytopic.RetryTopicHeaders;
import org.springframework.kafka.support.KafkaHeaders;

/** What the application sees, as JSON. It reads headers as Spring's documentation says. */
final class Report {
  private Report() { }

  private static String quoted(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n").replace("\r", "\\r")
        .replace("\t", "\\t") + '"';
  }

  private static String json(Object value) {
    if (value instanceof Map<?, ?> map) {
      return map.entrySet().stream().map(entry -> quoted(entry.getKey().toString()) + ":" + json(entry.getValue()))
          .collect(Collectors.joining(",", "{", "}"));
    }
    if (value instanceof List<?> list) {
      return list.stream().map(Report::json).collect(Collectors.joining(",", "[", "]"));
    }
    return value == null || value instanceof Number ? String.valueOf(value) : quoted(value.toString());
  }

  static synchronized void print(String event, Map<String, ?> fields) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("event", event);
    line.put("at", System.currentTimeMillis());
    line.putAll(fields);
    System.out.println(json(line));
  }

  private static <A> A header(ConsumerRecord<byte[], byte[]> record, String name, Function<byte[], A> read) {
    var header = record.headers().lastHeader(name);
    return header == null || header.value() == null ? null : read.apply(header.value());
  }

  static String text(byte[] bytes) {
    return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
  }

  static int attempt(ConsumerRecord<byte[], byte[]> record) {
    Integer attempts =
        header(record, RetryTopicHeaders.DEFAULT_HEADER_ATTEMPTS, bytes -> ByteBuffer.wrap(bytes).getInt());
    return attempts == null ? 1 : attempts;
  }

  static void record(String event, ConsumerRecord<byte[], byte[]> record) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("topic", record.topic());
    fields.put("partition", record.partition());
    fields.put("offset", record.offset());
    fields.put("timestamp", record.timestamp());
    fields.put("key", text(record.key()));
    fields.put("value", text(record.value()));
    fields.put("attempt", attempt(record));
    fields.put("due", header(record, RetryTopicHeaders.DEFAULT_HEADER_BACKOFF_TIMESTAMP,
        bytes -> new BigInteger(bytes).longValue()));
    fields.put("firstTimestamp", header(record, RetryTopicHeaders.DEFAULT_HEADER_ORIGINAL_TIMESTAMP,
        bytes -> new BigInteger(bytes).longValue()));
    fields.put("originalTopic", header(record, KafkaHeaders.ORIGINAL_TOPIC, Report::text));
    fields.put("originalPartition",
        header(record, KafkaHeaders.ORIGINAL_PARTITION, bytes -> ByteBuffer.wrap(bytes).getInt()));
    fields.put("originalOffset",
        header(record, KafkaHeaders.ORIGINAL_OFFSET, bytes -> ByteBuffer.wrap(bytes).getLong()));
    fields.put("originalTimestamp",
        header(record, KafkaHeaders.ORIGINAL_TIMESTAMP, bytes -> ByteBuffer.wrap(bytes).getLong()));
    fields.put("timestampType", header(record, KafkaHeaders.ORIGINAL_TIMESTAMP_TYPE, Report::text));
    fields.put("originalGroup", header(record, KafkaHeaders.ORIGINAL_CONSUMER_GROUP, Report::text));
    fields.put("error", header(record, KafkaHeaders.EXCEPTION_FQCN, Report::text));
    fields.put("cause", header(record, KafkaHeaders.EXCEPTION_CAUSE_FQCN, Report::text));
    fields.put("message", header(record, KafkaHeaders.EXCEPTION_MESSAGE, Report::text));
    fields.put("trace", header(record, "trace", Report::text));
    print(event, fields);
  }
}
