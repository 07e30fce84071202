/** A table that counts in each transaction what is written to it, so that a record that is written twice shows. */
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Producer } from "millrace"
import type { connectTopic } from "./kit.ts"

/** The trigger counts each write in its transaction, and `running` depends on the order. */
export const statements = [
  "CREATE TABLE written (id int PRIMARY KEY, value int NOT NULL)",
  "CREATE TABLE checksum (partition int PRIMARY KEY, count int NOT NULL, sum int NOT NULL, running bigint NOT NULL)",
  "INSERT INTO checksum SELECT p, 0, 0, 0 FROM generate_series(0, 1) p",
  `CREATE FUNCTION summed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE checksum SET count = count + 1, sum = sum + NEW.value, running = (running * 31 + NEW.value) % 1000003
    WHERE partition = NEW.id % 2;
    RETURN NULL;
  END $$`,
  "CREATE TRIGGER summed AFTER INSERT OR UPDATE ON written FOR EACH ROW EXECUTE FUNCTION summed()"
]

const records = 60
export const ids = Array.from({ length: records }, (_, id) => id)

/** What the checksums are after each record was written once, in its order. */
export const expected = [0, 1].map((partition) => {
  const own = ids.filter((id) => id % 2 === partition)
  return [
    String(partition),
    String(own.length),
    String(own.reduce((sum, id) => sum + id * 7, 0)),
    String(own.reduce((running, id) => (running * 31 + id * 7) % 1_000_003, 0))
  ]
})

/** Sends these records, each to its partition. */
export const produceTo = (topic: ReturnType<typeof connectTopic>, some: ReadonlyArray<number> = ids) =>
  Producer.sendAll(topic, some.map((id) => ({ key: { id }, value: { id, value: id * 7 }, partition: id % 2 })))

export const checksum = Effect.flatMap(SqlClient, (sql) =>
  Effect.map(
    sql.unsafe("SELECT partition::text, count::text, sum::text, running::text FROM checksum ORDER BY 1").values,
    (rows) => rows.map((row) => row.map(String))
  ))

/** How many records were written. */
export const count = Effect.map(checksum, (rows) => rows.reduce((sum, [, own]) => sum + Number(own), 0))
