import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.kafka.annotation.EnableKafka;
import org.springframework.kafka.annotation.EnableKafkaRetryTopic;
import org.springframework.kafka.config.ConcurrentKafkaListenerContainerFactory;
import org.springframework.kafka.config.KafkaListenerEndpointRegistry;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.core.KafkaAdmin;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.listener.DeadLetterPublishingRecoverer;
import org.springframework.kafka.listener.DefaultErrorHandler;
import org.springframework.kafka.support.serializer.ErrorHandlingDeserializer;
import org.springframework.scheduling.TaskScheduler;
import org.springframework.scheduling.concurrent.ThreadPoolTaskScheduler;
import org.springframework.util.backoff.FixedBackOff;

/**
 * The Spring application on the other side of the topics. Its settings are system properties; what it does it prints,
 * a line of JSON each. It stops as an application should when its standard input ends.
 */
public class Application {
  /** What cannot be decoded. */
  public static class Refusing implements Deserializer<byte[]> {
    @Override
    public byte[] deserialize(String topic, byte[] data) {
      throw new IllegalArgumentException("not an order");
    }
  }

  @Configuration
  @EnableKafka
  @EnableKafkaRetryTopic
  public static class Settings {
    private final Map<String, Object> bootstrap = Map.of("bootstrap.servers", System.getProperty("bootstrap"));

    private Map<String, Object> consumer() {
      Map<String, Object> settings = new HashMap<>(bootstrap);
      settings.put("auto.offset.reset", "earliest");
      settings.put("key.deserializer", ByteArrayDeserializer.class);
      settings.put("value.deserializer", ByteArrayDeserializer.class);
      settings.put("session.timeout.ms", 6000);
      settings.put("metadata.max.age.ms", 1000);
      String assignor = System.getProperty("assignor");
      if (assignor != null) settings.put("partition.assignment.strategy", assignor);
      return settings;
    }

    private ConcurrentKafkaListenerContainerFactory<byte[], byte[]> factory(Map<String, Object> settings) {
      var factory = new ConcurrentKafkaListenerContainerFactory<byte[], byte[]>();
      factory.setConsumerFactory(new DefaultKafkaConsumerFactory<>(settings));
      return factory;
    }

    @Bean
    KafkaTemplate<byte[], byte[]> kafkaTemplate() {
      Map<String, Object> settings = new HashMap<>(bootstrap);
      settings.put("key.serializer", ByteArraySerializer.class);
      settings.put("value.serializer", ByteArraySerializer.class);
      return new KafkaTemplate<>(new DefaultKafkaProducerFactory<>(settings));
    }

    @Bean
    KafkaAdmin admin() {
      return new KafkaAdmin(bootstrap);
    }

    @Bean
    TaskScheduler scheduler() {
      return new ThreadPoolTaskScheduler();
    }

    @Bean
    ConcurrentKafkaListenerContainerFactory<byte[], byte[]> kafkaListenerContainerFactory() {
      return factory(consumer());
    }

    /** Retries in place, and dead letters by the recoverer. */
    @Bean
    ConcurrentKafkaListenerContainerFactory<byte[], byte[]> recovering(KafkaTemplate<byte[], byte[]> template) {
      var factory = factory(consumer());
      var recoverer = new DeadLetterPublishingRecoverer(template);
      factory.setCommonErrorHandler(new DefaultErrorHandler(recoverer, new FixedBackOff(100, 2)));
      return factory;
    }

    /** The same for values that cannot be decoded. */
    @Bean
    ConcurrentKafkaListenerContainerFactory<byte[], byte[]> refusing(KafkaTemplate<byte[], byte[]> template) {
      Map<String, Object> settings = consumer();
      settings.put("value.deserializer", ErrorHandlingDeserializer.class);
      settings.put(ErrorHandlingDeserializer.VALUE_DESERIALIZER_CLASS, Refusing.class);
      var factory = factory(settings);
      var recoverer = new DeadLetterPublishingRecoverer(template);
      factory.setCommonErrorHandler(new DefaultErrorHandler(recoverer, new FixedBackOff(100, 2)));
      return factory;
    }
  }

  /** Whether each listener that is to read has partitions. */
  private static boolean reads(KafkaListenerEndpointRegistry registry) {
    return registry.getListenerContainers().stream()
        .allMatch(container -> !container.isAutoStartup() || !container.getAssignedPartitions().isEmpty());
  }

  public static void main(String[] arguments) throws Exception {
    var context = new AnnotationConfigApplicationContext(Settings.class, Class.forName(System.getProperty("listener")));
    var registry = context.getBean(KafkaListenerEndpointRegistry.class);
    // In a group that it shares it may be left without one.
    if (Boolean.getBoolean("assigned")) while (!reads(registry)) Thread.sleep(20);
    List<String> groups = registry.getListenerContainers().stream().map(container -> container.getGroupId()).toList();
    Report.print("ready", Map.of("groups", groups));
    var input = new BufferedReader(new InputStreamReader(System.in));
    while (input.readLine() != null) { }
    context.close();
    System.exit(0);
  }
}
