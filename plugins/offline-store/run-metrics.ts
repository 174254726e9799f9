import type { Counter, FeatureView, Materialized, PartContext } from 'vivace';

/** What runs count. */
export class RunMetrics {
  readonly #written: Counter;
  readonly #repeated: Counter;

  constructor(context: PartContext) {
    this.#written = context.counter('materialize.written', {
      unit: '{row}',
      description: 'Rows that changed the online store',
    });
    this.#repeated = context.counter('materialize.repeated', {
      unit: '{run}',
      description: 'Runs that copied everything though it had been copied: rows were gone, or will expire',
    });
  }

  ended({ name }: FeatureView, { written, why }: Materialized): void {
    const attributes = { 'vivace.view': name };
    this.#written.add(written, attributes);
    if (why !== undefined) this.#repeated.add(1, attributes);
  }
}
