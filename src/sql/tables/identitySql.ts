/** What events have of a row as it was. Pure. */

/** `table` is quoted. Partitions do not inherit the identity, and theirs is what counts. */
export const identityFull = (table: string): string =>
  `DO $millrace$ DECLARE
  part regclass;
  whole regclass := '${table.replaceAll("'", "''")}';
BEGIN
  FOR part IN SELECT whole UNION SELECT relid FROM pg_catalog.pg_partition_tree(whole) LOOP
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', part);
  END LOOP;
END $millrace$`
