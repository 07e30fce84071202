import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.springframework.kafka.annotation.BackOff;
import org.springframework.kafka.annotation.DltHandler;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.annotation.RetryableTopic;
import org.springframework.kafka.retrytopic.DltStrategy;
import org.springframework.kafka.retrytopic.SameIntervalTopicReuseStrategy;
import org.springframework.kafka.retrytopic.TopicSuffixingStrategy;

/** Listeners; which of the classes runs is the property `listener`. */
public class Listeners {
  public static class Declined extends IllegalStateException {
    Declined(String message) {
      super(message, new java.io.IOException("the bank does not answer"));
    }
  }

  /** A value `order:3` fails at its first three deliveries, whoever made them. */
  static void handle(ConsumerRecord<byte[], byte[]> record) {
    String[] parts = Report.text(record.value()).split(":");
    int failures = parts.length < 2 ? 0 : Integer.parseInt(parts[1]);
    if (Report.attempt(record) <= failures) {
      Report.record("failed", record);
      throw new Declined("é " + parts[0]);
    }
    Report.record("handled", record);
  }

  /** Most of its settings are Spring's defaults. */
  public static class Billing {
    @RetryableTopic(
        attempts = "${attempts}",
        backOff = @BackOff(delayString = "${delay}", multiplierString = "${multiplier}"),
        numPartitions = "${partitions}",
        autoStartDltHandler = "${dlt}",
        dltStrategy = DltStrategy.FAIL_ON_ERROR)
    @KafkaListener(topics = "${topic}", groupId = "${group}")
    public void handle(ConsumerRecord<byte[], byte[]> record) {
      Listeners.handle(record);
    }

    @DltHandler
    public void dead(ConsumerRecord<byte[], byte[]> record) {
      Report.record("dead", record);
    }
  }

  /** Names of topics by each strategy. Nothing is sent there. */
  public static class Names {
    @RetryableTopic(attempts = "4", backOff = @BackOff(delay = 1000, multiplier = 2))
    @KafkaListener(topics = "${topic}-exponential", groupId = "${group}-a")
    public void exponential(ConsumerRecord<byte[], byte[]> record) { }

    @RetryableTopic(attempts = "3", backOff = @BackOff(delay = 1000))
    @KafkaListener(topics = "${topic}-fixed", groupId = "${group}-b")
    public void fixed(ConsumerRecord<byte[], byte[]> record) { }

    @RetryableTopic(attempts = "5", backOff = @BackOff(delay = 1000, multiplier = 2, maxDelay = 2000))
    @KafkaListener(topics = "${topic}-capped", groupId = "${group}-c")
    public void capped(ConsumerRecord<byte[], byte[]> record) { }

    @RetryableTopic(
        attempts = "4",
        backOff = @BackOff(delay = 1000, multiplier = 2),
        topicSuffixingStrategy = TopicSuffixingStrategy.SUFFIX_WITH_INDEX_VALUE)
    @KafkaListener(topics = "${topic}-index", groupId = "${group}-d")
    public void index(ConsumerRecord<byte[], byte[]> record) { }

    @RetryableTopic(
        attempts = "5",
        backOff = @BackOff(delay = 1000, multiplier = 2, maxDelay = 2000),
        topicSuffixingStrategy = TopicSuffixingStrategy.SUFFIX_WITH_INDEX_VALUE)
    @KafkaListener(topics = "${topic}-index-capped", groupId = "${group}-e")
    public void indexCapped(ConsumerRecord<byte[], byte[]> record) { }

    @RetryableTopic(
        attempts = "3",
        backOff = @BackOff(delay = 1000),
        sameIntervalTopicReuseStrategy = SameIntervalTopicReuseStrategy.MULTIPLE_TOPICS)
    @KafkaListener(topics = "${topic}-multiple", groupId = "${group}-f")
    public void multiple(ConsumerRecord<byte[], byte[]> record) { }

    @RetryableTopic(
        attempts = "5",
        backOff = @BackOff(delay = 1000, multiplier = 2, maxDelay = 2000),
        sameIntervalTopicReuseStrategy = SameIntervalTopicReuseStrategy.MULTIPLE_TOPICS)
    @KafkaListener(topics = "${topic}-multiple-capped", groupId = "${group}-g")
    public void multipleCapped(ConsumerRecord<byte[], byte[]> record) { }

    @RetryableTopic(
        attempts = "2",
        backOff = @BackOff(delay = 1000),
        sameIntervalTopicReuseStrategy = SameIntervalTopicReuseStrategy.MULTIPLE_TOPICS)
    @KafkaListener(topics = "${topic}-multiple-one", groupId = "${group}-h")
    public void multipleOne(ConsumerRecord<byte[], byte[]> record) { }

    @RetryableTopic(
        attempts = "3",
        backOff = @BackOff(delay = 1000, multiplier = 2),
        retryTopicSuffix = "-again",
        dltTopicSuffix = "-dead")
    @KafkaListener(topics = "${topic}-suffixes", groupId = "${group}-i")
    public void suffixes(ConsumerRecord<byte[], byte[]> record) { }
  }

  /** Retries in place and the dead letter recoverer. */
  public static class Recovering {
    @KafkaListener(topics = "${topic}-plain", groupId = "${group}", containerFactory = "recovering")
    public void plain(ConsumerRecord<byte[], byte[]> record) {
      Listeners.handle(record);
    }

    @KafkaListener(topics = "${topic}-poison", groupId = "${group}", containerFactory = "refusing")
    public void poison(ConsumerRecord<byte[], byte[]> record) {
      Listeners.handle(record);
    }
  }
}
