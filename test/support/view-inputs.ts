import type { FeatureView } from 'vivace';
import { viewSchema, type ViewInput } from '../../core/views/schema.js';
import { compileView } from '../../core/views/view.js';

/** A view of aggregates. */
export const aggregates: ViewInput = {
  store: 'online',
  entity: { airport: 'string' },
  source: { table: 'flights', key: { airport: 'origin' }, eventTime: 'date' },
  features: {
    flights: { aggregate: 'count', windowDays: [1, 7] },
    delay_mean: { aggregate: 'mean', of: 'delay', windowDays: 28, unit: 'min', default: 0 },
    late: { aggregate: 'share', of: 'delay', above: 15, windowDays: [7] },
  },
};

/** A view of columns, which is static. */
export const facts: ViewInput = {
  store: 'online',
  entity: { airport: 'string' },
  source: { table: 'airports.csv', key: { airport: 'iata' } },
  features: { state: { type: 'string' }, latitude: { type: 'float64', of: 'lat' } },
};

/** The view that a configuration declares. */
export function compile(view: ViewInput, name = 'view'): FeatureView {
  return compileView(name, viewSchema.parse(view));
}
