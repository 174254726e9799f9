import { view } from '../view.js';

/** A view of one plain column of the table `t`, with both times. */
export const plainSpec = {
  entity: { key: 'string' },
  source: { table: 't', eventTime: 'event', availableTime: 'available' },
  features: { x: { type: 'float32', of: 'value' } },
};
export const plainView = view(plainSpec);
/** The same column without a time. */
export const staticView = view({ ...plainSpec, source: { table: 't' } });
export const countedView = view({ ...plainSpec, features: { n: { aggregate: 'count', windowDays: 2 } } });
