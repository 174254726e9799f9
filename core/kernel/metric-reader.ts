let reading: object | undefined;

/**
 * Collects metrics for one reader, which `currentReader` then names to what is asked for values meanwhile. OpenTelemetry does not tell who
 * reads, and the largest value since the last reading is another one for each reader.
 *
 * @param collect Asks for the values before it returns.
 */
export function readingFor<T>(reader: object, collect: () => T): T {
  const outer = reading;
  reading = reader;
  try {
    return collect();
  } finally {
    reading = outer;
  }
}

/** Who reads metrics at the moment; `undefined` where nobody said so. */
export function currentReader(): object | undefined {
  return reading;
}
